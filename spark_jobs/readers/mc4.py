"""mC4: JSON lines {text, timestamp, url} (huggingface.co/datasets/allenai/c4, multilingual)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spark_jobs.readers import jsonl
from spark_jobs.readers.records import ReaderOptions, Record, Split


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """The field `text` of every line."""
    return jsonl.read(split, replace(options, text_column="text"))
