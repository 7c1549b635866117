"""Words: the unit that packs, budgets and statistics are measured in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from normalizers.columns import given, int_array, per_chunk, rows_of
from normalizers.languages import language
from normalizers.utf8 import Bytes, Positions, character_starts, space_length, word_starts


def units_per_word(lang: str) -> float:
    """How many of `word_units` make one word: 1.0, or the characters per word where none are spaced."""
    return language(lang).characters_per_word or 1.0


def word_units(utf8: Bytes, positions: npt.NDArray[np.integer[Any]], lang: str) -> Positions:
    """For each ascending byte position p, how many word units begin at bytes before p (int64).

    A unit is a word, or in a language without spaces a character; `units_per_word` converts. A word begins
    at a non-space character after white space or at the start of the buffer.
    """
    begins = character_starts(utf8) if language(lang).characters_per_word else word_starts(utf8)
    return np.searchsorted(np.flatnonzero(begins), positions, side="left").astype(np.int64, copy=False)


def word_counts(texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array:
    """Words in each text of a string column, int32, null for null.

    A word is a maximal run of non-space characters, `len(text.split())`; in a language whose data file gives
    characters per word r (Japanese) a text has ceil(characters / r) words.
    """
    per_word = language(lang).characters_per_word

    def count(column: pa.Array) -> pa.Array:
        utf8, offsets = rows_of(column)
        if per_word:
            starts = np.flatnonzero(character_starts(utf8))
            words = np.ceil(np.diff(np.searchsorted(starts, offsets)) / per_word)
        else:
            begins = word_starts(utf8)
            first = offsets[:-1][
                offsets[:-1] < len(utf8)
            ]  # a row's first byte begins a word whatever is before it
            begins[first] = space_length(utf8, first) == 0
            words = np.diff(np.searchsorted(np.flatnonzero(begins), offsets))
        return int_array(words.astype(np.int32), given(column))

    return per_chunk(count, texts, pa.int32())
