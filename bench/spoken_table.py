"""Accuracy of the spoken form as a page: reads what a scorer printed, writes Markdown.

    score_spoken.py CASES.tsv -- python -m normalizers --lang {lang} | python -m bench.spoken_table

The scorer's lines are `language class right/cases` and `total language trust right/cases share`, with tabs.
"""

import sys
from collections.abc import Iterable


def table(corner: str, rows: Iterable[str], columns: Iterable[str], cells: dict[tuple[str, str], str]) -> str:
    """A Markdown table; a cell that is not there is empty."""
    columns = list(columns)
    lines = [f"| {corner} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {row} | {' | '.join(cells.get((row, column), '') for column in columns)} |" for row in rows]
    return "\n".join(lines)


def page(lines: Iterable[str]) -> str:
    """Both tables of a scorer's output: by class, and by how far its references can be trusted."""
    by_class: dict[tuple[str, str], str] = {}
    by_trust: dict[tuple[str, str], str] = {}
    for line in lines:
        parts = line.rstrip("\n").split("\t")
        if parts[0] != "total":
            lang, kind, count = parts
            by_class[kind, lang] = count
        elif parts[1] != "all":
            _, lang, trust, count, share = parts
            by_trust[lang, trust] = f"{count} ({float(share):.1%})"
    langs = sorted({lang for _, lang in by_class})
    kinds = sorted({kind for kind, _ in by_class})
    trusts = sorted({trust for _, trust in by_trust})
    return table("", langs, trusts, by_trust) + "\n\n" + table("class", kinds, langs, by_class) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(sys.stdin))
