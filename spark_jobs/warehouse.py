"""The Delta tables of a warehouse: made with their contract, appended to once a run, read without Spark.

Only Spark writes (design.md section 4, guarantee 6): on S3 Delta Spark and other writers do not exclude each
other.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import fs

from schemas.documents import DOCUMENTS
from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.statistics import STATISTICS
from schemas.table import Table
from schemas.utterance_files import UTTERANCE_FILES
from schemas.utterances import UTTERANCES
from schemas.verdicts import VERDICTS
from spark_jobs import storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLES: Mapping[str, Table] = {
    t.name: t for t in (DOCUMENTS, UTTERANCES, VERDICTS, QUARANTINE, LEDGER, STATISTICS, UTTERANCE_FILES)
}


def table_path(warehouse: str, table: Table) -> str:
    """Where a table of the warehouse lies."""
    return storage.join(warehouse, table.name)


def properties(table: Table, *, append_only: bool) -> dict[str, str]:
    """Delta properties: pinned versions stay readable as long as the table says, and no text gets into the
    log.

    Delta 4.1 and later refuse time travel past the file retention (default a week) even if nothing was
    deleted.
    """
    return {
        "delta.appendOnly": str(append_only).lower(),
        "delta.logRetentionDuration": table.retention,
        "delta.deletedFileRetentionDuration": table.retention,
        "delta.dataSkippingStatsColumns": ",".join(table.statistics),
        "delta.minReaderVersion": "1",
    }


def is_table(path: str) -> bool:
    """Whether a Delta table with at least one commit stands there."""
    return storage.exists(path) and any(file.size for _, file in storage.find(path + "/_delta_log", "*.json"))


def drop_torn_commit(path: str) -> None:
    """Remove the last commit of a table where a kill cut it short: it was never complete, nobody has read it.

    Where no commit is left the whole log goes, with what else the kill left in it: Spark takes a log that
    holds anything for a table, and would not create one. Only a local disk shows a commit file before all of
    it is written; an object store shows it whole or not at all. Spark would take the empty file for a commit
    without content and go on behind it.
    """
    filesystem, folder = storage.open_filesystem(path)
    if not isinstance(filesystem, fs.LocalFileSystem):
        return
    log = Path(folder, "_delta_log")
    commits = sorted(log.glob("*.json"))
    if commits and _is_whole(commits[-1].read_bytes()):
        return
    for commit in commits[-1:]:
        checksums = (f".{commit.name}.crc", f"{commit.stem}.crc", f".{commit.stem}.crc.crc")
        for name in (*checksums, commit.name):
            (log / name).unlink(missing_ok=True)
    if len(commits) <= 1:
        shutil.rmtree(log, ignore_errors=True)


def _is_whole(commit: bytes) -> bool:
    try:
        json.loads(commit.rstrip().rpartition(b"\n")[2])
    except ValueError:
        return False
    return commit.endswith(b"\n")


def create(spark: SparkSession, path: str, table: Table) -> None:
    """Create the table with its contract where there is none: one commit without data."""
    if is_table(path):
        return
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties(table, append_only=False).items())
    meaning = table.meaning.replace("'", "\\'")
    partitions = f"PARTITIONED BY ({', '.join(table.partitions)}) " if table.partitions else ""
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS delta.`{path}` ({table.spark_ddl(full=True)}) USING DELTA {partitions}"
        f"COMMENT '{meaning}' TBLPROPERTIES ({listed})"
    )


def append(rows: DataFrame, path: str, run: str, lineage: Mapping[str, Any]) -> None:
    """Append once a run: the same `run` again changes nothing (Delta's txnAppId and txnVersion).

    A table that an earlier version made gets the columns that the contract has gained, null in its old rows.
    """
    (
        rows.write.format("delta")
        .mode("append")
        .option("mergeSchema", "true")
        .option("txnAppId", run)
        .option("txnVersion", 1)
        .option("userMetadata", json.dumps(lineage, sort_keys=True))
        .save(path)
    )


def replace_release(rows: DataFrame, path: str, release: str, run: str) -> None:
    """Put a release's rows in place of those that an unpublished try left; the same rows again change
    nothing.

    Without txnAppId: a recipe that is changed and changed back has to replace what was written between.
    """
    writer = rows.write.format("delta").option("userMetadata", json.dumps({"run": run}))
    if read_arrow(path, ["release"], [("release", "=", release)]).num_rows:
        writer = writer.mode("overwrite").option("replaceWhere", f"release = '{release}'")
    else:  # nearly always; half the price of looking for rows to replace
        writer = writer.mode("append")
    writer.save(path)


def append_rows(
    spark: SparkSession, warehouse: str, table: Table, rows: pa.Table | Sequence[Mapping[str, Any]], run: str
) -> None:
    """Append a few rows from the driver, once a run, checked against the contract; nothing where there are
    none."""
    frame = few_rows(spark, table, rows)
    if frame is not None:
        path = table_path(warehouse, table)
        create(spark, path, table)
        append(frame, path, run, {"run": run})


def few_rows(
    spark: SparkSession, table: Table, rows: pa.Table | Sequence[Mapping[str, Any]]
) -> DataFrame | None:
    """Rows from the driver as a frame of one partition, checked against the contract; None where there are
    none."""
    arrow = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), table.arrow_schema())
    if not arrow.num_rows:
        return None
    table.check(arrow)
    return spark.createDataFrame(arrow.select(table.columns)).coalesce(1)


def short_hash(values: Iterable[str]) -> str:
    """32 hexadecimal digits that some texts have in any order: the name of a run over them."""
    return hashlib.sha256("\n".join(sorted(values)).encode()).hexdigest()[:32]


def is_empty(path: str) -> bool:
    """Whether the table has no data file."""
    from deltalake import DeltaTable

    return not DeltaTable(path).file_uris()


def latest_version(path: str) -> int:
    """The table's latest version."""
    from deltalake import DeltaTable

    return int(DeltaTable(path).version())


def read_arrow(path: str, columns: Iterable[str] | None = None, filters: Any = None) -> pa.Table:
    """A small table's latest version without Spark."""
    from deltalake import DeltaTable

    return DeltaTable(path).to_pyarrow_table(columns=list(columns) if columns else None, filters=filters)


def read_table(
    warehouse: str, table: Table, filters: Any = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """A small table of the warehouse; empty where it was never written."""
    path = table_path(warehouse, table)
    if is_table(path):
        return read_arrow(path, columns, filters)
    return table.arrow_schema().empty_table().select(columns or table.columns)
