"""Wikipedia's pages-articles dumps (dumps.wikimedia.org): the plain text of every article.

Plain XML splits by bytes, multi-stream bzip2 at its streams; a page belongs to the split it begins in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa

from spark_jobs.readers.blocks import PAGE, PAGE_END, PAGES, blocks
from spark_jobs.readers.records import RAW_BYTES, ReaderError, ReaderOptions, Record, Rejected, Split
from spark_jobs.readers.rows import checked, rejected_cut
from spark_jobs.readers.streams import events
from spark_jobs.readers.wikitext import plain_text

_FILES, _CATEGORIES = "6", "14"
_HEADER_BYTES = 1024 * 1024
_NAMESPACE = re.compile(r'<namespace key="(-?\d+)"[^>]*>([^<]+)</namespace>')


class _BadPageError(Exception):
    """(reason, detail) of a page that cannot be used."""


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """The articles (namespace 0, no redirects) that begin in a split; other pages take a number only.

    ReaderError: an archive packed so densely that the numbers of two splits would meet.
    """
    ordinal = split.start
    hidden = _hidden_namespaces(split.uri)
    for block in blocks(split, PAGES, options.max_record_bytes):
        pages = list(_pages(block)) if isinstance(block, bytes) else []
        n_records = len(pages) if isinstance(block, bytes) else 1
        # A page of plain XML is longer than a byte. In an archive it need not be, though no dump comes near.
        if split.end is not None and ordinal + n_records > split.end:
            raise ReaderError(
                f"{split.uri} has more pages than stored bytes from byte {split.start:,} to {split.end:,}; "
                f"rewrite it:  corpus split {split.uri} --format wikipedia"
            )
        if isinstance(block, bytes):
            yield from _records(pages, ordinal, hidden)
        else:
            yield rejected_cut(block, ordinal, split.start, options.max_record_bytes)
        ordinal += n_records


def _pages(block: bytes) -> Iterator[bytes]:
    at = block.find(PAGE)
    while at >= 0:
        # A page that is not closed ends where the next one begins.
        following = block.find(PAGE, at + 1)
        end = block.find(PAGE_END, at, following if following >= 0 else len(block))
        yield block[at : end + len(PAGE_END) if end >= 0 else following if following >= 0 else len(block)]
        at = following


def _records(pages: list[bytes], ordinal: int, hidden: frozenset[str]) -> Iterator[Record]:
    texts: list[str] = []
    rows: list[int] = []
    rejected: list[Rejected] = []
    for row, page in enumerate(pages):
        try:
            text = _article(page, hidden)
        except _BadPageError as problem:
            reason, detail = problem.args
            rejected.append(Rejected(ordinal + row, reason, detail, page[:RAW_BYTES]))
        else:
            if text is not None:
                texts.append(text)
                rows.append(row)
    yield from checked(
        pa.array(texts, pa.string()),
        ordinal + np.array(rows, np.int64),
        raw_of=lambda row: pages[rows[row]],
        rejected=rejected,
        is_valid=True,
    )


def _article(page: bytes, hidden: frozenset[str]) -> str | None:
    """The text of an article, None if the page is none."""
    root = _parsed(page)
    if root.findtext("ns") != "0" or root.find("redirect") is not None:
        return None
    revisions = root.findall("revision")
    if not revisions:
        raise _BadPageError("bad_xml", "the page has no revision")
    model = revisions[-1].findtext("model", "wikitext")
    if model != "wikitext":
        raise _BadPageError("bad_wikitext", f"the page is {model}")
    try:
        return plain_text(revisions[-1].findtext("text") or "", hidden)
    except Exception as error:  # whatever the parser does, it costs this page only
        raise _BadPageError("bad_wikitext", f"{type(error).__name__}: {error}") from error


def _parsed(page: bytes) -> ElementTree.Element:
    if (at := page.find(b"\0")) >= 0:
        raise _BadPageError("nul_byte", f"NUL at byte {at}")
    try:
        # Entities are declared before the first element, and this is one: none can expand.
        return ElementTree.fromstring(page.decode())  # noqa: S314
    except UnicodeDecodeError as error:
        raise _BadPageError("not_utf8", f"byte {error.start}: {error.reason}") from error
    except ElementTree.ParseError as error:
        raise _BadPageError("bad_xml", str(error)) from error


def _hidden_namespaces(uri: str) -> frozenset[str]:
    """The names that a dump's header gives to files and categories; also a later split needs them."""
    head = b""
    for event in events(Split(uri=uri)):
        if not isinstance(event, bytes):
            break
        head += event
        if b"</siteinfo>" in head or PAGE in head or len(head) > _HEADER_BYTES:
            break
    names = _NAMESPACE.findall(head.partition(PAGE)[0].decode("utf-8", "replace"))
    return frozenset(name.lower() for key, name in names if key in {_FILES, _CATEGORIES})
