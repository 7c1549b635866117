"""The corpus job against its floors: `python -m bench.corpus`, or `make bench`. About ten minutes.

CPU seconds are those of the whole process tree, in one warm session: each job runs twice and the second run
counts, the floor (a bare copy of the same files) beside it. Memory and the second build are those of the real
command in a process of its own. Exits 1 when a figure misses its floor (floors.toml) or a count is not the
one that follows from how the input was made.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench import jobs
from bench.floors import judge, read_floors
from bench.inputs import SOURCE, Expected, expected, make_inputs
from bench.meter import Meter, Usage
from bench.peers import DATATROVE, datatrove_dedup, peer_python
from spark_jobs.session import SHORT_JOB_BYTES, SessionConfig, get_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")


@dataclass(slots=True)
class Bench:
    """One run: where things are, and what was found so far."""

    made: Path
    scratch: Path
    cache: Path
    cores: int
    meter: Meter
    figures: dict[str, float]
    wrong: list[str]

    def counts(self) -> Expected:
        """What the input holds."""
        return expected(self.made)

    def timed(self, name: str, work: Callable[[], Result]) -> tuple[Result, Usage]:
        """Measure the work once and print its line."""
        result, usage = self.meter.measure(work)
        megabytes = self.counts().text_bytes / 1e6
        print(
            f"  {name:<38}{usage.wall_s:9.1f}{usage.cpu_s:9.1f}{usage.jvm_s:9.1f}{usage.workers_s:9.1f}"
            f"{megabytes / usage.cpu_s:9.1f}{usage.jvm_peak / 1e9:9.2f}{usage.workers_peak / 1e9:9.2f}",
            flush=True,
        )
        return result, usage

    def must_be(self, what: str, found: int, wanted: int) -> None:
        """An exact value: a faster wrong result is no result."""
        if found != wanted:
            self.wrong.append(f"{what}: {found:,} instead of {wanted:,}")


def main() -> int:
    """Measure, print, judge."""
    options = _options()
    cache = options.cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    made = make_inputs(options.source, options.megabytes, cache)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    meter = Meter()
    meter.start()
    bench = Bench(made, scratch, cache, options.cores, meter, {}, [])
    print(f"{bench.counts().text_bytes / 1e6:.0f} MB of text in {made}, {options.cores} cores")
    titles = ("wall s", "CPU s", "JVM", "Python", "MB/CPU s", "GB JVM", "GB Py")
    print(f"  {'':<38}" + "".join(f"{title:>9}" for title in titles))
    try:
        # The session comes last: its JVM lives as long as this process and would count in their memory.
        measure_command(bench, options.source, options.megabytes)
        if not options.no_peer:
            measure_datatrove(bench)
        measure_session(bench)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return judge(bench.figures, read_floors("floors.toml"), bench.wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.corpus", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    parser.add_argument("--megabytes", type=int, default=450)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=None, help="where made input and peers are kept")
    parser.add_argument("--no-peer", action="store_true", help="leave datatrove out")
    return parser.parse_args()


def measure_session(bench: Bench) -> None:
    """Bare copy, whole build and de-duplication, each twice in one session; the second run counts."""
    short = sum(file.stat().st_size for file in (bench.made / "mc4").iterdir()) <= SHORT_JOB_BYTES
    config = SessionConfig(
        app_name="bench", cores=bench.cores, scratch=bench.scratch, ui=True, short_job=short
    )
    spark = get_session(config)
    try:
        for run in ("first", "warm"):
            copied = _copy(bench, spark, run)
            built = _build(bench, spark, run, copied)
            _, deduplicated = bench.timed(
                f"read + exact dedup + write, {run}",
                lambda: jobs.dedup_only(spark, bench.made, bench.scratch / "dedup"),
            )
        sample = jobs.tenth_of_texts(bench.made)
        jobs.speak(sample)  # builds the tables of each language
        _, spoken = bench.timed("to_spoken of one document in ten", partial(jobs.speak, sample))
        print(f"    the spoken form takes about {7 * spoken.cpu_s:.1f} CPU s of a build (70 % of the text)")
        bench.figures["whole_job_times_copy"] = built.cpu_s / copied[0].cpu_s
        bench.figures["dedup_mb_per_cpu_s"] = bench.counts().text_bytes / 1e6 / deduplicated.cpu_s
        if "datatrove_mb_per_cpu_s" in bench.figures:
            ours, theirs = (bench.figures[f"{whose}_mb_per_cpu_s"] for whose in ("dedup", "datatrove"))
            bench.figures["dedup_against_datatrove"] = ours / theirs
        survivors = jobs.rows_of(bench.scratch / "dedup" / "survivors")
        bench.must_be("survivors of exact de-duplication", survivors, bench.counts().distinct)
    finally:
        spark.stop()


def _copy(bench: Bench, spark: "SparkSession", run: str) -> tuple[Usage, int]:
    before = jobs.moved(spark)
    _, usage = bench.timed(
        f"bare copy (the floor), {run}", lambda: jobs.bare_copy(spark, bench.made, bench.scratch / "copy")
    )
    return usage, (jobs.moved(spark) - before).written


def _build(bench: Bench, spark: "SparkSession", run: str, copied: tuple[Usage, int]) -> Usage:
    warehouse = bench.scratch / "warehouse"
    before = jobs.moved(spark)
    (_, seconds), usage = bench.timed(
        f"whole build, {run}", lambda: jobs.whole_build(spark, bench.made, warehouse)
    )
    moved = jobs.moved(spark) - before
    print("    " + ", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items()))
    counts = bench.counts()
    bench.figures["text_shuffled"] = moved.shuffled / counts.text_bytes
    bench.figures["text_written"] = moved.written / copied[1]
    for table, wanted in (("documents", counts.documents), ("quarantine", counts.broken)):
        bench.must_be(table, jobs.rows_of(warehouse / table), wanted)
    return usage


def measure_datatrove(bench: Bench) -> None:
    """The peer on the same files, in an environment of its own."""
    python = peer_python("datatrove-0.10.1", DATATROVE, bench.cache)
    if python is None:
        return
    left, usage = bench.timed(
        "datatrove: read + exact dedup + Parquet",
        lambda: datatrove_dedup(python, bench.made / "mc4", bench.scratch / "datatrove", bench.cores),
    )
    bench.figures["datatrove_mb_per_cpu_s"] = bench.counts().text_bytes / 1e6 / usage.cpu_s
    print(f"    it left {left:,} of {bench.counts().distinct:,} distinct documents")


def measure_command(bench: Bench, source: Path, megabytes: int) -> None:
    """`corpus build` as a user runs it: memory at this size and at twice of it, then the same build again."""
    warehouse = bench.scratch / "command"
    for key, made in (
        ("memory_gb_twice", make_inputs(source, 2 * megabytes, bench.cache)),
        ("memory_gb", bench.made),
    ):
        shutil.rmtree(warehouse, ignore_errors=True)
        size = f"{expected(made).text_bytes / 1e6:.0f} MB"
        _, usage = bench.timed(f"corpus build, {size}", partial(_corpus_build, bench, made, warehouse))
        bench.figures[key] = usage.spark_peak / 1e9
    before, began = _files(warehouse), time.perf_counter()
    _corpus_build(bench, bench.made, warehouse)
    bench.figures["second_build_s"] = time.perf_counter() - began
    bench.figures["second_build_changes"] = len(before.items() ^ _files(warehouse).items())


def _corpus_build(bench: Bench, made: Path, warehouse: Path) -> None:
    command = [sys.executable, "-m", "spark_jobs.cli", "build", str(jobs.RECIPE), "--root", str(made)]
    command += ["--warehouse", str(warehouse), "--scratch", str(bench.scratch), "--cores", str(bench.cores)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    sys.exit(main())
