"""`corpus tokenize` against its floors: `python -m bench.tokenize`, or `make bench-tokenize`. Seven minutes.

One core, CPU seconds of the whole process tree, the second of two runs in one session. Beside it, in the same
run and on the same text: a bare SentencePiece loop over the same Parquet files, four times (the fastest
counts), and datatrove's tokenizer step on a tenth of each file. Memory is that of the real command in a
process of its own, on this text and on twice of it. Exits 1 when a figure misses its floor
(tokenize_floors.toml), or when rows or tokens of the table are not those that the loop counted.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench.floors import judge, read_floors
from bench.inputs import SOURCE
from bench.meter import Meter, Usage
from bench.packs import NAME, make_release, make_vocabulary, put_tokenizer
from bench.peers import DATATROVE, Encoded, datatrove_tokens, peer_python, sentencepiece_loop
from schemas.sequences import SEQUENCES
from schemas.tokenizer import MODEL_FILE, Tokenizer
from schemas.tokens import TOKENS
from spark_jobs.manifest import Manifest, TableEntry, read_manifest, release_folder
from spark_jobs.progress import Progress
from spark_jobs.session import SessionConfig, get_session
from spark_jobs.tokenizer.apply import Application
from spark_jobs.tokenizer.store import tokenizer_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")

PEER_SHARE = 0.1
"""Of each file for datatrove, which takes a second of CPU a megabyte."""
PEER_TOKENS = 0.05
"""datatrove may give so much more or fewer tokens a byte; beyond, it was not given the same model."""
SMALL_HEAP = "512m"
"""Of Java where memory is compared: with room to spare, it is garbage that grows with the text."""


@dataclass(slots=True)
class Bench:
    """One run: where things are, and what was found so far."""

    warehouse: Path
    """A copy of the made one: runs write into it."""
    scratch: Path
    model: bytes
    meter: Meter
    figures: dict[str, float]
    wrong: list[str]

    @property
    def stage1(self) -> Path:
        """The text table."""
        return Path(release_folder(str(self.warehouse), NAME), SEQUENCES.name)

    @property
    def model_file(self) -> Path:
        """The model as a file."""
        return Path(tokenizer_folder(str(self.warehouse), NAME), MODEL_FILE)

    def timed(self, name: str, work: Callable[[], Result]) -> tuple[Result, Usage]:
        """Measure the work once and print its line."""
        result, usage = self.meter.measure(work)
        print(
            f"  {name:<42}{usage.wall_s:9.1f}{usage.cpu_s:9.1f}{usage.jvm_s:9.1f}{usage.workers_s:9.1f}"
            f"{usage.driver_s:9.1f}{usage.jvm_peak / 1e9:9.2f}{usage.workers_peak / 1e9:9.2f}",
            flush=True,
        )
        return result, usage

    def must_be(self, what: str, found: int, wanted: int) -> None:
        """An exact value: a faster wrong result is no result."""
        if found != wanted:
            self.wrong.append(f"{what}: {found:,} instead of {wanted:,}")


def main() -> int:
    """Make the input, measure, judge."""
    options = _options()
    cache = options.cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    made = make_release(options.source, options.megabytes, cache)
    twice = make_release(options.source, 2 * options.megabytes, cache)
    model = make_vocabulary(options.source, cache)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    meter = Meter()
    meter.start()
    bench = Bench(scratch / "warehouse", scratch, model, meter, {}, [])
    print(f"text of {made}, one core")
    titles = ("wall s", "CPU s", "JVM", "Python", "driver", "GB JVM", "GB Py")
    print(f"  {'':<42}" + "".join(f"{title:>9}" for title in titles), flush=True)
    try:
        # The session comes last: its JVM lives as long as this process and would count in their memory.
        measure_memory(bench, made, twice)
        _take(bench, made)
        peer = None if options.no_peer else measure_datatrove(bench, cache)
        measure_session(bench, peer)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return judge(bench.figures, read_floors("tokenize_floors.toml"), bench.wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tokenize", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=None, help="where made input and peers are kept")
    parser.add_argument("--no-peer", action="store_true", help="leave datatrove out")
    return parser.parse_args()


def _take(bench: Bench, made: Path) -> None:
    """A fresh copy of a made warehouse with the tokenizer in it."""
    shutil.rmtree(bench.warehouse, ignore_errors=True)
    shutil.copytree(made, bench.warehouse)
    put_tokenizer(bench.warehouse, bench.model)


def measure_memory(bench: Bench, made: Path, twice: Path) -> None:
    """The command with one core and a small heap, on this text and on twice of it."""
    peaks = []
    for name, warehouse in (("the text once", made), ("the text twice", twice)):
        _take(bench, warehouse)
        _, usage = bench.timed(f"corpus tokenize, {name}", partial(_corpus_tokenize, bench))
        peaks.append(usage.spark_peak)
        print(f"    peak of JVM and Python together {usage.spark_peak / 1e9:.2f} GB")
    bench.figures["memory_times"] = peaks[1] / peaks[0]


def _corpus_tokenize(bench: Bench) -> None:
    command = [sys.executable, "-m", "spark_jobs.cli", "tokenize", "--warehouse", str(bench.warehouse)]
    command += ["--release", NAME, "--tokenizer", NAME, "--cores", "1", "--scratch", str(bench.scratch)]
    command += ["--driver-memory", SMALL_HEAP]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure_datatrove(bench: Bench, cache: Path) -> Encoded | None:
    """The peer on a tenth of each file, in an environment of its own; None where that cannot be made."""
    python = peer_python("datatrove-0.10.1", DATATROVE, cache)
    if python is None:
        return None
    tokenizer = Tokenizer.from_bytes(bench.model)
    scored = [[piece, tokenizer.processor.get_score(n)] for n, piece in enumerate(tokenizer.pieces())]
    pieces = bench.scratch / "pieces.json"
    pieces.write_text(json.dumps({"pieces": scored, "unk": tokenizer.unk}), "utf-8")
    work = bench.scratch / "datatrove"
    said, _ = bench.timed(
        "datatrove, start and reading included",
        lambda: datatrove_tokens(python, bench.stage1, pieces, work, PEER_SHARE),
    )
    print(f"    {_in_words(said)} in its tokenizer step")
    return said


def measure_session(bench: Bench, peer: Encoded | None) -> None:
    """Two runs in one session, the bare loop before each and after."""
    manifest = read_manifest(str(bench.warehouse), NAME)
    assert manifest is not None  # `_take` put it there
    loops = [_loop(bench, "bytes"), _loop(bench, "strings")]
    spark = get_session(SessionConfig(app_name="bench", cores=1, scratch=bench.scratch, short_job=True))
    try:
        _tokenize(bench, spark, manifest, "first")
        loops.append(_loop(bench, "bytes"))
        published, usage = _tokenize(bench, spark, manifest, "warm")
        loops.append(_loop(bench, "bytes"))
    finally:
        spark.stop()
    check_counts(bench, loops[0], manifest.tables[SEQUENCES.name], published.tables[TOKENS.name], peer)
    speed = loops[0].bytes / 1e6 / usage.cpu_s
    bench.figures["mb_per_cpu_s"] = speed
    bench.figures["share_of_loop"] = speed / max(loop.mb_per_cpu_s for loop in loops)
    if peer is not None:
        bench.figures["times_datatrove"] = speed / peer.mb_per_cpu_s


def check_counts(
    bench: Bench, loop: Encoded, stage1: TableEntry, tokens: TableEntry, peer: Encoded | None
) -> None:
    """The table holds what the loop counted, row for row and token for token; the peer did the same work."""
    counted = sum(n for forms in (tokens.tokens or {}).values() for n in forms.values())
    bench.must_be("rows that the loop read", loop.rows, stage1.rows)
    bench.must_be("rows of tokens", tokens.rows, stage1.rows)
    bench.must_be("tokens in the table", counted, loop.tokens)
    if peer is not None:
        share = (peer.tokens / peer.bytes) / (loop.tokens / loop.bytes)
        if abs(share - 1) > PEER_TOKENS:
            bench.wrong.append(f"datatrove gave {share:.2f} times the tokens, so not those of this model")


def _loop(bench: Bench, given: str) -> Encoded:
    said, _ = bench.timed(
        f"SentencePiece alone, on {given}",
        lambda: sentencepiece_loop(bench.stage1, bench.model_file, given),
    )
    print(f"    {_in_words(said)} in its loop")
    return said


def _tokenize(bench: Bench, spark: "SparkSession", manifest: Manifest, run: str) -> tuple[Manifest, Usage]:
    """The whole job of the command but the start of Spark: encode, check, publish."""
    shutil.rmtree(bench.stage1.with_name(TOKENS.name), ignore_errors=True)
    said = io.StringIO()
    job = Application(spark, str(bench.warehouse), manifest, bench.model, Progress(said))
    published, usage = bench.timed(f"corpus tokenize without start, {run}", job.run)
    print("    " + ", ".join(" ".join(line.split()) for line in said.getvalue().splitlines()))
    return published, usage


def _in_words(said: Encoded) -> str:
    return (
        f"{said.bytes / 1e6:.1f} MB, {said.tokens:,} tokens, "
        f"{said.cpu_s:.2f} CPU s, {said.mb_per_cpu_s:.2f} MB a CPU second"
    )


if __name__ == "__main__":
    sys.exit(main())
