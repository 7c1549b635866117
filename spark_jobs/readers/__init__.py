"""Readers: one module a format, each a function from a split of a file to good and rejected records.

A new format is a module with `read(split, options)`, its test, and its line in `FORMATS`.
Nothing here knows Spark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spark_jobs.readers.records import (
    REASONS,
    SPLIT_BYTES,
    Documents,
    Reader,
    ReaderError,
    ReaderOptions,
    Rejected,
    Split,
)
from spark_jobs.readers.splits import by_bytes, by_row_groups, by_streams, whole

__all__ = [
    "FORMATS",
    "REASONS",
    "SPLIT_BYTES",
    "Documents",
    "Reader",
    "ReaderError",
    "ReaderOptions",
    "Rejected",
    "Split",
    "read",
    "splits",
]

FORMATS: Mapping[str, Reader] = {
    "mc4": Reader("spark_jobs.readers.mc4", by_bytes),
    "cc100": Reader("spark_jobs.readers.cc100", by_bytes),
    "wikipedia": Reader("spark_jobs.readers.wikipedia", by_streams),
    "opensubtitles": Reader("spark_jobs.readers.opensubtitles", whole),
    "jsonl": Reader("spark_jobs.readers.jsonl", by_bytes),
    "text": Reader("spark_jobs.readers.text", by_bytes),
    "parquet": Reader("spark_jobs.readers.parquet", by_row_groups),
}


def read(format: str, split: Split, options: ReaderOptions) -> Iterator[Documents | Rejected]:  # noqa: A002
    """The records of a split: batches of documents in file order, and every record that cannot be used.

    ReaderError: the configuration does not fit (unknown format, missing column). Errors of the storage
    (a missing file, a lost connection) pass through as OSError, so that a task is tried again and nothing
    counts as damaged.
    """
    return _reader(format).read(split, options)


def splits(format: str, uri: str, size: int) -> list[Split]:  # noqa: A002
    """The pieces of a file of `size` stored bytes that tasks can read side by side.

    A function of the file alone. A file of up to `SPLIT_BYTES`, or one that cannot be entered in the middle,
    is one split; `corpus split` rewrites the latter.
    """
    return _reader(format).splits(uri, size)


def _reader(name: str) -> Reader:
    if name not in FORMATS:
        raise ReaderError(f"format {name!r} is not known; known are {', '.join(sorted(FORMATS))}")
    return FORMATS[name]
