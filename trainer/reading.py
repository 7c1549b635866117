"""Spans of an order to rows: each lane has one unit open, shuffled, and hands out slices of it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from trainer.arrays import Ints
from trainer.cache import FileCache
from trainer.errors import SnapshotError
from trainer.order import Span, unit_permutation
from trainer.parquet import open_parquet, read_rows
from trainer.snapshot import SPLIT, Snapshot
from trainer.storage import is_local, join


@dataclass(slots=True)
class UnitReader:
    """Reads units of a snapshot; in memory is one unit a lane, without its file's other columns.

    `key`: what the shuffle inside a unit depends on, beside epoch and unit. `read_bytes` counts Arrow bytes
    of the columns read.
    """

    snapshot: Snapshot
    key: int
    cache: FileCache | None = None
    read_bytes: int = 0
    _open: dict[int, tuple[tuple[int, int], pa.Table]] = field(default_factory=dict)
    """Lane -> ((epoch, unit), its rows in the epoch's order)."""
    _ahead: ThreadPoolExecutor | None = None
    _fetching: dict[int, Future[str | None]] = field(default_factory=dict)
    """File -> its copy, on the way."""
    _units: tuple[Ints, Ints, Ints] = field(init=False)
    _firsts: list[int] = field(init=False)
    """Least seq_id of each unit, by the text's footers; empty where they do not say."""

    def __post_init__(self) -> None:
        self._units = self.snapshot.units
        firsts = [first for file in self.snapshot.text for first in file.firsts]
        self._firsts = firsts if len(firsts) == len(self.snapshot.unit_rows) else []

    def rows(self, epoch: int, span: Span) -> pa.Table:
        """The rows of a span: seq_id, lang, form, and text or ids. A view of the open unit."""
        wanted = (epoch, span.unit)
        held = self._open.get(span.lane)
        if held is None or held[0] != wanted:
            self._open.pop(span.lane, None)  # before the next one comes: one unit a lane, not two
            held = self._open[span.lane] = (wanted, self._read(epoch, span.unit))
            if span.next_unit is not None:
                self._fetch_ahead(span.next_unit)
        unit = held[1].slice(span.start, span.stop - span.start)
        if span.stop == held[1].num_rows:
            del self._open[span.lane]
        return unit

    def close(self) -> None:
        """Drop what is open and stop fetching."""
        self._open.clear()
        if self._ahead is not None:
            self._ahead.shutdown(wait=True, cancel_futures=True)
            self._ahead = None

    def _read(self, epoch: int, unit: int) -> pa.Table:
        content = "ids" if self.snapshot.reads == "tokens" else "text"
        columns = ["seq_id", "lang", "form", content, *([SPLIT] if self.snapshot.split else [])]
        table = self._read_unit(unit, columns)
        self.read_bytes += table.nbytes
        first = pc.min(table["seq_id"]).as_py()
        if self._firsts and first != self._firsts[unit]:
            raise SnapshotError(
                f"unit {unit} begins at seq_id {first}, pinned was {self._firsts[unit]}",
                where=self.snapshot.uri,
                why="the file was replaced during the run, or `tokens` lies in another order than the text",
            )
        if self.snapshot.split:
            table = table.filter(pc.equal(table[SPLIT], self.snapshot.split)).drop_columns([SPLIT])
        rows = int(self.snapshot.unit_rows[unit])
        if table.num_rows != rows:
            raise SnapshotError(f"unit {unit} has {table.num_rows} rows, pinned were {rows}")
        return table.take(unit_permutation(rows, key=self.key, epoch=epoch, unit=unit)).combine_chunks()

    def _read_unit(self, unit: int, columns: list[str]) -> pa.Table:
        number, starts, lengths = (array[unit] for array in self._units)
        file, uri = self.snapshot.files[number], self.snapshot.uri
        copy = self._copy(int(number))
        try:
            with open_parquet(uri, file, copy) as parquet:
                return read_rows(parquet, file, int(starts), int(lengths), columns)
        except (OSError, pa.ArrowInvalid) as error:
            if copy is None or self.cache is None:
                raise SnapshotError(
                    f"{file.path} cannot be read any more",
                    where=join(uri, file.path),
                    why=str(error).partition("\n")[0],
                    do="resume the run; it looks at every file before the first step",
                ) from error
            self.cache.drop(copy)  # damaged after it was looked at, or evicted this moment
            with open_parquet(uri, file) as parquet:
                return read_rows(parquet, file, int(starts), int(lengths), columns)

    def _copy(self, number: int) -> str | None:
        """Path of the file's copy on this node; None where it is read where it lies."""
        if self.cache is None or is_local(self.snapshot.uri):
            return None
        coming = self._fetching.pop(number, None)
        if coming is not None:
            coming.result()
        return self.cache.local(self.snapshot.uri, self.snapshot.files[number])

    def _fetch_ahead(self, unit: int) -> None:
        """Fetch the file that the lane reads next while this one is used."""
        if self.cache is None or is_local(self.snapshot.uri):
            return
        number = int(self._units[0][unit])
        if number not in self._fetching:
            self._ahead = self._ahead or ThreadPoolExecutor(1, thread_name_prefix="fetch")
            file = self.snapshot.files[number]
            self._fetching[number] = self._ahead.submit(self.cache.local, self.snapshot.uri, file)
