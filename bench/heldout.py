"""The search for evaluation texts against its floors: `python -m bench.heldout`, or `make bench-heldout`.

One core, no Spark: the columns go through `HeldOut.search` as ingest does it, CPU seconds of the process. The
text is real, twelve languages, each text once; the evaluation texts are 20,000 of the sentences of other
documents of the same files, one in three with a digit. A tenth of the sentences with digits is planted again,
as it would be said, in documents of its language: each has to be found. Exits 1 when a figure misses its
floor (heldout_floors.toml).

*new*: the text is seen for the first time, its language is loaded. *warm*: the same text again, when all its
numbers were said before; a long input lies between the two. *short*: a sentence a row.
"""

import argparse
import gzip
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

import normalizers
from bench.floors import judge, read_floors
from bench.inputs import SOURCE
from spark_jobs.heldout import HeldOut
from spark_jobs.ingest import Ingest, document_rows
from spark_jobs.inputs import InputFile
from spark_jobs.said import both_forms

Result = TypeVar("Result")

BATCH_ROWS = 500
HELD_DOCUMENTS = 0.1
"""Share of the documents, the last ones, that evaluation texts are taken from and that are not searched."""
TEXTS_A_LANGUAGE = 1_667
DIGITS = 1 / 3
PLANTED = 0.1
WORDS, LETTERS = 12, 32
"""Of an evaluation text that is planted."""


@dataclass(frozen=True, slots=True)
class Column:
    """The documents of one language."""

    lang: str
    texts: pa.Array
    held: list[str]
    """Its evaluation texts."""
    planted: list[str]
    """Those of them that stand in the first documents as they are said."""

    def batches(self) -> Iterator[pa.Array]:
        """The documents as ingest sees them."""
        for low in range(0, len(self.texts), BATCH_ROWS):
            yield self.texts[low : low + BATCH_ROWS]


def main() -> int:
    """Make the input, measure, judge."""
    options = _options()
    files = sorted(options.source.glob("*.jsonl.gz"))
    if not files:
        raise FileNotFoundError(f"no *.jsonl.gz in {options.source}: give a folder with --source")
    columns = [read_column(file) for file in files]
    megabytes = sum(column.texts.nbytes for column in columns) / 1e6
    held = {f"{column.lang}.txt": column.held for column in columns}
    held_out, build_s = _timed(lambda: HeldOut.from_sets(held))
    size = sum(getattr(held_out.words, n).nbytes for n in ("keys", "first", "length", "sets", "offsets"))
    print(
        f"{megabytes:.0f} MB in {len(columns)} languages; {held_out.n_texts:,} evaluation texts, "
        f"{build_s:.1f} CPU s to read, {(size + held_out.words.utf8.nbytes) / 1e6:.0f} MB"
    )
    figures = {"index_s": build_s} | measure(columns, held_out, megabytes)
    missed = sum(len(column.planted) - found(column, held_out) for column in columns)
    return judge(
        figures, read_floors("heldout_floors.toml"), [f"{missed} planted texts are not found"] * (missed > 0)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.heldout", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    return parser.parse_args()


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def read_column(file: Path) -> Column:
    """A language's documents with planted texts, and its evaluation texts."""
    lang = file.name.partition(".")[0]
    chance = random.Random(f"heldout {lang}")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"].strip() for line in lines]
    texts = list(dict.fromkeys(texts))
    border = len(texts) - int(len(texts) * HELD_DOCUMENTS)
    sentences = normalizers.sentences(pa.array(texts[border:]), lang).flatten().to_pylist()
    usable = [s.strip() for s in dict.fromkeys(sentences) if 40 <= len(s.encode()) <= 400]
    digits = [s for s in usable if any(map(str.isdecimal, s))]
    others = [s for s in usable if not any(map(str.isdecimal, s))]
    wanted = int(TEXTS_A_LANGUAGE * DIGITS)
    digits = chance.sample(digits, min(len(digits), wanted))
    held = digits + chance.sample(others, min(len(others), TEXTS_A_LANGUAGE - len(digits)))
    planted = [text for text in digits if _is_long(text, lang)][: int(len(digits) * PLANTED)]
    for number, text in enumerate(planted):
        said = both_forms(pa.array([text]), lang).said.to_pylist()
        texts[number] += f"\n{said[0] if said else text}"
    return Column(lang, pa.array(texts[:border]), held, planted)


def _is_long(text: str, lang: str) -> bool:
    """Whether a text has an n-gram in either form, of words and not of numbers."""
    if normalizers.units_per_word(lang) > 1:
        return sum(character.isalpha() and character > "\u3000" for character in text) >= LETTERS
    words = [word.strip(".,;:!?()\"'").isalpha() for word in text.split()]
    return len(words) >= WORDS and sum(words) >= 0.8 * len(words)


def found(column: Column, held_out: HeldOut) -> int:
    """How many of the documents with a planted text are hit."""
    return int(np.count_nonzero(held_out.hits(column.texts[: len(column.planted)], column.lang)))


def measure(columns: list[Column], held_out: HeldOut, megabytes: float) -> dict[str, float]:
    """Speeds in MB a CPU second, and what they cost an ingest."""
    print(f"  {'MB a CPU second':<18}" + "".join(f"{title:>10}" for title in ("MB", "new", "warm", "short")))
    seconds = np.zeros(5)
    for column in columns:
        rows = normalizers.sentences(column.texts, column.lang).flatten()
        works = (
            partial(search, column.batches(), column.lang, held_out),
            partial(search, column.batches(), column.lang, held_out),
            partial(search, [rows], column.lang, held_out),
            partial(ingest, column, None),
            partial(ingest, column, held_out),
        )
        spent = [_timed(work)[1] for work in works]
        _print_line(column.lang, column.texts.nbytes / 1e6, spent[:3])
        seconds += spent
    _print_line("all", megabytes, seconds[:3].tolist())
    new, warm, short, without, with_ = megabytes / seconds
    print(
        f"  documents made of texts: {without:.1f} MB a CPU second without evaluation texts, {with_:.1f} with"
    )
    return {"mb_per_cpu_s": warm, "new_mb_per_cpu_s": new, "short_mb_per_cpu_s": short}


def _print_line(name: str, megabytes: float, seconds: list[float]) -> None:
    print(f"  {name:<18}{megabytes:10.1f}" + "".join(f"{megabytes / s:10.1f}" for s in seconds), flush=True)


def search(batches: Iterator[pa.Array] | list[pa.Array], lang: str, held_out: HeldOut) -> None:
    """The step itself."""
    for texts in batches:
        held_out.search(texts, lang)


def ingest(column: Column, held_out: HeldOut | None) -> None:
    """All that ingest does with texts that are read: ids, words, scores, evaluation texts."""
    file = InputFile("a", 0, "a", "a", 0, column.lang, "a", "a")
    for texts in column.batches():
        document_rows(file, column.lang, texts, np.arange(len(texts)), Ingest({}, {}, "", held_out))


if __name__ == "__main__":
    sys.exit(main())
