"""Keeping evaluation texts out of training data: how much of them each document holds, and the reason it is
left out.

A build counts while it reads (ingest.py); this step is for use alone, on a frame that has the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.heldout import HeldOut

REASON = "held_out_v1"
"""The reason of a document with `held_out` above 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecontaminateConfig:
    """Which texts must stay out because models are evaluated on them."""

    held_out: str | None = None
    """A pattern for files of them, relative to the recipe's root (.txt, .tsv, .jsonl); none: no check."""
    ngram: int = 8
    """Words in a row that give an evaluation text away."""

    def __post_init__(self) -> None:
        if self.held_out is not None and not self.held_out.strip():
            raise ConfigError("decontaminate.held_out", self.held_out, accepted="a pattern that names files")
        if not 2 <= self.ngram <= 100:
            raise ConfigError("decontaminate.ngram", self.ngram, accepted="a whole number from 2 to 100")


def decontaminate(documents: DataFrame, held_out: HeldOut) -> DataFrame:
    """Documents in, the same rows out with `held_out`: how many n-grams of evaluation texts each one holds.

    Takes the columns text and lang; rows without either get null. One pass over the text, nothing shuffled.
    """
    from pyspark.sql.types import IntegerType, StructField, StructType

    others = [field for field in documents.schema.fields if field.name != "held_out"]
    schema = StructType([*others, StructField("held_out", IntegerType())])

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            kept = batch.select([field.name for field in others])
            yield kept.append_column("held_out", count_hits(batch["text"], batch["lang"], held_out))

    return documents.mapInArrow(count, schema)


def count_hits(texts: pa.Array, langs: pa.Array, held_out: HeldOut) -> pa.Array:
    """`HeldOut.hits` where each text has its own language; null where either is null."""
    hits = pa.nulls(len(texts), pa.int32())
    for lang in langs.unique().drop_null().to_pylist():
        own = pc.fill_null(pc.equal(langs, lang), False)
        hits = pc.replace_with_mask(hits, own, held_out.hits(texts.filter(own), lang))
    return hits
