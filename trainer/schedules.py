"""The learning rate as a pure function of the step: nothing to save, nothing that a resume could lose.

`step` counts updates that were made, so the first one has step 0 and is not 0 itself. Shapes of the paper's
Tables 7 and 8; its text does not define the exponential warm-up, so ours is stated below.
"""

from __future__ import annotations

import math

from trainer.config import ScheduleConfig

_START = 0.01
"""Where an exponential warm-up begins without a floor, as a share of the peak."""


def learning_rate(schedule: ScheduleConfig, peak: float, step: int, hidden: int) -> float:
    """That of the update after `step` updates; `hidden` is the model's width, which only Noam asks for."""
    n = step + 1
    if schedule.name == "noam":
        return max(noam(n, schedule.warmup_steps, hidden, peak), schedule.floor)
    if n < schedule.warmup_steps:
        if schedule.name == "exponential":
            return exponential_warmup(n, schedule.warmup_steps, schedule.floor or peak * _START, peak)
        return linear_warmup(n, schedule.warmup_steps, peak)
    if schedule.name == "constant":
        return peak
    return linear_decay(n, schedule.warmup_steps, schedule.total_steps, peak, schedule.floor)


def exponential_warmup(n: int, warmup: int, start: float, peak: float) -> float:
    """From `start` to `peak` by the same factor each step: log-linear.

    A weighted geometric mean, for `peak / start` overflows where the start is next to nothing.
    """
    done = n / warmup
    return math.pow(start, 1 - done) * math.pow(peak, done)


def linear_warmup(n: int, warmup: int, peak: float) -> float:
    """From 0 to `peak` by the same difference each step."""
    return peak * n / warmup


def linear_decay(n: int, warmup: int, total: int, peak: float, floor: float) -> float:
    """From `peak` at `warmup` to `floor` at `total`, and there it stays."""
    if n >= total:
        return min(floor, peak) if total > warmup else peak
    return floor + (peak - floor) * (total - n) / (total - warmup)


def noam(n: int, warmup: int, hidden: int, factor: float) -> float:
    """factor * hidden^-0.5 * min(n^-0.5, n * warmup^-1.5) (Vaswani et al. 2017, 5.3)."""
    return float(factor * hidden**-0.5 * min(n**-0.5, n * warmup**-1.5))
