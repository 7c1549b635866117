"""CPU seconds and memory of a Spark job: this process, the JVM, and every Python worker that ever lived.

Children times cannot be trusted here: pyspark's daemon ignores SIGCHLD, so the CPU of a worker that ended
reaches nobody. A thread reads /proc every 50 ms instead and keeps what it saw last; a worker's last 50 ms may
be missed, and processes that live shorter (the `chmod` that Hadoop starts for each file) are not counted.
Linux only.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

_POLL_SECONDS = 0.05
_WALK_EVERY = 20  # polls between two looks for children of Java: it has a hundred threads to ask
_RSS_EVERY = 4  # polls between two readings of memory
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one piece of work took."""

    wall_s: float
    jvm_s: float
    """CPU seconds of Java, its garbage collection and compilation included."""
    workers_s: float
    """CPU seconds of Spark's Python daemon and workers, and of any other child process."""
    driver_s: float
    """CPU seconds of this process, without the meter's own."""
    jvm_peak: int
    """Most bytes resident in Java at one moment."""
    workers_peak: int
    """Most bytes resident in all workers at one moment; pages they share count in each."""
    spark_peak: int
    """Most bytes resident in Java and workers together."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the whole tree."""
        return self.jvm_s + self.workers_s + self.driver_s


@dataclass(slots=True)
class _Seen:
    """The tree as last read."""

    cpu: dict[tuple[int, str], tuple[str, float]] = field(default_factory=dict)
    """(process, its start time) -> (kind, CPU seconds); a reused number is a new process."""
    living: dict[int, str] = field(default_factory=dict)
    jvm_peak: int = 0
    workers_peak: int = 0
    spark_peak: int = 0


class Meter(threading.Thread):
    """Watches the tree below this process from `start` until the process ends; see `measure`."""

    def __init__(self) -> None:
        super().__init__(name="meter", daemon=True)
        self._seen = _Seen()
        self._lock = threading.Lock()
        self._polls = 0
        self._own_s = 0.0

    def run(self) -> None:
        """Poll until the process ends."""
        while True:
            self._poll()
            self._own_s = time.thread_time()
            time.sleep(_POLL_SECONDS)

    def measure(self, work: Callable[[], Result]) -> tuple[Result, Usage]:
        """Do the work once; its result and what it took. One piece of work at a time."""
        before, wall = self._totals(), time.perf_counter()
        with self._lock:
            self._seen.jvm_peak = self._seen.workers_peak = self._seen.spark_peak = 0
        result = work()
        wall = time.perf_counter() - wall
        after, seen = self._totals(), self._seen
        jvm, workers, driver = (after[kind] - before[kind] for kind in ("jvm", "worker", "driver"))
        return result, Usage(wall, jvm, workers, driver, seen.jvm_peak, seen.workers_peak, seen.spark_peak)

    def _totals(self) -> dict[str, float]:
        self._poll(whole=True)
        totals = {"jvm": 0.0, "worker": 0.0, "driver": time.process_time() - self._own_s}
        for kind, seconds in self._seen.cpu.values():
            totals[kind] += seconds
        return totals

    def _poll(self, *, whole: bool = False) -> None:
        with self._lock:
            self._find(ask_jvm=whole or self._polls % _WALK_EVERY == 0)
            resident = self._read(with_memory=whole or self._polls % _RSS_EVERY == 0)
            self._polls += 1
            if resident:
                seen = self._seen
                seen.jvm_peak = max(seen.jvm_peak, resident["jvm"])
                seen.workers_peak = max(seen.workers_peak, resident["worker"])
                seen.spark_peak = max(seen.spark_peak, resident["jvm"] + resident["worker"])

    def _find(self, *, ask_jvm: bool) -> None:
        """Find processes that are new; the daemon, a child of Java, comes once and brings the workers."""
        living = self._seen.living
        todo = [os.getpid(), *living]
        while todo:
            pid = todo.pop()
            if living.get(pid) != "jvm" or ask_jvm:
                new = [child for child in _children(pid) if child not in living]
                living.update(dict.fromkeys(new, "worker"))
                todo += new

    def _read(self, *, with_memory: bool) -> dict[str, int]:
        resident = {"jvm": 0, "worker": 0}
        for pid in list(self._seen.living):
            try:
                name, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")
            except OSError:  # it ended: what was read last stays in `cpu`
                del self._seen.living[pid]
                continue
            # Asked each time: what becomes Java begins as the shell script of spark-submit.
            kind = self._seen.living[pid] = "jvm" if name.endswith("(java") else "worker"
            fields = rest.split()
            # After the name: 11 and 12 are user and system ticks, 19 the start time, 21 resident pages.
            key = pid, fields[19]
            if (
                key in self._seen.cpu
            ):  # else it may be a fork of Java before its exec, with all of Java's pages
                resident[kind] += int(fields[21]) * _PAGE
            self._seen.cpu[key] = kind, (int(fields[11]) + int(fields[12])) / _TICKS
        return resident if with_memory else {}


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="utf-8").split())
    except OSError:  # it ended while we looked
        pass
    return found
