"""Opening a pinned file, and reading a stretch of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trainer import storage
from trainer.table import DataFile


@contextmanager
def open_parquet(uri: str, file: DataFile, local: str | None = None) -> Iterator[Any]:
    """A Parquet file of a table, mapped into memory where it is local. `local`: where a copy of it lies."""
    path = local or storage.join(uri, file.path)
    dictionaries = [name for name in ("lang", "form", "split") if name in file.columns]
    if storage.is_local(path):
        with pq.ParquetFile(path, memory_map=True, read_dictionary=dictionaries) as parquet:
            yield parquet
        return
    filesystem, inside = storage.open_filesystem(path)
    with (
        filesystem.open_input_file(inside) as source,
        pq.ParquetFile(source, read_dictionary=dictionaries, pre_buffer=True) as parquet,
    ):
        yield parquet


def read_rows(parquet: Any, file: DataFile, start: int, rows: int, columns: Sequence[str]) -> pa.Table:
    """`rows` rows from the row `start` of the file; reads the row groups under them, on one thread."""
    ends = np.cumsum(file.rows)
    first = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(ends, start + rows, side="left"))
    table = parquet.read_row_groups(list(range(first, last + 1)), columns=list(columns), use_threads=False)
    return table.slice(start - (int(ends[first - 1]) if first else 0), rows)
