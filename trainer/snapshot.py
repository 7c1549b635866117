"""A release pinned for a run: which files, which stretches of them are read at once, and a fingerprint.

`open_snapshot` reads the Delta log and every footer, once and in one process; `to_json` keeps what came of
it. Every other process, and every later start, makes its snapshot from that, checks the files against it
(`verify`) and never reads the log again.

The unit of order is a row group of the *text* table, also where token ids are read: `tokens` holds the same
rows in the same files, in other row groups. So a run may change from text to ids and back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc

from schemas.tokens import TOKENS
from schemas.version import VERSION
from trainer import storage
from trainer.arrays import Ints
from trainer.errors import ConfigError, SnapshotError
from trainer.parquet import open_parquet
from trainer.release import Release, read_release
from trainer.table import DataFile, look_at, pin_table

Reads = Literal["text", "tokens"]
SPLIT = "split"
"""The column of `stage2` that keeps rows for validation."""
TRAIN = "train"
_THREADS = 8


@dataclass(frozen=True, eq=False)  # no slots: what is derived is kept
class Snapshot:
    """What a run reads."""

    release: str
    """Folder or prefix of the release."""
    name: str
    stage: str
    """The text table: stage1 or stage2."""
    reads: Reads
    split: str | None
    """Only rows of this split; None where the table has no splits."""
    rows_fingerprint: str
    """Of the text table's rows, from release.json."""
    text: tuple[DataFile, ...]
    tokens: tuple[DataFile, ...]
    """File for file the rows of `text`; empty where text is read."""
    languages: tuple[str, ...]
    tokenizer_sha256: str | None
    """Of the model that `tokens` was made with."""
    unit_rows: Ints
    """(units,) rows of each unit that are in the split."""

    @property
    def rows(self) -> int:
        """Of an epoch."""
        return int(self.unit_rows.sum())

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Those that are read."""
        return self.tokens if self.reads == "tokens" else self.text

    @property
    def uri(self) -> str:
        """Of the table that is read."""
        return storage.join(self.release, TOKENS.name if self.reads == "tokens" else self.stage)

    @cached_property
    def units(self) -> tuple[Ints, Ints, Ints]:
        """(units,) each: number of the file, its first row in the file, its rows in the file."""
        counts = [len(file.rows) for file in self.text]
        rows = np.array([n for file in self.text for n in file.rows], np.int64)
        number = np.repeat(np.arange(len(counts)), counts)
        before = np.concatenate(([0], np.cumsum(rows)))
        of_file = before[np.concatenate(([0], np.cumsum(counts)))[number]] if len(rows) else rows
        return number, before[:-1] - of_file, rows

    @cached_property
    def fingerprint(self) -> str:
        """What the order depends on: the rows, how row groups cut them, and the split; 32 hexadecimal digits.

        Not on where the release lies, and not on whether text or ids are read. Nor on the names of its files,
        which Delta draws: a release that is built again from the same recipe and input trains in the same
        order. Only files without statistics of seq_id are ordered by name, and then it counts.
        """
        cuts = [(file.rows, file.firsts or file.path) for file in self.text]
        facts = [self.rows_fingerprint, self.stage, self.split, cuts]
        digest = hashlib.sha256(json.dumps(facts).encode())
        digest.update(self.unit_rows.astype("<i8").tobytes())
        return digest.hexdigest()[:32]

    def verify(self) -> None:
        """SnapshotError for the first file that is no longer the pinned one; a request a file."""
        tables = ((storage.join(self.release, self.stage), self.text), (self.uri, self.tokens))
        for uri, pinned in tables:
            for file, held in zip(pinned, look_at(uri, [(f.path, f.size) for f in pinned]), strict=True):
                if held != file:
                    raise SnapshotError(
                        f"{file.path} was replaced: another footer, though of the same size",
                        where=storage.join(uri, file.path),
                        why=f"it holds {sum(held.rows):,} rows from seq_id {held.first:,}, pinned were "
                        f"{sum(file.rows):,} from {file.first:,}",
                        do="restore the file, or start a run of its own on the changed release",
                    )

    def to_json(self) -> str:
        """All of it, to be kept with a run."""
        values = {name: getattr(self, name) for name in (f.name for f in dataclasses.fields(self))}
        values |= {name: [dataclasses.asdict(f) for f in values[name]] for name in ("text", "tokens")}
        values["unit_rows"] = self.unit_rows.tolist()
        return json.dumps({"software": VERSION, **values}, indent=1) + "\n"


def snapshot_of(text: str, release: str | None = None) -> Snapshot:
    """A snapshot from `to_json`; the files are not looked at (`Snapshot.verify` does).

    `release`: where the release lies now, if it was moved or copied since.
    """
    try:
        values = json.loads(text)
        values.pop("software")
        for name in ("text", "tokens"):
            values[name] = tuple(_data_file(one) for one in values[name])
        values["languages"] = tuple(values["languages"])
        values["unit_rows"] = np.array(values["unit_rows"], np.int64)
        return Snapshot(**{**values, "release": release or values["release"]})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SnapshotError(f"this is no saved snapshot: {error!r}") from error


def open_snapshot(
    release: str | Release, *, stage: int = 1, reads: Reads = "text", split: str | None = None
) -> Snapshot:
    """Pin a release for a run. Raises before anything is read that costs time.

    `release`: a folder or s3:// prefix with a release.json. `reads`: the text, or the ids in `tokens` (of
    Stage 1). `split`: of Stage 2, `train` unless another is named; counting its rows reads that one small
    column once. ConfigError for what is not there, SnapshotError where a file is missing or changed.
    """
    held = release if isinstance(release, Release) else read_release(release)
    table = f"stage{stage}"
    if reads == "tokens" and stage != 1:
        raise ConfigError("reads", reads, accepted="text in Stage 2: `tokens` holds Stage 1", where=held.uri)
    text = pin_table(held, table)
    tokens = pin_table(held, TOKENS.name) if reads == "tokens" else ()
    if reads == "tokens" and [(sum(f.rows), f.first) for f in tokens] != [
        (sum(f.rows), f.first) for f in text
    ]:
        raise SnapshotError(f"tokens do not hold the rows of {table} file for file", where=held.uri)
    chosen = _chosen_split(text, split, table)
    snapshot = Snapshot(
        release=held.uri,
        name=held.name,
        stage=table,
        reads=reads,
        split=chosen,
        rows_fingerprint=held.table(table).fingerprint,
        text=text,
        tokens=tokens,
        languages=tuple(sorted(held.table(table).words)),
        tokenizer_sha256=held.tokenizer_sha256,
        unit_rows=np.array([n for file in text for n in file.rows], np.int64),
    )
    if chosen is not None:
        snapshot = dataclasses.replace(snapshot, unit_rows=_rows_of_split(snapshot, chosen))
    if not snapshot.rows:
        raise SnapshotError(f"{table} has no rows to read" + (f" in split {chosen!r}" if chosen else ""))
    return snapshot


def _chosen_split(text: tuple[DataFile, ...], split: str | None, table: str) -> str | None:
    has_splits = any(SPLIT in file.columns for file in text)
    if split is not None and not has_splits:
        raise ConfigError("split", split, accepted=f"nothing: {table} has no column {SPLIT!r}")
    return (split or TRAIN) if has_splits else None


def _rows_of_split(snapshot: Snapshot, split: str) -> Ints:
    """(units,) rows of the split, from one pass over the column `split`: a number a row group stays of it."""

    def of_file(file: DataFile) -> list[int]:
        with open_parquet(snapshot.uri, file) as parquet:
            columns = (
                parquet.read_row_group(n, columns=[SPLIT], use_threads=False)[SPLIT]
                for n in range(len(file.rows))
            )
            return [pc.sum(pc.equal(column, split)).as_py() or 0 for column in columns]

    with ThreadPoolExecutor(_THREADS) as pool:
        return np.array([n for counts in pool.map(of_file, snapshot.text) for n in counts], np.int64)


def _data_file(values: dict[str, Any]) -> DataFile:
    lists = {name: tuple(values[name]) for name in ("rows", "firsts", "columns")}
    return DataFile(**{**values, **lists})
