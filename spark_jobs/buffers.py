"""Texts as one numpy buffer: the ground that the quality measures and the held-out search stand on.

Every function works on whole buffers, never on rows. A block holds about 512 kB of text, so that its masks
stay in the second-level cache; each text in it is followed by a line break, and one stands before the first,
so that no word or line runs from one text into the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

BLOCK_BYTES = 1 << 19
"""Text a block holds, unless one text alone is longer."""
_TAIL = 16
"""Zero bytes that may be read behind a block: an eight-byte load at its last byte stays inside the buffer."""

_K1, _K2, _K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
LOW_BYTES = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
"""Entry n keeps the first n bytes of a `load`."""
_LONG_SPAN = 128
"""Bytes from which the rest of a span is hashed alone: rare, and a megabyte without a space would crawl."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some texts of a column as bytes."""

    rows: slice
    """Which rows of the column."""
    utf8: Bytes
    """A line break, then each text and a line break behind it."""
    starts: Positions
    """Where each text begins, and as last entry len(utf8); text i ends at starts[i + 1] - 1."""
    padded: Bytes
    """`utf8` and some bytes behind it that may be read but mean nothing."""


def blocks(texts: pa.Array | pa.ChunkedArray) -> Iterator[Block]:
    """The texts of a string column in blocks; a null is an empty text."""
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if column.null_count:
        column = pc.fill_null(column, "")
    if not len(column):
        return
    wide = np.int64 if pa.types.is_large_string(column.type) else np.int32
    skipped = column.offset * np.dtype(wide).itemsize
    offsets = np.frombuffer(column.buffers()[1], wide, len(column) + 1, skipped).astype(np.int64)
    framing = pa.array(["", "", "\0" * _TAIL], column.type)
    low = 0
    while low < len(column):
        end = int(np.searchsorted(offsets, offsets[low] + BLOCK_BYTES, "right")) - 1
        high = min(max(end, low + 1), len(column))
        rows = pa.concat_arrays([framing[:1], column[low:high], framing[2:]])
        frame = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
        joined = pc.binary_join(frame, pa.scalar("\n", column.type))
        starts = offsets[low : high + 1] - offsets[low] + np.arange(1, high - low + 2)
        padded = np.frombuffer(joined.buffers()[2], np.uint8, int(starts[-1]) + _TAIL)
        yield Block(slice(low, high), padded[: int(starts[-1])], starts, padded)
        low = high


def count_before(flags: Flags, positions: Positions) -> Counts:
    """How many flags are set before each position (0 to len(flags)), counted bit-wise."""
    words = np.zeros(len(flags) // 64 + 2, np.uint64)
    packed = np.packbits(flags, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    before = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.bitwise_count(words), out=before[1:])
    word, bit = positions >> 6, (positions & 63).astype(np.uint64)
    below = np.bitwise_count(words[word] & ((np.uint64(1) << bit) - np.uint64(1)))
    counts: Counts = before[word] + below
    return counts


def count_between(flags: Flags, bounds: Positions) -> Counts:
    """How many flags are set between each two consecutive positions of `bounds`."""
    return np.diff(count_before(flags, bounds))


def spans(flags: Flags) -> tuple[Positions, Positions]:
    """Begin and end of each maximal run of set flags; the first and the last flag have to be unset."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    return edges[0::2], edges[1::2]


def ranges(begins: Positions, ends: Positions) -> Positions:
    """All numbers from begins[i] up to ends[i], one range after the other; an empty range gives none."""
    lengths = np.maximum(ends - begins, 0)
    total = np.cumsum(lengths)
    shift: Positions = np.repeat(begins - (total - lengths), lengths)
    return shift + np.arange(len(shift))


def load(padded: Bytes, at: Positions) -> Hashes:
    """The eight bytes from each position on, little-endian; `at` up to len(padded) - 8."""
    every = np.lib.stride_tricks.as_strided(padded[:8].view("<u8"), (len(padded) - 7,), (1,), writeable=False)
    return every[at]


def mix(hashes: Hashes) -> Hashes:
    """Spread every bit over all bits, in place: the finisher of splitmix64, a bijection."""
    hashes ^= hashes >> np.uint64(30)
    hashes *= _K2
    hashes ^= hashes >> np.uint64(27)
    hashes *= _K3
    hashes ^= hashes >> np.uint64(31)
    return hashes


def hash_spans(padded: Bytes, begins: Positions, ends: Positions) -> Hashes:
    """64-bit hash of the bytes of each span; every byte counts.

    Zero bytes at the end of a span do not: spans that may differ in nothing else need equal lengths.
    """
    lengths = ends - begins
    hashes = load(padded, begins)
    hashes &= LOW_BYTES[np.minimum(lengths, 8)]
    more = np.flatnonzero(lengths > 8)
    done = 8
    while len(more) and done < _LONG_SPAN:
        left = lengths[more] - done
        hashes[more] = mix(hashes[more] + _K1) + (
            load(padded, begins[more] + done) & LOW_BYTES[np.minimum(left, 8)]
        )
        more = more[left > 8]
        done += 8
    if len(more):
        hashes[more] ^= _hash_long(padded, begins[more] + done, ends[more])
    return mix(hashes)


def _hash_long(padded: Bytes, begins: Positions, ends: Positions) -> Hashes:
    import xxhash

    digest, view = xxhash.xxh3_64_intdigest, memoryview(padded.data)
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    return np.array([digest(view[low:high]) for low, high in pairs], np.uint64)


def hash_runs(hashes: Hashes, n: int) -> Hashes:
    """Hash of each run of n consecutive hashes, len(hashes) - n + 1 of them; the order in a run counts."""
    n_runs = len(hashes) - n + 1
    if n_runs <= 0:
        return np.zeros(0, np.uint64)
    # Runs of 1, 2, 4, 8 … by doubling; the binary digits of n say which of them make up a run of n.
    total, done = np.zeros(n_runs, np.uint64), 0
    power, size = hashes, 1
    while True:
        if n & size:
            total *= _weight(size)
            total += power[done : done + n_runs]
            done += size
        if size * 2 > n:
            return total
        power = power[:-size] * _weight(size) + power[size:]
        size *= 2


def _weight(size: int) -> np.uint64:
    return np.uint64(pow(int(_K1), size, 2**64))
