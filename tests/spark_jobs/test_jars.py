"""Where the Delta jars come from: Spark's own folder, the cache, the resolver; once, and never by halves."""

from pathlib import Path

import pytest

from spark_jobs.errors import CorpusError
from spark_jobs.jars import JARS, delta_jars

FETCHES = """#!/bin/sh
# Stands in for spark-submit: finds the folder it was told to resolve into and leaves jars there.
for argument do case "$argument" in spark.jars.ivy=*) ivy="${argument#spark.jars.ivy=}" ;; esac; done
echo ":: resolving dependencies ::"
mkdir "$ivy/jars"
echo delta > "$ivy/jars/io.delta_delta-spark_4.1_2.13-4.2.0.jar"
echo storage > "$ivy/jars/io.delta_delta-storage-4.2.0.jar"
echo "$@" >> "${0%/*}/calls"
"""

FAILS = """#!/bin/sh
echo ":: problems summary ::"
echo "		module not found: io.delta#delta-spark_4.1_2.13;4.2.0" >&2
echo "	at org.apache.spark.deploy.SparkSubmit.main(SparkSubmit.scala)" >&2
exit 1
"""


@pytest.fixture
def spark_home(tmp_path, monkeypatch):
    """A Spark without Delta, and an empty cache."""
    monkeypatch.delenv("TEACHER_MODEL_JARS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "spark"
    (home / "jars").mkdir(parents=True)
    (home / "bin").mkdir()
    submit(home, FETCHES)
    return home


def submit(spark_home: Path, script: str) -> None:
    program = spark_home / "bin" / "spark-submit"
    program.write_text(script)
    program.chmod(0o755)


def test_jars_in_sparks_own_folder_need_no_others(spark_home):
    for name in ("delta-spark.jar", "delta-storage.jar"):  # as on an EMR image, without versions
        (spark_home / "jars" / name).touch()
    assert delta_jars(spark_home, Path("/java")) == []


def test_jars_are_fetched_once_with_one_line_of_progress(spark_home, tmp_path, capfd):
    cache = tmp_path / "cache" / "teacher-model" / "jars"
    expected = [cache / name for name in JARS]
    assert delta_jars(spark_home, Path("/java")) == expected
    assert delta_jars(spark_home, Path("/java")) == expected
    assert capfd.readouterr() == ("", "fetching Delta Lake 4.2.0 (8.6 MB, once)\n")
    assert [jar.read_text() for jar in expected] == ["delta\n", "storage\n"]
    assert sorted(cache.iterdir()) == sorted(expected)
    calls = (spark_home / "bin" / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert "spark.jars.packages=io.delta:delta-spark_4.1_2.13:4.2.0" in calls[0]


def test_a_folder_of_ones_own_is_used_as_it_is(spark_home, tmp_path, monkeypatch, capfd):
    for name in JARS:
        (tmp_path / name).touch()
    monkeypatch.setenv("TEACHER_MODEL_JARS", str(tmp_path))
    assert delta_jars(spark_home, Path("/java")) == [tmp_path / name for name in JARS]
    assert capfd.readouterr() == ("", "")


def test_a_fetch_that_fails_names_the_artifact_and_the_ways_out(spark_home, tmp_path):
    submit(spark_home, FAILS)
    with pytest.raises(CorpusError) as caught:
        delta_jars(spark_home, Path("/java"))
    said = str(caught.value)
    assert "Delta Lake 4.2.0 (io.delta:delta-spark_4.1_2.13:4.2.0) could not be fetched" in said
    assert f"where  {tmp_path}/cache/teacher-model/jars" in said
    assert "why    module not found: io.delta#delta-spark_4.1_2.13;4.2.0\n" in said
    assert "put delta-spark_4.1_2.13-4.2.0.jar and delta-storage-4.2.0.jar there" in said
    assert list((tmp_path / "cache" / "teacher-model" / "jars").iterdir()) == []


def test_half_a_fetch_leaves_nothing_that_looks_whole(spark_home, tmp_path):
    submit(spark_home, "\n".join(line for line in FETCHES.splitlines() if "delta-storage" not in line))
    with pytest.raises(CorpusError):
        delta_jars(spark_home, Path("/java"))
    submit(spark_home, FETCHES)
    assert all(jar.exists() for jar in delta_jars(spark_home, Path("/java")))


def test_a_cache_that_cannot_be_written_is_an_error_of_ours(spark_home, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(CorpusError, match="could not be fetched"):
        delta_jars(spark_home, Path("/java"))
