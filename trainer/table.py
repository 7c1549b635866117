"""A Delta table at one version as a list of files that were looked at: there, of their size, with their
footers. Only here is the Delta log read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainer import storage
from trainer.errors import SnapshotError
from trainer.release import Entry, Release

HONOURED = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Delta reader features that change nothing for a reader of plain files. All others are refused by name."""
_THREADS = 16  # footers of a remote store come one round trip each
_TAIL = 64 << 10  # bytes: nearly every footer fits, and comes in one request
_REPLACED = "a file was replaced or the table was rewritten after the release was published"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file as pinned."""

    path: str
    """Relative to the table."""
    size: int
    """Bytes."""
    rows: tuple[int, ...]
    """Of each row group."""
    footer: str
    """Hash of the file's footer, where its schema, offsets and statistics stand."""
    firsts: tuple[int, ...]
    """Least seq_id of each row group, by the footer's statistics; none where it has no statistics."""
    columns: tuple[str, ...]

    @property
    def first(self) -> int:
        """Least seq_id, which orders the files; 0 where it is not known."""
        return min(self.firsts, default=0)


def pin_table(release: Release, name: str) -> tuple[DataFile, ...]:
    """The files of a release's table at its pinned version, in the order of their rows.

    SnapshotError, naming the file or the feature, where something is missing, changed or cannot be honoured.
    A request a file on a remote store.
    """
    entry = release.table(name)
    uri = storage.join(release.uri, entry.path)
    added = _added_files(uri, name, entry)
    files = look_at(uri, [(row["path"], row["size_bytes"]) for row in added])
    for file, row in zip(files, added, strict=True):
        _check_against_log(uri, file, row)
        _check_order(uri, file)
    _check_against_release(release, name, files)
    return tuple(sorted(files, key=lambda file: (file.first, file.path)))


def look_at(uri: str, wanted: Sequence[tuple[str, int]]) -> list[DataFile]:
    """Each (path, size) as it lies there now; SnapshotError for the first that is not there as it should."""
    found = storage.sizes(uri, [path for path, _ in wanted])
    for (path, size), held in zip(wanted, found, strict=True):
        if held is None:
            raise SnapshotError(
                f"{path} is missing, the release needs it",
                where=storage.join(uri, path),
                why="it was deleted, or the copy of the release is not complete",
                do="restore the file, or copy the release again",
            )
        if held != size:
            raise SnapshotError(
                f"{path} has {held:,} bytes, the release pins {size:,}",
                where=storage.join(uri, path),
                why="it was cut short in a copy" if held < size else _REPLACED,
                do="restore the file, or copy the release again",
            )
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda one: _read_footer(uri, *one), wanted))


def _read_footer(uri: str, path: str, size: int) -> DataFile:
    filesystem, base = storage.open_filesystem(uri)
    try:
        with filesystem.open_input_file(storage.join(base, path)) as file:
            tail = file.read_at(min(size, _TAIL), max(size - _TAIL, 0))
            length = int.from_bytes(tail[-8:-4], "little") + 8
            if len(tail) < length <= size:
                tail = file.read_at(length, size - length)
        footer = tail[-length:]
        meta = pq.read_metadata(pa.BufferReader(footer))
    except (OSError, pa.ArrowInvalid) as error:
        raise SnapshotError(
            f"{path} has no Parquet footer that can be read",
            where=storage.join(uri, path),
            why=str(error).partition("\n")[0],
            do="restore the file, or copy the release again",
        ) from error
    names = tuple(meta.schema.to_arrow_schema().names)
    rows = tuple(meta.row_group(n).num_rows for n in range(meta.num_row_groups))
    digest = hashlib.sha256(footer).hexdigest()[:16]
    return DataFile(path, size, rows, digest, _firsts(meta, names), names)


def _firsts(meta: Any, names: Sequence[str]) -> tuple[int, ...]:
    if "seq_id" not in names:
        return ()
    groups = range(meta.num_row_groups)
    found = [meta.row_group(n).column(names.index("seq_id")).statistics for n in groups]
    return tuple(int(one.min) for one in found if one is not None and one.has_min_max)


def _added_files(uri: str, name: str, entry: Entry) -> list[dict[str, Any]]:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        held = DeltaTable(uri, version=entry.version)
        _check_features(uri, name, held)
        added: list[dict[str, Any]] = pa.table(held.get_add_actions(flatten=True)).to_pylist()
    except (DeltaError, OSError) as error:
        raise SnapshotError(
            f"{name} cannot be opened at version {entry.version}, which the release pins",
            where=uri,
            why=str(error).partition("\n")[0],
            do="restore the table, or copy the release again",
        ) from error
    return added


def _check_features(uri: str, name: str, held: Any) -> None:
    """SnapshotError, naming them, where reading needs what plain Parquet does not give."""
    protocol, meta = held.protocol(), held.metadata()
    wanted = set(protocol.reader_features or ()) - HONOURED
    mapping = meta.configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none":
        wanted.add("columnMapping")
    if protocol.min_reader_version > 3:
        wanted.add(f"reader version {protocol.min_reader_version}")
    if meta.partition_columns:
        wanted.add(f"partitions ({', '.join(meta.partition_columns)})")
    if wanted:
        raise SnapshotError(
            f"{name} needs what the stream does not honour: {', '.join(sorted(wanted))}",
            where=uri,
            why="a release promises Delta reader version 1; rows would come out wrong in silence",
            do="build the release with `corpus build`",
        )


def _check_against_log(uri: str, file: DataFile, row: dict[str, Any]) -> None:
    """A file of the right size with other rows: what the log keeps of it is compared with its footer."""
    told = (
        (row.get("num_records"), sum(file.rows), "rows"),
        (row.get("min.seq_id"), file.first, "first row"),
    )
    for logged, held, what in told:
        if logged is not None and logged != held:
            raise SnapshotError(
                f"{file.path} is another file: {what} {held:,}, the table's log says {logged:,}",
                where=storage.join(uri, file.path),
                why=_REPLACED,
                do="restore the file, or copy the release again",
            )


def _check_order(uri: str, file: DataFile) -> None:
    """Text and ids are matched by their places, so rows have to lie in the order of seq_id."""
    if list(file.firsts) != sorted(file.firsts):
        raise SnapshotError(
            f"{file.path} does not hold its rows in the order of seq_id",
            where=storage.join(uri, file.path),
            why="something other than `corpus` wrote it",
            do="build the release with `corpus build`",
        )


def _check_against_release(release: Release, name: str, files: Iterable[DataFile]) -> None:
    entry, files = release.table(name), list(files)
    counted = (len(files), sum(sum(file.rows) for file in files), sum(file.size for file in files))
    told = (entry.files, entry.rows, entry.bytes)
    for what, held, wanted in zip(("files", "rows", "bytes"), counted, told, strict=True):
        if held != wanted:
            raise SnapshotError(
                f"{name} has {held:,} {what}, release.json says {wanted:,}",
                where=storage.join(release.uri, entry.path),
                why="the table and release.json are not of one release",
                do="copy the release again, table and release.json together",
            )
