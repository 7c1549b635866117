"""Masked-LM corruption of token ids (paper 2.4): 15 % of the tokens are chosen; of those 80 % become <mask>,
10 % another token and 10 % stay.

What happens to a token depends on (seed, epoch, seq_id, its place in the row) alone: not on the rank, the
loader process, the batch, the length that rows are split at, or where a run was resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.tokenizer import FIRST_ORDINARY, MASK
from trainer.arrays import Ids, Ints
from trainer.draws import below, keys, low_half, mix, words_of_rows
from trainer.errors import ConfigError

_WHOLE = 1 << 32


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskingConfig:
    """How much is masked, and with what."""

    rate: float = 0.15
    """Share of ordinary tokens that the model has to predict."""
    masked: float = 0.8
    """Share of those that become <mask>."""
    random: float = 0.1
    """Share of those that become any ordinary token; the others stay as they are."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConfigError("masking.rate", self.rate, accepted="a number from 0 to 1")
        if not (self.masked >= 0 <= self.random and self.masked + self.random <= 1):
            raise ConfigError(
                "masking.masked, masking.random",
                (self.masked, self.random),
                accepted="shares, 1 at most together",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """Rows as the model sees them, T tokens end to end, of which M are to be predicted."""

    ids: Ids
    """(T,)"""
    places: Ints
    """(M,) ascending, where the chosen ones stand."""
    labels: Ints
    """(M,) what stood there. 64-bit, as torch's cross entropy wants labels."""


def mask(
    ids: Ids, lengths: Ints, seq_ids: Ints, *, seed: int, epoch: int, vocab_size: int, config: MaskingConfig
) -> Masked:
    """Mask R rows that lie end to end. `ids`: (T,), not changed; `lengths`, `seq_ids`: (R,).

    Ids below FIRST_ORDINARY (special and reserved ones, <unk> too) are never chosen and never drawn. 8 ns a
    token.
    """
    drawn = words_of_rows(keys(seed, "masking", epoch, seq_ids), lengths)
    chosen = (drawn >> np.uint64(32)) < np.uint64(round(config.rate * _WHOLE))
    chosen &= ids >= FIRST_ORDINARY
    places = np.flatnonzero(chosen)
    labels = ids[places]
    kind, replaced = low_half(drawn[places]), labels.copy()
    random = kind >= round(config.masked * _WHOLE)
    random &= kind < round((config.masked + config.random) * _WHOLE)
    replaced[kind < round(config.masked * _WHOLE)] = MASK
    # The next word of the chain: its high half shares nothing with what chose the token.
    tokens = FIRST_ORDINARY + below(vocab_size - FIRST_ORDINARY, mix(drawn[places][random]))
    replaced[random] = tokens
    seen = ids.copy()
    seen[places] = replaced
    return Masked(seen, places, labels.astype(np.int64))
