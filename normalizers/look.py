"""Which rows of a column can hold a token, and where words stand that begin one.

One pass over the buffer looks every pair of adjacent bytes up in a table. Of those that may stand in a word
some hundred in a megabyte are left when hashes are compared, and are asked with the pattern itself. Nothing
is missed, and no row is looked at twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import given, rows_of
from normalizers.patterns import GAP, NUMERALS, WORD, WORDY
from normalizers.places import merged, places_of, row_of, unique
from normalizers.prefixes import (
    WIDTH,
    Codes,
    Prefixes,
    begin_with,
    codes_at,
    hashed,
    may_begin,
    with_heads,
    with_noughts,
)
from normalizers.probes import (
    CASED,
    END_BYTES,
    FIRST,
    LEAD,
    LETTER,
    NUMERAL,
    SIGN,
    TAIL,
    WIDE_SIGN,
    Actions,
    Kind,
    Probe,
    Tails,
    tail_codes,
)
from normalizers.utf8 import Bytes, Flags, Positions

_IS_NUMERAL = np.isin(np.arange(256), list(NUMERALS.encode()))
_LOWEST = np.array([(i & -i).bit_length() - 1 for i in range(1 << 2 * WIDTH)])
"""The place of the lowest bit."""
_MAY_FOLLOW = _IS_NUMERAL | ~LETTER
_IS_SMALL = np.isin(np.arange(256), list(b"IVX"))
_SEVERAL = re.compile(f"[IVX]{{2,6}}{END_BYTES}".encode())
_CHUNK = 1 << 20
"""Bytes looked up at a time: what is made of them stays in the cache, and calls cost little."""
_WORD_BACK = re.compile(rf"{GAP}[{WORD}]+")
"""A word and the blank behind it, read backwards."""
_LONGEST_RUN = 256
"""Bytes that an address may go back from its "@" or ".com"."""
_LONGEST_WORD = 48
_LONGEST_SPAN = 80
_LONGEST_NUMERAL = 9
_BREAKS = b" \t\n\r\x0b\x0c"
_IS_WORDY = LETTER | (np.arange(256) == 0x5F)
_WORDY_BYTES: bytes = _IS_WORDY.tobytes()
_RUN = bytes(set(range(33, 256)) - set(b'"<>()[]{}'))


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at a column finds; positions count bytes from the first row."""

    rows: Flags
    """Rows to be said."""
    cased: Flags
    """Rows with characters beyond ASCII that may have another lower case."""
    signs: Positions
    """Where each sign ends, or the first of several digits next to each other; ascending, in any row."""
    sign_ends: Positions
    """The same of the last of them."""
    sign_rows: Positions
    """The row of each."""
    marks: Positions
    """Where words begin that begin a token, ascending, in any row."""
    foreign: bool
    """Whether there may be digits beyond ASCII."""


def look(column: pa.Array, probe: Probe) -> Found:
    """The rows to be said, and where words in them begin a token; a null row is never found."""
    utf8, offsets = rows_of(column)
    rows, cased = np.zeros(len(column), np.bool_), np.zeros(len(column), np.bool_)
    signs = sign_ends = row = marks = np.zeros(0, np.int64)
    foreign = False
    if len(utf8):
        at, action = _marked(utf8, probe)
        # A pair belongs to the row of its second byte, so the first byte of all is looked at by itself.
        signs = at[action & SIGN > 0] + 1
        if probe.actions[probe.marked[int(utf8[0]) << 8].as_py()] & SIGN:
            signs = np.append(signs, 0)
        wide = np.concatenate((at[action & WIDE_SIGN > 0] + 1, at[action & LEAD > 0] + 2))
        wide = _wide_signs(utf8, wide[wide < len(utf8)], probe)
        first = np.zeros(len(utf8) + 1, np.bool_)
        first[offsets] = True
        words = _words(utf8, offsets, _beginnings(utf8, first, at, action, probe), probe)
        numerals = _numerals(utf8, offsets, first, at[action & NUMERAL > 0] + 1, probe)
        marks = merged(words, numerals)
        foreign = _may_be_foreign(utf8, signs, wide)
        signs = merged(signs, wide)
        row = row_of(offsets, signs)
        rows[row] = rows[row_of(offsets, marks)] = True
        parted = (np.diff(signs) > 1) | (np.diff(row) > 0)
        sign_ends = signs[np.append(parted, True)[: len(signs)]]
        is_first = np.append(True, parted)[: len(signs)]
        signs, row = signs[is_first], row[is_first]
        cased[row_of(offsets, at[action & CASED > 0])] = True
    rows &= given(column)
    return Found(rows, cased, signs, sign_ends, row, marks, foreign)


def _marked(utf8: Bytes, probe: Probe) -> tuple[Positions, Actions]:
    """Positions of marked pairs, in no order, and what to do at each."""
    places, kinds = [], []
    for low in range(0, len(utf8), _CHUNK):
        for start in (low, low + 1):  # pairs that begin at even places, then those at odd ones
            part = utf8[start : min(start + _CHUNK, len(utf8))]
            pairs = np.require(part[: len(part) // 2 * 2].view("<u2"), requirements="A")
            # Arrow takes by 16 bits; numpy makes 64 of them first, which costs as much again.
            index = pa.Array.from_buffers(pa.uint16(), len(pairs), [None, pa.py_buffer(pairs)])
            taken = pc.take(probe.marked, index, boundscheck=False)
            kind = np.frombuffer(taken.buffers()[1], np.uint8, len(pairs))
            found = places_of(kind > 0)
            places.append(found * 2 + start)
            kinds.append(kind[found])
    return np.concatenate(places), probe.actions[np.concatenate(kinds)]


def _pairs(utf8: Bytes, at: Positions) -> Positions:
    return utf8[at].astype(np.int64) | utf8[at + 1].astype(np.int64) << 8


def _wide_signs(utf8: Bytes, at: Positions, probe: Probe) -> Positions:
    """Of the last bytes of pairs that may end a sign of three bytes those that do; of four bytes all."""
    at = at[at > 1]
    lead = utf8[at - 2].astype(np.int64)
    code = (lead & 0x0F) << 12 | (utf8[at - 1].astype(np.int64) & 0x3F) << 6 | utf8[at] & 0x3F
    is_sign: Flags = (lead >= 0xF0) | (lead >= 0xE0) & probe.wide[code & 0xFFFF]
    return at[is_sign]


def _may_be_foreign(utf8: Bytes, signs: Positions, wide: Positions) -> bool:
    """Whether some sign may be a digit beyond ASCII, by the bytes that those begin with."""
    two = signs[utf8[signs] >= 0x80]
    three = utf8[wide - 2]
    # Two bytes before the third of a digit stands E0, E1, EA or EF; of four bytes the third is at `wide`.
    return bool((utf8[two - 1] > 0xC3).any() or ((three >= 0xE0) & (three != 0xE2)).any())


def beginnings(utf8: Bytes, offsets: Positions, probe: Probe) -> Positions:
    """Where words of a probe may begin, ascending; another one may have the same hash."""
    first = np.zeros(len(utf8) + 1, np.bool_)
    first[offsets] = True
    return _beginnings(utf8, first, *_marked(utf8, probe), probe) if len(utf8) else offsets[:0]


def _beginnings(utf8: Bytes, first: Flags, at: Positions, action: Actions, probe: Probe) -> Positions:
    """Where the first bytes of some word stand, by hash; ascending. `first`: where rows begin."""
    words = np.flatnonzero(action >= FIRST)
    at, left = at[words], action[words] // FIRST
    found = []
    while len(at):  # once or twice: few pairs stand at several places of words
        found.append(at - _LOWEST.take(left))
        left &= left - 1
        more = np.flatnonzero(left)
        at, left = at[more], left[more]
    begin = with_heads(utf8, np.maximum(np.concatenate(found) if found else at, 0), probe.grams)
    if probe.spaced:
        # Most places are inside of words: "act" in "fact". Only letters of ASCII are told apart here.
        inside = LETTER.take(utf8[begin]) & LETTER.take(utf8[begin - 1]) & ~first[begin]
        begin = begin[np.flatnonzero(~inside)]
    begin = unique(begin)
    return begin[may_begin(utf8, begin, probe.grams)]


def _words(utf8: Bytes, offsets: Positions, begin: Positions, probe: Probe) -> Positions:
    """Of the places where a word may begin those where a token does; ascending."""
    memory = utf8.data
    marks: set[int] = set()
    runs: list[tuple[int, int]] = []
    run_end = 0
    for place, low, high in _with_rows(offsets, begin):
        if place < run_end:
            continue
        found = probe.pattern.match(memory, place, high)
        if not found:
            continue
        kind, bounded, ended = probe.kinds[(found.lastindex or 1) - 1]
        if bounded and _is_wordy(memory, place, low):
            continue
        if ended and _goes_on(memory, found.end(), high):
            continue
        start = place
        if kind is Kind.INSIDE:
            start = _start_of_run(memory, place, low)
            text = bytes(memory[place : min(high, place + _LONGEST_RUN)])
            rest = len(text.lstrip(_RUN))
            runs.append((start, place + len(text) - rest))
            if rest or place + len(text) == high:  # the run ends here: all in it belongs to the address
                run_end = runs[-1][1]
        marks.add(start)
    return _outside(np.array(sorted(marks), np.int64), runs)


def _with_rows(offsets: Positions, at: Positions) -> zip[tuple[int, int, int]]:
    """Each place with the begin and the end of its row."""
    row = row_of(offsets, at)
    return zip(at.tolist(), offsets[row].tolist(), offsets[row + 1].tolist(), strict=True)


def _outside(marks: Positions, runs: list[tuple[int, int]]) -> Positions:
    """The marks that do not stand inside of an address, behind its begin."""
    if not runs:
        return marks
    start, end = np.array(sorted(runs), np.int64).T
    at = np.searchsorted(start, marks, "left") - 1
    return marks[(at < 0) | (marks >= np.maximum.accumulate(end)[at])]


def _numerals(utf8: Bytes, offsets: Positions, first: Flags, at: Positions, probe: Probe) -> Positions:
    """Of the places where a numeral may begin: where it does, or the words before it; ascending."""
    # Most are the first letter of a word.
    at = at[np.flatnonzero(_MAY_FOLLOW.take(utf8.take(at + 1, mode="clip")) | first.take(at + 1))]
    following = np.where(first[at + 1], 0x20, utf8.take(at + 1, mode="clip"))
    third = utf8.take(at + 2, mode="clip")
    accented = (following == 0xC3) & (third != 0x97) & (third != 0xB7)  # "Lé", but not "V×" and "V÷"
    at, following = at[~accented], following[~accented]
    several = _IS_NUMERAL[following]
    found = [_before(utf8, offsets, at, probe.before_numeral, probe)]
    if probe.names:
        end = _numeral_end(utf8, first, at[several])
        goes_on = ~first[end] & _IS_WORDY[utf8.take(end, mode="clip")]
        found.append(_names(utf8, offsets, at[several][~goes_on], probe.names))
    if probe.numerals:
        begin = offsets[:-1][np.diff(offsets) > 0]
        at = np.concatenate((at[several | _IS_SMALL[utf8[at]]], begin[_IS_SMALL[utf8[begin]]]))
        at = at[_may_stand(utf8, _numeral_end(utf8, first, at), probe.behind_numeral)]
        found.append(_spans_of_numerals(utf8, offsets, at, probe.numerals))
    return unique(*found)


def _numeral_end(utf8: Bytes, first: Flags, at: Positions) -> Positions:
    """Where numerals end that begin at `at` and are of as many letters as numerals have."""
    end, more = at + 1, np.ones(len(at), np.bool_)
    for _ in range(_LONGEST_NUMERAL - 1):
        more &= ~first[end] & _IS_NUMERAL[utf8.take(end, mode="clip")]
        end = end + more
    return end


def _may_stand(utf8: Bytes, at: Positions, texts: Prefixes) -> Flags:
    """Whether one of the texts may stand at each place; too near to the end of all any may."""
    may = at > len(utf8) - WIDTH
    if not may.all():
        may[~may] = begin_with(with_noughts(codes_at(utf8, at[~may])), texts)
    return may


def _names(utf8: Bytes, offsets: Positions, at: Positions, name: re.Pattern[bytes]) -> Positions:
    """Where capitalised words begin before numerals of two letters and more."""
    memory = utf8.data
    marks = []
    for place, low, high in _with_rows(offsets, at):
        if _SEVERAL.match(memory, place, high):
            start = _start_of_run(memory, place, low, skipped=True)
            earlier = _start_of_run(memory, start, low, skipped=True)
            marks += [begin for begin in (earlier, start) if name.fullmatch(memory, begin, place - 1)][:1]
    return np.array(marks, np.int64)


def _spans_of_numerals(utf8: Bytes, offsets: Positions, at: Positions, pattern: re.Pattern[str]) -> Positions:
    memory = utf8.data
    marks = [
        place
        for place, _, high in _with_rows(offsets, at)
        if pattern.match(bytes(memory[place : min(high, place + _LONGEST_SPAN)]).decode(errors="ignore"))
    ]
    return np.array(marks, np.int64)


def before_numbers(utf8: Bytes, offsets: Positions, probe: Probe) -> Positions:
    """Where words begin that belong to the number behind them (digits of ASCII); ascending."""
    digit = (utf8 - np.uint8(48)) < 10
    starts = places_of(digit[1:] & ~digit[:-1]) + 1
    return _before(utf8, offsets, starts, probe.before_number, probe)


def _before(utf8: Bytes, offsets: Positions, at: Positions, words: Tails, probe: Probe) -> Positions:
    """Where words of `words` begin that end before the places `at`; ascending."""
    if not len(at):
        return at
    before = utf8[at - 1]
    end = at - ((before == 0x20) | (before == 0x2D) | (before == 0x2F))
    end -= 2 * ((utf8[end - 1] == 0xA0) & (utf8[end - 2] == 0xC2))
    end -= utf8[end - 1] == 0x2E
    likely = words.last[_pairs(utf8, end - 2)]
    at, end = at[likely], end[likely]
    places = end[:, None] + np.arange(-TAIL, 0)
    low = offsets[row_of(offsets, at)][:, None]
    tails = np.where(places >= low, utf8.take(places, mode="clip"), 0x20).astype(np.uint8)
    kept = np.flatnonzero(words.hashes[hashed(tail_codes(tails))])
    at, end = at[kept], end[kept]
    begin = _sure_begin(utf8, at, end, low[kept, 0], words.sure)
    known, at = begin[begin >= 0], at[begin < 0]
    memory = utf8.data
    marks = set()
    for place, low_, high in _with_rows(offsets, at):
        numeral_end = _end_of_numeral(memory, place, high, words)
        if numeral_end < 0:
            continue
        first = max(low_, place - _LONGEST_WORD)
        text = bytes(memory[first:place])
        start = words.begin(text)
        behind = memory[numeral_end : min(high, numeral_end + 1)]
        if start < 0 or (text[start:-1] in words.dotted and bytes(behind) != b"."):
            continue
        start += first
        if not (probe.spaced and _is_wordy(memory, start, low_)):
            if words.behind_word and words.behind_word.match(memory, start, place):
                start = _start_of_word(memory, start, low_)
            marks.add(start)
    return unique(known, np.array(sorted(marks), np.int64))


def _end_of_numeral(memory: memoryview, place: int, high: int, words: Tails) -> int:
    """Where the numeral ends that words ask for, -1 if none is there; `place` if any number will do."""
    if not words.following:
        return place
    numeral = words.following.match(memory, place, high)
    return numeral.end() if numeral and not _goes_on(memory, numeral.end(), high) else -1


def _sure_begin(utf8: Bytes, at: Positions, end: Positions, low: Positions, sure: Codes) -> Positions:
    """Where the word begins that ends at `end`, if it is one of `sure` between blanks; -1 for others."""
    begin = np.full(len(at), -1)
    near = np.flatnonzero((end == at - 1) & (utf8[end] == 0x20) & (end - low >= WIDTH))
    if not len(near) or not len(sure):
        return begin
    letters = codes_at(utf8, end[near] - WIDTH).view(np.uint8).reshape(-1, WIDTH)
    blank = letters == 0x20
    behind = ~np.logical_or.accumulate(blank[:, ::-1], axis=1)[:, ::-1]  # behind the last blank of the eight
    word = np.where(behind, letters, np.uint8(0)).view(np.uint64).reshape(-1)
    is_sure = blank.any(axis=1) & (sure.take(np.searchsorted(sure, word), mode="clip") == word)
    begin[near[is_sure]] = (end[near] - behind.sum(axis=1))[is_sure]
    return begin


def _start_of_word(memory: memoryview, place: int, low: int) -> int:
    """Where the word before a blank before `place` begins, or `place` itself; not before `low`."""
    first = max(low, place - _LONGEST_WORD)
    text = bytes(memory[first:place]).decode(errors="ignore")
    word = _WORD_BACK.match(text[::-1])
    if not word or (word.end() == len(text) and first > low) or any(map(str.isdecimal, word[0])):
        return place
    return place - len(word[0].encode())


def _is_wordy(memory: memoryview, place: int, low: int) -> bool:
    """Whether a word goes on at a place of a row that begins at `low`."""
    if place <= low:
        return False
    byte = memory[place - 1]
    if byte < 0x80:
        return _WORDY_BYTES[byte] > 0
    character = bytes(memory[max(low, place - 4) : place]).decode(errors="ignore")[-1:]
    return WORDY.match(character) is not None


def _goes_on(memory: memoryview, end: int, high: int) -> bool:
    """Whether a letter beyond ASCII stands behind a word that does not end in a dot."""
    if end == high or memory[end] < 0x80 or memory[end - 1] == 0x2E:
        return False
    return WORDY.match(bytes(memory[end : min(high, end + 4)]).decode(errors="ignore")) is not None


def _start_of_run(memory: memoryview, place: int, low: int, *, skipped: bool = False) -> int:
    """Where the run of visible characters around `place` begins, or the one before it; not before `low`."""
    low = max(low, place - _LONGEST_RUN)
    text = bytes(memory[low:place])
    if skipped:
        text = text.rstrip(_BREAKS)
    start = low + len(text.rstrip(_RUN))
    while start < place and 0x80 <= memory[start] < 0xC0:  # the limit fell into a character
        start += 1
    return start
