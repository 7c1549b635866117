"""Decimal digits of every script as those of ASCII, in UTF-8 buffers."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from normalizers.languages import common
from normalizers.utf8 import Bytes, Positions


@functools.cache
def _digits() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Bytes that a digit beyond ASCII begins with, and the code points of all these digits in order."""
    zeros = sorted(zero for zero in common()["digits"]["zeros"] if zero > 127)
    leads = np.zeros(256, np.bool_)
    leads[[chr(zero).encode()[0] for zero in zeros]] = True
    return leads, (np.array(zeros)[:, None] + np.arange(10)).reshape(-1)


def fold_digits(utf8: Bytes, offsets: Positions, marks: Positions) -> tuple[Bytes, Positions, Positions]:
    """The text with ASCII digits only; offsets of rows and marks go along, as the text gets shorter."""
    leads, digits = _digits()
    at = np.flatnonzero(leads[utf8])
    lead = utf8[at]
    size = np.where(lead >= 0xF0, 4, np.where(lead >= 0xE0, 3, 2))
    code = np.where(size == 2, lead & 0x1F, np.where(size == 3, lead & 0x0F, lead & 0x07)).astype(np.int64)
    for place in (1, 2, 3):
        following = utf8.take(at + place, mode="clip") & 0x3F
        code = np.where(place < size, code << 6 | following, code)
    place_in = np.minimum(np.searchsorted(digits, code), len(digits) - 1)
    is_digit = digits[place_in] == code
    at, size, value = at[is_digit], size[is_digit], place_in[is_digit] % 10
    folded, kept = utf8.copy(), np.ones(len(utf8), np.bool_)
    folded[at] = 48 + value
    for place in (1, 2, 3):
        kept[at[size > place] + place] = False
    moved: Positions = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))
    return folded[kept], moved[offsets], moved[marks]
