"""Learning rates worked by hand; `step` counts the updates that were made."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainer.config import ScheduleConfig
from trainer.schedules import learning_rate


def rates(name, steps, *, warmup=4, total=14, peak=1.0, floor=0.0, hidden=64):
    schedule = ScheduleConfig(name=name, warmup_steps=warmup, total_steps=total, floor=floor)
    return [learning_rate(schedule, peak, step, hidden) for step in steps]


def test_linear_warmup_rises_by_the_same_difference_and_decays_to_the_floor():
    found = rates("linear", range(16), floor=0.5)
    # 1/4, 2/4, 3/4, 1; then 1 - 0.5 * n / 10; at 14 updates the floor, and there it stays
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, *(1 - 0.05 * n for n in range(1, 11)), 0.5, 0.5])


def test_exponential_warmup_rises_by_the_same_factor_from_the_floor():
    found = rates("exponential", range(5), floor=1e-4)
    assert found[:4] == pytest.approx([1e-3, 1e-2, 1e-1, 1.0])
    assert found[4] == pytest.approx(1 - (1 - 1e-4) / 10)


def test_without_a_floor_exponential_warmup_begins_at_a_hundredth():
    assert rates("exponential", [0, 3]) == pytest.approx([0.01**0.75, 1.0])


def test_noam_is_that_of_the_transformer_paper():
    # 2 * 64^-0.5 = 0.25; step 1: 1 * 4^-1.5 = 1/8; step 4: 4^-0.5 = 1/2, the top; step 16: 1/4
    assert rates("noam", [0, 3, 15], peak=2.0) == pytest.approx([0.25 / 8, 0.25 / 2, 0.25 / 4])
    assert rates("noam", [15], peak=2.0, floor=0.2) == [0.2]


def test_constant_has_a_linear_warmup_and_no_end():
    assert rates("constant", [0, 1, 3, 4, 1000]) == [0.25, 0.5, 1.0, 1.0, 1.0]


def test_the_papers_700m_rises_from_its_least_rate_to_its_peak_and_falls_back():
    paper = {"warmup": 1000, "total": 500_000, "peak": 1e-3, "floor": 1e-5}
    found = rates("exponential", [0, 499, 999, 250_499, 499_999, 600_000], **paper)
    assert found == pytest.approx([1.0046e-5, 1e-4, 1e-3, 5.05e-4, 1e-5, 1e-5], rel=1e-3)


@given(
    st.sampled_from(["linear", "exponential"]),
    st.integers(0, 50),
    st.integers(1, 100),
    st.floats(1e-6, 1.0),
    st.floats(0, 1.0),
)
@example("exponential", 2, 1, 1.0, 5e-324)  # the least float above 0: peak / start is infinite
def test_a_rate_lies_between_nothing_and_its_peak_and_rises_once(name, warmup, decay, peak, share):
    total = warmup + decay
    found = rates(name, range(total + 3), warmup=warmup, total=total, peak=peak, floor=peak * share)
    assert all(0 <= rate <= peak * (1 + 1e-9) for rate in found)
    top = max(warmup - 1, 0)
    assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(found[: top + 1]))
    assert all(a >= b * (1 - 1e-9) for a, b in itertools.pairwise(found[top:]))
