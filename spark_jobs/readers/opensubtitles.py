"""OpenSubtitles as OPUS gives it (opus.nlpl.eu): mono text, or a tree with an XML file for each film.

Mono files (`.txt.gz`) know no documents: `block_lines` lines are one. An XML file is one document, its
sentences a line each, tokenised (`<w>`) or not. Neither can be entered in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from spark_jobs.readers.blocks import LINES, Cut, TooLong, blocks
from spark_jobs.readers.compression import CODECS
from spark_jobs.readers.records import RAW_BYTES, ReaderOptions, Record, Rejected, Split
from spark_jobs.readers.rows import checked, rejected_cut
from spark_jobs.readers.streams import Damage, events
from spark_jobs.readers.tokens import join_tokens


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """The documents of a mono file, or of an XML file by its name."""
    name = split.uri.lower()
    for codec in CODECS:
        for extension in codec.extensions:
            name = name.removesuffix(extension)
    return _film(split, options) if name.endswith(".xml") else _mono(split, options)


def _mono(split: Split, options: ReaderOptions) -> Iterator[Record]:
    ordinal = split.start
    block = _LineBlock(options)
    for cut in blocks(split, LINES, options.max_record_bytes):
        # A line that cannot be had ends the document, so that what follows does not depend on it.
        done = block.add(cut) if isinstance(cut, bytes) else [*block.rest(), cut]
        yield from _documents(done, ordinal, split.start, options)
        ordinal += len(done)
    yield from _documents(block.rest(), ordinal, split.start, options)


class _LineBlock:
    """The lines of a document that is not full yet."""

    def __init__(self, options: ReaderOptions) -> None:
        self._options = options
        self._lines: list[bytes] = []
        self._n_lines = 0
        self._n_bytes = 0

    def add(self, block: bytes) -> list[Cut]:
        """The documents that these lines complete."""
        lines = block.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
        done: list[Cut] = []
        at = 0
        while at < len(lines):
            part = lines[at : at + self._options.block_lines - self._n_lines]
            at += len(part)
            self._lines += part
            self._n_lines += len(part)
            self._n_bytes += sum(map(len, part)) + len(part)
            if self._n_lines == self._options.block_lines:
                done += self.rest()
            elif self._n_bytes > self._options.max_record_bytes:
                self._lines = [b"\n".join(self._lines)[:RAW_BYTES]]  # enough to quote
        return done

    def rest(self) -> list[Cut]:
        """The document as far as it goes, nothing if it has no line."""
        text = b"\n".join(filter(None, self._lines))
        n_lines, n_bytes = self._n_lines, self._n_bytes
        self._lines, self._n_lines, self._n_bytes = [], 0, 0
        if not n_lines:
            return []
        return [TooLong(text[:RAW_BYTES], n_bytes) if n_bytes > self._options.max_record_bytes else text]


def _documents(done: list[Cut], ordinal: int, first: int, options: ReaderOptions) -> Iterator[Record]:
    texts = [(n, text) for n, text in enumerate(done) if isinstance(text, bytes) and text]
    cuts = [(n, cut) for n, cut in enumerate(done) if not isinstance(cut, bytes)]
    yield from checked(
        pa.array([text for _, text in texts], pa.binary()).view(pa.string()),
        ordinal + np.array([n for n, _ in texts], np.int64),
        rejected=[rejected_cut(cut, ordinal + n, first, options.max_record_bytes) for n, cut in cuts],
    )


def _film(split: Split, options: ReaderOptions) -> Iterator[Record]:
    if split.start:
        return
    chunks: list[bytes] = []
    n_bytes = 0
    for event in events(split):
        if isinstance(event, Damage):
            yield rejected_cut(replace(event, raw=event.raw or b"".join(chunks)[:RAW_BYTES]), 0, 0, 0)
            return
        if isinstance(event, bytes):
            chunks.append(event)
            n_bytes += len(event)
            if n_bytes > options.max_record_bytes:
                chunks = [b"".join(chunks)[:RAW_BYTES]]  # enough to quote
    content = b"".join(chunks)
    if n_bytes > options.max_record_bytes:
        yield rejected_cut(TooLong(content, n_bytes), 0, 0, options.max_record_bytes)
    elif content:
        try:
            text = sentences(content)
        except expat.ExpatError as error:
            yield Rejected(0, *_why_not_xml(content, str(error)), content[:RAW_BYTES])
        else:
            texts, ordinals = pa.array([text], pa.string()), np.zeros(1, np.int64)
            yield from checked(texts, ordinals, raw_of=lambda _: content, is_valid=True)


def _why_not_xml(content: bytes, error: str) -> tuple[str, str]:
    if (at := content.find(b"\0")) >= 0:
        return "nul_byte", f"NUL at byte {at}"
    try:
        content.decode()
    except UnicodeDecodeError as bad:
        return "not_utf8", f"byte {bad.start}: {bad.reason}"
    return "bad_xml", error


def sentences(content: bytes) -> str:
    """The <s> elements of an OPUS XML file, a line each. ExpatError: not XML, or it declares an entity."""
    lines: list[str] = []
    words: list[str] = []
    characters: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name == "s":
            words.clear()
        if name in {"s", "w"}:
            characters.clear()

    def end(name: str) -> None:
        if name not in {"s", "w"}:
            return
        text = " ".join("".join(characters).split())
        characters.clear()
        if name == "w":
            words.extend([text] if text else [])
        elif line := join_tokens(words) if words else text:
            lines.append(line)

    def no_entities(name: str, *_: object) -> None:
        raise expat.ExpatError(f"the file declares an entity, {name!r}; none is needed for subtitles")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters.append
    parser.EntityDeclHandler = no_entities
    parser.Parse(content, True)
    return "\n".join(lines)
