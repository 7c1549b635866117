"""Arrow string columns as bytes and offsets, chunk by chunk, and back.

Arrays are made from buffers: `pa.array` and `to_numpy` import pandas where it is installed, which takes a
fresh process longer than everything else here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from normalizers.utf8 import Bytes, Flags, Positions

_MOST = 2**31 - 1
"""Bytes of the largest string array: its offsets have 32 bits."""


def per_chunk(
    work: Callable[[pa.Array], pa.Array], texts: pa.Array | pa.ChunkedArray, kind: pa.DataType
) -> pa.Array | pa.ChunkedArray:
    """`work` on an array, or on each chunk of a chunked array, whose result then has type `kind`.

    Raises TypeError for anything that is not a column of strings.
    """
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        raise TypeError(f"texts: expected a pyarrow string array, got {type(texts).__name__}")
    if pa.types.is_null(texts.type):
        texts = texts.cast(pa.string())
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise TypeError(f"texts: expected a column of string or large_string, got {texts.type}")
    if isinstance(texts, pa.ChunkedArray):
        return pa.chunked_array([work(chunk) for chunk in texts.chunks], kind)
    return work(texts)


def rows_of(column: pa.Array) -> tuple[Bytes, Positions]:
    """The UTF-8 of all rows, not copied, and the n + 1 offsets of the rows in it (first 0, last its length).

    A null row may own bytes; whoever counts them masks the row.
    """
    width: type[np.integer[Any]] = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, at, data = column.buffers()
    if at is None or len(column) == 0:
        return np.zeros(0, np.uint8), np.zeros(len(column) + 1, np.int64)
    offsets: npt.NDArray[Any] = np.frombuffer(at, width)[column.offset : column.offset + len(column) + 1]
    utf8 = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return utf8[offsets[0] : offsets[-1]], (offsets - offsets[0]).astype(np.int64)


def given(column: pa.Array) -> Flags:
    """True for each row that is not null."""
    bits = column.buffers()[0]
    if bits is None or not column.null_count:
        return np.ones(len(column), np.bool_)
    return _unpacked(bits, column)


def flags_of(column: pa.Array) -> Flags:
    """A boolean Arrow array without nulls as numpy's."""
    return _unpacked(column.buffers()[1], column)


def _unpacked(bits: pa.Buffer, column: pa.Array) -> Flags:
    low, high = column.offset, column.offset + len(column)
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=high, bitorder="little")[low:].view(np.bool_)


def bit_array(flags: Flags) -> pa.Array:
    """A boolean Arrow array without nulls."""
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, _bits(flags)])


def int_array(values: npt.NDArray[np.int32], valid: Flags) -> pa.Array:
    """An int32 Arrow array, null where `valid` is false."""
    bits = None if valid.all() else _bits(valid)
    return pa.Array.from_buffers(pa.int32(), len(values), [bits, pa.py_buffer(np.ascontiguousarray(values))])


def string_array(texts: Sequence[str], kind: pa.DataType) -> pa.Array:
    """Texts as string or large_string; raises pa.ArrowCapacityError for more than a string column holds."""
    encoded = [text.encode() for text in texts]
    return array_of(b"".join(encoded), np.fromiter(map(len, encoded), np.int64, len(encoded)), kind)


def array_of(
    utf8: bytes | Bytes, sizes: Positions, kind: pa.DataType, valid: Flags | None = None
) -> pa.Array:
    """A string or large_string array of rows of `sizes` bytes, null where not `valid`; raises
    pa.ArrowCapacityError as above."""
    ends = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    large = pa.types.is_large_string(kind)
    if not large and ends[-1] > _MOST:
        raise pa.ArrowCapacityError(
            f"{ends[-1]} bytes do not fit one string array (at most {_MOST}): use large_string or fewer rows"
        )
    at = ends if large else ends.astype(np.int32)
    bits = None if valid is None or valid.all() else _bits(valid)
    return pa.Array.from_buffers(kind, len(sizes), [bits, pa.py_buffer(at), pa.py_buffer(utf8)])


def _bits(flags: Flags) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
