"""Publishing: a release's table is written once, in one commit, with its fingerprint taken on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.table import Table
from spark_jobs import storage
from spark_jobs.manifest import TableEntry
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


def entry_of(table: Table, written: Written, words: dict[str, dict[str, int]], buckets: int) -> TableEntry:
    """What `release.json` says of a table of a release. `words`: language -> form -> words."""
    return TableEntry(
        path=table.name,
        version=written.version,
        rows=written.rows,
        bytes=written.bytes,
        files=written.files,
        words=words,
        fingerprint=written.fingerprint,
        buckets=buckets,
    )


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

    if not is_table(path) or _commit(path).get("run") != run:
        # The log first: a kill in between must not leave a commit whose files are gone.
        storage.delete_folder(storage.join(path, "_delta_log"))
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
        written = _written(path, seen["rows"], seen["bits"])
        if written.rows == seen["rows"]:
            return written
        # A stage that Spark ran again observes its rows twice; the table itself is right.
    observed = spark.read.format("delta").load(path).agg(*fingerprint_columns(table)).first()
    assert observed is not None  # an aggregate without groups has one row
    return _written(path, observed.rows, observed.bits)


def _commit(path: str) -> dict[str, Any]:
    """What the last commit says of itself (`userMetadata`)."""
    from deltalake import DeltaTable

    metadata = DeltaTable(path).history(1)[0].get("userMetadata")
    return dict(json.loads(metadata)) if metadata else {}


def _written(path: str, rows: int, bits: int | None) -> Written:
    """The table as a trainer will find it, read as a trainer will read it."""
    from deltalake import DeltaTable

    held = DeltaTable(path)
    reader = held.protocol().min_reader_version
    if reader != 1:
        raise AssertionError(f"{path} asks for Delta reader version {reader}, a release promises 1")
    files = pa.table(held.get_add_actions(flatten=True))
    counted, size = (pc.sum(files[name]).as_py() or 0 for name in ("num_records", "size_bytes"))
    return Written(held.version(), int(counted), int(size), files.num_rows, fingerprint(rows, bits))
