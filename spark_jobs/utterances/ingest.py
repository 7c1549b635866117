"""Utterance files -> `utterances`: one commit that brings the slices of a recipe's sources up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.quarantine import QUARANTINE
from schemas.utterance_files import KEPT, UTTERANCE_FILES
from schemas.utterances import UTTERANCES
from schemas.version import VERSION
from spark_jobs import storage, warehouse
from spark_jobs.inputs import InputFile
from spark_jobs.utterances.config import UtterancesConfig
from spark_jobs.utterances.read import REJECTED, SEEN, Reading, clear_staged, read_utterances, staged
from spark_jobs.utterances.rows import EPOCH
from spark_jobs.utterances.slices import STATE, Days, Held, Work, held_by, state_after, work_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter, SparkSession

KEYS = ("source", "lang", "locale", "day", "text")


@dataclass(slots=True)
class UtteranceIngest:
    """The utterance files of a recipe on their way into the warehouse."""

    spark: SparkSession
    warehouse: str
    config: UtterancesConfig
    files: Sequence[InputFile]
    cores: int

    def run(self) -> None:
        """Read what has to be read, replace the slices that it changes, and note what the files held."""
        path = warehouse.table_path(self.warehouse, UTTERANCES)
        warehouse.create(self.spark, path, UTTERANCES)
        held = held_by(path)
        self._note(
            [s for one in held.values() for s in one.files]
        )  # of a run that was killed behind its commit
        work = self._work(held)
        if any(not one.nothing for one in work.values()):
            clear_staged(self._staging, [f.snapshot for one in work.values() for f in one.added])
            self._write(path, held, work)
        self._note([file.snapshot for file in self.files])
        clear_staged(self._staging, [file.snapshot for file in self.files])
        self._sweep(path)

    def _sweep(self, path: str) -> None:
        """Delete what left the table longer ago than its retention, and what killed builds left: words of
        customers outlive their window by a week, not for ever. Spark is asked only where there is some."""
        from deltalake import DeltaTable

        may_go = DeltaTable(path).vacuum(dry_run=True, full=True)  # it lists what went long ago as well
        if may_go and not {name for name, _ in storage.find(path, "**")}.isdisjoint(may_go):
            self.spark.sql(f"VACUUM delta.`{path}`")

    @property
    def _staging(self) -> str:
        return storage.join(self.warehouse, "_staging_utterances")

    def _work(self, held: Mapping[str, Held]) -> dict[str, Work]:
        snapshots = {s for one in held.values() for s in one.files} | {file.snapshot for file in self.files}
        known = days_of(self.warehouse, snapshots)
        return {
            source.name: work_of(
                [file for file in self.files if file.source == source.name],
                self.config.window,
                held.get(source.name),
                known,
            )
            for source in self.config.sources
        }

    def _write(self, path: str, held: Mapping[str, Held], work: Mapping[str, Work]) -> None:
        """One commit. Where slices are there already, the new rows are kept aside until their days are
        known."""
        rows = self._read(work)
        lineage = {"software": VERSION, STATE: state_after(held, self.files, self.config.window)}
        if sources_in(path).isdisjoint(work):
            self._writer(rows, lineage).mode("append").save(path)
            return
        aside = rows.persist()
        aside.count()  # now every file has said which days it has
        new = {source: self._days_of_added(one) for source, one in work.items()}
        base = {s: new[s] - one.stale for s, one in work.items() if not one.whole}
        rows = aside
        if any(base.values()):
            rows = rows.unionByName(
                self.spark.read.format("delta").load(path).where(slices(base)).select(*KEYS, "count")
            )
        touched = {s: None if one.whole else one.stale | one.gone | new[s] for s, one in work.items()}
        if any(days is None or days for days in touched.values()):
            writer = self._writer(rows, lineage)
            writer.mode("overwrite").option("replaceWhere", slices(touched)).save(path)
        aside.unpersist()

    def _writer(self, rows: DataFrame, lineage: Mapping[str, Any]) -> DataFrameWriter:
        size = sum(file.size for file in self.files)
        counted = count(rows, n_slices(size, self.config.window_days), self.cores)
        writer = counted.select(*UTTERANCES.columns).write.format("delta").partitionBy(*UTTERANCES.partitions)
        return writer.option("userMetadata", json.dumps(lineage, sort_keys=True))

    def _days_of_added(self, one: Work) -> set[date]:
        """Days of the window that new files have; known when they have been read."""
        days = seen_days(staged(self._staging, SEEN, UTTERANCE_FILES, [f.snapshot for f in one.added]))
        return {day for own in days.values() for day in own if day in self.config.window}

    def _read(self, work: Mapping[str, Work]) -> DataFrame:
        files = [file for one in work.values() for file in one.added]
        again = {snapshot: days for one in work.values() for snapshot, days in one.again.items()}
        files += [file for file in self.files if file.snapshot in again]
        days = {snapshot: frozenset(map(_number, own)) for snapshot, own in again.items()}
        reading = replace(window_reading(self.config, self._staging), days=days)
        return read_utterances(self.spark, files, reading, self.cores)

    def _note(self, snapshots: Sequence[str]) -> None:
        """Append to `utterance_files` and `quarantine` what files held that are not in there yet."""
        seen = summed(staged(self._staging, SEEN, UTTERANCE_FILES, snapshots))
        rejected = staged(self._staging, REJECTED, QUARANTINE, snapshots)
        for table, rows in ((UTTERANCE_FILES, seen), (QUARANTINE, rejected)):
            known = warehouse.read_table(self.warehouse, table, columns=["snapshot"])["snapshot"]
            new = rows.filter(pc.invert(pc.is_in(rows["snapshot"], value_set=known.combine_chunks())))
            run = "utterances/" + warehouse.short_hash(new["snapshot"].unique().to_pylist())
            warehouse.append_rows(self.spark, self.warehouse, table, new, run)


def window_reading(config: UtterancesConfig, staging: str) -> Reading:
    """How all files of a recipe are read when nothing is there yet."""
    return Reading(
        sources={source.name: source for source in config.sources},
        rules=config.anonymise,
        staging=staging,
        window=(_number(config.window.first), _number(config.window.last)),
    )


def count(rows: DataFrame, parts: int, cores: int) -> DataFrame:
    """Rows with equal keys as one, their counts added; a day lies in `parts` partitions, so in as many
    files."""
    import pyspark.sql.functions as F

    part = F.pmod(F.xxhash64("text"), F.lit(parts)).cast("int")
    spread = rows.withColumn("part", part).repartition(4 * cores * parts, "source", "day", "part")
    # The exchange above serves the aggregate: what it clusters by is among the keys.
    return spread.groupBy("part", *KEYS).agg(F.sum("count").alias("count")).drop("part")


def n_slices(stored_bytes: int, days: int) -> int:
    """Into how many files a day is cut, so that a file holds some 128 MB of what is stored."""
    return max(1, stored_bytes // max(1, days) // (128 << 20))


def sources_in(path: str) -> set[str]:
    """The sources that a table of utterances has rows of."""
    from deltalake import DeltaTable

    files = pa.table(DeltaTable(path).get_add_actions(flatten=True))
    name = "partition.source"
    return set(files[name].to_pylist()) if files.num_rows else set()


def days_of(path: str, snapshots: set[str]) -> Days:
    """What `utterance_files` knows of some files; one that it does not know has no entry."""
    rows = warehouse.read_table(path, UTTERANCE_FILES, columns=["snapshot", "day", "reason"])
    return seen_days(
        rows.filter(pc.is_in(rows["snapshot"], value_set=pa.array(sorted(snapshots), pa.string())))
    )


def seen_days(rows: pa.Table) -> dict[str, set[date]]:
    """Snapshot -> days, of rows of `utterance_files`."""
    days: dict[str, set[date]] = {}
    for row in rows.select(["snapshot", "day", "reason"]).to_pylist():
        own = days.setdefault(row["snapshot"], set())
        if row["reason"] == KEPT and row["day"] is not None:
            own.add(row["day"])
    return days


def summed(rows: pa.Table) -> pa.Table:
    """Rows of `utterance_files`, those of the splits of one file as one."""
    keys = [name for name in UTTERANCE_FILES.columns if name not in ("records", "seen")]
    groups = rows.group_by(keys, use_threads=False).aggregate([("records", "sum"), ("seen", "sum")])
    return groups.rename_columns([*keys, "records", "seen"]).select(UTTERANCE_FILES.columns)


def slices(days: Mapping[str, set[date] | None]) -> str:
    """A condition on the partitions of `utterances`, None standing for all days; names of sources hold no
    quotes."""
    parts = []
    for source, own in sorted(days.items()):
        if own is None:
            parts.append(f"source = '{source}'")
        elif own:
            listed = ", ".join(f"DATE'{day.isoformat()}'" for day in sorted(own))
            parts.append(f"(source = '{source}' AND day IN ({listed}))")
    return " OR ".join(parts)


def _number(day: date) -> int:
    return day.toordinal() - EPOCH
