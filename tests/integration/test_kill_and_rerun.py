"""A build is killed again and again, the JVM with it, at moments that a seed draws; then it is let finish.

A build's clock are the files it makes: a kill comes when the warehouse holds so many new paths, give or take
a moment. So kills hit work on any machine, and many fall between a table's files and its commit. Each kill
is followed by the same command, until that many kills are spent; then all tables are compared with those of
a build that nobody disturbed.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from spark_jobs.manifest import releases
from spark_jobs.warehouse import TABLES, is_table, read_arrow
from tests.integration.corpora import build, cc100, mc4, write_recipe
from tests.integration.texts import HELD_OUT, documents
from tests.spark_jobs.utterances.files import jsonl

DEADLINE_S = 600
POLL_S = 0.01
KILLS_A_LIFE = 7
"""Then a build may finish, and the next kills hit a new warehouse."""


@dataclass
class Subject:
    """A recipe, and what an undisturbed build of it holds."""

    recipe: Path
    expected: dict[str, list]
    moments: list[str] = field(default_factory=list)
    """Where kills fell, for the message of a failure."""


@pytest.fixture(scope="module")
def subject(spark, tmp_path_factory) -> Subject:
    folder = tmp_path_factory.mktemp("kill")
    english = [*documents("en", 12, seed=3), f"Read this: {HELD_OUT}", "Too short"]
    mc4(folder / "raw/mc4/en.jsonl.gz", english, damaged=[b'{"text": "cut of', b'{"text": "\xff"}'])
    mc4(folder / "raw/mc4/ar.jsonl.gz", documents("ar", 6, seed=3), damaged=[b"[]"])
    hindi = documents("hi", 8, seed=3)
    cc100(folder / "raw/cc100/hi.txt.xz", [t.split("\n") for t in [*hindi, *hindi[:3]]])
    (folder / "raw/evaluation").mkdir()
    (folder / "raw/evaluation/en.txt").write_text(HELD_OUT, "utf-8")
    heard = [
        {"text": t, "locale": "en-US", "day": f"2026-11-0{1 + n % 3}"} for n, t in enumerate(english * 4)
    ]
    jsonl(folder / "raw/utterances/a.jsonl.gz", heard[::2])
    jsonl(folder / "raw/utterances/b.jsonl.gz", [*heard[1::2], b"[]"])
    stream = {"name": "assistant", "format": "jsonl", "path": "utterances"}
    sources = [{"name": name, "format": name, "path": name} for name in ("mc4", "cc100")]
    recipe = write_recipe(
        folder / "recipe.yaml",
        folder / "raw",
        sources,
        filters={"min_words": 3},
        decontaminate={"held_out": "evaluation/*.txt"},
        pack={"words": 30, "buckets": 2},
        utterances={"sources": [stream], "as_of": "2026-11-04", "validation": 0.2},
    )
    build(spark, recipe, folder / "w", partitions=2)
    return Subject(recipe, contents(folder / "w"))


def contents(warehouse: Path) -> dict[str, list]:
    """Every row of every table and the manifest, sorted, without times."""
    times = {"ledger": {"seconds", "finished"}, "statistics": set()}
    found: dict[str, list] = {}
    for name in [*TABLES, "releases/r/stage1", "releases/r/stage2"]:
        rows = read_arrow(str(warehouse / name)).to_pylist()
        kept = [row for row in rows if row.get("metric") != "seconds"]
        for row in kept:
            for column in times.get(name, ()):
                del row[column]
        found[name] = sorted(map(repr, kept))
    manifest = json.loads((warehouse / "releases/r/release.json").read_text("utf-8"))
    del manifest["created"]
    for column in ("bytes", "files"):  # Parquet files of another number of tasks
        for table in manifest["tables"].values():
            del table[column]
    return found | {"release.json": sorted(map(repr, manifest.items()))}


def command(subject: Subject, warehouse: Path) -> list[str]:
    build_it = ["build", str(subject.recipe), "--warehouse", str(warehouse)]
    return [*build_it, "--cores", "1", "--driver-memory", "1g", "--scratch", str(warehouse.parent)]


class Running:
    """`corpus build` in a session and process group of its own."""

    def __init__(self, subject: Subject, warehouse: Path) -> None:
        self._said = (warehouse.parent / "said.log").open("w+")
        light = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spark_jobs.cli", *command(subject, warehouse)],
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
            env=os.environ | light,
        )

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL for all at once; Spark's worker daemon left the group for one of its own."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        assert psutil.wait_procs(family, timeout=30)[1] == []
        self._said.close()


def paths(warehouse: Path) -> set[str]:
    return {os.path.join(at, name) for at, _, names in os.walk(warehouse) for name in names}


def run_and_kill(subject: Subject, warehouse: Path, after_files: int, delay_s: float) -> bool:
    """Run until the warehouse has seen so many new paths and a moment more, then kill; False: it finished."""
    before = paths(warehouse)
    running = Running(subject, warehouse)
    deadline = time.monotonic() + DEADLINE_S
    try:
        while running.runs() and "start " not in running.said():
            time.sleep(POLL_S)
        seen = set(before)
        while running.runs() and len(seen) - len(before) < after_files:
            seen |= paths(warehouse)
            assert time.monotonic() < deadline, running.said()
            time.sleep(POLL_S)
        if running.runs():
            time.sleep(delay_s)
        finished = not running.runs()
        assert not finished or running.process.returncode == 0, running.said()
    finally:
        if running.runs():
            running.kill()
    new = sorted(seen - before, key=lambda path: os.path.exists(path) and os.path.getmtime(path))
    newest = os.path.relpath(new[-1], warehouse) if new else "nothing yet"
    subject.moments.append(f"{after_files} new files + {delay_s:.2f} s: {newest}")
    return not finished


def assert_nothing_half_visible(warehouse: Path) -> None:
    """What a reader sees between two tries: whole commits that keep their contract, whole releases."""
    for name, table in TABLES.items():
        if is_table(str(warehouse / name)):
            table.check(read_arrow(str(warehouse / name)))
    published = (warehouse / "releases/r/release.json").exists()
    assert releases(str(warehouse)) == (["r"] if published else [])
    if published:
        json.loads((warehouse / "releases/r/release.json").read_text("utf-8"))


def kill_and_finish(subject: Subject, folder: Path, chance: random.Random, kills: int) -> int:
    """One life of a warehouse: killed up to `kills` times, then finished and compared. Returns the kills."""
    warehouse = folder / "w"
    warehouse.mkdir(parents=True)
    spent = 0
    for _ in range(kills):
        if not run_and_kill(subject, warehouse, chance.randint(0, 36), chance.uniform(0, 0.4)):
            break
        spent += 1
        assert_nothing_half_visible(warehouse)
    finished = subprocess.run(
        [sys.executable, "-m", "spark_jobs.cli", *command(subject, warehouse)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    where = "\n".join(subject.moments)
    assert finished.returncode == 0, f"{finished.stderr}\n{where}"
    found = contents(warehouse)
    for name, rows in subject.expected.items():
        assert found[name] == rows, f"{name} differs after kills at\n{where}"
    return spent


def survive(subject: Subject, folder: Path, seed: int, kills: int) -> Path:
    chance = random.Random(seed)
    spent, life = 0, 0
    while spent < kills:
        life += 1
        home = folder / str(life)
        spent += kill_and_finish(subject, home, chance, min(KILLS_A_LIFE, kills - spent))
        subject.moments.clear()
    return home / "w"


@pytest.fixture(scope="module")
def survivor(subject, tmp_path_factory) -> Path:
    """The last warehouse of five kills: each costs some 20 seconds, the slow tests have a hundred."""
    return survive(subject, tmp_path_factory.mktemp("survivor"), seed=2022, kills=5)


def test_five_kills_at_random_moments_leave_the_tables_of_an_undisturbed_build(survivor):
    assert releases(str(survivor)) == ["r"]


@pytest.mark.slow
def test_a_hundred_kills_at_random_moments_leave_the_tables_of_an_undisturbed_build(subject, tmp_path):
    survive(subject, tmp_path, seed=1, kills=100)


def test_a_finished_build_runs_again_in_seconds_without_spark_and_writes_nothing(subject, survivor):
    def listing() -> list[tuple]:
        found = (Path(path).stat() for path in sorted(paths(survivor)))
        return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in found]

    before, began = listing(), time.monotonic()
    check = "import sys; from spark_jobs.cli import main; code = main(sys.argv[1:]);"
    check += " sys.exit(code or ('pyspark' in sys.modules and 'pyspark was imported'))"
    again = subprocess.run(
        [sys.executable, "-c", check, *command(subject, survivor)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "release 'r' is built already, nothing to do" in again.stderr
    assert time.monotonic() - began < 15
    assert listing() == before
