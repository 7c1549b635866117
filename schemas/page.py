"""The tables of the warehouse as a page: `python -m schemas.page` writes them into docs/tables.md.

Only what stands between the two marks is written; the rest of the page is prose. A test compares both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from schemas.documents import DOCUMENTS
from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.scores import SCORES
from schemas.sequences import SEQUENCES
from schemas.stage2 import STAGE2
from schemas.statistics import STATISTICS
from schemas.table import Field, Table, spark_type
from schemas.tokens import TOKENS
from schemas.utterance_files import UTTERANCE_FILES
from schemas.utterances import UTTERANCES
from schemas.verdicts import VERDICTS

PAGE = Path(__file__).parent.parent / "docs" / "tables.md"
BEGIN = "<!-- tables: written by `python -m schemas.page` -->"
END = "<!-- end of tables -->"

TABLES: Mapping[str, Table] = {
    "documents": DOCUMENTS,
    "utterances": UTTERANCES,
    "utterance_files": UTTERANCE_FILES,
    "verdicts": VERDICTS,
    "quarantine": QUARANTINE,
    "ledger": LEDGER,
    "statistics": STATISTICS,
    "releases/<name>/stage1": SEQUENCES,
    "releases/<name>/stage2": STAGE2,
    "releases/<name>/tokens": TOKENS,
}
"""Path in the warehouse -> table."""


def tables() -> str:
    """All tables in Markdown, one section each, in the order the data goes through them."""
    return "\n".join(_section(path, table) for path, table in TABLES.items())


def page_with(tables: str, page: str) -> str:
    """`page` with `tables` between its marks. ValueError where it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no marks in the page; put {BEGIN!r} and {END!r} where the tables belong")
    return f"{head}{begin}\n\n{tables}\n{end}{tail}"


def _section(path: str, table: Table) -> str:
    lines = [f"### {path}", "", table.meaning, "", *_grid(table.fields)]
    if table.unique:
        lines += ["", f"No two rows have the same {_and(table.unique)}."]
    if table is DOCUMENTS:
        lines += ["", "The fields of `scores`:", "", *_grid(SCORES)]
    return "\n".join([*lines, ""])


def _grid(fields: Iterable[Field]) -> list[str]:
    rows = [f"| `{f.name}` | {_type(f)} | {_meaning(f)} |" for f in fields]
    return ["| column | type | meaning |", "|---|---|---|", *rows]


def _type(field: Field) -> str:
    # The fields of scores have a table of their own.
    kind = "STRUCT" if field.name == "scores" else spark_type(field.type)
    kind = f"`{kind}`" if "<" in kind else kind  # a bare < would begin an HTML element
    return f"{kind}, may be null" if field.nullable else kind


def _meaning(field: Field) -> str:
    bounded = field.one_of or field.at_least is not None or field.at_most is not None
    text = f"{field.meaning} ({field.accepted()})" if bounded else field.meaning
    return text.replace("|", "\\|")


def _and(names: tuple[str, ...]) -> str:
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} and {last}" if first else last


if __name__ == "__main__":
    PAGE.write_text(page_with(tables(), PAGE.read_text("utf-8")), "utf-8")
