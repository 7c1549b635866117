"""release.json: written whole, read back as it was, and the only sign that a release is published."""

import json

import pytest

from spark_jobs.errors import CorpusError
from spark_jobs.manifest import Manifest, TableEntry, read_manifest, releases, write_manifest


def manifest(name="r"):
    entry = TableEntry(
        path="stage1", version=0, rows=2, bytes=10, files=1, words={"en": {"spoken": 1, "written": 2}},
        fingerprint="00000000000000ff-2", buckets=1,
    )  # fmt: skip
    return Manifest(
        name=name, created="2026-11-21T09:00:00+00:00", run_id="0a", software="0.1.0", recipe_sha256="0b",
        recipe={"release": name, "seed": 1}, tables={"stage1": entry}, documents_version=1,
        inputs=[{"source": "a", "origin": "ü.txt", "content": "c", "snapshot": "s", "bytes": 3}],
        thresholds={"en": {"min_words": 5.0}},
    )  # fmt: skip


def test_what_is_written_is_read_back(tmp_path):
    write_manifest(str(tmp_path), manifest())
    assert read_manifest(str(tmp_path), "r") == manifest()
    assert [path.name for path in (tmp_path / "releases/r").iterdir()] == ["release.json"]
    text = (tmp_path / "releases/r/release.json").read_text("utf-8")
    assert "ü.txt" in text  # for people too
    assert text.endswith("}\n")


def test_a_release_without_its_manifest_is_not_published(tmp_path):
    (tmp_path / "releases/half/stage1/_delta_log").mkdir(parents=True)
    (tmp_path / "releases/half/.release.json.partial").write_text("{")
    write_manifest(str(tmp_path), manifest("whole"))
    assert releases(str(tmp_path)) == ["whole"]
    assert read_manifest(str(tmp_path), "half") is None
    assert releases(str(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tables": 3}', '{"tables": {}}', "null", "\0"])
def test_a_manifest_that_something_else_wrote_is_named(tmp_path, content):
    (tmp_path / "releases/r").mkdir(parents=True)
    (tmp_path / "releases/r/release.json").write_text(content)
    with pytest.raises(CorpusError, match="release 'r' has a manifest that cannot be read") as caught:
        read_manifest(str(tmp_path), "r")
    assert caught.value.where.endswith("releases/r/release.json")


def test_a_manifest_of_a_later_software_is_named_and_not_misread(tmp_path):
    write_manifest(str(tmp_path), manifest())
    path = tmp_path / "releases/r/release.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"later": 1}))
    with pytest.raises(CorpusError, match="later"):
        read_manifest(str(tmp_path), "r")
