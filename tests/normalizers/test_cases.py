"""Every row of `cases/<lang>.tsv`: class, written text, accepted spoken forms separated by ` || `."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from normalizers import languages, to_spoken

CASES = Path(__file__).parent / "cases"
CLASSES = {
    "cardinal", "ordinal", "decimal", "negative", "grouped", "year", "date", "time", "money", "measure",
    "percent", "fraction", "range", "telephone", "version", "alphanumeric", "roman", "electronic",
    "abbreviation", "symbol", "native_digits", "plain", "agreement",
}  # fmt: skip


def rows_of(lang: str) -> list[tuple[str, str, list[str]]]:
    rows = []
    lines = (CASES / f"{lang}.tsv").read_text("utf8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("# "):
            continue
        parts = line.split("\t")
        assert len(parts) == 3, f"cases/{lang}.tsv, line {number}: want class, written, spoken; got {line!r}"
        rows.append((parts[0], parts[1], parts[2].split(" || ")))
    return rows


def test_every_language_has_its_cases():
    assert {path.stem for path in CASES.glob("*.tsv")} == set(languages())


@pytest.mark.parametrize("lang", languages())
def test_each_case_is_said_in_an_accepted_way(lang):
    rows = rows_of(lang)
    spoken = to_spoken(pa.array([written for _, written, _ in rows]), lang).to_pylist()
    wrong = [
        f"{lang}\t{kind}\t{written}\tgot\t{got}\taccepted\t{' || '.join(accepted)}"
        for (kind, written, accepted), got in zip(rows, spoken, strict=True)
        if got not in accepted
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("lang", languages())
def test_the_cases_of_a_language_cover_every_class(lang):
    rows = rows_of(lang)
    counts = Counter(kind for kind, _, _ in rows)
    assert len({written for _, written, _ in rows}) == len(rows) >= 150
    assert set(counts) == CLASSES, f"missing {CLASSES - set(counts)}, unknown {set(counts) - CLASSES}"
    assert min(counts.values()) >= 2, counts
