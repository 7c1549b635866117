"""Rewrites a big compressed file once as zst shards that tasks can read side by side: `corpus split FILE`.

One pass, a few MB of memory. A shard holds whole records and is read alone; together they are the file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa
import zstandard
from pyarrow import fs

from spark_jobs.readers.blocks import LINES, PAGE, PAGES, PARAGRAPHS, Border, TooLong, cut
from spark_jobs.readers.compression import CODECS
from spark_jobs.readers.records import ReaderError, Split
from spark_jobs.readers.storage import file_system
from spark_jobs.readers.streams import Damage, events

SHARD_BYTES = 128 * 1024 * 1024
"""Text of a shard; about 40 MB stored."""
MAX_RECORD_BYTES = 64 * 1024 * 1024
"""A longer record goes into no shard. Readers take none of over 16 MiB unless they are told to."""
BORDERS: dict[str, Border] = {
    "mc4": LINES,
    "jsonl": LINES,
    "text": LINES,
    "cc100": PARAGRAPHS,
    "wikipedia": PAGES,
}
"""The formats whose files can be cut, and where."""
_FOOTER = b"\n</mediawiki>\n"


class DamagedFileError(ReaderError):
    """The file cannot be read to its end, and the caller did not say to go on without the rest."""


def split_file(
    path: str,
    out_dir: str,
    *,
    format: str,  # noqa: A002
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], None] | None = None,
    on_loss: Callable[[str], None] | None = None,
) -> list[str]:
    """Write `<stem>-00000-of-00012.<extension>.zst` and so on into `out_dir`; returns their paths.

    `shard_bytes`: text of a shard, exceeded by less than 2 MB or one record. `progress` is told the stored
    bytes read so far, and all. `on_loss` is told what goes into no shard (damage, giant records) and the work
    goes on; without it that is a DamagedFileError. Nothing has its name before all is written.
    ReaderError: the format cannot be cut, or shards of this name are there already.
    """
    if format not in BORDERS:
        raise ReaderError(f"format {format!r} cannot be split; those that can: {', '.join(BORDERS)}")
    if shard_bytes < 1:
        raise ReaderError(f"shard_bytes is {shard_bytes}, want at least 1")
    border = BORDERS[format]
    header = b""
    with _Shards(path, out_dir, footer=_FOOTER if border is PAGES else b"") as shards:
        for block in _blocks(path, border, progress, on_loss):
            if border is PAGES and shards.count == 0:
                header = block[: block.find(PAGE)]
                block = block[len(header) :]  # noqa: PLW2901
            if shards.count == 0 or shards.n_bytes >= shard_bytes:
                shards.begin(header)
            shards.write(block)
        return shards.finished()


def _blocks(
    path: str,
    border: Border,
    progress: Callable[[int, int], None] | None,
    on_loss: Callable[[str], None] | None,
) -> Iterator[bytes]:
    for block in cut(events(Split(uri=path), on_read=progress), border, MAX_RECORD_BYTES):
        if isinstance(block, bytes):
            # The last record of a file may lack its end.
            yield block if block.endswith(b"\n") else block + b"\n"
            continue
        loss = _loss(block)
        if on_loss is None:
            raise DamagedFileError(f"{path}: {loss}; split what is sound with --keep-going")
        on_loss(loss)


def _loss(what: TooLong | Damage) -> str:
    if isinstance(what, TooLong):
        return f"too_long: a record of {what.n_bytes:,} bytes, limit {MAX_RECORD_BYTES:,}"
    return f"{what.reason}: {what.detail} ({what.lost_bytes:,} stored bytes lost)"


class _Shards:
    """The shards of one file under temporary names, until all are written."""

    def __init__(self, path: str, out_dir: str, footer: bytes) -> None:
        self.count = 0
        self.n_bytes = 0
        """Text in the shard that is being written."""
        self._out_dir = out_dir
        self._files, self._folder = file_system(out_dir)
        self._stem, self._extension = _name(path)
        self._footer = footer
        self._temporary: list[str] = []
        self._sink: pa.NativeFile | None = None
        self._writer: zstandard.ZstdCompressionWriter | None = None

    def __enter__(self) -> Self:
        self._files.create_dir(self._folder, recursive=True)
        held = self._files.get_file_info(fs.FileSelector(self._folder))
        old = [one.base_name for one in held if one.base_name.startswith(f"{self._stem}-0")]
        if shards := [name for name in old if "-of-" in name]:
            raise ReaderError(
                f"{self._out_dir} holds {shards[0]} already; remove it, or choose another folder"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            if self._sink:
                self._sink.close()
            for name in self._temporary:
                self._files.delete_file(name)

    def begin(self, header: bytes) -> None:
        """Go on in a new shard."""
        self._end()
        name = posixpath.join(self._folder, f"_{self._stem}-{self.count:05d}.tmp")
        self._sink = self._files.open_output_stream(name, compression=None)
        self._temporary.append(name)
        self._writer = zstandard.ZstdCompressor(write_checksum=True).stream_writer(self._sink)
        self.count += 1
        self.n_bytes = 0
        self._writer.write(header)

    def write(self, block: bytes) -> None:
        """Add whole records to the shard."""
        assert self._writer is not None
        self._writer.write(block)
        self.n_bytes += len(block)

    def finished(self) -> list[str]:
        """Give all shards their names."""
        self._end()
        names = [f"{self._stem}-{n:05d}-of-{self.count:05d}{self._extension}.zst" for n in range(self.count)]
        for temporary, name in zip(self._temporary, names, strict=True):
            self._files.move(temporary, posixpath.join(self._folder, name))
        return [posixpath.join(self._out_dir, name) for name in names]

    def _end(self) -> None:
        if self._writer and self._sink:
            self._writer.write(self._footer)
            self._writer.flush(zstandard.FLUSH_FRAME)
            self._sink.close()


def _name(path: str) -> tuple[str, str]:
    """("en", ".jsonl") of "corpus/en.jsonl.gz"."""
    name = path.replace("\\", "/").rpartition("/")[2]
    for codec in CODECS:
        for extension in codec.extensions:
            name = name.removesuffix(extension)
    stem, extension = posixpath.splitext(name)
    return stem, extension
