"""CC-100: one paragraph a line, an empty line between documents (data.statmt.org/cc-100)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spark_jobs.readers.blocks import PARAGRAPHS, blocks
from spark_jobs.readers.records import ReaderOptions, Record, Split
from spark_jobs.readers.rows import checked, lines_of, rejected_cut, texts_between


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """Documents are the lines up to an empty one, joined by line breaks."""
    ordinal = split.start
    for block in blocks(split, PARAGRAPHS, options.max_record_bytes):
        if not isinstance(block, bytes):
            yield rejected_cut(block, ordinal, split.start, options.max_record_bytes)
            ordinal += 1
            continue
        data, breaks = lines_of(block)
        line_starts = np.concatenate(([0], breaks[:-1] + 1))
        filled = breaks > line_starts
        first = filled & ~np.concatenate(([False], filled[:-1]))
        last = filled & ~np.concatenate((filled[1:], [False]))
        # Only the line breaks between two filled lines are text.
        texts = texts_between(data, line_starts[first], breaks[last], dropped=breaks[~filled | last])
        yield from checked(texts, ordinal + np.arange(len(texts)))
        ordinal += len(texts)
