"""Figures of a window, worked by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from trainer.encoder_config import EncoderConfig  # noqa: E402
from trainer.engine import EMPTY  # noqa: E402
from trainer.sizes import flops_per_token  # noqa: E402
from trainer.speed import WindowSums, figures, peak_tflops  # noqa: E402

MODEL = EncoderConfig(vocab_size=100, layers=2, hidden=8, inner=16, heads=2, head_size=4, positions=64)


def pieces(*lengths):
    edges = np.cumsum([0, *lengths]).astype(np.int32)
    return EMPTY.__class__(
        np.zeros(edges[-1], np.int32), edges, *[getattr(EMPTY, n) for n in EMPTY.__slots__[2:]]
    )


def window(tokens, **changes):
    made = {"tokens": tokens, "rows": 2, "masked_tokens": 3, "data_wait_s": 1.0, "padding_share": 0.0}
    made |= {"truncated_share": 0.0, "fill": 0.5, "tokens_by": {"de": {"spoken": tokens, "written": 0}}}
    return {**made, **changes}


def two_ranks():
    sums = [WindowSums(), WindowSums()]
    for one, lengths in zip(sums, [(10, 30), (20,)], strict=True):
        one.add([pieces(*lengths)], 2.0, 5.0, 0.5, skipped=False)
        one.add([pieces(*lengths)], 3.0, 4.0, 9.0, skipped=True)
    return sums


def test_sums_of_ranks_become_rates_and_means():
    windows = [
        window(80),
        window(40, data_wait_s=2.0, fill=0.8, tokens_by={"en": {"spoken": 30, "written": 10}}),
    ]
    found = figures(two_ranks(), windows, MODEL, peak=2.0)
    assert (found.loss, found.seconds, found.tokens, found.tokens_per_s) == (4.5, 5.0, 120, 24.0)
    assert (found.grad_norm, found.skipped) == (0.5, 1)  # of the step that was taken
    assert (found.rows, found.masked_tokens, found.data_wait_share) == (4, 6, 0.4)
    assert found.fill == pytest.approx((0.5 * 80 + 0.8 * 40) / 120)
    assert found.length == pytest.approx((100 + 900 + 400) / 60)
    assert found.tokens_by == {"de": {"spoken": 80, "written": 0}, "en": {"spoken": 30, "written": 10}}


def test_model_tflops_are_of_one_device_and_mfu_is_their_share_of_its_peak():
    found = figures(two_ranks(), [window(80), window(40)], MODEL, peak=2.0)
    assert found.tflops == pytest.approx(24.0 * flops_per_token(MODEL, found.length) / 2 / 1e12)
    assert found.mfu == pytest.approx(found.tflops / 2)
    assert figures(two_ranks(), [window(80), window(40)], MODEL, peak=None).mfu is None


def test_a_cpu_has_no_peak():
    assert peak_tflops(torch.device("cpu"), "bf16") is None
