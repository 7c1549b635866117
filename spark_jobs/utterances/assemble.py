"""Utterances and rows of Stage 1 into one order, and the spoken form of those that are drawn for it.

One exchange: each copy goes to the bucket that its hash names and lies there in hash order, as in stage1, so
the number of partitions changes the files and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from schemas.sequences import FORMS, POSITION_BITS
from schemas.stage2 import SPLITS, STAGE2
from spark_jobs.draw import hash64, mix, unit_interval
from spark_jobs.forms import SPOKEN, WRITTEN
from spark_jobs.utterances.decide import in_big_batches

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEPT_COLUMNS = (
    "stage",
    "lang",
    "source",
    "form",
    "text",
    "n_words",
    "n_sentences",
    "n_docs",
    "n_source_words",
)


@dataclass(frozen=True, slots=True)
class Assembly:
    """What turns drawn rows into rows of `stage2`."""

    spoken: float
    """The probability of spoken form."""
    validation: float
    """The share of texts kept for validation."""
    seed: int


def copies_of(utterances: DataFrame, sources: list[tuple[str, bool]], seed: int) -> DataFrame:
    """The copies of utterances (lang, source_index, text, n_words, n_copies) as rows to be finished.

    `sources`: name, and whether it is in spoken form already; those of the others get a null `form`.
    """
    import pyspark.sql.functions as F

    names = F.array(*[F.lit(name) for name, _ in sources])
    said = F.array(*[F.lit(FORMS[SPOKEN] if spoken else None).cast("string") for _, spoken in sources])
    rows = utterances.where("n_copies > 0").withColumn(
        "copy", F.explode(F.sequence(F.lit(1), F.col("n_copies")))
    )
    one = F.lit(1)
    return rows.select(
        hash64(seed, "stage2-bucket", "lang", "text", "copy").alias("bucket"),
        hash64(seed, "stage2-order", "lang", "text", "copy").alias("place"),
        hash64(seed, "stage2-forms", "lang", "text", "copy").alias("form_draw"),
        F.lit(2).cast("tinyint").alias("stage"),
        "lang",
        names[F.col("source_index")].alias("source"),
        said[F.col("source_index")].alias("form"),
        "text",
        "n_words",
        one.alias("n_sentences"),
        one.alias("n_docs"),
        F.col("n_words").alias("n_source_words"),
    )


def rows_of_stage1(drawn: DataFrame, seed: int) -> DataFrame:
    """Rows that `mix.drawn` took of stage1, with the same columns."""
    import pyspark.sql.functions as F

    return drawn.select(
        hash64(seed, "stage2-bucket", "seq_id", "copy").alias("bucket"),
        hash64(seed, "stage2-order", "seq_id", "copy").alias("place"),
        F.lit(0).cast("bigint").alias("form_draw"),
        *KEPT_COLUMNS,
    )


def assemble(rows: DataFrame, buckets: int, partitions: int, assembly: Assembly) -> DataFrame:
    """Rows to be finished in, rows of the `stage2` table out, in their final order."""
    import pyspark.sql.functions as F

    bucket = F.pmod(F.col("bucket"), F.lit(buckets)).cast("int")
    partition = F.floor(F.col("bucket").cast("bigint") * partitions / F.lit(buckets)).cast("int")
    spread = rows.withColumn("bucket", bucket).repartitionById(partitions, partition)
    # Texts only tell apart what two hashes of 64 bits do not.
    ordered = spread.sortWithinPartitions("bucket", "place", "lang", "text")

    def finish(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        numbers = _Numbers()
        for batch in in_big_batches(batches):
            yield from finished(batch.combine_chunks(), numbers, assembly).to_batches()

    return ordered.mapInArrow(finish, STAGE2.spark_ddl())


class _Numbers:
    """Places in the buckets of a partition, across batches."""

    def __init__(self) -> None:
        self._bucket, self._next = -1, 0

    def of(self, buckets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """seq_id of the next rows; `buckets` ascend."""
        new = np.flatnonzero(np.diff(buckets, prepend=self._bucket))
        begins = np.zeros(len(buckets), np.int64)
        begins[new] = new
        place = np.arange(len(buckets)) - np.maximum.accumulate(begins)
        going_on = new[0] if len(new) else len(buckets)
        place[:going_on] += self._next
        self._bucket, self._next = int(buckets[-1]), int(place[-1]) + 1
        return (buckets << POSITION_BITS) + place


def finished(rows: pa.Table, numbers: _Numbers, assembly: Assembly) -> pa.Table:
    """A stretch of the order as rows of `stage2`."""
    stage2 = rows["stage"].to_numpy() == 2
    given = rows["form"].is_valid().to_numpy()
    drawn = unit_interval(mix(rows["form_draw"].to_numpy(), 0)) < assembly.spoken
    said = stage2 & ~given & drawn
    texts, n_words, n_sentences = (rows[name].combine_chunks() for name in ("text", "n_words", "n_sentences"))
    langs = rows["lang"].combine_chunks().dictionary_encode()
    codes = langs.indices.to_numpy()
    for code, lang in enumerate(langs.dictionary.to_pylist()):
        own = codes == code
        texts, n_words = _say(texts, n_words, own & said, lang)
        n_sentences = _sentences(n_sentences, texts, own & stage2, lang)
    forms = np.where(said, SPOKEN, WRITTEN)
    form = pc.coalesce(rows["form"].combine_chunks(), pa.array(FORMS, pa.string()).take(pa.array(forms)))
    columns: dict[str, Any] = {name: rows[name].combine_chunks() for name in KEPT_COLUMNS}
    columns |= {"text": texts, "n_words": n_words, "n_sentences": n_sentences, "form": form}
    columns["seq_id"] = pa.array(numbers.of(rows["bucket"].to_numpy().astype(np.int64)))
    columns["split"] = split_of(texts, assembly.validation, assembly.seed)
    return pa.table([columns[name] for name in STAGE2.columns], schema=STAGE2.arrow_schema())


def _say(
    texts: pa.Array, n_words: pa.Array, chosen: npt.NDArray[np.bool_], lang: str
) -> tuple[pa.Array, pa.Array]:
    """Spoken form of the chosen rows, each distinct text said once."""
    if not chosen.any():
        return texts, n_words
    mask = pa.array(chosen)
    encoded = texts.filter(mask).dictionary_encode()
    spoken = normalizers.to_spoken(encoded.dictionary, lang).cast(pa.string())
    counts = normalizers.word_counts(spoken, lang)
    return (
        pc.replace_with_mask(texts, mask, spoken.take(encoded.indices)),
        pc.replace_with_mask(n_words, mask, counts.take(encoded.indices).cast(n_words.type)),
    )


def _sentences(counts: pa.Array, texts: pa.Array, chosen: npt.NDArray[np.bool_], lang: str) -> pa.Array:
    """Sentences of the chosen rows."""
    if not chosen.any():
        return counts
    mask = pa.array(chosen)
    found = pc.list_value_length(normalizers.sentences(texts.filter(mask), lang))
    return pc.replace_with_mask(counts, mask, pc.max_element_wise(found, 1).cast(counts.type))


def split_of(texts: pa.Array, validation: float, seed: int) -> pa.Array:
    """The side of each row: by hash of its text in lower case, so equal texts are on the same side, and most
    utterances in both their forms."""
    import xxhash

    lowered = pc.utf8_lower(texts).dictionary_encode()
    digest = xxhash.xxh3_64_intdigest
    # One call a distinct text, 0.2 microseconds: no Arrow kernel hashes strings.
    draws = np.array(
        [digest(text, seed & 0xFFFFFFFF) for text in lowered.dictionary.cast(pa.binary()).to_pylist()],
        np.uint64,
    )
    sides = (unit_interval(draws) < validation).astype(np.int64)
    return pa.array(SPLITS, pa.string()).take(pa.array(sides)).take(lowered.indices)
