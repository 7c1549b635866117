"""Utterance files in three formats, one table of what is read and what is not."""

import datetime
import itertools

import pyarrow as pa
import pytest

from spark_jobs.readers.records import ReaderError
from tests.spark_jobs.utterances.files import jsonl, parquet, raw, rows_of, source

A = ("a", "es", "es-419", "2026-11-01", 1)
JAZZ = ("play jazz", "en", "en-US", "2026-11-01", 3)


def day(text="2026-11-01"):
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({"text": "play jazz", "locale": "en-US", "day": "2026-11-01", "count": 3}, JAZZ),
        ({"count": "3", "day": "20261101", "text": "play jazz", "locale": "en_us"}, JAZZ),
        ({"text": "play jazz", "lang": "en-US", "day": "2026-11-01T23:59:59Z", "count": 3.0}, JAZZ),
        ({"text": " play \t jazz\u3000", "locale": "EN-us", "day": 20261101, "count": 3}, JAZZ),
        ({"text": "play\u00a0jazz\n", "locale": "en-US", "day": "2026-11-01 07:30", "count": 3}, JAZZ),
        ({"text": "stop", "lang": "en", "day": "2026-11-01"}, ("stop", "en", "en", "2026-11-01", 1)),
        ({"text": "रुको", "locale": "hi-IN", "day": "2026-11-01"}, ("रुको", "hi", "hi-IN", "2026-11-01", 1)),
        ({"text": "a", "lang": "es-419", "day": "2026-11-01", "count": None}, A),
    ],
)  # fmt: skip
def test_a_line_of_json(tmp_path, row, read):
    assert rows_of(jsonl(tmp_path / "a.jsonl", [row]), source()) == ([read], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"locale": "en-US", "day": "2026-11-01"}, "no_text"),
        ({"text": 7, "locale": "en-US", "day": "2026-11-01"}, "no_text"),
        ({"text": " \u3000", "locale": "en-US", "day": "2026-11-01"}, "empty"),
        ({"text": "a\0b", "locale": "en-US", "day": "2026-11-01"}, "nul_byte"),
        ({"text": "a", "day": "2026-11-01"}, "no_locale"),
        ({"text": "a", "locale": "ru-RU", "day": "2026-11-01"}, "other_language"),
        ({"text": "a", "locale": "hi-Latn-IN", "day": "2026-11-01"}, "other_language"),
        ({"text": "a", "locale": "play jazz", "day": "2026-11-01"}, "other_language"),
        ({"text": "a", "locale": "en-US"}, "no_day"),
        ({"text": "a", "locale": "en-US", "day": "2026-02-30"}, "bad_day"),
        ({"text": "a", "locale": "en-US", "day": "yesterday"}, "bad_day"),
        ({"text": "a", "locale": "en-US", "day": "2026-11-01", "count": 0}, "bad_count"),
        ({"text": "a", "locale": "en-US", "day": "2026-11-01", "count": -3}, "bad_count"),
        ({"text": "a", "locale": "en-US", "day": "2026-11-01", "count": "many"}, "bad_count"),
        ({"text": "a", "locale": "en-US", "day": "2026-11-01", "count": 2.5}, "bad_count"),
        ({"text": "a", "locale": "en-US", "day": "2026-11-01", "count": 1e300}, "bad_count"),
        (b'{"text": "a", "locale": "en-US"', "bad_json"),
        (b'["a"]', "bad_json"),
        (b'{"text": "\xff", "locale": "en-US", "day": "2026-11-01"}', "not_utf8"),
        (b'{"text": "\\ud800", "locale": "en-US", "day": "2026-11-01"}', "not_utf8"),
    ],
)
def test_a_record_that_cannot_be_used_costs_itself_only(tmp_path, row, reason):
    good = {"text": "play jazz", "locale": "en-US", "day": "2026-11-01", "count": 3}
    path = jsonl(tmp_path / "a.jsonl", [good, good, row, b"", good])
    assert rows_of(path, source()) == ([JAZZ] * 3, [(2, reason)])


def test_counts_as_texts_in_a_whole_file_are_parsed_as_fast_as_numbers(tmp_path, monkeypatch):
    rows = [{"text": "play jazz", "locale": "en-US", "day": "2026-11-01", "count": "3"}] * 5000
    path = jsonl(tmp_path / "a.jsonl", rows)
    from spark_jobs.utterances import columns

    monkeypatch.setattr(columns, "_alone", lambda *_: pytest.fail("a line was parsed alone"))
    assert rows_of(path, source()) == ([JAZZ] * 5000, [])


def test_the_day_of_the_path_serves_rows_without_one(tmp_path):
    rows = [{"text": "a", "locale": "en-US"}, {"text": "b", "locale": "en-US", "day": "2026-11-02"}]
    found, rejected = rows_of(jsonl(tmp_path / "part-2026-11-01.jsonl.gz", rows), source())
    assert ([(row[0], row[3]) for row in found], rejected) == ([("a", "2026-11-01"), ("b", "2026-11-02")], [])


def test_tsv_by_its_header_or_by_the_recipes_columns(tmp_path):
    body = b"2026-11-01\tplay jazz\ten-US\t3\n"
    with_header = raw(tmp_path / "a.tsv", b"day\ttext\tlocale\tcount\r\n" + body)
    assert rows_of(with_header, source("tsv")) == ([JAZZ], [])
    plain = raw(tmp_path / "b.tsv.gz", body + b"\n2026-11-01\tplay jazz\ten-US\n2026-11-01\tstop\ten\t\n")
    named = source("tsv", columns=("day", "text", "locale", "count"))
    stop = ("stop", "en", "en", "2026-11-01", 1)
    assert rows_of(plain, named) == ([JAZZ, stop], [(2, "bad_tsv")])
    bad = raw(tmp_path / "c.tsv", body + b"2026-11-01\t\xff\ten-US\t3\n" + body)
    assert rows_of(bad, named) == ([JAZZ, JAZZ], [(1, "not_utf8")])


def test_tsv_in_pieces_gives_the_rows_of_the_whole(tmp_path):
    lines = [f"text {n}\ten-US\t2026-11-01\t{n + 1}\n".encode() for n in range(200)]
    path = raw(tmp_path / "a.tsv", b"text\tlocale\tday\tcount\n" + b"".join(lines))
    whole, _ = rows_of(path, source("tsv"))
    size = path.stat().st_size
    cuts = [0, 11, 500, 501, 2000, size]
    pieces = [rows_of(path, source("tsv"), start=a, end=b)[0] for a, b in itertools.pairwise(cuts)]
    assert [row for piece in pieces for row in piece] == whole
    assert len(whole) == 200


def test_parquet_with_the_types_that_writers_give(tmp_path):
    texts = pa.array(["play jazz", "play  jazz"]).dictionary_encode()
    for days in (
        pa.array([day(), day()]),
        pa.array(["2026-11-01"] * 2),
        pa.array([datetime.datetime(2026, 11, 1, 23)] * 2, pa.timestamp("ms")),
        pa.array([datetime.datetime(2026, 11, 1, 23)] * 2, pa.timestamp("ns", tz="UTC")),
    ):
        path = parquet(
            tmp_path / "a.parquet",
            text=texts,
            locale=["en-US"] * 2,
            day=days,
            count=pa.array([3, 3], pa.int16()),
        )
        assert rows_of(path, source("parquet")) == ([JAZZ, JAZZ], [])
    path = parquet(tmp_path / "2026-11-01.parquet", text=["play jazz", None])
    read, rejected = rows_of(path, source("parquet", locale="en-US"))
    assert (read, rejected) == ([(*JAZZ[:4], 1)], [(1, "no_text")])


def test_a_parquet_file_without_the_text_column_is_a_wrong_configuration(tmp_path):
    with pytest.raises(ReaderError, match="no column 'text'; it has utterance"):
        rows_of(parquet(tmp_path / "a.parquet", utterance=["a"]), source("parquet"))


def test_columns_of_other_names(tmp_path):
    row = {"utterance": "play jazz", "tag": "en-US", "when": "2026-11-01", "n": 3, "text": 5, "day": {}}
    given = source(text_column="utterance", locale_column="tag", day_column="when", count_column="n")
    assert rows_of(jsonl(tmp_path / "a.jsonl", [row]), given) == ([JAZZ], [])


def test_a_cut_archive_costs_what_follows_the_damage(tmp_path):
    row = {"text": "play jazz", "locale": "en-US", "day": "2026-11-01", "count": 3}
    path = jsonl(tmp_path / "a.jsonl.gz", [row | {"id": n} for n in range(20_000)])
    path.write_bytes(path.read_bytes()[:-3000])
    read, rejected = rows_of(path, source())
    assert 0 < len(read) < 20_000
    assert [reason for _, reason in rejected] == ["truncated_archive"]
