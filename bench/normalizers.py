"""Speed of the spoken form: `python -m bench.normalizers [language ...]`, or `make bench-spoken`.

CPU seconds on one core, real sentences of 40 to 400 bytes in columns of 20,000 rows, megabytes of UTF-8 a
second, by language and by the share of rows that hold a digit. `warm`: what was said once is remembered;
`cold`: nothing is, the patterns are compiled, and no sentence comes twice. `lower` is `pc.utf8_lower` on the
same column; the three take turns, each twice in a row, and the least time of each counts. num2words2 says
some of the same sentences in the same run. Exits 1 when a share of `lower` is under its floor
(spoken_floors.toml): shares hold on any machine, megabytes do not. Two minutes for all languages.
"""

import gzip
import json
import os
import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.inputs import SOURCE
from bench.peers import AS_SCRIPT, NUM2WORDS2, peer_python
from normalizers import languages, sentences, to_spoken
from normalizers.spoken import forget

SHARES = (0.20, 0.10, 0.02)
_ROWS = 20_000
_ROUNDS = 9
_PEER_ROWS = 1_000
PUBLISHED = "published: NeMo-text-processing 1.2.0 0.0036-0.0045 MB/s (English)"


@dataclass(frozen=True, slots=True)
class Speed:
    """One line of the table, in megabytes a CPU second."""

    lang: str
    share: float
    lower: float
    cold: float
    warm: float
    peer: float | None


def sentence_rows(source: Path, lang: str) -> tuple[list[str], list[str]]:
    """Distinct sentences with and without a decimal digit, each list in an order that chance gave it once."""
    with gzip.open(source / f"{lang}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = pa.array([json.loads(line)["text"] for line in lines], pa.large_string())
    rows = sorted(
        {row for row in sentences(texts, lang).flatten().to_pylist() if 40 < len(row.encode()) < 400}
    )
    random.Random(1).shuffle(rows)
    hit = [row for row in rows if any(c.isdecimal() for c in row)]
    return hit, [row for row in rows if not any(c.isdecimal() for c in row)]


def mixed(hit: list[str], plain: list[str], share: float) -> pa.Array:
    """Up to 20,000 of the rows, of which `share` hold a digit."""
    size = min(_ROWS, int(len(hit) / share), int(len(plain) / (1 - share)))
    rows = hit[: int(size * share)] + plain[: size - int(size * share)]
    random.Random(2).shuffle(rows)
    return pa.array(rows, pa.large_string())


def _seconds(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least CPU seconds of each, taking turns; twice in a row, as in a job column follows column."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            for _ in range(2):
                start = time.process_time()
                work()
                best[name] = min(best[name], time.process_time() - start)
    return best


def measure(source: Path, lang: str, peer: Path | None) -> Iterator[Speed]:
    """The lines of one language."""
    hit, plain = sentence_rows(source, lang)
    to_spoken(pa.array(hit[:2_000] + plain[:2_000]), lang)  # patterns are compiled when first met
    for share in SHARES:
        column = mixed(hit, plain, share)
        megabytes = pc.sum(pc.binary_length(column)).as_py() / 1e6

        def cold(column: pa.Array = column) -> None:
            forget(lang)
            to_spoken(column, lang)

        def warm(column: pa.Array = column) -> None:
            to_spoken(column, lang)

        works = {"lower": lambda column=column: pc.utf8_lower(column), "cold": cold, "warm": warm}
        least = _seconds(works, _ROUNDS)
        said = _peer_speed(peer, lang, column) if peer else None
        yield Speed(lang, share, *(megabytes / least[name] for name in works), said)


def _peer_speed(python: Path, lang: str, column: pa.Array) -> float | None:
    script = Path(__file__).with_name("num2words2_sentences.py")
    lines = "\n".join(" ".join(row.split()) for row in column.slice(0, _PEER_ROWS).to_pylist())
    done = subprocess.run(
        [str(python), AS_SCRIPT, str(script), lang], input=lines, capture_output=True, text=True, check=False
    )
    return float(done.stdout.split()[0]) if done.returncode == 0 else None


def main() -> int:
    """Print the table; 1 when a floor is missed."""
    source = Path(os.environ.get("BENCH_TEXT", SOURCE))
    floors = tomllib.loads(Path(__file__).with_name("spoken_floors.toml").read_text("utf-8"))
    cache = Path(os.environ.get("BENCH_CACHE", ".venv/peers"))
    peer = peer_python("num2words2", NUM2WORDS2, cache)
    missed = []
    print(
        "lang  digit rows  lower MB/s  cold MB/s  warm MB/s  warm/lower  floor  cold/lower  floor  num2words2"
    )
    for lang in sys.argv[1:] or languages():
        floor = floors["english" if lang == "en" else "others"]
        for speed in measure(source, lang, peer):
            key = f"{speed.share:.0%}"
            warm, cold = speed.warm / speed.lower, speed.cold / speed.lower
            missed += [f"{lang} at {key}"] if warm < floor["warm"][key] or cold < floor["cold"][key] else []
            said = "       -" if speed.peer is None else f"{speed.peer:8.2f}"
            print(
                f"{lang:4} {speed.share:10.0%} {speed.lower:11.0f} {speed.cold:10.1f} {speed.warm:10.1f}"
                f" {warm:11.3f} {floor['warm'][key]:6.3f} {cold:11.3f} {floor['cold'][key]:6.3f} {said}",
                flush=True,
            )
    print(PUBLISHED)
    if missed:
        print("under the floor: " + ", ".join(missed), file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
