"""Exact de-duplication across sources: of equal texts one stays, the same one on every run.

Only hashes move: the text takes no part in the aggregation, and the copies to drop are found again by a
broadcast of the few repeated hashes (design.md section 4, guarantee 7; measured: 5 MB shuffled against 234
MB by text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_jobs.near import NearConfig

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REASON = "duplicate_v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeduplicateConfig:
    """Which documents count as the same."""

    exact: bool = True
    """Of documents with the same text one stays: from the first source of the recipe, then the first origin
    and ordinal. False keeps all."""
    near: NearConfig | None = None
    """Of documents that are nearly the same one stays, too (near.py); none: they are not looked for."""


def repeated(documents: DataFrame) -> DataFrame:
    """(doc_id, keeper) of each text that occurs more than once; `keeper` is the smallest `place` of its
    documents.

    `place` is a 64-bit number that orders documents by source priority, origin and ordinal (runner.place).
    It has to be a number: a string or a struct in the aggregate would turn the hash aggregate into a sort
    (2.4 times the CPU).
    """
    import pyspark.sql.functions as F

    groups = documents.groupBy("doc_id").agg(F.min("place").alias("keeper"), F.count("*").alias("times"))
    return groups.where("times > 1").select("doc_id", "keeper")


def drop_repeated(documents: DataFrame, duplicates: DataFrame) -> DataFrame:
    """The documents without those that `repeated` found, but for its keepers. Broadcasts 24 bytes a
    repeated text."""
    import pyspark.sql.functions as F

    marked = F.broadcast(duplicates.withColumnRenamed("doc_id", "repeated_id"))
    same = (F.col("doc_id") == F.col("repeated_id")) & (F.col("place") != F.col("keeper"))
    return documents.join(marked, same, "left_anti")


def deduplicate(documents: DataFrame, config: DeduplicateConfig) -> DataFrame:
    """Documents (with `doc_id` and `place`) in, one of each text out. For use alone; a build keeps
    `repeated` between its passes instead of finding it twice."""
    return drop_repeated(documents, repeated(documents)) if config.exact else documents
