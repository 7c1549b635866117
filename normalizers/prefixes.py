"""Which of many words the bytes at a place begin with, perhaps: compared by hash, several places at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalizers.utf8 import Bytes, Flags, Positions

Codes = npt.NDArray[np.uint64]
Prefixes = tuple[tuple[np.uint64, Flags], ...]
"""Masks of as many low bytes as are compared, and for each by hash: some word begins so."""

WIDTH = 8
"""Bytes of a word that are compared, at most."""
_IS_DIGIT = np.array([0x30 <= byte <= 0x39 for byte in range(256)])
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def hashed(codes: Codes) -> Positions:
    """16 bits of each code, by multiplication (Knuth, The Art of Computer Programming 3, 6.4)."""
    return (codes * _MULTIPLIER >> np.uint64(48)).view(np.int64)  # numpy takes three times as long by uint64


def hashes_of(codes: Codes) -> Flags:
    """By hash: some code has it."""
    hashes = np.zeros(65536, np.bool_)
    hashes[hashed(codes)] = True
    return hashes


def prefixes_of(grams: Iterable[bytes], sizes: Collection[int]) -> Prefixes:
    """Each gram by its first bytes, as many as the largest of `sizes` that it has; each size costs a pass."""
    return _prefixes(((gram, 0) for gram in grams), sizes)


def begin_with(codes: Codes, prefixes: Prefixes, behind: Codes | None = None) -> Flags:
    """Whether each code begins with a gram, or with bytes of the same hash; `behind`: the code before it."""
    found = np.zeros(len(codes), np.bool_)
    for low, hashes in prefixes:
        code = codes & low
        found |= hashes[hashed(code if behind is None else code ^ behind)]
    return found


def _prefixes(grams: Iterable[tuple[bytes, int]], sizes: Collection[int]) -> Prefixes:
    by_size: dict[int, set[int]] = {}
    for gram, behind in grams:
        size = max(size for size in sizes if size <= len(gram))
        by_size.setdefault(size, set()).add(int.from_bytes(gram[:size], "little") ^ behind)
    return tuple(
        (np.uint64(256**size - 1), hashes_of(np.array(sorted(codes), np.uint64)))
        for size, codes in sorted(by_size.items())
    )


@dataclass(frozen=True, slots=True)
class Grams:
    """First bytes of words, up to twice `WIDTH`: two letters of some scripts are six."""

    two: Flags
    """By two bytes, the first lower: some word begins with them, of those that `four` has not."""
    four: Flags
    """By hash of three bytes, of four when the first is beyond ASCII: some word begins with them."""
    short: Prefixes
    heads: Prefixes
    """The first bytes of longer ones."""
    tails: Prefixes
    """What each of these has behind it."""


def grams_of(words: Iterable[bytes]) -> Grams:
    """The grams of words of two bytes and more."""
    grams = {word[: 2 * WIDTH] for word in words}
    long = {gram for gram in grams if len(gram) > WIDTH}
    brief = {gram for gram in grams if len(gram) < 3 + (gram[0] >= 0x80)}
    two = np.zeros(65536, np.bool_)
    two[[gram[0] | gram[1] << 8 for gram in brief]] = True
    codes = np.array([int.from_bytes(gram[:4], "little") for gram in sorted(grams - brief)], np.uint64)
    return Grams(
        two=two,
        four=hashes_of(_of_four(codes)),
        short=prefixes_of(grams - long, range(2, WIDTH + 1)),
        heads=prefixes_of({gram[:WIDTH] for gram in long}, (WIDTH,)),
        tails=_prefixes(
            ((gram[WIDTH:], int.from_bytes(gram[:WIDTH], "little")) for gram in long), (1, 2, 3, 4, 5, 6, 8)
        ),
    )


def with_heads(utf8: Bytes, at: Positions, grams: Grams) -> Positions:
    """Of the places those where the first bytes are as in some word; that is cheap, and one in seven is.
    Too near to the end of the text any may be one."""
    last = len(utf8) - WIDTH
    if last < 0:
        return at
    code = codes_at(utf8, np.minimum(at, last))
    found = grams.two[(code & np.uint64(0xFFFF)).view(np.int64)]
    found |= grams.four[hashed(_of_four(code))]
    found |= at > last
    return at[np.flatnonzero(found)]


def _of_four(code: Codes) -> Codes:
    """The first three bytes of each code, or four if the first is beyond ASCII: there that is one letter."""
    beyond = (code & np.uint64(0x80)) >> np.uint64(7)
    return code & (np.uint64(0xFFFFFF) + beyond * np.uint64(0xFF000000))


def may_begin(utf8: Bytes, at: Positions, grams: Grams) -> Flags:
    """Whether some word may begin at each place; places ascend. Too near to the end of the text any may."""
    may = np.ones(len(at), np.bool_)
    whole = at[: np.searchsorted(at, len(utf8) - 2 * WIDTH, "right")]
    if len(whole):
        code = codes_at(utf8, whole)
        found = begin_with(code, grams.short)
        long = np.flatnonzero(begin_with(code, grams.heads))
        found[long] |= begin_with(codes_at(utf8, whole[long] + WIDTH), grams.tails, code[long])
        may[: len(whole)] = found
    return may


def with_noughts(code: Codes) -> Codes:
    """Each code with a nought for each digit in it."""
    utf8 = code.view(np.uint8)
    return np.where(_IS_DIGIT[utf8], np.uint8(0x30), utf8).view(np.uint64)


def codes_at(utf8: Bytes, at: Positions) -> Codes:
    """The eight bytes at each place, the first lowest; all of them must lie in the text."""
    codes: Codes = np.ndarray(len(utf8) - WIDTH + 1, "<u8", utf8, strides=(1,))[at]
    return codes
