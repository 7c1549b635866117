"""Where a text can be cut so that no token reaches over a cut.

Rows repeat their numbers, not their sentences: what is said in "in 2014 the" is decided by "2014". A stretch
is a run of visible characters with a sign in it, and the runs behind it that a token might take along;
nothing outside changes how it is said. Where a few bytes do not tell (at a word that begins a token, at a
number behind which the language's own pattern may go on) the stretch is open: it lasts to the end of its
row, and has the run before it for patterns that look back.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from normalizers.follows import Ahead, behind_digits
from normalizers.look import beginnings
from normalizers.places import merged, unique
from normalizers.prefixes import WIDTH, Codes, Prefixes, begin_with, codes_at, prefixes_of, with_noughts
from normalizers.probes import Kind, Probe, Words, make_probe
from normalizers.utf8 import Bytes, Flags, Positions

BREAKS = " \n\t"
"""What ends a run, besides what stands between rows; other white space stands inside of one."""
ROW_BREAKS = "\x1e\x1f\x1d\x1c"
"""One of these stands between rows while they are one text: white space to every pattern."""
_IS_BREAK = bytes(chr(i) in BREAKS + ROW_BREAKS for i in range(256))
_MOST_FOLLOWERS = 60
"""Runs behind a number that its token may have; behind more of them the stretch is open."""


def _flags(listed: Iterable[int]) -> Flags:
    flags = np.zeros(256, np.bool_)
    flags[[*listed]] = True
    return flags


_IS_OPENER = _flags(f"{BREAKS}([\"',".encode())
"""Behind these a token stands as if nothing were before it."""
_IS_CLOSER = _flags(b'),;:!?"')
"""These say nothing to a token before them that they are no part of."""
_IS_LETTER = _flags(string.ascii_letters.encode())


@dataclass(frozen=True, slots=True)
class _Ahead:
    """As `follows.Ahead`, in bytes."""

    digits: Flags
    """By byte: the last of the digits."""
    following: Flags
    """By byte: the first behind them."""
    texts: Prefixes
    """From this one on, noughts for digits."""
    words: Probe | None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the tokens of a language may reach from one run into the next."""

    words: Prefixes
    """All letters of ASCII that a run begins with, if it may belong to a number before it."""
    others: Prefixes
    """What such runs begin with that begin with no letter of ASCII."""
    goes_on: tuple[_Ahead, ...]
    """What the language's own pattern may take behind digits, a way to match each."""
    closers: Flags
    """By byte: punctuation that no token ends with."""


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of a text by number, empty ones between two breaks included."""

    text: bytes
    utf8: Bytes
    """The same, with so many bytes behind it that eight can be read from every place in it."""
    starts: Positions
    ends: Positions
    row_ends: Positions
    is_last: Flags
    """Whether each run is the last of its row."""


def make_reach(following: Iterable[str], signs: Iterable[str], own_numbers: Iterable[str]) -> Reach:
    """For numbers behind which the words and signs `following` may stand, behind a blank or not.

    `signs`: what tokens begin with. `own_numbers`: the language's own patterns of what follows a digit.
    """
    parts = {part for word in following for part in word.split(" ") if part}
    letters = {part: part[: len(part) - len(part.lstrip(string.ascii_letters))].encode() for part in parts}
    ends = [text.encode()[-1] for text in (*parts, *signs)]
    return Reach(
        words=prefixes_of({run[:WIDTH].ljust(WIDTH, b"\0") for run in letters.values() if run}, (WIDTH,)),
        others=prefixes_of({part.encode() for part, run in letters.items() if not run}, (1, 2, 3, 6)),
        goes_on=tuple(
            map(_ahead, _together(way for pattern in own_numbers for way in behind_digits(pattern)))
        ),
        closers=_IS_CLOSER & ~_flags(ends),
    )


def _together(ways: Iterable[Ahead]) -> list[Ahead]:
    """Ways that ask for no words as one for each set of digits: every way costs a look."""
    plain: dict[frozenset[str], frozenset[str]] = {}
    others = []
    for way in ways:
        if way.words:
            others.append(way)
        else:
            plain[way.digits] = plain.get(way.digits, frozenset()) | way.texts
    return [*(Ahead(digits, texts, frozenset()) for digits, texts in plain.items()), *others]


def _ahead(way: Ahead) -> _Ahead:
    texts = {text.encode() for text in way.texts}
    words = [Words(Kind.TOKEN, sorted(way.words), "", bounded=False)]
    return _Ahead(
        digits=_flags(map(ord, way.digits)),
        following=_flags(text[0] for text in texts) if b"" not in texts else ~_flags(()),
        texts=prefixes_of(texts, range(WIDTH + 1)),
        words=make_probe((), words, spaced=False) if way.words else None,
    )


def stretches(
    text: bytes,
    between: bytes,
    signs: tuple[Positions, Positions],
    marks: tuple[Positions, Positions],
    reach: Reach,
) -> Positions:
    """Where stretches begin and end, in turn, in rows with `between`, a row break, between them.

    `signs`: where signs end, of several digits the first and the last; `marks`: where marks begin, all and
    those that do not stand at a word before a number. Both ascend.
    """
    utf8 = np.frombuffer(text + between + bytes(WIDTH), np.uint8)
    ends = np.flatnonzero(np.frombuffer((text + between).translate(_IS_BREAK), np.bool_))
    is_last = utf8[ends] == between[0]
    runs = _Runs(text, utf8, np.append(0, ends[:-1] + 1), ends, ends[is_last], is_last)
    core, is_open = _cores(runs, signs[1], marks, reach)
    member, endless = _with_followers(runs, core, reach)
    is_open = merged(is_open, endless)
    # Runs next to each other in one row; the first has a sign, as followers have something before them.
    parted = (np.diff(member) > 1) | runs.is_last[member[:-1]]
    first, last = member[np.append(True, parted)], member[np.append(parted, True)]
    low, high = _trimmed(runs, first, last, merged(signs[0], marks[0]), reach)
    long = np.searchsorted(is_open, last, "right") > np.searchsorted(is_open, first)
    first = first[long]
    low[long] = runs.starts[np.where((first == 0) | runs.is_last[first - 1], first, first - 1)]
    high[long] = _row_end(runs, low[long])
    # What stands behind an open stretch in its row is a part of it.
    kept = low >= np.append(0, np.maximum.accumulate(high)[:-1])
    return np.stack((low, high), 1)[kept].reshape(-1)


def _cores(
    runs: _Runs, signs: Positions, marks: tuple[Positions, Positions], reach: Reach
) -> tuple[Positions, Positions]:
    """Runs that hold a sign or a mark, and those that are open by what stands in them; ascending."""
    of_sign, of_mark = np.searchsorted(runs.ends, signs), np.searchsorted(runs.ends, marks[0])
    goes_on = _going_on(runs, signs, reach)
    core = of_sign[np.diff(of_sign, prepend=-1) > 0]
    # A word with its number behind it, in the same run or the next, is as open as the number.
    next_sign = np.append(of_sign, -1)[np.searchsorted(signs, marks[0])]
    near = (next_sign == of_mark) | ((next_sign == of_mark + 1) & ~runs.is_last[of_mark])
    opening = np.searchsorted(runs.ends, marks[1])
    is_open = np.concatenate((np.searchsorted(runs.ends, goes_on), of_mark[~near], opening))
    return unique(core, of_mark) if len(of_mark) else core, is_open


def _among(numbers: Positions, ascending: Positions) -> Flags:
    if not len(ascending):
        return np.zeros(len(numbers), np.bool_)
    found: Flags = ascending.take(np.searchsorted(ascending, numbers), mode="clip") == numbers
    return found


def _with_followers(runs: _Runs, core: Positions, reach: Reach) -> tuple[Positions, Positions]:
    """The runs with those behind them that may belong to their tokens; and where there are too many."""
    found, edge = [core], core
    for _ in range(_MOST_FOLLOWERS):
        edge = edge[~runs.is_last[edge]] + 1
        edge = edge[~_among(edge, core)]
        code = codes_at(runs.utf8, runs.starts[edge])
        edge = edge[begin_with(_letters_of(code), reach.words) | begin_with(code, reach.others)]
        if not len(edge):
            break
        found.append(edge)
    return merged(*found), edge


def _row_end(runs: _Runs, at: Positions) -> Positions:
    return runs.row_ends[np.searchsorted(runs.row_ends, at)]


def _going_on(runs: _Runs, signs: Positions, reach: Reach) -> Positions:
    """Those of the signs that are digits behind which the language's own pattern may go on; in any order."""
    found = []
    for way in reach.goes_on:
        at = signs[way.digits[runs.utf8[signs]] & way.following[runs.utf8[signs + 1]]]
        at = at[begin_with(with_noughts(codes_at(runs.utf8, at + 1)), way.texts)]
        found.append(at if way.words is None else at[_holding(runs, at, way.words)])
    return np.concatenate(found) if found else signs[:0]


def _holding(runs: _Runs, at: Positions, words: Probe) -> Flags:
    """Whether one of the words stands behind the places, perhaps: behind the first in the same row."""
    row_end = _row_end(runs, at)
    first = np.flatnonzero(np.diff(row_end, prepend=-1))
    low, high = at[first], row_end[first]
    text = b"".join(runs.text[i:j] for i, j in zip(low.tolist(), high.tolist(), strict=True))
    offsets = np.append(0, np.cumsum(high - low))
    begin = beginnings(np.frombuffer(text, np.uint8), offsets, words)
    found = np.diff(np.searchsorted(begin, offsets)) > 0
    return np.repeat(found, np.diff(np.append(first, len(at))))


def _letters_of(code: Codes) -> Codes:
    """The letters of ASCII that each code begins with, zeros behind them."""
    # In lower case letters are one range. What is not is 1 in its byte: below the lowest 1 are letters.
    other = (((code.view(np.uint8) | np.uint8(0x20)) - np.uint8(0x61)) >= 26).view(np.uint64)
    return code & ((other & -other) - np.uint64(1))


def _trimmed(
    runs: _Runs, first: Positions, last: Positions, signs: Positions, reach: Reach
) -> tuple[Positions, Positions]:
    """From run to run, without what stands before the first sign and at the end that says nothing to it."""
    utf8, low, high = runs.utf8, runs.starts[first], runs.ends[last]
    sign = np.append(signs, runs.ends[-1])[np.searchsorted(signs, low)]
    alone = (sign > low) & (utf8[sign] < 0x80) & _IS_OPENER[utf8[sign - 1]]
    low = np.where(alone, sign, low)
    for _ in range(2):
        high = high - ((high - 1 > low) & reach.closers[utf8[high - 1]])
    return low, high
