"""What a user sees while a build runs: a line that moves on a terminal, plain lines elsewhere, always on
stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POLL_S = 0.5
QUIET_S = 30.0
"""Between two lines about the same pass where the output is no terminal."""


class Progress:
    """Reports the passes of a build. Keeps the moving line, so it has state."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()

    def line(self, text: str) -> None:
        """One finished line."""
        self._clear()
        print(text, file=self._stream, flush=True)

    @contextmanager
    def running(
        self, name: str, spark: SparkSession | None = None, detail: Callable[[], str] | None = None
    ) -> Iterator[None]:
        """Show that `name` is under way until the block ends, with what `detail` says, else with Spark's
        tasks where there are any."""
        done = threading.Event()
        began = time.monotonic()
        tell = detail or (lambda: _tasks(spark))
        watcher = threading.Thread(target=self._watch, args=(name, tell, done, began), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
        self.line(f"  {name:<10} {time.monotonic() - began:6.1f} s")

    def _watch(self, name: str, tell: Callable[[], str], done: threading.Event, began: float) -> None:
        next_line = began + QUIET_S
        while not done.wait(POLL_S):
            now = time.monotonic()
            text = f"  {name:<10} {now - began:6.1f} s  {tell()}".rstrip()
            if self._terminal:
                self._stream.write(f"\r\x1b[K{text}")
                self._stream.flush()
            elif now >= next_line:
                print(text, file=self._stream, flush=True)
                next_line = now + QUIET_S

    def _clear(self) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[K")


def _tasks(spark: SparkSession | None) -> str:
    """Finished and all tasks of the stages that run now."""
    if spark is None:
        return ""
    tracker = spark.sparkContext.statusTracker()
    stages = [info for i in tracker.getActiveStageIds() if (info := tracker.getStageInfo(i)) is not None]
    total = sum(stage.numTasks for stage in stages)
    return f"{sum(stage.numCompletedTasks for stage in stages)}/{total} tasks" if total else ""
