"""LAMB without ZeRO, by hand; under ZeRO see test_zero.py."""

import math

import pytest

torch = pytest.importorskip("torch")

from trainer.lamb import Lamb  # noqa: E402


def stepped(weight, grad, **settings):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    parameter.grad = torch.tensor(grad)
    Lamb([parameter], **{"lr": 0.1, "weight_decay": 0.0, "eps": 0.0, **settings}).step()
    return parameter.detach().tolist()


def test_the_first_step_is_the_sign_of_the_gradient_as_long_as_the_weight():
    # Adam's first step is g / |g| = (1, -1), of norm sqrt 2; the weight's norm is 5: 0.1 * 5 / sqrt 2 each
    moved = 0.1 * 5 / math.sqrt(2)
    assert stepped([3.0, 4.0], [0.2, -7.0]) == pytest.approx([3 - moved, 4 + moved])


def test_weight_decay_is_part_of_the_update_that_is_scaled():
    # (1 + 0.5 * 3, -1 + 0.5 * 4) = (2.5, 1), of norm sqrt 7.25
    ratio = 5 / math.sqrt(7.25)
    found = stepped([3.0, 4.0], [0.2, -7.0], weight_decay=0.5)
    assert found == pytest.approx([3 - 0.1 * ratio * 2.5, 4 - 0.1 * ratio * 1.0])


def test_a_weight_of_zeros_moves_by_the_plain_update():
    assert stepped([0.0, 0.0], [3.0, -2.0]) == pytest.approx([-0.1, 0.1])


def test_without_a_gradient_nothing_moves():
    parameter = torch.nn.Parameter(torch.ones(2))
    Lamb([parameter]).step()
    assert parameter.tolist() == [1.0, 1.0]


def test_each_parameter_has_a_ratio_of_its_own():
    both = [torch.nn.Parameter(torch.full((4,), size)) for size in (1.0, 10.0)]
    for parameter in both:
        parameter.grad = torch.ones(4)
    Lamb(both, lr=0.1, eps=0.0, weight_decay=0.0).step()
    assert [parameter[0].item() for parameter in both] == pytest.approx([0.9, 9.0])


def test_moments_are_those_of_adam_over_steps():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    lamb = Lamb([parameter], lr=0.1, betas=(0.5, 0.5), eps=0.0, weight_decay=0.0)
    for grad in (1.0, 3.0):
        parameter.grad = torch.tensor([grad])
        lamb.step()
    state = lamb.state[parameter]
    # m = 0.5 * 0.5 + 0.5 * 3 = 1.75, v = 0.5 * 0.5 + 0.5 * 9 = 4.75; a ratio of one number is |w| / |u|
    assert (float(state["exp_avg"]), float(state["exp_avg_sq"]), int(state["step"])) == (1.75, 4.75, 2)
    assert parameter.item() == pytest.approx(0.9 * 0.9)
