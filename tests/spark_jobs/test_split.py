"""Shards of a file: the same records, whole, under names that appear when all is written."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest
import zstandard

from spark_jobs import readers
from spark_jobs.readers import ReaderError, ReaderOptions, Rejected, Split
from spark_jobs.split import DamagedFileError, split_file

LINES = [f'{{"text": "line {n} {"word " * (n % 50)}"}}' for n in range(4000)]
PLAIN = "\n".join(LINES).encode()
PARAGRAPHS = b"\n\n".join(b"document %d\nsecond line" % n for n in range(10_000))
HEADER = '<mediawiki><siteinfo><namespaces><namespace key="6">Plik</namespace></namespaces></siteinfo>\n'
PAGE = "<page><ns>0</ns><revision><text>Page {} [[Plik:x.jpg|hidden]] {}</text></revision></page>\n"
DUMP = (HEADER + "".join(PAGE.format(n, "word " * 300) for n in range(60)) + "</mediawiki>").encode()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Shards grow by blocks; with small ones a small file makes several shards."""
    monkeypatch.setattr("spark_jobs.readers.blocks.BLOCK_BYTES", 10_000)
    monkeypatch.setattr("spark_jobs.readers.streams.PLAIN_BYTES", 10_000)
    monkeypatch.setattr("spark_jobs.readers.compression.OUT_BYTES", 10_000)


def texts(format_name: str, paths: list[str]) -> list[str]:
    records = [one for path in paths for one in readers.read(format_name, Split(uri=path), ReaderOptions())]
    assert not [one for one in records if isinstance(one, Rejected)]
    return [text for one in records for text in one.texts.to_pylist()]


@pytest.mark.parametrize(
    ("format_name", "content", "name", "least"),
    [
        ("jsonl", gzip.compress(PLAIN), "en.part.jsonl.gz", 2),
        ("text", bz2.compress(PLAIN), "en.txt.bz2", 2),
        ("cc100", lzma.compress(PARAGRAPHS, preset=0), "en.txt.xz", 2),
        ("wikipedia", bz2.compress(DUMP), "plwiki.xml.bz2", 2),
        ("mc4", zstandard.compress(PLAIN), "c4.json.zst", 2),
    ],
)
def test_shards_hold_the_records_of_the_file_in_order(tmp_path, format_name, content, name, least):
    (tmp_path / name).write_bytes(content)
    seen: list[tuple[int, int]] = []
    shards = split_file(
        str(tmp_path / name),
        str(tmp_path / "out"),
        format=format_name,
        shard_bytes=50_000,
        progress=lambda done, size: seen.append((done, size)),
    )
    assert len(shards) >= least
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        shard.rpartition("/")[2] for shard in shards
    ]
    assert texts(format_name, shards) == texts(format_name, [str(tmp_path / name)])
    assert seen[-1] == (len(content), len(content))
    # Each shard stands alone: no record of one depends on another, headers are in all of them.
    assert all(texts(format_name, [shard]) for shard in shards)


def test_names_say_how_many_shards_there_are(tmp_path):
    (tmp_path / "en.part.jsonl.gz").write_bytes(gzip.compress(PLAIN))
    shards = split_file(
        str(tmp_path / "en.part.jsonl.gz"), str(tmp_path / "out"), format="jsonl", shard_bytes=300_000
    )
    assert [shard.rpartition("/")[2] for shard in shards] == [
        "en.part-00000-of-00002.jsonl.zst",
        "en.part-00001-of-00002.jsonl.zst",
    ]


def test_a_damaged_file_leaves_nothing_unless_told_to_go_on(tmp_path):
    path = str(tmp_path / "en.jsonl.gz")
    whole = gzip.compress(PLAIN)
    (tmp_path / "en.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedFileError, match="truncated_archive: gzip: the file ends"):
        split_file(path, str(tmp_path / "out"), format="jsonl", shard_bytes=50_000)
    assert list((tmp_path / "out").iterdir()) == []

    losses: list[str] = []
    shards = split_file(
        path, str(tmp_path / "out"), format="jsonl", shard_bytes=50_000, on_loss=losses.append
    )
    got = texts("jsonl", shards)  # whole records only: the cut one is not among them
    assert 1000 < len(got) < 4000
    assert got[-1].startswith(f"line {len(got) - 1} ")
    assert len(losses) == 1


def test_a_record_over_the_limit_is_told_and_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("spark_jobs.split.MAX_RECORD_BYTES", 5000)
    (tmp_path / "a.txt").write_bytes(b"one\n" + b"x" * 6000 + b"\ntwo\n")
    losses: list[str] = []
    shards = split_file(str(tmp_path / "a.txt"), str(tmp_path / "out"), format="text", on_loss=losses.append)
    assert texts("text", shards) == ["one", "two"]
    assert losses == ["too_long: a record of 6,000 bytes, limit 5,000"]


def test_an_empty_file_has_no_shards(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b""))
    assert split_file(str(tmp_path / "a.txt.gz"), str(tmp_path / "out"), format="text") == []


def test_shards_that_are_there_already_are_not_mixed_with_new_ones(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\n")
    split_file(str(tmp_path / "a.txt"), str(tmp_path / "out"), format="text")
    with pytest.raises(ReaderError, match=r"holds a-00000-of-00001.txt.zst already"):
        split_file(str(tmp_path / "a.txt"), str(tmp_path / "out"), format="text")


@pytest.mark.parametrize("format_name", ["parquet", "opensubtitles", "pdf"])
def test_formats_that_cannot_be_cut_are_refused_with_those_that_can(tmp_path, format_name):
    with pytest.raises(ReaderError, match="those that can: mc4, jsonl, text, cc100, wikipedia"):
        split_file("a", str(tmp_path), format=format_name)
