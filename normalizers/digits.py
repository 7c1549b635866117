"""Decimal digits of every script as those of ASCII, in UTF-8 buffers."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from normalizers.languages import common
from normalizers.places import merged, unique
from normalizers.utf8 import Bytes, Positions


@functools.cache
def _digits() -> npt.NDArray[np.int64]:
    """The code points of all digits beyond ASCII, in order."""
    zeros = sorted(zero for zero in common()["digits"]["zeros"] if zero > 127)
    return (np.array(zeros)[:, None] + np.arange(10)).reshape(-1)


def fold_digits(utf8: Bytes, signs: Positions, *places: Positions) -> tuple[Bytes, list[Positions]]:
    """The text with ASCII digits only; places go along, as the text gets shorter.

    `signs`: a byte of each digit beyond ASCII, and of other characters, in any order.
    """
    at = signs[utf8[signs] >= 0x80]
    for _ in range(3):
        at = at - ((utf8[at] & 0xC0) == 0x80)  # to the first byte
    at = unique(at)
    lead = utf8[at]
    size = np.where(lead >= 0xF0, 4, np.where(lead >= 0xE0, 3, 2))
    code = np.where(size == 2, lead & 0x1F, np.where(size == 3, lead & 0x0F, lead & 0x07)).astype(np.int64)
    for place in (1, 2, 3):
        following = utf8.take(at + place, mode="clip") & 0x3F
        code = np.where(place < size, code << 6 | following, code)
    digits = _digits()
    place_in = np.minimum(np.searchsorted(digits, code), len(digits) - 1)
    is_digit = digits[place_in] == code
    at, size, value = at[is_digit], size[is_digit], place_in[is_digit] % 10
    folded = utf8.copy()
    folded[at] = 48 + value
    # Digits beyond ASCII are few in most texts: a sum over every byte would cost more than all else here.
    gone = merged(*(at[size > place] + place for place in (1, 2, 3)))
    return np.delete(folded, gone), [place - np.searchsorted(gone, place, "right") for place in places]
