"""Texts in both forms that a release may have them in: as written, and as said.

As said means sentence by sentence, which is how a build says what it packs (assemble.py): a token never
reaches from one sentence into the next, here and there alike. Price of saying on one core: see
docs/performance.md, "Evaluation texts".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs.buffers import Block, Flags, Hashes, Positions, blocks, mix
from spark_jobs.heldout_index import Units
from spark_jobs.pack import buffer_of, large_strings


@dataclass(frozen=True, slots=True)
class BothForms:
    """The texts of a column in lower case, and once more those that change by more than that when said."""

    written: pa.Array
    """large_string, a row a text; a line break stands behind each, a null is an empty text."""
    rows: Positions
    """The rows that change."""
    said: pa.Array
    """large_string, a row for each of `rows`."""
    sentences: pa.Array
    """large_string: all sentences as written."""
    said_at: Positions
    """Where each sentence begins in the said forms of all texts one behind the other, and the end."""
    first: Positions
    """The first sentence of each text."""

    def kept(self, block: Block, units: Units, which: Positions, units_of: Callable[[Block], Units]) -> Flags:
        """Whether some units of a block of `said` stand in the same sentence as it is written.

        `units_of`: how `units` were made. Looks only at the sentences asked for.
        """
        text = np.searchsorted(units.first, which, "right") - 1
        in_text = units.begins[which] - block.starts[text]
        place = self.said_at[self.first[self.rows[block.rows.start + text]]] + in_text
        sentence = np.searchsorted(self.said_at, place, "right") - 1
        asked, nth = np.unique(sentence, return_inverse=True)
        written = []
        for part in blocks(pc.utf8_lower(self.sentences.take(pa.array(asked)))):
            own = units_of(part)
            of = part.rows.start + np.repeat(np.arange(len(own.first) - 1), np.diff(own.first))
            written.append(_in_sentence(own.hashes, of))
        return np.isin(_in_sentence(units.hashes[which], nth), np.concatenate(written))


def _in_sentence(hashes: Hashes, sentence: npt.NDArray[np.int64]) -> Hashes:
    return hashes ^ mix(sentence.astype(np.uint64) + np.uint64(1))


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
    sentences, first = large_strings(utf8, borders), np.searchsorted(borders, starts)
    said_utf8, said_at = buffer_of(normalizers.to_spoken(sentences, lang))
    said = large_strings(said_utf8, said_at[first])
    written = pc.utf8_lower(closed)
    changed = pc.not_equal(written, said)
    rows = np.flatnonzero(changed.to_numpy(zero_copy_only=False))
    return BothForms(written, rows, said.filter(changed), sentences, said_at, first)


def lowered(texts: pa.Array) -> pa.Array:
    """The texts of a string column as `BothForms.written` has them."""
    return pc.utf8_lower(_closed(texts))


def _closed(texts: pa.Array) -> pa.Array:
    """Each text with a line break behind it, as large strings: no sentence and no word goes on from it."""
    behind = (pa.scalar(text, pa.large_string()) for text in ("", "\n"))
    return pc.binary_join_element_wise(
        texts.cast(pa.large_string()), *behind, null_handling="replace", null_replacement=""
    )
