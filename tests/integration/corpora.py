"""Raw files in the layouts of the big dumps, made by hand, and builds of them in the tests' own session."""

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

from spark_jobs.plan import plan_build
from spark_jobs.progress import Progress
from spark_jobs.recipe import load_recipe
from spark_jobs.runner import Build

_REDIRECT = '    <redirect title="Lantern" />\n'

LENIENT = {
    "min_words": 1,
    "max_boilerplate": 1000,
    "max_repeated_lines": 1.0,
    "max_repeated_ngrams": 1.0,
    "max_symbols": 1.0,
    "max_digits": 1.0,
    "min_letters": 0.0,
    "min_line_chars": 0,
    "max_line_chars": 1000000,
    "min_terminal_punctuation": 0.0,
    "max_chars_per_word": 1000,
    "max_word_bytes": 100000,
}
"""A filter that keeps every document, for tests of everything else."""


def mc4(path: Path, rows, damaged=()) -> None:
    """Rows as mC4 has them; `damaged` raw lines follow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {"text": t, "timestamp": "2019-04-25T12:57:54Z", "url": f"https://example.org/{n}"}
        ).encode()
        for n, t in enumerate(rows)
    ]
    path.write_bytes(gzip.compress(b"\n".join([*lines, *damaged]) + b"\n", mtime=0))


def cc100(path: Path, documents) -> None:
    """Documents as lists of paragraphs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress("\n\n".join("\n".join(d) for d in documents).encode() + b"\n"))


def wikipedia(path: Path, pages) -> None:
    """(namespace, title, wikitext) as a pages-articles dump."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">\n<siteinfo></siteinfo>\n'
    )
    body = "".join(
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{ns}</ns>\n    <id>{n}</id>\n"
        f"{_REDIRECT if text.startswith('#REDIRECT') else ''}"
        f"    <revision>\n      <id>{n}</id>\n      <text>{escape(text)}</text>\n    </revision>\n  </page>\n"
        for n, (ns, title, text) in enumerate(pages, 1)
    )
    path.write_bytes(bz2.compress((head + body + "</mediawiki>\n").encode()))


def subtitles(path: Path, sentences) -> None:
    """Sentences as lists of tokens, one file of the OPUS XML tree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(
        f'<s id="{n}">' + "".join(f"<w>{escape(w)}</w>" for w in words) + "</s>\n"
        for n, words in enumerate(sentences, 1)
    )
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<document>\n{body}</document>\n', "utf-8")


def write_recipe(path: Path, root: Path, sources, **values) -> Path:
    """A recipe of these sources; other keys as given."""
    recipe = {
        "release": "r",
        "root": str(root),
        "sources": sources,
        "filters": LENIENT,
        "quarantine": {"max_share": 1.0},
    }
    path.write_text(yaml.safe_dump(recipe | values), "utf-8")
    return path


def build(spark, recipe: Path, warehouse: Path, partitions: int | None = None):
    """Build a release in the tests' session; returns its manifest."""
    plan = plan_build(load_recipe(str(recipe)), str(warehouse))
    return Build(plan, spark, Progress(io.StringIO()), partitions).run()


def rows(spark, path: Path, *columns: str):
    """Sorted tuples of a Delta table's columns."""
    return sorted(tuple(row) for row in spark.read.format("delta").load(str(path)).select(*columns).collect())
