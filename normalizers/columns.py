"""Arrow string columns as bytes and offsets, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from normalizers.utf8 import Bytes, Positions


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
