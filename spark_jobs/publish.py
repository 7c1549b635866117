"""Publishing: a release's table is written once, in one commit, with its fingerprint taken on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.table import Table
from spark_jobs import storage
from spark_jobs.warehouse import is_table, properties

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class Written:
    """What a commit holds."""

    version: int
    rows: int
    bytes: int
    files: int
    fingerprint: str


def fingerprint_columns(table: Table) -> tuple[Column, Column]:
    """Aggregates `rows` and `bits`: equal for equal rows in any order.

    xor, because under ANSI a sum of hashes overflows. Anyone can take it again: docs/tables.md has the SQL.
    """
    import pyspark.sql.functions as F

    return F.count(F.lit(1)).alias("rows"), F.bit_xor(F.xxhash64(*table.columns)).alias("bits")


def fingerprint(rows: int, bits: int | None) -> str:
    """The fingerprint in words: 16 hexadecimal digits and the number of rows."""
    return f"{(bits or 0) & 0xFFFFFFFFFFFFFFFF:016x}-{rows}"


def write_once(
    spark: SparkSession, rows: DataFrame, path: str, table: Table, *, run: str, lineage: Mapping[str, Any]
) -> Written:
    """Write the table in one commit, or find the commit that an earlier try of the same run left.

    What a killed try left without a commit, or another run without publishing it, is removed first: nobody
    can have read it, `release.json` was not there.
    """
    from pyspark.sql import Observation

    if is_table(path) and _run_of(spark, path) != run:
        storage.delete_folder(path)
    if is_table(path):
        observed = spark.read.format("delta").load(path).agg(*fingerprint_columns(table)).first()
        assert observed is not None  # an aggregate without groups has one row
        return _written(spark, path, observed.rows, observed.bits)
    storage.delete_folder(path)
    observation = Observation(f"fingerprint-{run}")
    (
        rows.observe(observation, *fingerprint_columns(table))
        .write.format("delta")
        .mode("append")
        .option("txnAppId", run)
        .option("txnVersion", 1)
        .option("userMetadata", json.dumps(dict(lineage), sort_keys=True))
        .options(**properties(table, append_only=True))
        .save(path)
    )
    seen = observation.get
    written = _written(spark, path, seen["rows"], seen["bits"])
    counted = int(_last_commit(spark, path)["operationMetrics"].get("numOutputRows", seen["rows"]))
    if counted != seen["rows"]:
        # A stage that Spark ran again observes its rows twice; the table itself is right.
        again = spark.read.format("delta").load(path).agg(*fingerprint_columns(table)).first()
        assert again is not None
        return _written(spark, path, again.rows, again.bits)
    return written


def _last_commit(spark: SparkSession, path: str) -> Any:
    row = spark.sql(f"DESCRIBE HISTORY delta.`{path}` LIMIT 1").first()
    assert row is not None  # is_table, or just written
    return row


def _run_of(spark: SparkSession, path: str) -> str | None:
    metadata = _last_commit(spark, path)["userMetadata"]
    run = json.loads(metadata).get("run") if metadata else None
    return str(run) if run is not None else None


def _written(spark: SparkSession, path: str, rows: int, bits: int | None) -> Written:
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first()
    assert detail is not None
    if detail.minReaderVersion != 1:
        raise AssertionError(
            f"{path} asks for Delta reader version {detail.minReaderVersion}, a release promises 1"
        )
    version = int(_last_commit(spark, path)["version"])
    return Written(version, int(rows), int(detail.sizeInBytes), int(detail.numFiles), fingerprint(rows, bits))
