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
    from pyspark.sql import Column, DataFrame

    from spark_jobs.heldout import HeldOut

REASON = "held_out_v1"
"""What the reason of a document with `held_out` above 0 begins with; behind a colon follows its set."""


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


def held_out_reason() -> Column:
    """`REASON` and the set of a document that holds evaluation text; null for the others."""
    import pyspark.sql.functions as F

    return F.when(F.col("held_out") > 0, F.concat_ws(":", F.lit(REASON), "held_out_set"))


def is_held_out(reason: str) -> bool:
    """Whether a reason is one of `held_out_reason`."""
    return reason.partition(":")[0] == REASON


def decontaminate(documents: DataFrame, held_out: HeldOut) -> DataFrame:
    """Documents in, the same rows out with `held_out`: how many n-grams of evaluation texts each one holds,
    and `held_out_set`: the first set that these are of.

    Takes the columns text and lang; rows without either get null. One pass over the text, nothing shuffled.
    """
    from pyspark.sql.types import IntegerType, StringType, StructField, StructType

    added = [StructField("held_out", IntegerType()), StructField("held_out_set", StringType())]
    others = [field for field in documents.schema.fields if field.name not in ("held_out", "held_out_set")]
    schema = StructType([*others, *added])

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            kept = batch.select([field.name for field in others])
            hits, sets = search(batch["text"], batch["lang"], held_out)
            yield kept.append_column("held_out", hits).append_column("held_out_set", sets)

    return documents.mapInArrow(count, schema)


def search(texts: pa.Array, langs: pa.Array, held_out: HeldOut) -> tuple[pa.Array, pa.Array]:
    """`HeldOut.search` where each text has its own language; null where either is null."""
    hits, sets = pa.nulls(len(texts), pa.int32()), pa.nulls(len(texts), pa.string())
    for lang in langs.unique().drop_null().to_pylist():
        own = pc.fill_null(pc.equal(langs, lang), False)
        own_hits, own_sets = held_out.search(texts.filter(own), lang)
        hits, sets = (
            pc.replace_with_mask(hits, own, own_hits),
            pc.replace_with_mask(sets, own, own_sets),
        )
    return hits, sets
