"""Pieces lose no token, keep their rows, and know where they begin; microbatches keep their budget."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.tokenizer import BOS, EOS, FIRST_ORDINARY
from trainer.batches import Rows, digest, joined, microbatches, pieces_of, tokens_by
from trainer.masking import Masked, MaskingConfig, mask

LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def rows_of(lengths) -> Rows:
    n = len(lengths)
    return Rows(
        np.arange(sum(lengths), dtype=np.int32) % 200 + FIRST_ORDINARY,
        np.array(lengths, np.int64),
        np.arange(n) * 10,
        (np.arange(n) % 2).astype(np.int16),
        (np.arange(n) % 2).astype(np.int8),
    )


def masked(rows: Rows) -> Masked:
    return mask(
        rows.ids, rows.lengths, rows.seq_ids, seed=0, epoch=0, vocab_size=300, config=MaskingConfig(rate=0.5)
    )


def unmasked(rows: Rows) -> Masked:
    return Masked(rows.ids, np.zeros(0, np.int64), np.zeros(0, np.int64))


def test_a_row_of_seven_in_pieces_of_three_tokens_of_text():
    pieces = pieces_of(rows_of([7, 2]), unmasked(rows_of([7, 2])), max_tokens=5)
    # 7 = 2 + 2 + 3: three pieces, as few as 3 tokens each allow, as even as can be.
    a = FIRST_ORDINARY
    assert pieces.cu_seqlens.tolist() == [0, 4, 8, 13, 17]
    assert pieces.ids.tolist() == [
        *[BOS, a, a + 1, EOS],
        *[BOS, a + 2, a + 3, EOS],
        *[BOS, a + 4, a + 5, a + 6, EOS],
        *[BOS, a + 7, a + 8, EOS],
    ]
    assert pieces.seq_ids.tolist() == [0, 0, 0, 10]
    assert pieces.piece.tolist() == [0, 1, 2, 0]
    assert (pieces.max_seqlen, pieces.text_tokens, pieces.n_rows) == (5, 9, 2)


@settings(deadline=None)
@given(LENGTHS, st.integers(3, 50))
def test_split_rows_never_lose_a_token_and_pieces_keep_the_models_length(lengths, max_tokens):
    rows = rows_of(lengths)
    pieces = pieces_of(rows, unmasked(rows), max_tokens)
    sizes = np.diff(pieces.cu_seqlens)
    assert sizes.max() <= max_tokens
    text = [pieces.ids[s + 1 : e - 1] for s, e in zip(pieces.cu_seqlens, pieces.cu_seqlens[1:], strict=False)]
    for n, length in enumerate(lengths):
        mine = [text[p] for p in np.flatnonzero(pieces.seq_ids == n * 10)]
        first = sum(lengths[:n])
        assert np.array_equal(np.concatenate(mine), rows.ids[first : first + length])
        assert len(mine) == max(1, -(-length // (max_tokens - 2)))
        assert max(map(len, mine)) - min(map(len, mine)) <= 1
    assert np.all(pieces.ids[pieces.cu_seqlens[:-1]] == BOS)
    assert np.all(pieces.ids[pieces.cu_seqlens[1:] - 1] == EOS)
    assert pieces.n_rows == len(lengths)


@settings(deadline=None)
@given(LENGTHS, st.integers(3, 50))
def test_what_is_to_be_predicted_does_not_depend_on_the_models_length(lengths, max_tokens):
    rows = rows_of(lengths)
    seen = masked(rows)
    pieces = pieces_of(rows, seen, max_tokens)
    assert pieces.labels.tolist() == seen.labels.tolist()
    assert pieces.ids[pieces.positions].tolist() == seen.ids[seen.places].tolist()
    ends = pieces.cu_seqlens[1:] - 1
    assert not set(pieces.positions) & {*pieces.cu_seqlens[:-1].tolist(), *ends.tolist()}


@settings(deadline=None)
@given(LENGTHS, st.integers(3, 50), st.integers(0, 100))
def test_microbatches_hold_all_pieces_in_order_within_the_budget(lengths, max_tokens, more):
    rows = rows_of(lengths)
    pieces, budget = pieces_of(rows, masked(rows), max_tokens), max_tokens + more
    parts = [*microbatches(pieces, budget)]
    assert all(0 < len(part.ids) <= budget for part in parts)
    for one, following in itertools.pairwise(parts):  # none could have taken the next piece
        assert len(one.ids) + following.cu_seqlens[1] > budget
    assert all(part.cu_seqlens[0] == 0 and part.cu_seqlens[-1] == len(part.ids) for part in parts)
    assert all(part.cu_seqlens.dtype == part.ids.dtype == np.int32 for part in parts)
    whole = joined(parts)
    for name in pieces.__slots__:
        assert np.array_equal(getattr(whole, name), getattr(pieces, name)), name
    assert digest(parts) == digest([pieces])
    # The loss of a step is a sum over tokens: how they fell into microbatches changes nothing.
    assert sum(part.labels.sum() for part in parts) == pieces.labels.sum()


def test_tokens_are_counted_by_language_and_form():
    rows = rows_of([3, 4, 5])  # languages 0, 1, 0 and forms 0, 1, 0
    counted = tokens_by(pieces_of(rows, unmasked(rows), 100), n_languages=3, n_forms=2)
    assert counted.tolist() == [[3 + 5 + 2 * 2, 0], [0, 4 + 2], [0, 0]]


@pytest.mark.parametrize("change", ["ids", "labels", "seq_ids"])
def test_the_hash_of_a_batch_sees_every_change(change):
    rows = rows_of([30])
    one, two = (pieces_of(rows, masked(rows), 100) for _ in range(2))
    assert digest([one]) == digest([two])
    getattr(two, change)[0] += 1
    assert digest([one]) != digest([two])
