"""A small encoder and documents for it, in double precision: what should be equal is equal to 12 digits."""

from __future__ import annotations

from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch")

from trainer.encoder import Encoder  # noqa: E402  torch is asked for first
from trainer.encoder_config import EncoderConfig  # noqa: E402

VOCABULARY = 89
SMALL = {"layers": 2, "hidden": 16, "inner": 24, "heads": 3, "head_size": 8, "positions": 12}
"""3 x 8 is not 16: head width is independent of the hidden one."""


class Given(NamedTuple):
    """The arguments of `Encoder.forward`."""

    ids: torch.Tensor
    cu_seqlens: torch.Tensor
    max_seqlen: int
    positions: torch.Tensor
    labels: torch.Tensor

    def to(self, device: str) -> Given:
        return Given(*(x.to(device) if isinstance(x, torch.Tensor) else x for x in self))


def config(**fields) -> EncoderConfig:
    usual = SMALL | {"vocab_size": VOCABULARY, "dropout": 0.0, "attention_dropout": 0.0}
    return EncoderConfig(**usual | fields)


def encoder(seed: int = 0, dtype=torch.float64, **fields) -> Encoder:
    """The same weights for the same seed, whatever is computed with them."""
    torch.manual_seed(seed)
    return Encoder(config(**fields)).to(dtype)


def documents(*lengths: int, seed: int = 0, every: int = 3) -> Given:
    """Random documents, every third token of which is to be predicted."""
    draw = torch.Generator().manual_seed(seed)
    edges = torch.tensor([0, *lengths]).cumsum(0)
    ids = torch.randint(VOCABULARY, (sum(lengths),), generator=draw, dtype=torch.int32)
    positions = torch.arange(1, max(sum(lengths), 1), every)
    labels = torch.randint(VOCABULARY, positions.shape, generator=draw)
    return Given(ids, edges.int(), max(lengths, default=0), positions, labels)


def one_by_one(given: Given) -> list[Given]:
    """The same documents, each alone."""
    parts = []
    for start, stop in zip(given.cu_seqlens[:-1].tolist(), given.cu_seqlens[1:].tolist(), strict=True):
        inside = (given.positions >= start) & (given.positions < stop)
        edges = torch.tensor([0, stop - start], dtype=torch.int32)
        parts.append(
            Given(
                given.ids[start:stop],
                edges,
                stop - start,
                given.positions[inside] - start,
                given.labels[inside],
            )
        )
    return parts


def gradients(model: Encoder) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], atol: float = 1e-12) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value, other[name], rtol=0, atol=atol, msg=lambda m, name=name: f"{name}: {m}"
        )
