"""Where sentences end: after a language's own terminators and at line breaks."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import bit_array, given, int_array, per_chunk, rows_of, string_array
from normalizers.languages import Language, language
from normalizers.places import merged
from normalizers.utf8 import CHUNK, Bytes, Flags, Positions, skip_space, space_length

_CLOSER, _SPACED, _UNSPACED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class _Marks:
    """Terminators and closers of a language, as bytes."""

    narrow: Flags
    """By byte: a mark or a line break of one byte."""
    wide: tuple[tuple[int, tuple[int, ...]], ...]
    """Of marks of two or three bytes: last byte but one, and the last bytes seen after it."""
    codes: Positions
    """Marks as big-endian integers of their bytes, ascending."""
    kinds: Positions
    """_CLOSER, _SPACED or _UNSPACED of each code."""


@functools.lru_cache(64)
def _marks(tongue_code: str) -> _Marks:
    tongue: Language = language(tongue_code)
    kinds = dict.fromkeys(tongue.closers, _CLOSER)
    kinds |= dict.fromkeys(tongue.spaced_terminators, _SPACED)
    kinds |= dict.fromkeys(tongue.unspaced_terminators, _UNSPACED)
    encoded = sorted((int.from_bytes(c.encode(), "big"), kind, c.encode()) for c, kind in kinds.items())
    narrow = np.zeros(256, np.bool_)
    narrow[[10, 13, *(code for code, _, mark in encoded if len(mark) == 1)]] = True
    wide: dict[int, set[int]] = {}
    for _, _, mark in encoded:
        if len(mark) > 1:
            wide.setdefault(mark[-2], set()).add(mark[-1])
    return _Marks(
        narrow=narrow,
        wide=tuple((before, tuple(sorted(last))) for before, last in wide.items()),
        codes=np.array([code for code, _, _ in encoded]),
        kinds=np.array([kind for _, kind, _ in encoded]),
    )


def sentence_ends(utf8: Bytes, lang: str) -> Positions:
    """Byte offsets just after each sentence of a UTF-8 buffer, ascending int64, the last one len(utf8).

    A sentence ends after a run of terminators and the quotation marks and brackets that close it: where
    white space follows for . ! ? …, anywhere for 。 ！ ？ । ॥ ؟ ۔ and what the data file adds. A line break
    (\\n, \\r) ends a sentence. White space after a sentence belongs to it; no sentence is white space only,
    unless the whole buffer is. An empty buffer has no sentence.
    """
    if not len(utf8):
        return np.zeros(0, np.int64)
    ends = skip_space(utf8, _stops(utf8, _marks(lang)))
    # White space at the very start is no sentence: it goes to the first one.
    blank = skip_space(utf8, np.zeros(1, np.int64))[0]
    ends = np.append(ends[ends > blank], len(utf8))
    different: Positions = ends[np.append(True, ends[1:] > ends[:-1])]
    return different


def _stops(utf8: Bytes, marks: _Marks) -> Positions:
    """Offsets after line breaks and after runs of marks that end a sentence; white space may follow."""
    at, begin, kind = _find(utf8, marks)
    breaks: Positions = at[kind == 0]
    at, begin, kind = at[kind > 0], begin[kind > 0], kind[kind > 0]
    if not len(at):
        return breaks
    heads = np.flatnonzero(np.append(True, begin[1:] != at[:-1]))  # marks that touch are one run
    strongest = np.maximum.reduceat(kind, heads)
    run_ends = at[np.append(heads[1:], len(at)) - 1]
    open_end = (run_ends == len(utf8)) | (space_length(utf8, run_ends) > 0)
    stops = run_ends[(strongest == _UNSPACED) | ((strongest == _SPACED) & open_end)]
    return merged(stops, breaks)


def _find(utf8: Bytes, marks: _Marks) -> tuple[Positions, Positions, Positions]:
    """Offset after, offset of, and kind of each mark in ascending order; kind 0 is a line break."""
    lasts = []
    table = marks.narrow.tobytes()
    for low in range(0, len(utf8), CHUNK):
        chunk = utf8[low : low + CHUNK]
        hits = np.frombuffer(bytearray(chunk.tobytes().translate(table)), np.bool_)
        if chunk.max() > 127:
            start = max(low, 1)  # the byte before may lie in the chunk before
            hits[start - low :] |= _wide_hits(utf8[start - 1 : low + CHUNK], marks)
        lasts.append(np.flatnonzero(hits) + low)
    last = np.concatenate(lasts)
    byte = utf8[last]
    code = byte.astype(np.int64)
    size = np.ones(len(last), np.int64)
    wide = np.flatnonzero(byte > 127)
    if len(wide):
        at = last[wide]
        code[wide] |= utf8[at - 1].astype(np.int64) << 8
        # The byte before the last one continues a character: then that has three bytes.
        three = ((utf8[at - 1] & 0xC0) == 0x80) & (at > 1)
        code[wide] |= np.where(three, utf8[at - 2].astype(np.int64) << 16, 0)
        size[wide] += 1 + three
    kind = _kind(code, marks)
    known = (kind > 0) | (byte == 10) | (byte == 13)
    last, size, kind = last[known], size[known], kind[known]
    return last + 1, last + 1 - size, kind


def _wide_hits(chunk: Bytes, marks: _Marks) -> Flags:
    """From the second byte of the chunk on: does it end a pair of bytes that a wide mark ends with."""
    hits = np.zeros(len(chunk) - 1, np.bool_)
    for before, lasts in marks.wide:
        hit = chunk[1:] == lasts[0]
        for last in lasts[1:]:
            hit |= chunk[1:] == last
        hit &= chunk[:-1] == before
        hits |= hit
    return hits


def _kind(codes: Positions, marks: _Marks) -> Positions:
    """Kind of each code, 0 where it is no mark."""
    index = np.minimum(np.searchsorted(marks.codes, codes), len(marks.codes) - 1)
    kind: Positions = np.where(marks.codes[index] == codes, marks.kinds[index], 0)
    return kind


def sentences(texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array | pa.ChunkedArray:
    """The sentences of each text, a list column of strings that concatenate to the text; null for null.

    Trailing white space stays on its sentence; an empty text has no sentence. The rule: `sentence_ends`.
    """
    language(lang)

    def split(column: pa.Array) -> pa.Array:
        filled = pc.fill_null(column, string_array([""], column.type)[0])
        utf8, offsets = rows_of(filled)
        inner, owner = _row_ends(utf8, offsets, lang)
        # The end of each row is an end as well, but for empty rows, which have no sentence.
        full = np.flatnonzero(np.diff(offsets))
        ends = np.concatenate((inner, offsets[full + 1]))
        rows = np.concatenate((owner, full))
        ends.sort()  # rows follow one another in the buffer, so the order of ends is the order of rows
        lists = np.append(0, np.cumsum(np.bincount(rows, minlength=len(filled))))
        width = np.int64 if pa.types.is_large_string(column.type) else np.int32
        at = np.append(0, ends).astype(width)
        kind = pa.large_string() if width is np.int64 else pa.string()
        parts = pa.Array.from_buffers(kind, len(ends), [None, pa.py_buffer(at), pa.py_buffer(utf8)])
        starts = int_array(lists.astype(np.int32), np.ones(len(lists), np.bool_))
        return pa.ListArray.from_arrays(starts, parts, mask=bit_array(~given(column)))

    kind = pa.large_string() if pa.types.is_large_string(getattr(texts, "type", pa.string())) else pa.string()
    return per_chunk(split, texts, pa.list_(kind))


def _row_ends(utf8: Bytes, offsets: Positions, lang: str) -> tuple[Positions, Positions]:
    """Ends of sentences strictly inside their row, and the row of each; rows never see one another."""
    # A line break between the rows keeps them apart without a loop; its own effects are taken out again.
    joined = np.insert(utf8, offsets[1:-1], 10)
    shift = np.arange(len(offsets) - 1)
    starts = offsets[:-1] + shift
    ends = sentence_ends(joined, lang)
    rows = np.searchsorted(starts, ends, side="right") - 1
    stops = offsets[1:] + shift
    inside = (ends > starts[rows]) & (ends < stops[rows])
    ends, rows = ends[inside], rows[inside]
    # An end that only white space separates from the start of its row came from the row before.
    led = space_length(joined, starts[rows]) > 0
    keep = np.ones(len(ends), np.bool_)
    keep[led] = skip_space(joined, starts[rows[led]]) < ends[led]
    return (ends[keep] - rows[keep]).astype(np.int64), rows[keep]
