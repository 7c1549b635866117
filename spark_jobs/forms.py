"""Spoken and written form: 70 % of the text is put into the form a speech recogniser writes (paper section
2.2).

The unit of choice is a part of a document copy: documents over `part_words` words are cut, or a few very
long ones would carry the share of a small language far from the one asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import normalizers
from schemas.sequences import FORMS
from spark_jobs.draw import hash64, mix, unit_interval
from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SPOKEN, WRITTEN = range(2)  # places in FORMS


@dataclass(frozen=True, kw_only=True, slots=True)
class FormsConfig:
    """How much of the text is spoken, and what is decided at once."""

    spoken: float = 0.7
    """The probability that a part goes into spoken form (paper section 2.2: 70 %)."""
    part_words: int = 2000
    """Documents with more words are cut, at sentence ends, into equal parts of at most about this size."""

    def __post_init__(self) -> None:
        if not 0 <= self.spoken <= 1:
            raise ConfigError("forms.spoken", self.spoken, accepted="a number from 0 to 1")
        if self.part_words < 1:
            raise ConfigError("forms.part_words", self.part_words, accepted="1 or more")


def form_draw(seed: int) -> Column:
    """The 64 bits that decide the forms of one document copy; needs `doc_id` and `copy`."""
    return hash64(seed, "forms", "doc_id", "copy")


def parts(
    words_before: npt.NDArray[np.float64], words: npt.NDArray[np.int64], part_words: int
) -> npt.NDArray[np.int64]:
    """The part each sentence belongs to, 0-based.

    `words_before`: words of the document before the sentence; `words`: words of its whole document. A
    document of w words has ceil(w / part_words) parts of equal size, give or take a sentence.
    """
    n_parts = np.maximum(-(-words // part_words), 1)
    part = (words_before * n_parts / np.maximum(words, 1)).astype(np.int64)
    capped: npt.NDArray[np.int64] = np.minimum(part, n_parts - 1)
    return capped


def is_spoken(
    draws: npt.NDArray[np.int64], part: npt.NDArray[np.int64], share: float
) -> npt.NDArray[np.bool_]:
    """Whether each part is spoken: by hash of its document copy and its number, so never by place."""
    return unit_interval(mix(draws, part)) < share


def speak(texts: pa.Array, lang: str) -> pa.Array:
    """The spoken form of each row, as large strings (a bucket's text may pass 2 GiB)."""
    return normalizers.to_spoken(texts, lang).cast(pa.large_string())


def assign_forms(copies: DataFrame, config: FormsConfig, seed: int) -> DataFrame:
    """One row a part: document copies (doc_id, copy, lang, text, n_words) in; adds `part` and `form`, and
    puts the text of spoken parts into spoken form.

    For use alone. A build decides the forms where it packs, in the same pass over the text.
    """
    schema = _with_parts(copies)
    drawn = copies.withColumn("form_draw", form_draw(seed))

    def per_part(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for lang in batch["lang"].unique().to_pylist():
                rows = batch.filter(pa.compute.equal(batch["lang"], lang))
                yield from _forms_of_batch(rows, lang, config)

    return drawn.mapInArrow(per_part, schema)


def _with_parts(copies: DataFrame) -> str:
    columns = [
        f"{f.name} {f.dataType.simpleString()}"
        for f in copies.schema.fields
        if f.name not in ("part", "form")
    ]
    return ", ".join([*columns, "part INT", "form STRING"])


def _forms_of_batch(rows: pa.RecordBatch, lang: str, config: FormsConfig) -> Iterator[pa.RecordBatch]:
    """The parts of one language's rows; `n_words` becomes the part's own."""
    sentences = normalizers.sentences(rows["text"], lang)
    lengths = pa.compute.list_value_length(sentences).to_numpy(zero_copy_only=False)
    doc = np.repeat(np.arange(rows.num_rows), lengths)
    flat = sentences.flatten()
    counts = normalizers.word_counts(flat, lang).to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.concatenate(([0], np.cumsum(lengths)))[:-1]
    before = np.cumsum(counts) - counts
    before = (before - before[np.minimum(first, len(before) - 1)][doc]) if len(counts) else before
    words = np.add.reduceat(counts, first)[doc] if len(counts) else counts
    part = parts(before.astype(np.float64), words, config.part_words)
    starts = np.flatnonzero(np.diff(doc, prepend=-1) | np.diff(part, prepend=-1))
    lists: Any = pa.LargeListArray.from_arrays(pa.array([*starts, len(flat)], pa.int64()), flat)
    texts = pa.compute.binary_join(lists, "")
    doc, part = doc[starts], part[starts]
    spoken = is_spoken(rows["form_draw"].to_numpy()[doc], part, config.spoken)
    texts = pa.compute.if_else(pa.array(spoken), normalizers.to_spoken(texts, lang), texts)
    columns = {name: rows[name].take(pa.array(doc)) for name in rows.schema.names if name != "form_draw"}
    columns["text"] = texts
    columns["n_words"] = normalizers.word_counts(texts, lang)
    columns["part"] = pa.array(part, pa.int32())
    columns["form"] = pa.array(np.where(spoken, FORMS[SPOKEN], FORMS[WRITTEN]), pa.string())
    yield pa.RecordBatch.from_pydict(columns)
