"""Plain text: one document a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spark_jobs.readers.blocks import LINES, blocks
from spark_jobs.readers.records import ReaderOptions, Record, Split
from spark_jobs.readers.rows import checked, lines_of, rejected_cut, texts_between


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """Every line is a document; an empty line takes a number, but is none."""
    ordinal = split.start
    for block in blocks(split, LINES, options.max_record_bytes):
        if not isinstance(block, bytes):
            yield rejected_cut(block, ordinal, split.start, options.max_record_bytes)
            ordinal += 1
            continue
        data, breaks = lines_of(block)
        starts = np.concatenate(([0], breaks[:-1] + 1))
        lines = np.flatnonzero(breaks > starts)
        texts = texts_between(data, starts[lines], breaks[lines], dropped=breaks)
        yield from checked(texts, ordinal + lines)
        ordinal += len(breaks)
