"""Utterances against their floors: `python -m bench.utterances`, or `make bench-utterances`. Four minutes.

Two million rows of real short texts with their real repeats: the rows of the folder, and again under other
wordings (a number at the end) until there are enough. One core, CPU seconds of the whole process tree, the
second of two runs in one session. The job reads gzipped JSON lines, counts, keeps floor(sqrt(c)) of each
text and writes Parquet; how many rows that makes follows from how the input was made. Exits 1 when a figure
misses its floor (utterances_floors.toml) or a count is another one.
"""

import argparse
import gzip
import itertools
import json
import math
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.floors import judge, read_floors
from bench.meter import Meter, Usage
from bench.peers import DATATROVE, datatrove_dedup, peer_python
from schemas.utterances import UTTERANCES
from spark_jobs.session import SessionConfig, get_session
from spark_jobs.utterances import decide
from spark_jobs.utterances.config import UtterancesConfig, UtteranceSource
from spark_jobs.utterances.curve import kept
from spark_jobs.utterances.files import resolve
from spark_jobs.utterances.ingest import UtteranceIngest, window_reading
from spark_jobs.utterances.read import read_utterances
from spark_jobs.warehouse import table_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SOURCE = "../shared/data/sample/utterances"
AS_OF = date(2026, 11, 26)
FILES = 14
HOT = "turn on the light in the kitchen please"
HOT_SHARE = 0.3
JOBS = {
    "even": "read, count, sample, write",
    "hot": "the same, one text 30 % of the rows",
    "table": "by way of the table `utterances`",
}


@dataclass(frozen=True, slots=True)
class Input:
    """A folder of made files, and what is known of them."""

    root: Path
    megabytes: float
    rows: int
    distinct: int
    kept: int


def main() -> int:
    """Make the inputs, measure, judge."""
    options = _options()
    cache = options.cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    wrong: list[str] = []
    try:
        even = make_input(options.source, scratch / "even", options.rows, 0.0)
        hot = make_input(options.source, scratch / "hot", options.rows, HOT_SHARE)
        print(f"{even.rows:,} rows, {even.megabytes:.1f} MB, {even.distinct:,} texts, one core")
        figures = measure(even, hot, scratch, wrong)
        if not options.no_peer:
            peer(even, cache, scratch, figures)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return judge(figures, read_floors("utterances_floors.toml"), wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.utterances", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_UTTERANCES", SOURCE)))
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--cache", type=Path, default=None, help="where environments of peers are kept")
    parser.add_argument("--no-peer", action="store_true", help="leave datatrove out")
    return parser.parse_args()


def make_input(source: Path, root: Path, rows: int, hot_share: float) -> Input:
    """`rows` rows in `FILES` files of a day each; of them `hot_share` are one text."""
    given = []
    for file in sorted(source.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            given += [(row["text"], row["lang"]) for row in map(json.loads, lines)]
    if not given:
        raise FileNotFoundError(f"no *.jsonl.gz in {source}: give a folder of utterances with --source")
    chance = random.Random(1)
    made = [(f"{text} {n // len(given)}" if n >= len(given) else text, lang)
            for n, (text, lang) in zip(range(rows), itertools.cycle(given), strict=False)]  # fmt: skip
    chance.shuffle(made)
    for n in range(int(rows * hot_share)):
        made[n] = (HOT, "en")
    chance.shuffle(made)
    (root / "utterances").mkdir(parents=True)
    for n in range(FILES):
        day = (AS_OF - timedelta(n + 1)).isoformat()
        with gzip.open(root / f"utterances/{day}.jsonl.gz", "wt", 6, encoding="utf-8") as out:
            for text, lang in made[n::FILES]:
                row = {"text": text, "locale": lang, "day": day}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    counts = Counter((lang, " ".join(text.split())) for text, lang in made)
    size = sum(len(text.encode()) for text, _ in made)
    return Input(root, size / 1e6, rows, len(counts), sum(map(math.isqrt, counts.values())))


def config_of() -> UtterancesConfig:
    """Every file of the folder."""
    source = UtteranceSource(name="assistant", format="jsonl", path="utterances")
    return UtterancesConfig(sources=(source,), as_of=AS_OF)


def measure(even: Input, hot: Input, scratch: Path, wrong: list[str]) -> dict[str, float]:
    """Both inputs through the job, the even one also through the real tables."""
    meter = Meter()
    meter.start()
    spark = get_session(SessionConfig(app_name="bench", cores=1, scratch=scratch))
    figures: dict[str, float] = {}
    titles = ("wall s", "CPU s", "JVM", "Python", "MB/CPU s")
    print(f"  {'':<42}" + "".join(f"{title:>9}" for title in titles))
    try:
        for run in ("first", "second"):
            for name, given, work in (
                ("even", even, partial(sampled, spark, even, scratch / "out-even")),
                ("hot", hot, partial(sampled, spark, hot, scratch / "out-hot")),
                ("table", even, partial(through_the_table, spark, even, scratch)),
            ):
                usage = _timed(meter, f"{JOBS[name]}, {run}", given, work, wrong)
                figures[f"{name}_cpu_s"] = usage.cpu_s
                figures[f"mb_per_cpu_s_{name}"] = given.megabytes / usage.cpu_s
    finally:
        spark.stop()
    figures["hot_against_even"] = figures["hot_cpu_s"] / figures["even_cpu_s"]
    return figures


def _timed(meter: Meter, name: str, given: Input, job: Callable[[], int], wrong: list[str]) -> Usage:
    found, usage = meter.measure(job)
    print(
        f"  {name:<42}{usage.wall_s:9.1f}{usage.cpu_s:9.1f}{usage.jvm_s:9.1f}"
        f"{usage.workers_s:9.1f}{given.megabytes / usage.cpu_s:9.1f}",
        flush=True,
    )
    if found != given.kept:
        wrong.append(f"{name}: {found:,} rows instead of {given.kept:,}")
    return usage


def sampled(spark: "SparkSession", given: Input, out: Path) -> int:
    """Read, count, keep floor(sqrt(c)) and write; how many rows were written."""
    config = config_of()
    files = resolve(config, str(given.root))
    reading = window_reading(config, str(out) + "-staging")
    rows = read_utterances(spark, files, reading, 1).selectExpr("*", "0 AS source_index")
    return _write_copies(spark, decide.distinct(rows), config, out)


def _write_copies(spark: "SparkSession", texts: "DataFrame", config: UtterancesConfig, out: Path) -> int:
    import pyarrow.parquet as pq
    import pyspark.sql.functions as F

    copies = texts.select(
        "lang", "text", F.explode(F.sequence(F.lit(1), kept("seen", config.curve))).alias("n")
    )
    copies.write.mode("overwrite").parquet(str(out))
    return sum(pq.read_metadata(file).num_rows for file in out.glob("*.parquet"))


def through_the_table(spark: "SparkSession", given: Input, scratch: Path) -> int:
    """The same by way of the warehouse's table, which keeps the days apart."""
    warehouse, config = scratch / "warehouse", config_of()
    shutil.rmtree(warehouse, ignore_errors=True)
    warehouse.mkdir()
    UtteranceIngest(spark, str(warehouse), config, resolve(config, str(given.root)), 1).run()
    table = spark.read.format("delta").load(table_path(str(warehouse), UTTERANCES))
    return _write_copies(
        spark, decide.distinct(decide.in_window(table, config)), config, scratch / "out-table"
    )


def peer(given: Input, cache: Path, scratch: Path, figures: dict[str, float]) -> None:
    """datatrove's exact de-duplication of the same files, by its own readers."""
    python = peer_python("datatrove", DATATROVE, cache)
    if python is None:
        return
    meter = Meter()
    meter.start()
    survivors, usage = meter.measure(
        partial(datatrove_dedup, python, given.root / "utterances", scratch / "datatrove", 1)
    )
    speed = given.megabytes / usage.cpu_s
    print(
        f"  {'datatrove exact de-duplication':<42}{usage.wall_s:9.1f}{usage.cpu_s:9.1f}{'':>18}{speed:9.2f}"
    )
    print(f"  {survivors:,} survivors", file=sys.stderr)
    figures["against_datatrove"] = figures["mb_per_cpu_s_even"] / speed


if __name__ == "__main__":
    sys.exit(main())
