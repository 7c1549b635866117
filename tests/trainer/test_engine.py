"""What DeepSpeed is told, and what is refused before it; how it trains is in test_zero.py."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from tests.trainer.launch import TINY  # noqa: E402
from trainer.config import PretrainConfig, build  # noqa: E402
from trainer.engine import check_device, deepspeed_settings, load_weights, make_model, make_optimizer, seed_of  # noqa: E402
from trainer.errors import ConfigError  # noqa: E402
from trainer.world import World  # noqa: E402

CPU = torch.device("cpu")


def config(**changes):
    return build(PretrainConfig, {**TINY, **changes})


def test_stages_offload_and_precision_are_passed_on():
    told = deepspeed_settings(config(zero={"stage": 3, "offload": "parameters"}, precision="bf16"))
    assert told["zero_optimization"]["stage"] == 3
    assert told["zero_optimization"]["offload_optimizer"] == {"device": "cpu"}
    assert told["zero_optimization"]["offload_param"] == {"device": "cpu"}
    assert told["bf16"] == {"enabled": True}
    assert told["data_types"] == {"grad_accum_dtype": "fp32"}
    assert "fp16" not in told


def test_fp16_has_a_loss_scale_that_moves_and_fp32_has_none():
    assert deepspeed_settings(config(precision="fp16"))["fp16"]["loss_scale"] == 0
    told = deepspeed_settings(config())
    assert not {"fp16", "bf16", "data_types"} & set(told)


def test_fp16_on_a_cpu_is_refused_before_anything_is_made():
    with pytest.raises(ConfigError, match="precision is 'fp16', accepted: bf16, fp32 on a CPU"):
        check_device(config(precision="fp16"), World(0, 1, CPU))
    check_device(config(precision="bf16"), World(0, 1, CPU))


def test_more_ranks_than_rows_are_refused():
    with pytest.raises(ConfigError, match=r"batch\.rows is 10, accepted: 11 \(ranks\) or more"):
        check_device(config(), World(0, 11, CPU))


def test_matrices_decay_and_vectors_do_not():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    matrices, vectors = make_optimizer(config().optimizer, model).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert [tuple(p.shape) for p in matrices["params"]] == [(4, 3)]
    assert len(vectors["params"]) == 3


def test_the_seed_decides_the_weights():
    model = dataclasses.replace(config().model, vocab_size=64)
    one, same, other = (make_model(model, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_weights_of_another_shape_are_refused_by_their_names():
    made = config().model
    small = make_model(dataclasses.replace(made, vocab_size=64), 1)
    large = make_model(dataclasses.replace(made, vocab_size=65), 1)
    load_weights(small, make_model(dataclasses.replace(made, vocab_size=64), 2).state_dict())
    with pytest.raises(ConfigError, match=r"is \(65, 16\), here \(64, 16\)"):
        load_weights(small, large.state_dict())
    with pytest.raises(ConfigError, match="is on one side only"):
        load_weights(small, {})


def test_seeds_are_hashed_together_and_fit_torch():
    found = {seed_of(2022, purpose, step, rank) for purpose in "ab" for step in range(9) for rank in range(9)}
    assert len(found) == 162
    assert all(0 <= seed < 1 << 63 for seed in found)
