"""Near de-duplication against its floors: `python -m bench.near`, or `make bench-near`. Three minutes.

One core, CPU seconds of the whole process tree, the second of two runs in one session. The input is real text
in twelve languages, each text once, among it copies in which words were replaced at random until they had a
wanted similarity; the true one is counted on the sets of shingles, without any signature. Exits 1 when a
figure misses its floor (near_floors.toml).

- *found*: of the planted pairs of a class of true similarity, those that end in one cluster.
- *precision*: of all pairs that the search calls alike, planted or not, those whose true similarity reaches
  the threshold, or misses it by at most two standard deviations of the estimate.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.floors import judge, read_floors
from bench.inputs import SOURCE, make_inputs
from bench.meter import Meter, Usage
from normalizers.languages import language
from spark_jobs.buffers import blocks
from spark_jobs.minhash import shingles
from spark_jobs.near import NearConfig, NearCounts, candidates, near_duplicates, sign, verify
from spark_jobs.session import SessionConfig, get_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")

CONFIG = NearConfig()
CLASSES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Borders of the classes of true similarity."""
PLANTED_A_LANGUAGE = 200
LEAST_UNITS = 60
"""Words, or characters, of a text that is copied: in a shorter one a single word moves it over a class."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A text and the copy in which words were replaced."""

    place: int
    copy: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Input:
    """A made input: the documents as Parquet, and what is known of them."""

    documents: Path
    megabytes: float
    planted: list[Planted]


def main() -> int:
    """Make the input, measure, judge."""
    options = _options()
    cache = options.cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    made = make_inputs(options.source, options.megabytes, cache)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    try:
        given = make_documents(made, scratch)
        print(f"{given.megabytes:.1f} MB, {pq.read_metadata(given.documents).num_rows:,} documents, one core")
        meter = Meter()
        meter.start()
        spark = get_session(SessionConfig(app_name="bench", cores=1, scratch=scratch, short_job=True))
        try:
            figures = measure(spark, given, meter)
        finally:
            spark.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return judge(figures, read_floors("near_floors.toml"), [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.near", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=None, help="where made input is kept")
    return parser.parse_args()


# ---- input


def make_documents(made: Path, scratch: Path) -> Input:
    """Each distinct text of the made files once, and the planted copies behind them."""
    langs: list[str] = []
    texts: list[str] = []
    planted: list[Planted] = []
    for lang in sorted({file.name.partition("-")[0] for file in (made / "mc4").iterdir()}):
        chance, low = random.Random(lang), len(texts)
        files = sorted((made / "mc4").glob(f"{lang}-*.jsonl.gz"))
        own = list(dict.fromkeys(text for file in files for text in _texts(file)))
        chosen = chance.sample(range(len(own)), min(PLANTED_A_LANGUAGE, len(own)))
        pairs = [(n, copy) for n in chosen if (copy := perturbed(own[n], lang, chance))]
        truths = true_similarities([(own[n], copy) for n, copy in pairs], lang)
        for (n, copy), truth in zip(pairs, truths, strict=True):
            planted.append(Planted(low + n, low + len(own), truth))
            own.append(copy)
        langs += [lang] * len(own)
        texts += own
    table = pa.table({"place": pa.array(range(len(texts)), pa.int64()), "lang": langs, "text": texts})
    path = scratch / "documents.parquet"
    pq.write_table(table, path, compression="zstd", row_group_size=5000)
    return Input(path, pc.sum(pc.binary_length(table["text"])).as_py() / 1e6, planted)


def _texts(file: Path) -> list[str]:
    """The texts of a made file; its broken lines are passed over."""
    found = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            try:
                found.append(json.loads(line)["text"].strip())
            except json.JSONDecodeError:
                continue
    return found


def perturbed(text: str, lang: str, chance: random.Random) -> str | None:
    """The text with a share of its words (characters where words are not spaced) replaced by others of its
    own; None where it is too short."""
    spaced = not language(lang).characters_per_word
    units = text.split(" ") if spaced else list(text)
    if len(units) < LEAST_UNITS:
        return None
    n = CONFIG.ngram if spaced else 2 * CONFIG.ngram
    wanted = chance.uniform(0.5, 1)
    # A word that is replaced takes n shingles of either side: s = (1 - q) / (1 + q), q = 1 - (1 - p)^n.
    unchanged = 2 * wanted / (1 + wanted)
    p = 1 - unchanged ** (1 / n)
    others = chance.choices(units, k=len(units))
    return (" " if spaced else "").join(
        other if chance.random() < p else unit for unit, other in zip(units, others, strict=True)
    )


def true_similarities(pairs: list[tuple[str, str]], lang: str) -> list[float]:
    """The Jaccard similarity of the sets of shingles of each pair, counted."""
    sets: list[set[int]] = []
    column = pa.array([text for pair in pairs for text in pair], pa.large_string())
    for block in blocks(pc.utf8_lower(column)):
        found = shingles(block, lang, CONFIG.ngram)
        low = 0
        for count in found.counts.tolist():
            sets.append(set(found.hashes[low : low + count].tolist()))
            low += count
    return [len(a & b) / max(1, len(a | b)) for a, b in zip(sets[::2], sets[1::2], strict=True)]


# ---- measuring


def measure(spark: "SparkSession", given: Input, meter: Meter) -> dict[str, float]:
    """Speed, and what was found of what was planted."""
    documents = spark.read.parquet(str(given.documents))

    def search() -> tuple[dict[int, int], NearCounts]:
        clusters, counts = near_duplicates(documents, CONFIG)
        keepers = {row.place: row.keeper for row in clusters.collect()}
        clusters.unpersist()
        return keepers, counts

    def signing() -> int:
        return int(sign(documents, CONFIG).count())

    titles = ("wall s", "CPU s", "JVM", "Python", "MB / CPU s")
    print(f"  {'':<32}" + "".join(f"{title:>12}" for title in titles), flush=True)
    _timed(meter, "near de-duplication, first", search, given.megabytes)
    (keepers, counts), usage = _timed(meter, "near de-duplication, warm", search, given.megabytes)
    _timed(meter, "signatures alone, warm", signing, given.megabytes)
    print(f"    {len(keepers):,} left out; {counts}; {CONFIG.banding}")
    found = found_by_class(given.planted, keepers)
    precision = precision_of(spark, given)
    return {
        "mb_per_cpu_s": given.megabytes / usage.cpu_s,
        "found_from_90": found[0.9],
        "found_from_85": found[0.85],
        "found_to_70": found[0.6],
        "precision": precision,
    }


def _timed(meter: Meter, name: str, work: Callable[[], Result], megabytes: float) -> tuple[Result, Usage]:
    result, usage = meter.measure(work)
    times = (usage.wall_s, usage.cpu_s, usage.jvm_s, usage.workers_s, megabytes / usage.cpu_s)
    print(f"  {name:<32}" + "".join(f"{value:12.1f}" for value in times), flush=True)
    return result, usage


def found_by_class(planted: list[Planted], keepers: dict[int, int]) -> dict[float, float]:
    """Lower border of a class -> share of its planted pairs that ended in one cluster."""
    tied: dict[float, list[bool]] = defaultdict(list)
    for pair in planted:
        lower = max((border for border in CLASSES[:-1] if border <= pair.similarity), default=0.0)
        tied[lower].append(keepers.get(pair.place, pair.place) == keepers.get(pair.copy, pair.copy))
    print("    true similarity    pairs    found")
    for lower, pairs in sorted(tied.items()):
        print(f"    from {lower:<14}{len(pairs):>5}{sum(pairs) / len(pairs):>9.1%}")
    return {lower: sum(pairs) / len(pairs) for lower, pairs in tied.items()}


def precision_of(spark: "SparkSession", given: Input) -> float:
    """Of the pairs that are called alike, the share that is: as counted, and within the estimate's error."""
    signed = sign(spark.read.parquet(str(given.documents)), CONFIG).persist()
    alike = verify(candidates(signed, CONFIG.max_band), signed).where(f"similarity >= {CONFIG.threshold}")
    pairs = [(row.place, row.hub) for row in alike.collect()]
    signed.unpersist()
    table = pq.read_table(given.documents)
    langs, texts = table["lang"].to_pylist(), table["text"]
    by_language: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one, other in pairs:  # a place is the number of its row here
        by_language[langs[one]].append((texts[one].as_py(), texts[other].as_py()))
    truths = [s for lang, own in by_language.items() for s in true_similarities(own, lang)]
    deviation = (CONFIG.threshold * (1 - CONFIG.threshold) / CONFIG.permutations) ** 0.5
    exact = sum(s >= CONFIG.threshold for s in truths) / len(truths)
    near = sum(s >= CONFIG.threshold - 2 * deviation for s in truths) / len(truths)
    print(
        f"    of {len(truths):,} pairs called alike {exact:.1%} reach {CONFIG.threshold}, {near:.1%} "
        f"{CONFIG.threshold - 2 * deviation:.2f}; the least is {min(truths):.2f}"
    )
    return near


if __name__ == "__main__":
    sys.exit(main())
