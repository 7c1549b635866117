"""Figures of a window of steps: sums over ranks, rates, model TFLOP/s and MFU.

    model FLOP/s = tokens / s * flops_per_token(model, length) / ranks
    MFU = model FLOP/s / peak of one device

`flops_per_token` is that of `trainer.sizes` (forward and backward, nothing that is computed twice), `length`
the one that gives attention its true cost: sum(length^2) / sum(length) over pieces. Tokens include <s> and
</s>. Time is that of the steps with their wait for data, without checkpoints and measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.batches import Pieces
from trainer.config import Precision
from trainer.encoder_config import EncoderConfig

if TYPE_CHECKING:
    import torch

_PEAKS = {"B200": 2250.0, "H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "V100": 125.0}
"""Dense BF16 or FP16 TFLOP/s by part of the device's name (NVIDIA's data sheets); V100 has FP16 only."""


@dataclass(slots=True)
class WindowSums:
    """Of one rank since the last line of the log."""

    steps: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    """Sum of the steps' losses; the same on all ranks."""
    grad_norm: float = 0.0
    skipped: int = 0
    squares: float = 0.0
    """Sum of length^2 over pieces."""
    pieces_tokens: int = 0

    def add(
        self, parts: Sequence[Pieces], seconds: float, loss: float, grad_norm: float, skipped: bool
    ) -> None:
        """Count a step in; a step that was left out has no norm."""
        self.steps += 1
        self.seconds += seconds
        self.loss += loss
        self.skipped += skipped
        self.grad_norm += 0.0 if skipped else grad_norm
        for part in parts:
            lengths = np.diff(part.cu_seqlens).astype(np.float64)
            self.squares += float((lengths**2).sum())
            self.pieces_tokens += len(part.ids)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all ranks: a line of the log."""

    loss: float
    grad_norm: float
    skipped: int
    seconds: float
    rows: int
    tokens: int
    masked_tokens: int
    tokens_per_s: float
    tflops: float
    """Model TFLOP/s of one device."""
    mfu: float | None
    data_wait_share: float
    """Of the time, on the rank that waited longest."""
    padding_share: float
    truncated_share: float
    fill: float
    length: float
    """sum(length^2) / sum(length) of pieces."""
    tokens_by: dict[str, dict[str, int]] = field(default_factory=dict)


def figures(
    sums: Sequence[WindowSums], windows: Sequence[dict[str, Any]], model: EncoderConfig, peak: float | None
) -> Figures:
    """The figures of all ranks from each one's sums and `Stream.window()`."""
    from trainer.sizes import flops_per_token

    first = sums[0]
    seconds = max(one.seconds for one in sums)
    tokens = sum(w["tokens"] for w in windows)
    length = sum(s.squares for s in sums) / max(sum(s.pieces_tokens for s in sums), 1)
    rate = tokens / seconds if seconds else 0.0
    tflops = rate * flops_per_token(model, length) / len(sums) / 1e12
    taken = max(first.steps - first.skipped, 1)
    by: dict[str, dict[str, int]] = {}
    for window in windows:
        for lang, forms in window["tokens_by"].items():
            held = by.setdefault(lang, dict.fromkeys(forms, 0))
            for form, n in forms.items():
                held[form] += n

    def mean(name: str) -> float:
        return float(sum(w[name] * w["tokens"] for w in windows) / max(tokens, 1))

    return Figures(
        loss=first.loss / max(first.steps, 1),
        grad_norm=first.grad_norm / taken,
        skipped=first.skipped,
        seconds=seconds,
        rows=sum(w["rows"] for w in windows),
        tokens=tokens,
        masked_tokens=sum(w["masked_tokens"] for w in windows),
        tokens_per_s=rate,
        tflops=tflops,
        mfu=None if peak is None else tflops / peak,
        data_wait_share=max(w["data_wait_s"] for w in windows) / seconds if seconds else 0.0,
        padding_share=mean("padding_share"),
        truncated_share=mean("truncated_share"),
        fill=mean("fill"),
        length=length,
        tokens_by={lang: by[lang] for lang in sorted(by)},
    )


def peak_tflops(device: torch.device, precision: Precision) -> float | None:
    """Of one device at half precision; None where it is not known, and under FP32."""
    if device.type != "cuda" or precision == "fp32":
        return None
    import torch

    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAKS.items() if part in name), None)
