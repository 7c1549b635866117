"""The rows of a release that tokenizers see, and those of them that only measure.

One row in a hundred is never trained on. Which ones is a hash of `seq_id` alone, so every tokenizer of a
release is measured on the same rows, whatever its seed and its sample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from schemas.sequences import SEQUENCES
from spark_jobs import storage
from spark_jobs.draw import hash64
from spark_jobs.manifest import Manifest, TableEntry, release_folder

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

STAGES = ("stage1", "stage2")
GROUP = ("stage", "lang", "form")
"""What measures are told apart by."""
ONE_IN = 100
AT_LEAST, AT_MOST = 32, 1000
"""Rows of a group that measure, where the group allows: a share of a few rows says nothing."""


def sequence_tables(manifest: Manifest) -> dict[str, TableEntry]:
    """Name -> entry of the tables of a release that hold text."""
    return {name: manifest.tables[name] for name in STAGES if name in manifest.tables}


def sequences(spark: SparkSession, warehouse: str, manifest: Manifest, *names: str) -> DataFrame:
    """All rows of these tables of the release (without names: of every one that holds text), as pinned.

    Of stage2 the utterances: the rows of Stage 1 beside them are those of stage1 under other numbers, and
    would measure what is trained on.
    """
    folder = release_folder(warehouse, manifest.name)
    entries = [manifest.tables[name] for name in names or sequence_tables(manifest)]
    frames = [
        spark.read.format("delta")
        .option("versionAsOf", entry.version)
        .load(storage.join(folder, entry.path))
        .select(*SEQUENCES.columns)
        .where(f"stage = {STAGES.index(entry.path) + 1}")
        for entry in entries
    ]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def n_measured(rows: int) -> int:
    """How many rows of a group only measure: one in a hundred, at least 32 of 320, at most 1,000; of two to
    nine rows one, of a single row none."""
    if rows < 2:
        return 0
    return min(max(-(-rows // ONE_IN), min(AT_LEAST, rows // 10)), AT_MOST)


def measured_rows(rows: DataFrame) -> DataFrame:
    """(stage, seq_id) of the rows that only measure: of each group those with the smallest hashes."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    sizes = {tuple(row)[:3]: row["count"] for row in rows.groupBy(*GROUP).count().collect()}
    wanted = {group: n_measured(size) for group, size in sizes.items()}
    # Ranking needs an order over a whole group; all but a few rows are out of the question beforehand.
    likely = {g: min(1.0, (k + 10 * math.sqrt(k) + 50) / sizes[g]) for g, k in wanted.items()}
    draw = measuring_draw()
    near = rows.select(*GROUP, "seq_id", draw.alias("draw")).where(_below(likely))
    rank = F.row_number().over(Window.partitionBy(*GROUP).orderBy("draw", "seq_id"))
    ranked = near.withColumn("rank", rank)
    limit = _by_group({g: float(k) for g, k in wanted.items()})
    return ranked.where(F.col("rank") <= limit).select("stage", "seq_id")


def measuring_draw() -> Column:
    """The hash that decides; of no seed, so that tokenizers of several seeds share their measuring rows."""
    return hash64(0, "tokenizer measure", "seq_id")


def _below(shares: dict[tuple[int, str, str], float]) -> Column:
    from pyspark.sql import functions as F

    return F.shiftrightunsigned("draw", 11) / F.lit(2.0**53) < _by_group(shares)


def _by_group(values: dict[tuple[int, str, str], float]) -> Column:
    from pyspark.sql import functions as F

    pairs = [F.lit(part) for group, value in values.items() for part in ("/".join(map(str, group)), value)]
    return F.create_map(*pairs)[F.concat_ws("/", *GROUP)]
