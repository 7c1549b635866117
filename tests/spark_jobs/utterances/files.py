"""Utterance files by hand."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.readers.records import Rejected, Split
from spark_jobs.utterances.columns import read
from spark_jobs.utterances.config import UtteranceSource
from spark_jobs.utterances.rows import clean, day_in_path


def source(format="jsonl", **values) -> UtteranceSource:  # noqa: A002
    return UtteranceSource(name="assistant", format=format, path="*", **values)


def jsonl(path: Path, rows) -> Path:
    """Dicts as JSON lines, bytes as they are; gzip by the name."""
    lines = [row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() for row in rows]
    return raw(path, b"".join(line + b"\n" for line in lines))


def raw(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def parquet(path: Path, **columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def rows_of(path: Path, given: UtteranceSource, **split):
    """(rows as (text, lang, locale, day, count), rejections as (ordinal, reason)) of a file."""
    rows, rejected = [], []
    for stored in read(Split(uri=str(path), **split), given):
        if isinstance(stored, Rejected):
            rejected.append(stored)
            continue
        for one in clean(stored, given.locale, day_in_path(path.name)):
            if isinstance(one, Rejected):
                rejected.append(one)
                continue
            columns = (one.texts, one.langs, one.locales, one.days, one.counts)
            rows += zip(*[column.to_pylist() for column in columns], strict=True)
    assert all(one.raw == b"" for one in rejected)  # what was not anonymised is quoted nowhere
    return [(t, lang, loc, str(day), n) for t, lang, loc, day, n in rows], [
        (r.ordinal, r.reason) for r in sorted(rejected, key=lambda r: r.ordinal)
    ]
