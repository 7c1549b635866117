"""Which of many words the bytes at a place begin with, perhaps: compared by hash, several places at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from normalizers.utf8 import Bytes, Flags, Positions

Codes = npt.NDArray[np.uint64]
Prefixes = tuple[tuple[np.uint64, Flags], ...]
"""Masks of as many low bytes as are compared, and for each by hash: some word begins so."""

WIDTH = 8
"""Bytes of a word that are compared, at most."""
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
    by_size: dict[int, set[int]] = {}
    for gram in grams:
        size = max(size for size in sizes if size <= len(gram))
        by_size.setdefault(size, set()).add(int.from_bytes(gram[:size], "little"))
    return tuple(
        (np.uint64(256**size - 1), hashes_of(np.array(sorted(codes), np.uint64)))
        for size, codes in sorted(by_size.items())
    )


def begin_with(codes: Codes, prefixes: Prefixes) -> Flags:
    """Whether each code begins with a gram, or with bytes of the same hash."""
    found = np.zeros(len(codes), np.bool_)
    for low, hashes in prefixes:
        found |= hashes[hashed(codes & low)]
    return found


def codes_at(utf8: Bytes, at: Positions) -> Codes:
    """The eight bytes at each place, the first lowest; all of them must lie in the text."""
    codes: Codes = np.ndarray(len(utf8) - WIDTH + 1, "<u8", utf8, strides=(1,))[at]
    return codes
