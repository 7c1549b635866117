"""Utterance files to counted rows: one pass over the bytes, most of the counting before Spark sees a row.

A task holds the rows of its files until they are some tens of megabytes, anonymises each distinct text once
and hands on one row a text, locale and day with its count. So "yes." arrives at the exchange once a task,
however hot it is. What a file held is written beside (`seen`), and so are its rejections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.quarantine import QUARANTINE
from schemas.table import Table
from schemas.utterance_files import KEPT, REPLACED, UTTERANCE_FILES
from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.ingest import MAX_STAGED, Task, in_bins
from spark_jobs.inputs import InputFile
from spark_jobs.readers.records import Rejected
from spark_jobs.utterances.anonymise import Rule, anonymise
from spark_jobs.utterances.columns import read, splits_of
from spark_jobs.utterances.config import UtteranceSource
from spark_jobs.utterances.rows import EPOCH, OTHER_LANGUAGE, Rows, clean, day_in_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

HELD_BYTES = 96 << 20
"""Of columns that are counted at once: a million utterances, among which most repeats of a hot text meet."""
BATCH_ROWS = 50_000
SEEN = ".seen.parquet"
REJECTED = ".unusable.parquet"
COUNTED_DDL = "source STRING, lang STRING, locale STRING, day DATE, text STRING, count BIGINT"
COUNTED = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("locale", pa.string()),
        pa.field("day", pa.date32()),
        pa.field("text", pa.string()),
        pa.field("count", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How utterance files are read."""

    sources: Mapping[str, UtteranceSource]
    """By name."""
    rules: tuple[Rule, ...]
    staging: str
    """Folder for what each split held and for its rejections."""
    days: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By snapshot: the days (since 1970) that are wanted of a file; a file that is not named gives all of
    `window`."""
    window: tuple[int, int] = (0, 1 << 30)
    """First and last day, since 1970."""


def read_utterances(
    spark: SparkSession, files: Sequence[InputFile], reading: Reading, cores: int
) -> DataFrame:
    """(source, lang, locale, day, text, count): the files' rows, nearly counted; a text may come once a task.

    One Spark task a bin of splits, nothing shuffled.
    """
    tasks = [
        Task(file, reading.sources[file.source].format, split)
        for file in files
        for split in splits_of(reading.sources[file.source], file.uri, file.size)
    ]
    bins = in_bins(tasks, cores)

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            for number in batch["id"].to_pylist():
                yield from counted(bins[number], reading)

    return spark.range(0, len(bins), 1, max(1, len(bins))).mapInArrow(rows, COUNTED_DDL)


def counted(tasks: Sequence[Task], reading: Reading) -> Iterator[pa.RecordBatch]:
    """The rows of some splits, counted as far as they are held together."""
    counter = _Counter()
    for task in tasks:
        seen = _Seen(task.file)
        for rows in _usable(task, reading, seen):
            counter.add(task.file.source, _wanted(rows, task.file, reading))
            if counter.bytes >= HELD_BYTES:
                yield from counter.counted()
        seen.stage(storage.join(reading.staging, f"{task.file.snapshot}-{task.split.start}"))
    yield from counter.counted()


def _usable(task: Task, reading: Reading, seen: _Seen) -> Iterator[Rows]:
    """The anonymised rows of a split, all that it held told to `seen`."""
    source = reading.sources[task.file.source]
    path_day = day_in_path(task.file.origin)
    for stored in read(task.split, source):
        for rows in [stored] if isinstance(stored, Rejected) else clean(stored, source.locale, path_day):
            if isinstance(rows, Rejected):
                seen.reject(rows)
                continue
            for lang, own in _by_language(rows, reading.rules):
                texts, found = anonymise(own.texts, lang, reading.rules)
                seen.count(own, found)
                yield replace(own, texts=texts)


def _by_language(rows: Rows, rules: Sequence[Rule]) -> Iterator[tuple[str, Rows]]:
    """The rows, parted by language where a rule asks for it."""
    if not any(rule.languages for rule in rules):
        yield "", rows
        return
    for lang in rows.langs.unique().to_pylist():
        yield lang, rows.only(pc.equal(rows.langs, lang))


def _wanted(rows: Rows, file: InputFile, reading: Reading) -> Rows:
    """The rows of the days that are wanted."""
    days = rows.days.cast(pa.int32())
    if file.snapshot in reading.days:
        mask = pc.is_in(days, value_set=pa.array(sorted(reading.days[file.snapshot]), pa.int32()))
    else:
        first, last = reading.window
        mask = pc.and_(pc.greater_equal(days, first), pc.less_equal(days, last))
    return rows.only(mask)


class _Counter:
    """Rows that wait to be counted together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._batches: list[pa.RecordBatch] = []

    def add(self, source: str, rows: Rows) -> None:
        """Hold some more rows."""
        n = len(rows.texts)
        if n:
            sources = pa.repeat(pa.scalar(source, pa.string()), n)
            columns = [sources, rows.langs, rows.locales, rows.days, rows.texts, rows.counts]
            batch = pa.RecordBatch.from_arrays(columns, schema=COUNTED)
            self._batches.append(batch)
            self.bytes += batch.nbytes

    def counted(self) -> Iterator[pa.RecordBatch]:
        """What is held, one row a text, locale and day; nothing is held afterwards."""
        if not self._batches:
            return
        held = pa.Table.from_batches(self._batches, COUNTED)
        self._batches, self.bytes = [], 0
        keys = COUNTED.names[:-1]
        summed = held.group_by(keys, use_threads=False).aggregate([("count", "sum")])
        yield from summed.rename_columns([*keys, "count"]).cast(COUNTED).to_batches(BATCH_ROWS)


class _Seen:
    """What a split held: rows of `utterance_files` and of the quarantine, written beside at its end."""

    def __init__(self, file: InputFile) -> None:
        self._file = file
        # The line of a file without any record says that it was read.
        self._counts: Counter[tuple[str, int | None, str]] = Counter({("", None, KEPT): 0})
        self._records: Counter[tuple[str, int | None, str]] = Counter()
        self._rejected: list[dict[str, Any]] = []

    def reject(self, rejected: Rejected) -> None:
        """A record that cannot be used."""
        key = ("", None, rejected.reason)
        self._counts[key] += 1
        self._records[key] += 1
        if rejected.reason != OTHER_LANGUAGE and len(self._rejected) < MAX_STAGED:
            where = (self._file.source, self._file.snapshot, self._file.origin)
            row = dict(zip(("source", "snapshot", "origin"), where, strict=True))
            self._rejected.append(row | plain(rejected))

    def count(self, rows: Rows, found: Mapping[str, pa.Array]) -> None:
        """Rows that can be used, and how often each rule found something in each."""
        columns = {"lang": rows.langs, "day": rows.days.cast(pa.int32()), "count": rows.counts}
        # A rule may have the name of a column.
        replaced = {f"rule {name}": name for name in found}
        columns |= {f"rule {name}": pc.multiply(n.cast(pa.int64()), rows.counts) for name, n in found.items()}
        sums = [(name, "sum") for name in ("count", *replaced)]
        groups = pa.table(columns).group_by(["lang", "day"], use_threads=False)
        for row in groups.aggregate([*sums, ("count", "count")]).to_pylist():
            lang, day = row["lang"], row["day"]
            self._counts[lang, day, KEPT] += row["count_sum"]
            self._records[lang, day, KEPT] += row["count_count"]
            for column, name in replaced.items():
                if row[column + "_sum"]:
                    self._counts[lang, day, REPLACED + name] += row[column + "_sum"]

    def stage(self, name: str) -> None:
        """Write it; a split that is read again writes the same."""
        file = self._file
        rows = [
            {
                "snapshot": file.snapshot,
                "source": file.source,
                "origin": file.origin,
                "lang": lang,
                "day": None if day is None else date.fromordinal(day + EPOCH),
                "reason": reason,
                "records": self._records[lang, day, reason],
                "seen": seen,
            }
            for (lang, day, reason), seen in sorted(self._counts.items(), key=str)
        ]
        _write(name + SEEN, pa.Table.from_pylist(rows, UTTERANCE_FILES.arrow_schema()))
        if self._rejected:
            _write(name + REJECTED, pa.Table.from_pylist(self._rejected, QUARANTINE.arrow_schema()))


def _write(uri: str, rows: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    storage.write_bytes(uri, sink.getvalue().to_pybytes())


def staged(staging: str, suffix: str, table: Table, snapshots: Collection[str]) -> pa.Table:
    """What was written beside of some files: `SEEN` or `REJECTED`, with the columns of its table."""
    found = [
        pq.read_table(pa.BufferReader(storage.read_bytes(uri))) for uri in _of(staging, suffix, snapshots)
    ]
    parts = [part.cast(table.arrow_schema()) for part in found]
    return pa.concat_tables(parts) if parts else table.arrow_schema().empty_table()


def clear_staged(staging: str, snapshots: Collection[str]) -> None:
    """Remove what was written beside of some files."""
    for suffix in (SEEN, REJECTED):
        for uri in _of(staging, suffix, snapshots):
            storage.delete_file(uri)
    if not any(True for _ in storage.find(staging, "*")):
        storage.delete_folder(staging)


def _of(staging: str, suffix: str, snapshots: Collection[str]) -> list[str]:
    own = set(snapshots)
    return [file.uri for name, file in storage.find(staging, "*" + suffix) if name.partition("-")[0] in own]
