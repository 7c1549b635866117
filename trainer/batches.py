"""Rows to pieces to microbatches: unpadded, one piece behind the other, with `cu_seqlens`.

Shapes: R rows, T tokens, P pieces, M chosen tokens. A row that is longer than the model is split, never cut:
into as few pieces as it takes, of lengths that differ by one at most, each between <s> and </s>.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.tokenizer import BOS, EOS
from trainer.arrays import Codes, Ids, Ints
from trainer.masking import Masked

N_AROUND = 2
"""<s> and </s>, which every piece has."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a batch before they are masked: of the text alone, end to end."""

    ids: Ids
    """(T,)"""
    lengths: Ints
    """(R,) tokens, 0 or more."""
    seq_ids: Ints
    """(R,)"""
    lang: Codes
    """(R,) place in the snapshot's `languages`."""
    form: Codes
    """(R,) place in `schemas.sequences.FORMS`."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What a model takes in: P pieces end to end, T tokens with <s> and </s>. Also of one microbatch."""

    ids: Ids
    """(T,)"""
    cu_seqlens: Ids
    """(P + 1,) where each piece begins, and T; as variable-length attention kernels take it."""
    positions: Ints
    """(M,) ascending: places in `ids` of the tokens to predict."""
    labels: Ints
    """(M,) what stood there."""
    seq_ids: Ints
    """(P,) the row that each piece is of."""
    piece: Ids
    """(P,) which piece of its row, from 0."""
    lang: Codes
    """(P,)"""
    form: Codes
    """(P,)"""

    @property
    def max_seqlen(self) -> int:
        """Tokens of the longest piece; 0 without pieces."""
        return int(np.diff(self.cu_seqlens).max(initial=0))

    @property
    def text_tokens(self) -> int:
        """Tokens without <s> and </s>."""
        return len(self.ids) - N_AROUND * len(self.seq_ids)

    @property
    def n_rows(self) -> int:
        """Rows whose first piece is here."""
        return int(np.count_nonzero(self.piece == 0))


def pieces_of(rows: Rows, masked: Masked, max_tokens: int) -> Pieces:
    """Masked rows in pieces of at most `max_tokens`, <s> and </s> included."""
    room = max_tokens - N_AROUND
    count = np.maximum(-(-rows.lengths // room), 1)
    row = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    length = rows.lengths[row]
    size = (number + 1) * length // count[row] - number * length // count[row]
    cu_seqlens = np.concatenate(([0], np.cumsum(size + N_AROUND)))
    # A text token moves behind the <s> and </s> of the pieces before its own, and its own <s>.
    moved = np.repeat(N_AROUND * np.arange(len(size)) + 1, size)
    moved += np.arange(len(rows.ids))
    ids = np.empty(int(cu_seqlens[-1]), np.int32)
    ids[moved] = masked.ids
    ids[cu_seqlens[:-1]], ids[cu_seqlens[1:] - 1] = BOS, EOS
    return Pieces(
        ids,
        cu_seqlens.astype(np.int32),
        moved[masked.places],
        masked.labels,
        rows.seq_ids[row],
        number.astype(np.int32),
        rows.lang[row],
        rows.form[row],
    )


def joined(parts: Sequence[Pieces]) -> Pieces:
    """Pieces of several makers, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    before = np.cumsum([0, *(len(part.ids) for part in parts)])
    starts = [part.cu_seqlens[:-1] + first for part, first in zip(parts, before[:-1], strict=True)]
    places = [part.positions + first for part, first in zip(parts, before[:-1], strict=True)]
    whole = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("ids", "labels", "seq_ids", "piece", "lang", "form")
    }
    cu_seqlens = np.concatenate([*starts, before[-1:]]).astype(np.int32)
    return Pieces(cu_seqlens=cu_seqlens, positions=np.concatenate(places), **whole)


def microbatches(pieces: Pieces, budget: int) -> Iterator[Pieces]:
    """The pieces in their order, as many in a microbatch as keep it within `budget` tokens; one at least.

    Views of the pieces' arrays but for two short ones.
    """
    first, edges = 0, pieces.cu_seqlens
    while first < len(pieces.seq_ids):
        last = int(np.searchsorted(edges, edges[first] + budget, side="right")) - 1
        last = max(last, first + 1)
        yield _between(pieces, first, last)
        first = last


def _between(pieces: Pieces, first: int, last: int) -> Pieces:
    start, stop = int(pieces.cu_seqlens[first]), int(pieces.cu_seqlens[last])
    low, high = np.searchsorted(pieces.positions, (start, stop))
    return Pieces(
        pieces.ids[start:stop],
        pieces.cu_seqlens[first : last + 1] - np.int32(start),
        pieces.positions[low:high] - start,
        pieces.labels[low:high],
        pieces.seq_ids[first:last],
        pieces.piece[first:last],
        pieces.lang[first:last],
        pieces.form[first:last],
    )


def tokens_by(pieces: Pieces, n_languages: int, n_forms: int) -> Ints:
    """(languages, forms) tokens, <s> and </s> included."""
    group = pieces.lang.astype(np.int64) * n_forms + pieces.form
    counted = np.bincount(group, weights=np.diff(pieces.cu_seqlens), minlength=n_languages * n_forms)
    return counted.astype(np.int64).reshape(n_languages, n_forms)


def digest(parts: Iterable[Pieces]) -> str:
    """A hash of what a model would see and predict, 16 hexadecimal digits: of a batch, its ranks in order.

    Equal for equal batches, however they are cut into ranks or microbatches.
    """
    whole = joined([*parts])
    hashed = hashlib.sha256()
    for array in (whole.ids, whole.cu_seqlens, whole.positions, whole.labels, whole.seq_ids):
        hashed.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return hashed.hexdigest()[:16]
