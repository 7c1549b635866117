"""Figures against their floors, which a TOML file keeps; corpus.py and tokenize.py share it."""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Floors = Mapping[str, Mapping[str, Any]]
"""Figure -> `says`, and `at_least` or `at_most`."""


def read_floors(name: str) -> Floors:
    """A file of this folder."""
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def judge(figures: Mapping[str, float], floors: Floors, wrong: Sequence[str]) -> int:
    """Print each figure beside its floor; 1 if one is missed or a count is wrong.

    `wrong`: exact values that did not come out, in words; a faster wrong result is no result. A figure that
    was not measured (its peer was left out) is said and misses nothing.
    """
    print()
    missed = list(wrong)
    for key, floor in floors.items():
        if key not in figures:
            print(f"  {floor['says']:<62} not measured")
            continue
        figure = figures[key]
        held = floor.get("at_least", -1) <= figure <= floor.get("at_most", float("inf"))
        limit = f">= {floor['at_least']:g}" if "at_least" in floor else f"<= {floor['at_most']:g}"
        print(f"  {floor['says']:<62} {figure:8.2f}  {limit:<8} {'ok' if held else 'MISSED'}")
        if not held:
            missed.append(floor["says"])
    for line in missed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if missed else 0
