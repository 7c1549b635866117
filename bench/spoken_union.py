"""Accuracy where any reference of the same text counts, whichever source has it.

    python -m bench.spoken_union SCORER CASES

SCORER is the Python file that makes two texts alike (its function `canonical(language, text)`), CASES a TSV
with the columns lang, written, spoken (readings parted by " || ") and trust. Digits of all scripts and both
cases of letters are the same text. Prints a Markdown table: right of all by language and trust.
"""

import collections
import csv
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from bench.spoken_table import table
from normalizers import to_spoken

Canonical = Callable[[str, str], str]
Case = dict[str, str]


def scored(cases: Iterable[Case], canonical: Canonical) -> Iterator[tuple[Case, bool]]:
    """Each case, and whether its text is said as any case with the same text allows."""
    by_lang: dict[str, list[Case]] = collections.defaultdict(list)
    readings: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    for case in cases:
        by_lang[case["lang"]].append(case)
        readings[_text(case)] |= {
            canonical(case["lang"], reading) for reading in case["spoken"].split(" || ")
        }
    for lang, group in by_lang.items():
        said = to_spoken(pa.array([case["written"] for case in group], pa.large_string()), lang)
        for case, words in zip(group, said.to_pylist(), strict=True):
            yield case, canonical(lang, words) in readings[_text(case)]


def _text(case: Case) -> tuple[str, str]:
    written = "".join(str(int(c)) if c.isdecimal() else c for c in case["written"])
    return case["lang"], written.casefold()


def page(cases: Iterable[Case], canonical: Canonical) -> str:
    """The table of all cases."""
    counts: dict[tuple[str, str], list[bool]] = collections.defaultdict(list)
    for case, right in scored(cases, canonical):
        counts[case["lang"], case["trust"]].append(right)
    langs, trusts = (sorted({key[i] for key in counts}) for i in (0, 1))
    cells = {
        key: f"{sum(right)}/{len(right)} ({sum(right) / len(right):.1%})" for key, right in counts.items()
    }
    return table("", langs, trusts, cells) + "\n"


def main() -> None:
    """Print the table for the files named."""
    scorer, cases = map(Path, sys.argv[1:])
    canonical = runpy.run_path(str(scorer))["canonical"]
    with cases.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        sys.stdout.write(page(rows, canonical))


if __name__ == "__main__":
    main()
