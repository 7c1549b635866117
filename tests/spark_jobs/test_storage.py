"""Files by pattern, their identity, and writing at once."""

import contextlib
import os
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_jobs import storage
from spark_jobs.storage import StoredFile, content_id, find, join, writing


@pytest.fixture
def tree(tmp_path):
    for name in (
        "mc4/c4-en.00.json.gz",
        "mc4/c4-en.01.json.gz",
        "mc4/c4-hi.00.json.gz",
        "mc4/old/c4-en.99.json.gz",
        "mc4/_SUCCESS",
        "mc4/.c4-en.02.json.gz.partial",
        "mc4/.hidden/c4-en.03.json.gz",
        "wiki/en/dump[1].xml",
        "a.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("mc4/*.json.gz", ["mc4/c4-en.00.json.gz", "mc4/c4-en.01.json.gz", "mc4/c4-hi.00.json.gz"]),
        ("mc4/c4-en.0?.json.gz", ["mc4/c4-en.00.json.gz", "mc4/c4-en.01.json.gz"]),
        ("mc4/c4-[eh][ni].00.*", ["mc4/c4-en.00.json.gz", "mc4/c4-hi.00.json.gz"]),
        ("mc4/c4-[!h]*.00.*", ["mc4/c4-en.00.json.gz"]),
        ("mc4/c4-[a-f]*", ["mc4/c4-en.00.json.gz", "mc4/c4-en.01.json.gz"]),
        ("**/c4-en.*", ["mc4/c4-en.00.json.gz", "mc4/c4-en.01.json.gz", "mc4/old/c4-en.99.json.gz"]),
        ("mc4/**/c4-en.99.json.gz", ["mc4/old/c4-en.99.json.gz"]),
        ("mc4/**/c4-hi.00.json.gz", ["mc4/c4-hi.00.json.gz"]),  # `**/` is also no folder at all
        ("mc4/old", ["mc4/old/c4-en.99.json.gz"]),
        ("mc4/old/", ["mc4/old/c4-en.99.json.gz"]),
        ("mc4/o*", ["mc4/old/c4-en.99.json.gz"]),
        ("a.txt", ["a.txt"]),
        ("./a.txt", ["a.txt"]),
        ("./mc4/./old/*", ["mc4/old/c4-en.99.json.gz"]),
        ("*.txt", ["a.txt"]),
        ("wiki/en/dump[[]1].xml", ["wiki/en/dump[1].xml"]),
        ("wiki/en/dump[1.xml", []),
        ("mc4/[z-a]*", []),
        ("mc4/[\\]*", []),
        ("mc4/C4-en*", []),
        ("mc5/*", []),
        ("a.txt/b", []),
    ],
)
def test_a_pattern_names_files(tree, pattern, found):
    assert [relative for relative, _ in find(str(tree), pattern)] == found


def test_a_pattern_may_have_a_root_of_its_own(tree):
    found = list(find("s3://nowhere", f"{tree}/mc4/*-hi*"))
    assert [file.uri for _, file in found] == [f"{tree}/mc4/c4-hi.00.json.gz"]
    assert [name for name, _ in found] == [f"{tree}/mc4/c4-hi.00.json.gz".lstrip("/")]
    assert list(find("/elsewhere", f"file://{tree}/mc4/*-hi*")) == found


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("mc4/*.gz", ("s3://a/b", "mc4/*.gz")),
        ("/data/mc4", ("/", "data/mc4")),
        ("s3://other/mc4/*.gz", ("s3://other", "mc4/*.gz")),
        ("s3://other", ("s3://other", "")),
        ("file:///data/mc4", ("/", "data/mc4")),
    ],
)
def test_the_root_of_a_pattern(pattern, expected):
    assert storage.rooted("s3://a/b", pattern) == expected


@pytest.mark.parametrize("pattern", [".", "", "/", "**"])
def test_the_whole_root_is_a_pattern_too(tree, pattern):
    assert [relative for relative, _ in find(str(tree), pattern)][0::5] == ["a.txt", "wiki/en/dump[1].xml"]


def test_a_pattern_may_leave_the_root(tree):
    assert [relative for relative, _ in find(str(tree / "wiki"), "../mc4/c4-hi*")] == [
        "../mc4/c4-hi.00.json.gz"
    ]


def test_what_is_found_has_its_uri_size_and_time(tree):
    [(relative, file)] = find(str(tree), "a.txt")
    assert (relative, file.uri, file.size) == ("a.txt", f"{tree}/a.txt", 5)
    assert file.modified.timestamp() == pytest.approx((tree / "a.txt").stat().st_mtime, abs=0.01)


@given(st.text(st.sampled_from("ab*?[]!-^\\/.{}()+$|é"), max_size=12))
@example("[?--]")  # Python warns of "--" in a set
def test_no_pattern_raises(pattern):
    import re

    re.compile(storage.glob_regex(pattern))


@given(st.text(st.sampled_from("ab.^$+{}()|\\é "), min_size=1, max_size=12))
def test_a_pattern_without_wildcards_names_itself_and_nothing_else(name):
    import re

    accept = re.compile(storage.glob_regex(name))
    assert accept.fullmatch(name)
    assert not accept.fullmatch(name + "x")


def test_equal_content_has_one_id_wherever_and_whenever_it_was_written(tree):
    copy = tree / "copy.txt"
    copy.write_bytes(b"a.txt")
    os.utime(copy, (0, 0))
    ids = {content_id(file) for _, file in [*find(str(tree), "a.txt"), *find(str(tree), "copy.txt")]}
    assert len(ids) == 1
    copy.write_bytes(b"a.txu")
    assert content_id(next(find(str(tree), "copy.txt"))[1]) not in ids


def test_a_large_file_is_told_by_size_and_time(tree, monkeypatch):
    monkeypatch.setattr(storage, "WHOLE_HASH_BYTES", 4)
    one, other = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    uri = f"{tree}/a.txt"
    assert content_id(StoredFile(uri, 5, one)) == content_id(StoredFile(uri, 5, one))
    assert content_id(StoredFile(uri, 5, one)) != content_id(StoredFile(uri, 5, other))
    assert content_id(StoredFile(uri, 6, one)) != content_id(StoredFile(uri, 5, one))


def test_paths_and_uris_are_joined_alike():
    assert join("/a/", "b/", "/c") == "/a/b/c"
    assert join("s3://bucket/a", "b") == "s3://bucket/a/b"
    assert join("/", "b") == "/b"


def test_a_file_is_written_at_once_and_over_what_is_there(tmp_path):
    uri = str(tmp_path / "new/folder/file.json")
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.read_bytes(uri) == b"two"
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["file.json"]
    assert storage.exists(uri)


def test_deleting_a_folder_that_is_not_there_is_done_already(tmp_path):
    (tmp_path / "folder/below").mkdir(parents=True)
    for _ in range(2):
        storage.delete_folder(str(tmp_path / "folder"))
        assert not storage.exists(str(tmp_path / "folder"))


def test_a_stream_to_a_file_is_seen_whole_or_not_at_all(tmp_path):
    target = tmp_path / "sub/file"
    with contextlib.suppress(KeyError), writing(str(target)) as sink:
        sink.write(b"half")
        assert list(find(str(tmp_path), "**")) == []
        raise KeyError
    assert list(target.parent.iterdir()) == []
    for text in (b"first", b"second"):
        with writing(str(target)) as sink:
            sink.write(text)
    assert target.read_bytes() == b"second"
    assert [file.name for file in target.parent.iterdir()] == ["file"]
