"""Evaluation text in the packs of a release, by the rule that `decontaminate` has for documents.

A pack joins documents with line breaks, and a document may have line breaks of its own: the pack does not
tell which is which. So what stands inside a line is in a document for certain. An n-gram over a line break,
and a line or several that are a short evaluation text as a whole, are only likely; what the packs were made
of decides: the documents that the release kept hold them too, or no one does. Of utterances, which have no
line breaks, each line is one.

Likely is also what packs in spoken form hold, which are compared as they stand, and what only the spoken form
of the others holds: there an n-gram counts if half of its words stand in the document as written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.documents import DOCUMENTS
from schemas.sequences import FORMS
from schemas.verdicts import VERDICTS
from spark_jobs import warehouse
from spark_jobs.buffers import Block, Flags, Positions, blocks
from spark_jobs.heldout import HeldOut
from spark_jobs.heldout_index import Index, Units, text_of
from spark_jobs.manifest import Manifest
from spark_jobs.said import BothForms, both_forms, lowered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PUBLIC, IN_DOMAIN = 1, 2
"""Values of the column `stage`: rows made of documents, and of utterances."""
_FOUND = "seq_id BIGINT, lang STRING, key BIGINT, held_out_set STRING, is_certain BOOLEAN"


class Leaks(NamedTuple):
    """Which row of a column holds which key of an index, each pair once, ascending."""

    rows: Positions
    keys: Positions
    certain: Flags
    """Whether it stands inside of a document; else what the packs were made of has to tell."""


def find_leaks(packs: DataFrame, held_out: HeldOut) -> DataFrame:
    """Rows of a release's table in (seq_id, stage, lang, form, text); out one for each of them and key in it:

    seq_id, lang, key (its place in `HeldOut.index(lang)`), held_out_set, is_certain. One pass over the text.
    """

    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            yield from _leaks_of_batch(batch, held_out)

    return packs.select("seq_id", "stage", "lang", "form", "text").mapInArrow(search, _FOUND)


def _leaks_of_batch(batch: pa.RecordBatch, held_out: HeldOut) -> Iterator[pa.RecordBatch]:
    groups = pa.Table.from_batches([batch]).group_by(["lang", "form", "stage"]).aggregate([])
    for group in groups.to_pylist():
        mine = [pc.equal(batch[name], value) for name, value in group.items()]
        rows = batch.filter(pc.and_(pc.and_(mine[0], mine[1]), mine[2]))
        lang, utterances = group["lang"], group["stage"] == IN_DOMAIN
        spoken = group["form"] == FORMS[0]
        found = leaks(rows["text"], lang, held_out, is_spoken=spoken, lines_are_texts=utterances)
        if len(found.rows):
            sets = pa.array(held_out.sets, pa.string())
            yield pa.RecordBatch.from_pydict(
                {
                    "seq_id": rows["seq_id"].take(pa.array(found.rows)),
                    "lang": pa.repeat(pa.scalar(lang, pa.string()), len(found.rows)),
                    "key": pa.array(found.keys),
                    "held_out_set": sets.take(pa.array(held_out.index(lang).sets[found.keys])),
                    "is_certain": pa.array(found.certain),
                }
            )


def leaks(packs: pa.Array, lang: str, held_out: HeldOut, *, is_spoken: bool, lines_are_texts: bool) -> Leaks:
    """What packs of one language and form hold.

    `lines_are_texts`: each line is one utterance; else a line may be a document or a part of one.
    """
    index = held_out.index(lang)
    if is_spoken:
        spoken = _in_lines(lowered(packs), held_out, lang, lines_are_texts=lines_are_texts)
        # Which of its words were numbers is not to be seen in it, see `HeldOut.counts`.
        found = [spoken._replace(certain=spoken.certain & lines_are_texts)]
    else:
        forms = both_forms(packs, lang)
        said = _in_lines(forms.said, held_out, lang, forms, lines_are_texts=lines_are_texts)
        # A pack may begin or end inside of an over-long sentence, which then is said otherwise there.
        likely = said.certain & lines_are_texts
        found = [
            _in_lines(forms.written, held_out, lang, lines_are_texts=lines_are_texts),
            Leaks(forms.rows[said.rows], said.keys, likely),
        ]
    rows, keys, certain = (np.concatenate(parts) for parts in zip(*found, strict=True))
    n_keys = max(1, len(index.keys))
    pairs, place = np.unique(rows * n_keys + keys, return_inverse=True)
    sure = np.zeros(len(pairs), np.bool_)
    sure[place[certain]] = True
    return Leaks(pairs // n_keys, pairs % n_keys, sure)


def _in_lines(
    column: pa.Array, held_out: HeldOut, lang: str, forms: BothForms | None = None, *, lines_are_texts: bool
) -> Leaks:
    """Every occurrence in a lower-cased column; `forms`: those whose `said` it is."""
    found = [Leaks(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))]
    for block in blocks(column):
        units = held_out.units(block, lang)
        counts = functools.partial(held_out.counts, forms, block, units, lang) if forms else None
        first = _first_of_lines(block, units)
        for at, keys, certain in _of_block(
            units, first, held_out.index(lang), counts, lines_are_texts=lines_are_texts
        ):
            found.append(Leaks(block.rows.start + text_of(units, at), keys, certain))
    return Leaks(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _first_of_lines(block: Block, units: Units) -> Positions:
    """The first unit of each line that has one."""
    first = np.searchsorted(units.begins, np.flatnonzero(block.utf8 == ord("\n")))
    return first[(np.diff(first, prepend=-1) > 0) & (first < len(units.begins))]


def _of_block(
    units: Units,
    first: Positions,
    index: Index,
    counts: Callable[[Positions], Flags] | None,
    *,
    lines_are_texts: bool,
) -> Iterator[tuple[Positions, Positions, Flags]]:
    """First unit, key, and whether it is certain: n-grams, then whole lines."""
    at, keys = index.ngrams(units)
    if counts and len(at):
        chosen = counts(at)
        at, keys = at[chosen], keys[chosen]
    last_line = np.searchsorted(first, at + index.ngram - 1, "right")
    inside = last_line == np.searchsorted(first, at, "right")
    kept = inside | (not lines_are_texts)
    yield at[kept], keys[kept], inside[kept]
    ends, text = np.append(first[1:], len(units.begins)), text_of(units, first)
    begins = np.arange(len(first))
    for n_lines in range(1, 2 if lines_are_texts else index.ngram):
        begins = begins[begins + n_lines <= len(first)]
        last = begins + n_lines - 1
        short = (ends[last] - first[begins] < index.ngram) & (text[last] == text[begins])
        begins, last = begins[short], last[short]
        which, keys = index.runs(units, first[begins], ends[last])
        yield first[begins[which]], keys, np.full(len(which), lines_are_texts)


def confirmed(documents: DataFrame, held_out: HeldOut) -> DataFrame:
    """(lang, key), each once, of the keys that documents (lang, text) hold in one of their forms."""

    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)
        for batch in batches:
            for lang in batch["lang"].unique().to_pylist():
                keys = np.unique(held_out.found(batch["text"].filter(pc.equal(batch["lang"], lang)), lang)[1])
                langs = pa.repeat(pa.scalar(lang, pa.string()), len(keys))
                yield pa.RecordBatch.from_pydict({"lang": langs, "key": pa.array(keys)})

    return documents.select("lang", "text").mapInArrow(search, "lang STRING, key BIGINT").distinct()


def kept_documents(
    spark: SparkSession, path: str, manifest: Manifest, languages: Sequence[str]
) -> DataFrame | None:
    """The documents of some languages that a release kept; None where their table is not there any more."""
    import pyspark.sql.functions as F

    documents, verdicts = (warehouse.table_path(path, table) for table in (DOCUMENTS, VERDICTS))
    if not warehouse.is_table(documents) or not warehouse.is_table(verdicts):
        return None
    pinned = spark.read.format("delta").option("versionAsOf", manifest.documents_version).load(documents)
    files = spark.createDataFrame([(entry["snapshot"],) for entry in manifest.inputs], "snapshot STRING")
    left_out = spark.read.format("delta").load(verdicts).where(F.col("release") == manifest.name)
    return (
        pinned.where(F.col("lang").isin(*languages))
        .join(F.broadcast(files), "snapshot", "left_semi")
        .join(left_out.select("snapshot", "ordinal"), ["snapshot", "ordinal"], "left_anti")
    )
