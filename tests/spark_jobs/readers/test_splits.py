"""Splits: a function of the file alone, that together are the file."""

from __future__ import annotations

import bz2
import gzip
import re
import tracemalloc

import pyarrow as pa
import pytest

from spark_jobs import readers
from spark_jobs.readers import FORMATS, SPLIT_BYTES, ReaderError, ReaderOptions, Split
from spark_jobs.readers.splits import by_bytes, by_row_groups, by_streams, ranges
from spark_jobs.readers.storage import Stored


def test_the_formats_and_their_readers():
    assert sorted(FORMATS) == ["cc100", "jsonl", "mc4", "opensubtitles", "parquet", "text", "wikipedia"]


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(ReaderError, match="format 'pdf' is not known; known are cc100, jsonl"):
        readers.read("pdf", Split(uri="a"), ReaderOptions())
    with pytest.raises(ReaderError, match="format 'pdf' is not known"):
        readers.splits("pdf", "a", 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_record_bytes": 0}, "max_record_bytes is 0, want 1 to"),
        ({"block_lines": 0}, "block_lines is 0, want"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ReaderError, match=words):
        ReaderOptions(**options)
    with pytest.raises(ReaderError, match=r"split 5..3 of a: want 0 <= start <= end"):
        Split(uri="a", start=5, end=3)


@pytest.mark.parametrize("name", FORMATS)
def test_a_small_file_is_one_split_and_is_not_even_opened(name):
    assert readers.splits(name, "no/such/file", SPLIT_BYTES) == [Split(uri="no/such/file")]


def test_ranges_follow_each_other_and_none_is_a_crumb():
    # 64 of 200: from 0, 64 and 128, the last one 72 long instead of 64 and a crumb of 8.
    assert ranges("a", 200, 64) == [
        Split(uri="a", start=0, end=64),
        Split(uri="a", start=64, end=128),
        Split(uri="a", start=128, end=None),
    ]
    assert ranges("a", 63, 64) == [Split(uri="a", start=0, end=None)]


LINES = b"".join(b"line %d\n" % n for n in range(1000))


@pytest.mark.parametrize(
    ("content", "bytes_split", "streams_split"),
    [
        (LINES, True, True),
        (gzip.compress(LINES), False, False),
        (bz2.compress(LINES), False, True),
        ("\ufeffa\n".encode("utf-16") * 50, False, False),
    ],
    ids=["plain", "gzip", "bzip2", "utf-16"],
)
def test_only_what_can_be_entered_in_the_middle_is_split(tmp_path, content, bytes_split, streams_split):
    path = tmp_path / "file.gz"  # the magic counts
    path.write_bytes(content)
    size = len(content)
    assert (len(by_bytes(str(path), size, 100)) > 1) == bytes_split
    assert (len(by_streams(str(path), size, 100)) > 1) == streams_split
    assert by_row_groups(str(path), size, 100) == ranges(str(path), size, 100)


@pytest.mark.parametrize("name", ["jsonl", "wikipedia", "text", "cc100"])
def test_a_later_split_of_a_file_that_does_not_split_holds_nothing(seen, tmp_path, name):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(LINES))
    later = seen(name, path, start=100, end=200)
    assert (later.texts, later.rejected) == ([], [])


def test_a_file_may_be_named_by_a_uri(seen, tmp_path):
    path = tmp_path / "a file.txt"
    path.write_bytes(b"one\n")
    assert seen("text", path.as_uri()).texts == ["one"]


def stored(content: bytes) -> Stored:
    return Stored(pa.BufferReader(content))


@pytest.mark.parametrize("read_bytes", [1, 2, 5, 1000])
def test_a_pattern_is_found_across_reads(monkeypatch, read_bytes):
    monkeypatch.setattr("spark_jobs.readers.storage.READ_BYTES", read_bytes)
    file = stored(b"..BZh9abc..BZh9")
    pattern = re.compile(rb"BZh\d")
    assert file.seek(pattern, 4)
    assert (file.position, file.left) == (2, 13)
    file.move(3)
    assert file.seek(pattern, 4)
    assert file.position == 11
    file.move(12)
    assert not file.seek(pattern, 4)
    assert (file.position, file.left, file.take(5)) == (15, 0, b"")


@pytest.mark.parametrize("read_bytes", [1, 3, 1000])
def test_what_is_looked_at_is_still_there_to_take(monkeypatch, read_bytes):
    monkeypatch.setattr("spark_jobs.readers.storage.READ_BYTES", read_bytes)
    file = stored(b"0123456789")
    taken = b""
    while piece := file.take(4):
        taken += piece
        assert file.peek(2) == b"0123456789"[len(taken) : len(taken) + 2]
    assert taken == b"0123456789"


def test_a_file_far_larger_than_the_memory_for_it_streams(tmp_path):
    from spark_jobs.readers import read

    line = b'{"text":"' + b"some words " * 100 + b'"}\n'
    content = line * 20_000 + b'{"text":"' + b"x" * 60_000_000 + b'"}\n' + line * 20_000
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(content, 1))
    n_bytes = len(content)
    del content
    tracemalloc.start()
    n = rejected = 0
    for record in read("jsonl", Split(uri=str(path)), ReaderOptions(max_record_bytes=4_000_000)):
        if isinstance(record, readers.Rejected):
            rejected += 1
        else:
            n += len(record.texts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (n, rejected) == (40_000, 1)
    assert n_bytes > 100_000_000
    assert peak < 30_000_000
