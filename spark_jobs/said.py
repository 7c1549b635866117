"""Texts in both forms that a release may have them in: as written, and as said.

As said means sentence by sentence, which is how a build says what it packs (assemble.py): a token never
reaches from one sentence into the next, here and there alike. Price of saying on one core: see
docs/performance.md, "Evaluation texts".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs.pack import buffer_of, large_strings


class BothForms(NamedTuple):
    """The texts of a column in lower case, and once more those that change by more than that when said."""

    written: pa.Array
    """large_string, a row a text; a line break stands behind each, a null is an empty text."""
    rows: npt.NDArray[np.int64]
    """The rows that change."""
    said: pa.Array
    """large_string, a row for each of `rows`."""


def both_forms(texts: pa.Array, lang: str) -> BothForms:
    """The texts of a string column as written and as said in a language."""
    closed = _closed(texts)
    utf8, starts = buffer_of(closed)
    ends = normalizers.sentence_ends(utf8, lang)
    # White space belongs to the sentence before it, even that of the next text; here a text ends a sentence.
    borders = np.sort(
        np.concatenate((starts, ends)), kind="stable"
    )  # merges; np.unique takes thirty times it
    borders = borders[np.diff(borders, prepend=-1) > 0]
    spoken = normalizers.to_spoken(large_strings(utf8, borders), lang)
    said_utf8, said_at = buffer_of(spoken)
    said = large_strings(said_utf8, said_at[np.searchsorted(borders, starts)])
    written = pc.utf8_lower(closed)
    changed = pc.not_equal(written, said)
    return BothForms(written, np.flatnonzero(changed.to_numpy(zero_copy_only=False)), said.filter(changed))


def lowered(texts: pa.Array) -> pa.Array:
    """The texts of a string column as `BothForms.written` has them."""
    return pc.utf8_lower(_closed(texts))


def _closed(texts: pa.Array) -> pa.Array:
    """Each text with a line break behind it, as large strings: no sentence and no word goes on from it."""
    behind = (pa.scalar(text, pa.large_string()) for text in ("", "\n"))
    return pc.binary_join_element_wise(
        texts.cast(pa.large_string()), *behind, null_handling="replace", null_replacement=""
    )
