"""Bytes of a stored file, local or on an object store, by position; nothing is held but one buffer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

READ_BYTES = 4 * 1024 * 1024
"""A read is one GET on an object store, where 30 ms of latency cost as much as 4 MiB of transfer."""


def file_system(uri: str) -> tuple[pa.fs.FileSystem, str]:
    """The Arrow file system of a URI or a plain local path, and the path within it."""
    from pyarrow import fs

    if "://" not in uri:
        return fs.LocalFileSystem(), uri
    # Hadoop's names for S3; Arrow knows the bare one only.
    return fs.FileSystem.from_uri(re.sub(r"^s3[an]://", "s3://", uri))  # type: ignore[no-any-return]


@contextmanager
def opened(uri: str) -> Iterator[pa.NativeFile]:
    """The stored bytes for random access. Errors of the storage itself (missing, forbidden) pass through."""
    files, path = file_system(uri)
    with files.open_input_file(path) as file:
        yield file


class Stored:
    """The stored bytes of one file, in small pieces that can be looked at before they are taken."""

    def __init__(self, file: pa.NativeFile, on_read: Callable[[int, int], None] | None = None) -> None:
        """`on_read` is told the bytes read so far and those there are, after each read."""
        self.size: int = file.size()
        self._on_read = on_read
        self._file = file
        self._buffer = b""
        self._base = 0  # place of the buffer in the file
        self._taken = 0

    @property
    def position(self) -> int:
        """Where in the file the next piece begins."""
        return self._base + self._taken

    @property
    def left(self) -> int:
        """Bytes behind `position`."""
        return self.size - self.position

    def move(self, position: int) -> None:
        """Go on at `position`; free within what was read last."""
        if not self._base <= position <= self._base + len(self._buffer):
            self._base, self._buffer = position, b""
        self._taken = position - self._base

    def peek(self, n: int) -> bytes:
        """The next `n` bytes, fewer at the end of the file; they stay."""
        while len(self._buffer) - self._taken < n and self._refill():
            pass
        return self._buffer[self._taken : self._taken + n]

    def take(self, n: int) -> bytes:
        """Between 1 and `n` bytes, none at the end of the file."""
        if self._taken == len(self._buffer):
            self._refill()
        piece = self._buffer[self._taken : self._taken + n]
        self._taken += len(piece)
        return piece

    def seek(self, pattern: re.Pattern[bytes], width: int) -> bool:
        """Move on to the next match of a pattern of `width` bytes; False, at the end, where there is none."""
        while True:
            if match := pattern.search(self._buffer, self._taken):
                self._taken = match.start()
                return True
            # What is left may be the beginning of a match that ends in the next read.
            self._taken = max(self._taken, len(self._buffer) - width + 1)
            if not self._refill():
                self.move(self.size)
                return False

    def _refill(self) -> bool:
        end = self._base + len(self._buffer)
        more = self._file.read_at(min(READ_BYTES, self.size - end), end) if end < self.size else b""
        self._buffer = self._buffer[self._taken :] + more
        self._base += self._taken
        self._taken = 0
        if more and self._on_read:
            self._on_read(end + len(more), self.size)
        return bool(more)
