"""One run a folder at a time: two would remove each other's half-written checkpoints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from trainer.errors import ConfigError

LOCK = "run.lock"
"""Says which process has the folder; the file stays, the lock on it ends with the process however it ends."""
_TAKEN = (errno.EACCES, errno.EAGAIN)
_PATIENCE = 60.0
"""Seconds after which a network file system shows a new file to everybody."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[str]:
    """Hold a run's folder, also against other machines on a shared file system; yields who holds it.

    ConfigError, naming the process, where another one holds it. A file system without locks is trusted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        holder = f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        file.write(holder)
        file.flush()
        yield holder


def shows(folder: Path, holder: str, patience: float = _PATIENCE) -> bool:
    """Whether a folder is the one that `holder` holds; on a node's own disk it is another of that name."""
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError):
            if (folder / LOCK).read_text("utf-8") == holder:
                return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)
