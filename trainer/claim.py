"""One run a folder at a time: two would remove each other's half-written checkpoints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from trainer.errors import ConfigError

LOCK = "run.lock"
"""Says which process has the folder; the file stays, the lock on it ends with the process however it ends."""
_TAKEN = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a run's folder, also against other machines on a shared file system.

    ConfigError, naming the process, where another one holds it. A file system without locks is trusted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                file.seek(0)
                raise ConfigError(
                    "--out",
                    str(folder),
                    accepted="a folder in which no other run is going on",
                    why=f"{file.read().strip() or 'another process'} trains there",
                    do="wait for it or end it (SIGTERM saves), or choose another folder",
                ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
