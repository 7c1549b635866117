"""Parquet: the text, and perhaps its language, from columns by name; row groups are streamed, not held.

An ordinal is the row's place in the file, whatever split it was read in: the footer knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.readers.records import RAW_BYTES, ReaderError, ReaderOptions, Record, Rejected, Split
from spark_jobs.readers.rows import Places, checked
from spark_jobs.readers.storage import opened

BATCH_BYTES = 2 * 1024 * 1024
"""Text of a batch, about."""
BUFFER_BYTES = 1024 * 1024
"""Stored bytes of a column that are read at once; without it Arrow reads whole column chunks."""
_MAGIC = b"PAR1"


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """The rows of the row groups whose first byte lies in the split.

    ReaderError: the file has no such column, or it does not hold strings.
    """
    columns: list[str] = []

    def chosen(file: pq.ParquetFile) -> list[str]:
        columns[:] = _columns(file, split.uri, options)
        return columns

    for item in record_batches(split, chosen):
        if isinstance(item, Rejected):
            yield item
        else:
            yield from _batch(*item, columns, options)


def record_batches(
    split: Split, columns_of: Callable[[pq.ParquetFile], list[str]]
) -> Iterator[tuple[pa.RecordBatch, Places] | Rejected]:
    """The split's rows as stored, each batch with its rows' places in the file; damage as a rejection."""
    with opened(split.uri) as stored:
        if stored.size() == 0:
            return
        watched = _Watched(stored)
        try:
            file = pq.ParquetFile(pa.PythonFile(watched, "r"), buffer_size=BUFFER_BYTES, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            watched.raise_storage_error()
            if split.start == 0:
                yield _unreadable(stored, error)
            return
        columns = columns_of(file)
        ordinal = 0
        for group in range(file.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            begin = _first_byte(file, group)
            if split.start <= begin and (split.end is None or begin < split.end):
                yield from _row_group(file, group, ordinal, columns, watched=watched)
            ordinal += n_rows


class _Watched:
    """A file for Arrow that remembers errors of the storage, which Arrow reports as it does damage."""

    def __init__(self, stored: pa.NativeFile) -> None:
        self._stored = stored
        self._error: OSError | None = None
        self.closed = False

    def read(self, n: int = -1) -> bytes:
        try:
            data: bytes = self._stored.read(None if n < 0 else n)
        except OSError as error:
            self._error = error
            raise
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        place: int = self._stored.seek(offset, whence)
        return place

    def tell(self) -> int:
        place: int = self._stored.tell()
        return place

    def size(self) -> int:
        n_bytes: int = self._stored.size()
        return n_bytes

    def close(self) -> None:
        self.closed = True

    def raise_storage_error(self) -> None:
        """Raise the error that a failed call of Arrow came from, if it was one of the storage."""
        if self._error is not None:
            raise self._error


def _unreadable(stored: pa.NativeFile, error: Exception) -> Rejected:
    size = stored.size()
    head = stored.read_at(min(size, RAW_BYTES), 0)
    cut = head.startswith(_MAGIC) and stored.read_at(4, max(0, size - 4)) != _MAGIC
    return Rejected(0, "truncated_archive" if cut else "corrupt_archive", f"Parquet: {error}", head, size)


def _columns(file: pq.ParquetFile, uri: str, options: ReaderOptions) -> list[str]:
    wanted = [options.text_column, *([options.lang_column] if options.lang_column else [])]
    for name in wanted:
        if name not in file.schema_arrow.names:
            held = ", ".join(file.schema_arrow.names)
            raise ReaderError(f"{uri} has no column {name!r}; it has {held}")
        kind = file.schema_arrow.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if kind not in {pa.string(), pa.large_string(), pa.binary(), pa.large_binary()}:
            raise ReaderError(f"column {name!r} of {uri} is {kind}; want a string column")
    return wanted


def _first_byte(file: pq.ParquetFile, group: int) -> int:
    columns = file.metadata.row_group(group)
    chunks = [columns.column(n) for n in range(columns.num_columns)]
    first: int = min(chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks)
    return first


def _row_group(
    file: pq.ParquetFile,
    group: int,
    ordinal: int,
    columns: list[str],
    *,
    watched: _Watched,
) -> Iterator[tuple[pa.RecordBatch, Places] | Rejected]:
    """The rows of one row group; damage costs the rest of it."""
    facts = file.metadata.row_group(group)
    rows = max(1, facts.num_rows * BATCH_BYTES // max(1, facts.total_byte_size))
    batches = file.iter_batches(min(rows, 65_536), row_groups=[group], columns=columns, use_threads=False)
    done = 0
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            watched.raise_storage_error()
            lost = sum(facts.column(n).total_compressed_size for n in range(facts.num_columns))
            rows_lost = f"rows {ordinal + done} to {ordinal + facts.num_rows - 1}"
            detail = f"Parquet, row group {group}, {rows_lost}: {error}"
            yield Rejected(ordinal + done, "corrupt_archive", detail, b"", lost)
            return
        if batch is None:
            return
        yield batch, ordinal + done + np.arange(len(batch))
        done += len(batch)


def _batch(
    batch: pa.RecordBatch, ordinals: Places, columns: list[str], options: ReaderOptions
) -> Iterator[Record]:
    arrays = [_strings(batch.column(name)) for name in columns]
    rejected: list[Rejected] = []
    good = np.ones(len(batch), bool)
    for name, array, reason in zip(columns, arrays, ("no_text", "no_lang"), strict=False):
        missing = good & array.is_null().to_numpy(zero_copy_only=False)
        rejected += [Rejected(n, reason, f"column {name!r} is null", b"") for n in ordinals[missing].tolist()]
        good &= ~missing
    n_bytes = pc.fill_null(pc.binary_length(arrays[0]), 0).to_numpy()
    for row in np.flatnonzero(good & (n_bytes > options.max_record_bytes)).tolist():
        good[row] = False
        raw = arrays[0].view(pa.binary())[row].as_py()[:RAW_BYTES]
        detail = f"{n_bytes[row]:,} bytes, limit {options.max_record_bytes:,} (max_record_bytes)"
        rejected.append(Rejected(int(ordinals[row]), "too_long", detail, raw))
    texts, *langs = arrays if good.all() else [array.filter(pa.array(good)) for array in arrays]
    yield from checked(texts, ordinals[good], langs=langs[0] if langs else None, rejected=rejected)


def _strings(array: pa.Array) -> pa.Array:
    """string, whatever kind of string or bytes it was, not validated."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.binary()).view(pa.string())
