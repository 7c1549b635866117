"""How many rows a snapshot has of each language and form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from schemas.sequences import FORMS
from trainer.arrays import Ints
from trainer.encode import places
from trainer.parquet import open_parquet, read_rows
from trainer.snapshot import SPLIT, Snapshot

MOST_UNITS = 2000


def count_rows(snapshot: Snapshot, most_units: int = MOST_UNITS) -> tuple[Ints, int]:
    """(languages, forms) rows, and how many units were counted: evenly spaced ones where there are more.

    Reads the columns `lang` and `form` of a unit, 1 ms.
    """
    total = len(snapshot.unit_rows)
    units = np.unique(np.linspace(0, total - 1, min(most_units, total)).astype(int))
    numbers, starts, lengths = snapshot.units
    columns = ["lang", "form", *([SPLIT] if snapshot.split else [])]
    counted = np.zeros((len(snapshot.languages), len(FORMS)), np.int64)
    for unit in units:
        file = snapshot.files[numbers[unit]]
        with open_parquet(snapshot.uri, file) as parquet:
            table = read_rows(parquet, file, int(starts[unit]), int(lengths[unit]), columns)
        if snapshot.split:
            table = table.filter(pc.equal(table[SPLIT], snapshot.split))
        lang, form = places(table, "lang", snapshot.languages), places(table, "form", FORMS)
        counted += np.bincount(lang.astype(np.int64) * len(FORMS) + form, minlength=counted.size).reshape(
            counted.shape
        )
    return counted, len(units)


def by_name(counted: Ints, languages: Sequence[str]) -> dict[str, dict[str, int]]:
    """Language -> form -> count, languages without any left out."""
    return {
        lang: dict(zip(FORMS, map(int, row), strict=True))
        for lang, row in zip(languages, counted, strict=True)
        if row.any()
    }
