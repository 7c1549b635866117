"""Written text to spoken form: whole columns at memory speed, rows without numbers by their case alone.

A look at the bytes finds the rows that hold a token; those become one long text, which is cut into stretches
that can be said by themselves; a memo remembers how each was said; the rows go back to their places, and the
column is lower-cased at the end.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import array_of, bit_array, flags_of, given, per_chunk, rows_of, string_array
from normalizers.digits import fold_digits
from normalizers.languages import language
from normalizers.look import Found, before_numbers, look
from normalizers.places import merged, places_of, row_of, unique
from normalizers.reach import ROW_BREAKS, stretches
from normalizers.spans import MARK, Spans, probe_of, spans_of
from normalizers.tokens import AGAIN, ENDS, MEMO_SIZE, forget_tokens, say_tokens
from normalizers.utf8 import Bytes, Flags, Positions

_PASSES = 4
_SLICE = 1 << 22
"""Bytes of a column said at a time: enough to forget what a call costs, little enough for the cache."""
_STRETCH = 64
"""Bytes of the longest stretch worth remembering."""
_FEW = 1 << 14
"""Bytes of rows that are said sooner than cut."""
_LOOK = b"\xfe\xff"
"""Two bytes that UTF-8 does not have. The first stands in a row where a token asks for another look, the
second where a look could find something; it is taken where both are."""
_MARK = np.frombuffer(MARK.encode(), np.uint8)
_RESERVED = f"[{MARK}{ENDS}]"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to be said: their bytes, where each but the first begins, and what stands where in them."""

    utf8: Bytes
    begins: Positions
    signs: Positions
    sign_ends: Positions
    marks: Positions
    opening: Positions
    """Those of the marks that a look found: not before every number."""


def to_spoken(texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array | pa.ChunkedArray:
    """The spoken form of each text of a string column; same type and chunks, null for null.

    Numbers, dates, times, money, measures, symbols and abbreviations are written out in words of the
    language, everything is lower case; other characters stay, white space included. No decimal digit of any
    script is left. The same text gives the same form whatever rows stand beside it, and a spoken form stays
    as it is. Raises UnknownLanguageError, and TypeError for a column of something else.
    """
    language(lang)
    work = functools.partial(_by_lines, lang=lang)
    return per_chunk(work, texts, getattr(texts, "type", None))


def to_spoken_text(text: str, lang: str) -> str:
    """The spoken form of one text, see `to_spoken`."""
    spoken: str = to_spoken(string_array([text], pa.large_string()), lang)[0].as_py()
    return spoken


def forget(lang: str) -> None:
    """Forget what was said: the next text is said as in a fresh process, with the patterns compiled."""
    _memo(lang).clear()
    forget_tokens(lang)


def _by_lines(column: pa.Array, lang: str) -> pa.Array:
    """Each line of each row said as a row of its own: no token reaches over a line break, and the lines of a
    document that have one are a quarter of its bytes (docs/performance.md)."""
    utf8, offsets = rows_of(column)
    first = np.zeros(len(utf8) + 1, np.bool_)
    first[offsets] = True
    breaks = places_of(utf8 == 0x0A) + 1
    inner = breaks[~first[breaks]]
    there = given(column)
    if not len(inner) or np.diff(offsets)[~there].any():  # what lies below a null need not be text
        return _in_slices(column, lang)
    borders = merged(offsets, inner)
    lines = array_of(utf8, np.diff(borders), pa.large_string())
    said, ends = rows_of(_in_slices(lines, lang))
    return array_of(said, np.diff(ends[np.flatnonzero(first[borders])]), column.type, there)


def _in_slices(column: pa.Array, lang: str) -> pa.Array:
    utf8, offsets = rows_of(column)
    cuts = np.unique(np.searchsorted(offsets, np.arange(_SLICE, len(utf8), _SLICE))).tolist()
    borders = itertools.pairwise([0, *cuts, len(column)])
    said = [_column(column.slice(low, high - low), lang) for low, high in borders]
    return pa.concat_arrays(said) if cuts else said[0]


def _column(column: pa.Array, lang: str) -> pa.Array:
    found = look(column, probe_of(lang))
    lowered = pc.ascii_lower(column)
    special = found.rows | found.cased
    if not special.any():
        return lowered
    rows = column.filter(bit_array(special))
    hit = found.rows[special]
    if not hit.all():
        cased = bit_array(~hit)
        rows = pc.replace_with_mask(rows, cased, pc.utf8_lower(rows.filter(cased)))
    if hit.any():
        hits = bit_array(hit)
        rows = pc.replace_with_mask(
            rows, hits, _settled(rows.filter(hits), _kept(found, column), lang, _PASSES)
        )
    return pc.replace_with_mask(lowered, bit_array(special), rows)


def _kept(found: Found, column: pa.Array) -> Found:
    """What was found in the rows to be said, as if they stood alone."""
    offsets, rows = rows_of(column)[1], found.rows
    lengths = np.where(rows, np.diff(offsets), 0)
    shift = offsets[:-1] - (np.cumsum(lengths) - lengths)
    of_sign, of_mark = found.sign_rows, row_of(offsets, found.marks)
    number = np.cumsum(rows) - 1

    def kept(places: Positions, row: Positions) -> Positions:
        moved: Positions = (places - shift[row])[rows[row]]
        return moved

    return Found(
        rows=rows[rows],
        cased=found.cased[rows],
        signs=kept(found.signs, of_sign),
        sign_ends=kept(found.sign_ends, of_sign),
        sign_rows=number[of_sign[rows[of_sign]]],
        marks=kept(found.marks, of_mark),
        foreign=found.foreign,
    )


def _settled(hits: pa.Array, found: Found, lang: str, passes: int) -> pa.Array:
    """Each row said until nothing in it changes: some spoken forms uncover a new token ("a.&b.com")."""
    said, unsure = _said(hits, found, lang)
    said = pc.utf8_lower(said)
    if passes == 1 or not unsure.any():
        return said
    mask = bit_array(unsure)
    rows = said.filter(mask)
    changed = flags_of(pc.not_equal(rows, hits.filter(mask)))
    if not changed.any():
        return said
    found = look(rows, probe_of(lang))
    again = found.rows & changed
    if not again.any():
        return said
    inner = bit_array(again)
    rest = _settled(rows.filter(inner), _kept(replace(found, rows=again), rows), lang, passes - 1)
    return pc.replace_with_mask(said, mask, pc.replace_with_mask(rows, inner, rest))


def _said(hits: pa.Array, found: Found, lang: str) -> tuple[pa.Array, Flags]:
    """Rows with all their tokens said, in their own case; and which of them should be looked at again."""
    probe = probe_of(lang)
    utf8, offsets = rows_of(hits)
    reserved = (utf8 == 0xEF).any() and b"\xef\xb7" in utf8.tobytes()
    if reserved and pc.any(pc.match_substring_regex(hits, _RESERVED)).as_py():
        # They mean nothing in a text, and something else here.
        hits = pc.replace_substring_regex(hits, _RESERVED, "")
        return _said(hits, look(hits, probe), lang)
    places = [offsets, found.signs, found.sign_ends, found.marks]
    if found.foreign:
        utf8, places = fold_digits(utf8, np.concatenate((found.signs, found.sign_ends)), *places)
    offsets, signs, sign_ends, marks = places
    opening, marks = marks, unique(marks, before_numbers(utf8, offsets, probe))
    said, sizes, unsure = _said_together(_Rows(utf8, offsets[1:-1], signs, sign_ends, marks, opening), lang)
    return array_of(said, sizes, hits.type), unsure


def _said_together(rows: _Rows, lang: str) -> tuple[bytes, Positions, Flags]:
    """Rows said as one text: their bytes, the length of each, and whether it should be looked at again."""
    text = rows.utf8.tobytes()
    between = next((sign for sign in map(str.encode, ROW_BREAKS) if sign not in text), b"")
    if between:
        return _taken_apart(_say(rows, between, lang), between)
    # Hardly a text; but a row must not depend on those beside it.
    alone = [
        (rows.utf8[low:high], rows.marks[(rows.marks >= low) & (rows.marks < high)] - low)
        for low, high in itertools.pairwise([0, *rows.begins.tolist(), len(rows.utf8)])
    ]
    # No UTF-8 has the byte that stands between them here.
    return _taken_apart(b"\xfd".join(_say_text(_with_marks(*row).tobytes(), lang) for row in alone), b"\xfd")


def _taken_apart(said: bytes, between: bytes) -> tuple[bytes, Positions, Flags]:
    """See `_said_together`: without what stands between rows and in those to be looked at again."""
    utf8 = np.frombuffer(said, np.uint8)
    at = places_of((utf8 >= _LOOK[0]) | (utf8 == between[0]))
    sign = utf8[at]
    is_end = sign == between[0]
    ends = np.append(at[is_end] - np.flatnonzero(is_end), len(utf8) - len(at))
    row = np.cumsum(is_end)
    wanted, useful = (np.bincount(row[sign == look], minlength=len(ends)) > 0 for look in _LOOK)
    return said.translate(None, between + _LOOK), np.diff(ends, prepend=0), wanted & useful


def _with_marks(utf8: Bytes, marks: Positions) -> Bytes:
    return np.insert(utf8, np.repeat(marks, len(_MARK)), np.tile(_MARK, len(marks)))


def _say(rows: _Rows, between: bytes, lang: str) -> bytes:
    """The rows with every token in them said, `between` between them."""
    at = np.concatenate((rows.begins, np.repeat(rows.marks, len(_MARK))))
    put = np.concatenate((np.full(len(rows.begins), between[0], np.uint8), np.tile(_MARK, len(rows.marks))))
    text = np.insert(rows.utf8, at, put).tobytes()
    reach = spans_of(lang).reach
    if reach is None or len(text) < _FEW:
        return _say_text(text, lang)
    n_rows = np.searchsorted(rows.begins, rows.marks, "right")
    marks = rows.marks + len(_MARK) * np.arange(len(rows.marks)) + n_rows
    opening = marks[np.searchsorted(rows.marks, rows.opening)]
    shift = len(_MARK) * np.searchsorted(rows.marks, rows.signs, "right")
    shift += np.searchsorted(rows.begins, rows.signs, "right")
    signs = rows.signs + shift, rows.sign_ends + shift
    cuts = stretches(text, between, signs, (marks, opening), reach)
    # No UTF-8 has the byte that stands at the cuts here; to split takes less than to slice.
    parts = np.insert(np.frombuffer(text, np.uint8), cuts, 0xFF).tobytes().split(b"\xff")
    parts[1::2] = _say_stretches(parts[1::2], between, lang)
    return b"".join(parts)


def _say_stretches(written: list[bytes], between: bytes, lang: str) -> list[bytes]:
    """Each stretch said, those that are new as one text."""
    known, spans = _memo(lang), spans_of(lang)
    new = list(dict.fromkeys(itertools.filterfalse(known.__contains__, written)))
    if not new:
        return list(map(known.__getitem__, written))
    fresh = {}
    for stretch, said in zip(new, _say_text(between.join(new), lang).split(between), strict=True):
        fresh[stretch] = _with_signs(stretch, said, spans)
        if len(stretch) <= _STRETCH and len(known) < MEMO_SIZE:
            known[stretch] = fresh[stretch]
    return [fresh[stretch] if stretch in fresh else known[stretch] for stretch in written]


def _with_signs(written: bytes, said: bytes, spans: Spans) -> bytes:
    """What was said of a stretch, with what it knows about another look behind it: nothing has changed for
    one that stays as it is."""
    bare = said.translate(None, _LOOK)
    if bare == written.replace(MARK.encode(), b""):
        return bare
    # To ask a long one costs more than the look.
    useful = len(bare) > _STRETCH or spans.restless.search(bare.decode()) is not None
    return bare + _LOOK[:1] * (bare != said) + _LOOK[1:] * useful


def _say_text(text: bytes, lang: str) -> bytes:
    return say_tokens(text.decode(), lang).encode().replace(AGAIN.encode(), _LOOK)


@functools.cache
def _memo(lang: str) -> dict[bytes, bytes]:
    """Stretch -> how it is said."""
    return {}
