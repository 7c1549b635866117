"""Remote files kept on a node's own disk, up to a limit of bytes; shared by all processes of the node.

A file is named after where it comes from and its footer, so the same file is never fetched twice and another
file of the same name is another entry. The least recently used go first. One process fetches a file while the
others wait for it. A copy that is damaged (its hash is not the one taken while it was fetched) is fetched
anew; a process looks at each copy once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from trainer import storage
from trainer.errors import ConfigError, TeacherError
from trainer.table import DataFile

_PART = 8 << 20  # bytes a read
_ABANDONED_S = 3600.0  # a file that nobody wrote to for so long is left over from a kill


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheConfig:
    """Where copies of remote files lie."""

    folder: str
    """On a local disk, for all processes of the node."""
    limit_bytes: int = 100 << 30
    """At most so much lies there. Two files a lane have to fit, or files are fetched over and over."""

    def __post_init__(self) -> None:
        if self.limit_bytes < 1:
            raise ConfigError("cache.limit_bytes", self.limit_bytes, accepted="1 or more")


@dataclass(slots=True)
class FileCache:
    """Copies of remote files in a folder; `hits`, `misses` and `fetched_bytes` count this process."""

    config: CacheConfig
    hits: int = 0
    misses: int = 0
    fetched_bytes: int = 0
    _looked_at: set[str] = field(default_factory=set)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    """What comes ahead is counted by another thread than what is waited for."""

    def local(self, uri: str, file: DataFile) -> str | None:
        """Path of a good copy of a table's file, fetched if there is none; None where it does not fit."""
        if file.size > self.config.limit_bytes:
            return None
        key = hashlib.sha256(f"{storage.join(uri, file.path)}\n{file.size}\n{file.footer}".encode())
        copy = Path(self.config.folder, key.hexdigest()[:32])
        copy.parent.mkdir(parents=True, exist_ok=True)
        with _locked(copy.with_suffix(".lock")):
            if self._is_good(copy, file):
                os.utime(copy)
                with self._counting:
                    self.hits += 1
            else:
                with self._counting:
                    self.misses += 1
                if not self._fetch(uri, file, copy):
                    return None
        return str(copy)

    def drop(self, path: str) -> None:
        """Forget a copy that could not be read: the next `local` fetches it anew."""
        self._looked_at.discard(path)
        Path(path).unlink(missing_ok=True)

    def _is_good(self, copy: Path, file: DataFile) -> bool:
        try:
            if copy.stat().st_size != file.size:
                return False
            if str(copy) not in self._looked_at:
                hashed = xxhash.xxh3_64()
                with copy.open("rb") as stream:
                    while part := stream.read(_PART):
                        hashed.update(part)
                if copy.with_suffix(".xxh3").read_text("ascii") != hashed.hexdigest():
                    return False
                self._looked_at.add(str(copy))
        except OSError:  # not there, or evicted this moment
            return False
        return True

    def _fetch(self, uri: str, file: DataFile, copy: Path) -> bool:
        """False where there is no room: other processes are filling it."""
        partial = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.partial")
        filesystem, base = storage.open_filesystem(uri)
        hashed, size = xxhash.xxh3_64(), 0
        try:
            with _locked(copy.parent / "evict.lock"):
                if not self._make_room(file.size):
                    return False
                with partial.open("wb") as sink:
                    sink.truncate(file.size)  # taken before it is filled: the limit holds for all processes
            with (
                filesystem.open_input_stream(storage.join(base, file.path)) as stream,
                partial.open("r+b") as sink,
            ):
                while part := stream.read(_PART):
                    sink.write(part)
                    hashed.update(part)
                    size += len(part)
            if size != file.size:
                raise TeacherError(
                    f"{file.path} has {size:,} bytes, the run pinned {file.size:,}",
                    where=storage.join(uri, file.path),
                    why="it changed while the run was on, or the connection broke",
                    do="resume the run; it looks at every file before the first step",
                )
            copy.with_suffix(".xxh3").write_text(hashed.hexdigest(), "ascii")
            with _locked(
                copy.parent / "evict.lock"
            ):  # who adds up sizes must not miss a file between two names
                partial.replace(copy)
        finally:
            partial.unlink(missing_ok=True)
        with self._counting:
            self.fetched_bytes += size
        self._looked_at.add(str(copy))
        return True

    def _make_room(self, size: int) -> bool:
        """Remove the least recently used copies until `size` more bytes fit. Who maps one keeps its bytes."""
        total, evictable = size, []
        for path in Path(self.config.folder).iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if path.suffix in (".lock", ".xxh3"):
                    continue
                total += found.st_size
                # Another process fills a .partial just now, unless it was killed.
                if path.suffix != ".partial" or time.time() - found.st_mtime > _ABANDONED_S:
                    evictable.append((found.st_mtime_ns, found.st_size, path))
        for _, bytes_, path in sorted(evictable):
            if total <= self.config.limit_bytes:
                break
            for name in (path, path.with_suffix(".xxh3")):
                name.unlink(missing_ok=True)
            self._looked_at.discard(str(path))
            total -= bytes_
        return total <= self.config.limit_bytes


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield  # closing gives the lock back
