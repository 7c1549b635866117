"""The shape of an encoder as data. Knows no torch: it is checked before anything heavy loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from trainer.errors import ConfigError

Backend = Literal["auto", "varlen", "sdpa", "baddbmm"]
"""How attention is computed; `trainer.attention` says what each one costs and can do."""

WIDEST_HEAD = 256
HEAD_STEP = 8
"""The variable-length kernel takes head sizes up to the one, in steps of the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """Everything that decides what an encoder is and how it is computed (paper 2.4, Tables 7 and 8)."""

    vocab_size: int = 150_000
    """Rows of the embedding, specials included. A run takes its tokenizer's; this is the paper's (2.3)."""
    layers: int
    """Blocks of attention and feed-forward."""
    hidden: int
    """Width of the residual stream."""
    inner: int
    """Width inside the feed-forward part."""
    heads: int
    """Attention heads a layer."""
    head_size: int
    """Width of one head. heads x head_size need not be `hidden`: projections lead there and back."""
    positions: int
    """Tokens of the longest document; each place has a learned vector."""
    dropout: float = 0.1
    """Of embeddings and of what a block adds to the residual stream."""
    attention_dropout: float = 0.1
    """Of attention weights. Above 0 the variable-length kernel cannot be used in training."""
    attention: Backend = "auto"
    """`auto` takes the fastest that the device, the number format and `attention_dropout` allow."""
    checkpointing: bool = False
    """Keep one activation a block and compute the others again in the backward pass: a third more work."""
    compile: bool = False
    """Compile what stands around attention with torch.compile, at the first step."""
    norm_eps: float = 1e-5
    """Added to the variance in layer norms. The paper is silent: RoBERTa's value."""
    init_std: float = 0.02
    """Of initial weights. The paper is silent: RoBERTa's value."""

    def __post_init__(self) -> None:
        for name in ("vocab_size", "layers", "hidden", "inner", "heads", "head_size", "positions"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigError(f"model.{name}", value, accepted="a whole number from 1")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"model.{name}", getattr(self, name), accepted="a number from 0 to below 1")
        for name in ("norm_eps", "init_std"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"model.{name}", getattr(self, name), accepted="a number above 0")
        if self.attention not in get_args(Backend):
            raise ConfigError("model.attention", self.attention, accepted=", ".join(get_args(Backend)))
        if self.attention == "varlen":
            self._check_varlen()

    @property
    def attention_width(self) -> int:
        """heads x head_size, what queries, keys and values of all heads are wide."""
        return self.heads * self.head_size

    @property
    def fits_varlen(self) -> bool:
        """Whether the variable-length kernel takes heads of this size."""
        return self.head_size % HEAD_STEP == 0 and self.head_size <= WIDEST_HEAD

    def _check_varlen(self) -> None:
        if self.attention_dropout > 0:
            raise ConfigError(
                "model.attention_dropout",
                self.attention_dropout,
                accepted="0.0 with attention: varlen",
                why="the variable-length kernel has no dropout",
                do="set attention_dropout: 0.0, or attention: auto to keep it",
            )
        if not self.fits_varlen:
            accepted = f"with attention: varlen a multiple of {HEAD_STEP}, at most {WIDEST_HEAD}"
            raise ConfigError("model.head_size", self.head_size, accepted=accepted)
