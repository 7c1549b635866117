"""What to look for in the bytes of a column: tables of rare bytes, of pairs and of words.

A sign (a digit, `%`, `€`) is found by its last two bytes. A word (`Dr.`) has one rare byte among its first
eight, which is found with its neighbour; then the word is compared by hash. What stands before a number or a
numeral (`March 5`, `Part IV`) is looked for from there, by the hash of its last four bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from normalizers.patterns import any_of
from normalizers.utf8 import Bytes, Flags

Actions = npt.NDArray[np.uint16]
Codes = npt.NDArray[np.uint64]

GAP_BYTES = "(?: |\u00a0|\u2009|\u202f)"
"""`patterns.GAP` for patterns on bytes, where a character is not one place."""
END_BYTES = "(?![0-9A-Za-z_])"
"""No ASCII letter or digit follows."""
WIDTH = 8
"""Bytes of a word that are compared by hash."""
TAIL = 4
"""Bytes of a word's end that are compared by hash."""
_LONGEST_COMPOUND = 48
NUMERALS = b"IVXLCDM"
LETTER = np.array([chr(i).isalnum() and i < 128 for i in range(256)])

SIGN = 1
"""In a table of pairs: the second byte ends a sign."""
WIDE_SIGN = 2
"""The two end a sign of three or four bytes, perhaps."""
CASED = 4
"""They begin a character that may have another lower case."""
NUMERAL = 8
"""They are a blank and the first letter of a numeral."""
FIRST = 16
"""This bit and those above: a word may have begun so many bytes before the rare byte."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_USUAL = 0.015
"""Up to this share of all bytes one more rare byte costs nothing."""
_LETTERS = zip("etaoinsrhldcumfpgwybvkxjqz", (
    .12, .09, .08, .075, .07, .07, .065, .06, .05, .04, .04, .03, .028, .025, .022, .02,
    .02, .02, .018, .015, .01, .007, .002, .001, .001, .001), strict=True)  # fmt: skip
_SHARES = {ord(letter): share for letter, share in _LETTERS} | {0x20: 0.15, 0x2C: 0.012, 0x2E: 0.012}


class Kind(IntEnum):
    """What a word does where it stands."""

    TOKEN = 1
    """A token begins here."""
    INSIDE = 2
    """Part of a token that begins where its run of visible characters does: an address."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one kind: what they may begin with, and the pattern that decides."""

    kind: Kind
    beginnings: Sequence[str]
    """Every match of `pattern` begins with one of these; their first eight bytes are looked for."""
    pattern: str
    """Matched where a beginning stands, on UTF-8 bytes: literals, groups, ASCII sets and look-ahead only."""
    bounded: bool = True
    """Whether no letter, mark or digit may stand before."""


@dataclass(frozen=True, slots=True)
class Tails:
    """Words before a number or numeral, looked for from their end."""

    last: Flags
    """By pair, as in `Probe.behind`: some word ends so."""
    hashes: Flags
    """By hash: some word ends so, see `tail_codes`."""
    patterns: tuple[tuple[re.Pattern[bytes], int], ...]
    """A word at the end of a text, with a dot and a gap, or none, behind it; and bytes of the longest match.
    The first that fits counts."""
    following: re.Pattern[bytes]
    """What must stand behind it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What to look for in one language."""

    rare: bytes
    """For `bytes.translate`: 1 for a byte worth a look, 0 for the others."""
    behind: Actions
    """What to do by a byte and the rare one behind it, first + 256 * second: a sum of `SIGN` and the like."""
    before: Actions
    """The same by the rare byte and the one behind it."""
    wide: Flags
    """By code point: a sign of three bytes."""
    grams: tuple[tuple[int, Flags], ...]
    """Lengths in bytes, and for each by hash: some word begins so."""
    pattern: re.Pattern[bytes]
    """All words; the number of the group that matched is the place in `kinds`, counted from 1."""
    kinds: tuple[tuple[Kind, bool], ...]
    before_number: Tails
    before_numeral: Tails
    names: re.Pattern[bytes] | None
    """A capitalised word, perhaps with one before it; before two numeral letters it begins a token."""
    numerals: re.Pattern[str] | None
    """Spans that begin with a numeral, behind a blank or where a row begins."""
    spaced: bool
    """Whether blanks stand between words."""


def make_probe(
    signs: Iterable[str],
    words: Sequence[Words] = (),
    *,
    before_number: Iterable[str] = (),
    ends: Sequence[str] = (),
    before_numeral: Sequence[str] = (),
    names: Iterable[str] | None = None,
    numerals: str = "",
    spaced: bool = True,
) -> Probe:
    """A probe for the characters `signs`, for `words`, and for words before numbers and numerals.

    `ends`: what a word before a number may end with, in lower case ("Goethestr. 3"). `names`: words that
    belong to a word before a numeral ("von Karl IV."); None where a capitalised word that is none of
    `before_numeral` is no token. `numerals`: a pattern of spans that begin with a numeral, of 80 bytes at
    most.
    """
    behind, before = np.zeros((2, 256, 256), np.uint16)  # second byte, first byte
    _add_cased(behind)
    wide = _add_signs(signs, behind)
    if before_numeral or names is not None or numerals:
        behind[np.ix_(list(NUMERALS), [0x20, 0xA0])] |= NUMERAL
    groups = [group for group in words if group.beginnings]
    grams = {start.encode()[:WIDTH] for group in groups for start in group.beginnings}
    _add_grams(grams, behind, before)
    return Probe(
        rare=(behind.any(axis=1) | before.any(axis=0)).tobytes(),
        behind=behind.reshape(-1),
        before=before.reshape(-1),
        wide=wide,
        grams=tuple((size, _hashes(grams, size)) for size in sorted({len(gram) for gram in grams})),
        pattern=re.compile(b"|".join(b"(" + group.pattern.encode() + b")" for group in groups) or b"(?!)"),
        kinds=tuple((group.kind, group.bounded and spaced) for group in groups),
        before_number=_tails(before_number, rf"\.?(?:{GAP_BYTES}|[-/])?", "", ends=ends),
        before_numeral=_tails(
            before_numeral, rf"\.?{GAP_BYTES}", rf"[IVXLCDM]{{1,9}}{END_BYTES}", before=names or ()
        ),
        names=None if names is None else re.compile(rf"(?:{any_of(names)} )?[A-Z][a-z]+".encode()),
        numerals=re.compile(numerals) if numerals else None,
        spaced=spaced,
    )


def _add_cased(behind: Actions) -> None:
    """Mark the pairs that begin a character beyond ASCII whose lower case may be another one.

    More than needed beyond two bytes; a test compares with all of Unicode.
    """
    for lead, low, high in (
        (0xC3, 0x80, 0x9E), (0xE1, 0x82, 0x83), (0xE1, 0x8E, 0x8F), (0xE1, 0xB2, 0xB2), (0xE1, 0xB8, 0xBF),
        (0xE2, 0x84, 0x86), (0xE2, 0x92, 0x93), (0xE2, 0xB0, 0xB3), (0xEA, 0x99, 0x9F), (0xEF, 0xBC, 0xBC),
        (0xF0, 0x90, 0x91), (0xF0, 0x96, 0x96), (0xF0, 0x9E, 0x9E),
    ):  # fmt: skip
        behind[low : high + 1, lead] |= CASED
    for lead in (*range(0xC4, 0xCA), *range(0xCD, 0xD6)):
        behind[0x80:0xC0, lead] |= CASED


def _add_signs(signs: Iterable[str], behind: Actions) -> Flags:
    """Mark the pairs that end the signs; which characters of three bytes are signs, by code point."""
    wide = np.zeros(0x10000, np.bool_)
    for sign in signs:
        utf8 = sign.encode()
        if len(utf8) == 1:
            behind[utf8[0]] |= SIGN
        elif len(utf8) == 2:
            behind[utf8[1], utf8[0]] |= SIGN
        else:
            behind[utf8[2], utf8[1]] |= WIDE_SIGN
            if len(utf8) == 3:
                wide[ord(sign)] = True
    return wide


def _add_grams(grams: Iterable[bytes], behind: Actions, before: Actions) -> None:
    """Mark for each gram, in one of the tables, the pair that is cheapest to find."""
    rare = {byte for byte in range(256) if behind[byte].any()}
    for gram in sorted(grams, key=len):
        costs = []
        for place, byte in enumerate(gram):
            alone = 0.0 if byte in rare else max(_share(byte) - _USUAL, 0.0)
            costs += [
                (alone + 10 * _share(byte) * _share(gram[at]), place, at)
                for at in (place - 1, place + 1)
                if 0 <= at < len(gram)
            ]
        _, place, at = min(costs)
        if at < place:
            behind[gram[place], gram[at]] |= FIRST << place
        else:
            before[gram[at], gram[place]] |= FIRST << place
        rare.add(gram[place])


def _share(byte: int) -> float:
    """How often a byte stands in text, roughly: a guess that costs time when it is wrong, nothing else."""
    if byte >= 0x80:  # of three bytes the first two say the script only
        return 0.3 if byte >= 0xC0 else 0.1
    return _SHARES.get(byte, 0.002)


def _hashes(grams: Iterable[bytes], size: int) -> Flags:
    hashes = np.zeros(65536, np.bool_)
    codes = [int.from_bytes(gram, "little") for gram in grams if len(gram) == size]
    hashes[hashed(np.array(codes, np.uint64))] = True
    return hashes


def hashed(codes: Codes) -> Codes:
    """16 bits of each code, by multiplication (Knuth, The Art of Computer Programming 3, 6.4)."""
    return codes * _MULTIPLIER >> np.uint64(48)


def _tails(
    words: Iterable[str], gap: str, following: str, *, before: Iterable[str] = (), ends: Sequence[str] = ()
) -> Tails:
    words, ends = sorted(words), [end.removesuffix(".") for end in ends]
    last, hashes = np.zeros((256, 256), np.bool_), np.zeros(65536, np.bool_)
    longer = [letter + end for end in ends for letter in ["", *spread("a-z")]]
    tails = [word.removesuffix(".").encode()[-TAIL:].rjust(TAIL) for word in (*words, *longer)]
    for end in tails:
        last[end[-1], end[-2] if end[-2] != 0x20 else slice(None)] = True
    hashes[hashed(tail_codes(np.frombuffer(b"".join(tails), np.uint8).reshape(-1, TAIL)))] = True
    word = f"{any_of(words)}{gap}\\Z"
    longest = max((len(word.encode()) for word in words), default=0) + len(".\u202f".encode())
    patterns = [(word, longest)]
    if before := list(before):
        first = max(len(f"{word} ".encode()) for word in before)
        patterns.insert(0, (f"{any_of(before)} {word}", first + longest))
    if ends:
        patterns.append((rf"(?<![^\s<>()])[^\s<>()]+{any_of(ends)}{gap}\Z", _LONGEST_COMPOUND))
    return Tails(
        last=last.reshape(-1),
        hashes=hashes,
        patterns=tuple((re.compile(pattern.encode()), longest) for pattern, longest in patterns),
        following=re.compile(following.encode()),
    )


def tail_codes(ends: Bytes) -> Codes:
    """The code of the last bytes of words, one word a row: what stands before the word counts as blanks."""
    code = ends[:, -1].astype(np.uint64)
    word = np.ones(len(ends), np.bool_)
    for place in range(2, TAIL + 1):
        byte, following = ends[:, -place], ends[:, 1 - place]
        # Between a character beyond ASCII and a letter of it bytes do not tell whether a word begins.
        word &= (LETTER[byte] | (byte >= 0x80)) & ~((byte >= 0x80) & (following < 0x80))
        code = code << np.uint64(8) | np.where(word, byte, 0x20).astype(np.uint64)
    return code


def spread(inside: str) -> Iterator[str]:
    """The characters of a set such as `A-Z0`, its ranges written out."""
    for match in re.finditer(r"(.)-(.)|(.)", inside):
        yield from map(chr, range(ord(match[1]), ord(match[2]) + 1)) if match[1] else match[3]
