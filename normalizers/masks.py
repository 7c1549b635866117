"""Which rows can hold a token: pairs of bytes looked up in a table, over whole Arrow buffers.

Every pattern that makes a row interesting holds certain bytes. Of those, the rarest pair is marked in a table
of 65,536; where text has the pair, up to four bytes are compared; what is left is asked with the pattern
itself (RE2), some percent of the rows. So the table may say yes too often, and never no too often.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import bit_array, flags_of, given, rows_of
from normalizers.utf8 import CHUNK, Bytes, Flags, Positions

Gram = tuple[bytes, ...]
"""The bytes that may stand at each of two to four places in a row."""

_WIDTH = 4
_AT = (1, 2, 4)
"""In the table of pairs, by bit: a gram may begin here, one byte before, two bytes before."""
_ASK, _SURE = 8, 16
_USUAL = {0xE2}
"""Quotation marks and dashes begin so in any language."""
_THREE = 0xFFFFFF
_MOST_GRAMS = 5000
_FOLDED = ("ſ", "\u212a")
"""Those beyond ASCII that RE2's case folding takes for an ASCII letter (s and k)."""
_ATOM = re.compile(
    r"(?:(?P<open>\(\?i:)|(?P<close>\))(?![?+*{])|(?P<bound>\\b)"
    r"|(?:\[(?P<set>[A-Za-z0-9-]+)\]|\\(?P<escaped>[.+/-])|(?P<plain>[A-Za-z0-9 ,;:/'-]))"
    r"(?:(?P<optional>\?)|(?P<more>\+)|\{(?P<times>[1-9])(?P<range>,\d*)?\})?)(?![?+*{])"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """What to look for in one language."""

    known: str
    """RE2 patterns, joined, whose matches the table cannot miss."""
    unknown: str
    """Those of which nobody knows what bytes they hold; each row is asked. Empty for none."""
    pairs: npt.NDArray[np.uint8]
    """By first byte + 256 * second byte: what to do there, a sum of _AT, _ASK and _SURE."""
    marked: Flags
    """Where `pairs` is not 0."""
    fours: Flags
    """By `_hash`: some gram of four bytes may be this one."""
    threes: Flags
    """The same for grams of three bytes, with a zero behind."""


def make_probe(
    signs: Iterable[str], grams: Iterable[Gram], known: Sequence[str], unknown: Sequence[str], script: str
) -> Probe:
    """A probe for rows that hold one of the characters `signs`, a match of `known` or one of `unknown`.

    Every match of a pattern in `known` holds one of `grams`. `script`: some words of the language; what their
    characters begin with is no use for finding anything.
    """
    pairs = np.zeros((256, 256), np.uint8)  # second byte, first byte
    usual = {byte for byte in script.encode() if byte >= 0xC0} | _USUAL
    codes: set[int] = set()
    for sign in signs:
        utf8 = sign.encode()
        if len(utf8) == 1:
            pairs[utf8[0]] |= _SURE
        elif len(utf8) == 2:
            pairs[utf8[1], utf8[0]] |= _SURE
        else:
            where = 1 if len(utf8) == 3 and utf8[0] in usual else 0
            pairs[utf8[where + 1], utf8[where]] |= _AT[where]
            codes.add(int.from_bytes(utf8, "little"))
    for sign in _FOLDED:
        pairs[sign.encode()[1], sign.encode()[0]] |= _ASK
    for gram in grams:
        if len(gram) == 1:
            pairs[list(gram[0])] |= _ASK
            continue
        where = min(range(len(gram) - 1), key=lambda k: _frequency(gram[k : k + 2]))
        action = _ASK if len(gram) == 2 else _AT[where]
        for first, second in itertools.product(*gram[where : where + 2]):
            pairs[second, first] |= action
        if len(gram) > 2:
            codes.update(int.from_bytes(bytes(choice), "little") for choice in itertools.product(*gram))
    table = pairs.reshape(-1)
    long = sorted(code for code in codes if code > _THREE)
    short = sorted(code for code in codes if code <= _THREE)
    return Probe("|".join(known), "|".join(unknown), table, table > 0, _hashed(long), _hashed(short))


def _hashed(codes: list[int]) -> Flags:
    table = np.zeros(65536, np.bool_)
    table[_hash(np.array(codes, np.uint32))] = True
    return table


def _hash(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """16 bits of each code, by Knuth's multiplication (The Art of Computer Programming 3, 6.4)."""
    return codes * np.uint32(2654435769) >> np.uint32(16)


def rows_with(column: pa.Array, probe: Probe) -> Flags:
    """True for each row of a string column that the probe's signs or patterns are in; false for null."""
    utf8, offsets = rows_of(column)
    valid = given(column)
    rows = np.zeros(len(column), np.bool_)
    asked = np.zeros(len(column), np.bool_)
    if len(utf8):
        at = _marked(utf8, probe.marked)
        action = probe.pairs[_pair(utf8, at)]
        # A pair belongs to the row of its second byte, so the first byte of all is looked at by itself.
        rows[np.searchsorted(offsets, at[action & _SURE > 0] + 1, "right") - 1] = True
        first, first_row = probe.pairs[int(utf8[0]) << 8], np.searchsorted(offsets, 0, "right") - 1
        rows[first_row] |= bool(first & _SURE)
        asked[first_row] = bool(first & _ASK)
        asked[np.searchsorted(offsets, _candidates(utf8, at, action, probe) + 1, "right") - 1] = True
    rows &= valid
    asked &= valid & ~rows
    _ask(column, asked, probe.known, rows)
    if probe.unknown:
        _ask(column, valid & ~rows, probe.unknown, rows)
    return rows


def _ask(column: pa.Array, asked: Flags, pattern: str, rows: Flags) -> None:
    """Set in `rows` those of the rows asked that the pattern is in."""
    if asked.any():
        rows[np.flatnonzero(asked)] |= flags_of(
            pc.match_substring_regex(column.filter(bit_array(asked)), pattern)
        )


def _marked(utf8: Bytes, marked: Flags) -> Positions:
    """Positions of pairs that are marked, in no order."""
    found = []
    for low in range(0, len(utf8), CHUNK):
        for start in (low, low + 1):  # pairs that begin at even places, then those at odd ones
            part = utf8[start : min(start + CHUNK, len(utf8))]
            pairs = part[: len(part) // 2 * 2].view("<u2")
            found.append(np.flatnonzero(marked.take(pairs)) * 2 + start)
    return np.concatenate(found)


def _pair(utf8: Bytes, at: Positions) -> npt.NDArray[np.int64]:
    return utf8[at].astype(np.int64) | utf8[at + 1].astype(np.int64) << 8


def _candidates(utf8: Bytes, at: Positions, action: npt.NDArray[np.uint8], probe: Probe) -> Positions:
    """Positions of pairs in whose rows a pattern may match."""
    found = [at[action & _ASK > 0]]
    for shift, bit in enumerate(_AT):
        here = at[(action & bit > 0) & (at >= shift)]
        begin = here - shift
        code = np.zeros(len(here), np.uint32)
        for place in range(_WIDTH):
            # What stands beyond the end may be anything: a gram that ends before it is compared rightly.
            code |= utf8.take(begin + place, mode="clip").astype(np.uint32) << np.uint32(8 * place)
        found.append(here[probe.fours[_hash(code)] | probe.threes[_hash(code & np.uint32(_THREE))]])
    return np.concatenate(found)


def word_gram(word: str, *, any_case: bool, after: Sequence[bytes] = ()) -> Gram | None:
    """A gram that stands wherever the word does, `after` following it; None when there is none.

    `after`: the bytes that may stand at each place behind the word.
    """
    run: list[bytes | None] = []
    for letter in word:
        if letter.isascii():
            run.append("".join(sorted({letter.lower(), letter.upper()} if any_case else {letter})).encode())
        elif letter.lower() == letter.upper():
            run += [bytes([byte]) for byte in letter.encode()]
        else:
            run.append(None)
    return _rarest([*run, *after])


def pattern_grams(pattern: str) -> list[Gram] | None:
    """Grams one of which is in every match of an RE2 pattern; None where the pattern is not that simple.

    Understood are ASCII letters, sets and groups `(?i:…)` without alternatives, `\\b`, and `?`, `+` and
    `{m,n}` behind a single character. None stands for whatever a repetition may bring.
    """
    runs: list[list[bytes | None]] = [[]]
    at, any_case = 0, False
    while at < len(pattern):
        match = _ATOM.match(pattern, at)
        if not match or (match["open"] and any_case) or (match["close"] and not any_case):
            return None
        at = match.end()
        if match["open"] or match["close"]:
            any_case = bool(match["open"])
        elif not match["bound"]:
            runs = [[*run, *tail] for run in runs for tail in _tails(match, any_case)]
            if len(runs) > 8:
                return None
    grams = [_rarest(run) for run in runs]
    return None if any_case or None in grams else [gram for gram in grams if gram]


def _tails(match: re.Match[str], any_case: bool) -> Iterator[list[bytes | None]]:
    """The ways in which one character of a pattern, with its repetition, goes on."""
    letters = _spread(match["set"]) if match["set"] else match["escaped"] or match["plain"]
    if any_case:
        letters = "".join(sorted({*letters.lower(), *letters.upper()}))
    once: list[bytes | None] = [letters.encode()]
    if match["optional"]:
        yield []
    times = int(match["times"] or 1)
    yield [*once * times, None, *once * times] if match["more"] or match["range"] else once * times


def _rarest(run: Sequence[bytes | None]) -> Gram | None:
    """The stretch of two to four known places that stands in the fewest rows and is cheapest to find."""
    best: tuple[float, Gram] | None = None
    for size in range(2, _WIDTH + 1):
        for start in range(len(run) - size + 1):
            gram = tuple(place for place in run[start : start + size] if place)
            if len(gram) < size or math.prod(map(len, gram)) > _MOST_GRAMS:
                continue
            pair = min(_frequency(gram[k : k + 2]) for k in range(size - 1))
            cost = pair + 3 * _frequency(gram)  # a row asked costs as much as three places looked at
            if best is None or cost < best[0]:
                best = cost, gram
    return best[1] if best else None


def _frequency(gram: Gram) -> float:
    """How often the gram stands in text, roughly: a guess that costs time when it is wrong, nothing else."""
    return math.prod(sum(map(_byte_frequency, place)) for place in gram)


def _byte_frequency(byte: int) -> float:
    letter = chr(byte)
    if letter in "etaoinshrdlu":
        return 0.05
    if letter == " " or byte > 127:
        return 0.15
    if letter.islower() and byte < 128:
        return 0.002 if letter in "jqxz" else 0.025
    return 0.012 if letter in ".," else 0.001


def class_grams(text: str) -> Gram:
    """A gram out of characters and sets of them, `[A-Z].`."""
    return tuple(
        _spread(inside).encode() if inside else bytes([byte])
        for inside, plain in re.findall(r"\[([^\]]+)\]|([^\[])", text)
        for byte in (plain.encode() or b"\0")
    )


def _spread(inside: str) -> str:
    """The characters of a set, its ranges written out."""
    return re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), inside)
