"""Spark's `xxhash64` over Arrow columns, in numpy: a fingerprint taken where the rows are made.

Bit for bit what `xxhash64(columns …)` gives in SQL (seed 42; each column's hash is the seed of the next, an
array's elements follow each other), so anyone can take it again there. For the ids of 28 MB of text it takes
about half a CPU second, a fifth of SentencePiece's share, and spares the job a second pass through Java.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

Hashes = npt.NDArray[np.uint64]

_SEED = 42
_P1, _P2, _P3 = np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_P4, _P5 = np.uint64(0x85EBCA77C2B2AE63), np.uint64(0x27D4EB2F165667C5)


def row_hashes(columns: list[pa.Array]) -> Hashes:
    """One hash a row. Columns of int8, int32, int64, string and list<int32>, without nulls."""
    hashes = np.full(len(columns[0]), _SEED, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            hashes = _hashed(column, hashes)
    return hashes


def _hashed(column: pa.Array, seeds: Hashes) -> Hashes:
    if column.null_count:
        raise ValueError("row_hashes: a column with nulls")
    if pa.types.is_list(column.type):
        return _list_hashes(column, seeds)
    if pa.types.is_string(column.type):
        texts = zip(column.cast(pa.binary()).to_pylist(), seeds.tolist(), strict=True)
        return np.fromiter(
            (xxhash.xxh64_intdigest(text, seed) for text, seed in texts), np.uint64, len(seeds)
        )
    values = column.to_numpy()
    return _long_hashes(values, seeds) if values.dtype == np.int64 else _int_hashes(_scrambled(values), seeds)


def _list_hashes(column: pa.ListArray, seeds: Hashes) -> Hashes:
    """The n-th elements of all rows at once; the rows that have one, longest first, stand at the front."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = _scrambled(np.asarray(column.values))
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    at, hashes, spare = offsets[:-1][order], seeds[order], np.empty(len(order), np.uint64)
    longest = int(lengths[order[0]]) if len(order) else 0
    having = np.searchsorted(-lengths[order], -np.arange(1, longest + 1), side="right")
    for rows in having.tolist():
        values.take(at[:rows], out=spare[:rows], mode="clip")  # in range: without a check, so without a copy
        _int_hashes(spare[:rows], hashes[:rows])
        at[:rows] += 1
    back = np.empty_like(hashes)
    back[order] = hashes
    return back


def _scrambled(values: npt.NDArray[Any]) -> Hashes:
    """What an int of 32 bits or fewer brings into its hash: its bits as 32 without a sign, times a prime."""
    bits: Hashes = values.astype(np.int32).view(np.uint32).astype(np.uint64)
    bits *= _P1
    return bits


def _int_hashes(scrambled: Hashes, hashes: Hashes) -> Hashes:
    """Both are overwritten: the first serves as scratch, the second takes the result."""
    hashes += _P5 + np.uint64(4)
    hashes ^= scrambled
    _rotate(hashes, 23, scrambled)
    hashes *= _P2
    hashes += _P3
    return _finish(hashes, scrambled)


def _long_hashes(values: npt.NDArray[np.int64], hashes: Hashes) -> Hashes:
    spare = np.empty_like(hashes)
    turned = values.view(np.uint64) * _P2
    turned = _rotate(turned, 31, spare) * _P1
    hashes += _P5 + np.uint64(8)
    hashes ^= turned
    _rotate(hashes, 27, spare)
    hashes *= _P1
    hashes += _P4
    return _finish(hashes, spare)


def _rotate(hashes: Hashes, bits: int, spare: Hashes) -> Hashes:
    np.right_shift(hashes, np.uint64(64 - bits), out=spare)
    hashes <<= np.uint64(bits)
    hashes |= spare
    return hashes


def _finish(hashes: Hashes, spare: Hashes) -> Hashes:
    for bits, prime in ((33, _P2), (29, _P3)):
        np.right_shift(hashes, np.uint64(bits), out=spare)
        hashes ^= spare
        hashes *= prime
    np.right_shift(hashes, np.uint64(32), out=spare)
    hashes ^= spare
    return hashes
