"""A kill while a local disk takes a commit: what was never complete is removed before a build goes on."""

import pytest

from schemas.statistics import STATISTICS
from spark_jobs.warehouse import create, drop_torn_commit, is_table, read_arrow

WHOLE = b'{"commitInfo":{}}\n{"metaData":{"id":"x"}}\n'


@pytest.fixture
def log(tmp_path):
    (tmp_path / "_delta_log").mkdir()
    return tmp_path / "_delta_log"


def names(log):
    return sorted(path.name for path in log.iterdir())


@pytest.mark.parametrize("torn", [b"", b'{"commitInfo":{}}\n{"met', WHOLE[:-1]])
def test_a_commit_that_was_cut_short_is_removed_with_its_checksums(log, torn):
    (log / "00000000000000000000.json").write_bytes(WHOLE)
    (log / "00000000000000000001.json").write_bytes(torn)
    (log / ".00000000000000000001.json.crc").write_bytes(b"x")
    (log / "00000000000000000001.crc").write_bytes(b"x")
    drop_torn_commit(str(log.parent))
    assert names(log) == ["00000000000000000000.json"]


def test_a_table_whose_only_commit_is_empty_is_none(log):
    (log / "00000000000000000000.json").write_bytes(b"")
    assert not is_table(str(log.parent))
    drop_torn_commit(str(log.parent))
    assert not log.exists()


@pytest.mark.parametrize("left", [".00000000000000000000.json.0d5f.tmp", "00000000000000000000.crc"])
def test_a_table_is_created_where_a_kill_left_a_log_without_commits(spark, tmp_path, left):
    log = tmp_path / "statistics/_delta_log"
    log.mkdir(parents=True)
    (log / left).write_bytes(b"x")
    path = str(log.parent)
    drop_torn_commit(path)
    create(spark, path, STATISTICS)
    assert is_table(path)
    assert read_arrow(path).num_rows == 0


def test_whole_commits_stay(log):
    (log / "00000000000000000000.json").write_bytes(WHOLE)
    drop_torn_commit(str(log.parent))
    assert names(log) == ["00000000000000000000.json"]
    assert is_table(str(log.parent))


def test_where_no_table_is_nothing_happens(tmp_path):
    drop_torn_commit(str(tmp_path / "nothing"))
    assert not is_table(str(tmp_path / "nothing"))


def test_spark_goes_on_where_a_commit_was_torn(spark, tmp_path):
    path = str(tmp_path / "table")
    spark.range(3).write.format("delta").save(path)
    (tmp_path / "table/_delta_log/00000000000000000001.json").write_bytes(b"")
    drop_torn_commit(path)
    spark.range(2).write.format("delta").mode("append").save(path)
    assert spark.read.format("delta").load(path).count() == 5
