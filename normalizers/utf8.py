"""White space in UTF-8 buffers, exactly as `str.split()` sees it, at memory speed.

All functions take a numpy array of bytes. Invalid UTF-8 never fails: a broken sequence is
not white space.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

CHUNK = 1 << 18
"""Bytes worked on at a time: a handful of temporaries of this size stay in the second-level cache."""

SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
SPACES += "\u2028\u2029\u202f\u205f\u3000"
"""Every character for which `str.isspace()` holds; a test compares it with Python's own."""

_WIDE = [c.encode() for c in SPACES if ord(c) > 127]
_PAIRS = sorted({(c[0], c[1]) for c in _WIDE})
_THIRD = {pair: {c[2] for c in _WIDE if len(c) == 3 and (c[0], c[1]) == pair} for pair in _PAIRS}
_IS_ASCII_SPACE = np.array([chr(i) in SPACES and i < 128 for i in range(256)])
_WIDE_LEADS = np.isin(np.arange(256), sorted({c[0] for c in _WIDE}))
_WIDE_CODES = np.array(sorted(int.from_bytes(c.ljust(3, b"\0"), "big") for c in _WIDE))
_FIRST_TRIES = 4


def space_bytes(utf8: Bytes) -> Flags:
    """True for every byte of every white-space character."""
    flags = np.empty(len(utf8), np.bool_)
    for low in range(0, len(utf8), CHUNK):
        chunk = utf8[low : low + CHUNK]
        # uint8 wraps around, so one comparison tests a range: 9 to 13 and 28 to 32.
        flags[low : low + CHUNK] = ((chunk - np.uint8(9)) < 5) | ((chunk - np.uint8(28)) < 5)
    for low in range(0, len(utf8), CHUNK):
        # Two bytes more on the right: a character that begins here may end there.
        chunk = utf8[low : low + CHUNK + 2]
        if len(chunk) < 2 or chunk.max() < 128:
            continue
        for first, second in _PAIRS:
            at = np.flatnonzero((chunk[:-1] == first) & (chunk[1:] == second)) + low
            if not len(at):
                continue
            third = _THIRD[first, second]
            if third:
                at = at[at + 2 < len(utf8)]
                at = at[np.isin(utf8[at + 2], sorted(third))]
                flags[at + 2] = True
            flags[at] = flags[at + 1] = True
    return flags


def word_starts(utf8: Bytes) -> Flags:
    """True for each byte where a run of non-space characters begins; the buffer's start ends any run."""
    starts = space_bytes(utf8)
    np.logical_not(starts, out=starts)
    for high in range(
        len(utf8), 1, -CHUNK
    ):  # from the right: what a chunk reads on its left is not yet changed
        low = max(1, high - CHUNK)
        starts[low:high] &= ~starts[low - 1 : high - 1]
    return starts


def character_starts(utf8: Bytes) -> Flags:
    """True for each byte that is not a continuation byte: where a code point begins."""
    return utf8.view(np.int8) > -65


def space_length(utf8: Bytes, at: Positions) -> Positions:
    """Bytes of the white-space character at each position, 0 where there is none or the buffer ends."""
    last = len(utf8) - 1
    if last < 0:
        return np.zeros(len(at), np.int64)
    first = utf8[np.minimum(at, last)]
    length = _IS_ASCII_SPACE[first].astype(np.int64)
    wide = np.flatnonzero(_WIDE_LEADS[first])
    if len(wide):
        where = at[wide]
        size = np.where(first[wide] == 0xC2, 2, 3)
        code = first[wide].astype(np.int64) << 16 | utf8[np.minimum(where + 1, last)].astype(np.int64) << 8
        code |= np.where(size == 3, utf8[np.minimum(where + 2, last)], 0)
        length[wide] = np.where(np.isin(code, _WIDE_CODES) & (where + size <= last + 1), size, 0)
    length[at > last] = 0
    return length


def skip_space(utf8: Bytes, at: Positions) -> Positions:
    """For each position the first one at or after it that is not white space, at most len(utf8)."""
    at = at.copy()
    moving = np.arange(len(at))
    for _ in range(_FIRST_TRIES):  # nearly always one space or one line break
        length = space_length(utf8, at[moving])
        moving = moving[length > 0]
        if not len(moving):
            return at
        at[moving] += length[length > 0]
    # Long runs: one linear pass over what is left, so that ten million blanks cost no more than text.
    low = int(at[moving].min())
    visible = np.flatnonzero(~space_bytes(utf8[low:])) + low
    found = np.searchsorted(visible, at[moving])
    at[moving] = np.append(visible, len(utf8))[found]
    return at
