"""Speed of the spoken form beside pc.utf8_lower: `python -m bench.normalizers [language ...]`, some minutes.

CPU seconds of one process, rows of 40 to 400 bytes; a line for each language and share of rows with a digit.
`cold` is the first pass in this process, text without repeats. The run fails when the warm share of
`pc.utf8_lower` is below the floor. Published: NeMo-text-processing 0.004 MB/s, num2words2 0.2-0.3 (English).
"""

import gzip
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.inputs import SOURCE
from normalizers import languages, sentences, to_spoken

_ROWS = 10_000
_FLOORS = {0.20: 0.010, 0.10: 0.014, 0.02: 0.022}  # what stands today, less the noise of a busy machine
"""Digit-row share -> least share of pc.utf8_lower; half of it for languages other than English."""


def _rows(source: Path, lang: str, share: float) -> list[str]:
    with gzip.open(source / f"{lang}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = pa.array([json.loads(line)["text"] for line, _ in zip(lines, range(20_000), strict=False)])
    rows = [row for row in sentences(texts, lang).flatten().to_pylist() if 40 < len(row.encode()) < 400]
    rows = sorted(set(rows))
    random.Random(1).shuffle(rows)
    hit = [row for row in rows if any(c.isdecimal() for c in row)][: int(_ROWS * share)]
    plain = [row for row in rows if not any(c.isdecimal() for c in row)][: int(len(hit) / share) - len(hit)]
    mixed = hit + plain
    random.Random(2).shuffle(mixed)
    return mixed


def _seconds(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> int:
    """Print the table; 1 when a floor is missed."""
    source = Path(os.environ.get("BENCH_TEXT", SOURCE))
    missed = False
    print("lang  digit rows  lower MB/s  cold MB/s  warm MB/s  warm/lower  floor")
    for lang in sys.argv[1:] or languages():
        for share, english in _FLOORS.items():
            column = pa.array(_rows(source, lang, share), pa.large_string())
            megabytes = pc.sum(pc.binary_length(column)).as_py() / 1e6
            spoken = lambda column=column, lang=lang: to_spoken(column, lang)  # noqa: E731 - measured twice
            cold, warm = _seconds(spoken, 1), _seconds(spoken, 3)
            lower = _seconds(lambda column=column: pc.utf8_lower(column), 5)
            floor = english if lang == "en" else english / 2
            missed |= lower / warm < floor
            print(
                f"{lang:4} {share:10.0%} {megabytes / lower:11.0f} {megabytes / cold:10.1f}"
                f" {megabytes / warm:10.1f} {lower / warm:11.3f} {floor:6.3f}"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
