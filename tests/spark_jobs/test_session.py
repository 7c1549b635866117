"""The session: quiet, with Delta, on the Java and the jars that are there; what may not vary does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.session import DEFAULTS, LOCAL, RESULTS, SessionConfig, get_session

WRITE_A_TABLE = """
import sys
from pyspark.sql.functions import arrow_udf
from pyspark.sql.types import StringType
from spark_jobs.session import SessionConfig, get_session

def shout(words):
    print("from a worker")
    print("from a worker", file=sys.stderr)
    return words

session = get_session(SessionConfig(cores=1, driver_memory="1g", short_job=True))
frame = session.range(100).selectExpr("cast(id as string) as word")
frame.select(arrow_udf(shout, StringType())("word").alias("word")).write.format("delta").save(sys.argv[1])
assert session.read.format("delta").load(sys.argv[1]).count() == 100
"""

SUBMITTED = """
import sys
from spark_jobs.session import get_session
conf = get_session().conf
with open(sys.argv[1], "w") as seen:
    for key in sys.argv[2:]:
        print(conf.get(key, None), file=seen)
"""


def test_the_settings_that_decide_results_hold(spark):
    assert {key: spark.conf.get(key) for key in RESULTS} == RESULTS


def test_a_session_that_runs_is_taken_as_it_is(spark):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    again = get_session(SessionConfig(cores=7))
    assert again is spark
    assert again.conf.get("spark.sql.session.timeZone") == "UTC"
    assert again.sparkContext.master == "local[2]"


def test_no_setting_stands_in_two_tables():
    assert len({*RESULTS, *DEFAULTS, *LOCAL}) == len(RESULTS) + len(DEFAULTS) + len(LOCAL)


def test_workers_run_this_python_with_the_environment_that_saves_cpu(spark):
    def look(_batches):
        import os

        import pyarrow as pa

        seen = [sys.executable, os.environ["MALLOC_ARENA_MAX"], pa.default_memory_pool().backend_name]
        yield pa.RecordBatch.from_pydict({"seen": [seen]})

    [row] = spark.range(1, numPartitions=1).mapInArrow(look, "seen array<string>").collect()
    assert row.seen == [sys.executable, "1", "system"]


def test_workers_start_tasks_without_archives_on_their_path_and_with_imports_frozen(spark):
    def look(_batches):
        import gc

        import pyarrow as pa

        archives = sum(entry.endswith((".zip", ".jar")) for entry in sys.path)
        yield pa.RecordBatch.from_pydict({"archives": [archives], "frozen": [gc.get_freeze_count()]})

    [row] = spark.range(1, numPartitions=1).mapInArrow(look, "archives long, frozen long").collect()
    assert row.archives == 0
    assert row.frozen > 10_000


def test_a_delta_write_leaves_nothing_on_the_terminal(tmp_path):
    command = [sys.executable, "-c", WRITE_A_TABLE, str(tmp_path / "table")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_start_that_fails_says_what_the_jvm_said(tmp_path):
    code = "from spark_jobs.session import *; get_session(SessionConfig(driver_memory='3x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CorpusError: Spark did not start" in done.stderr
    assert "Invalid maximum heap size: -Xmx3x" in done.stderr


@pytest.mark.slow
def test_on_a_cluster_spark_submit_has_the_last_word_except_on_results(tmp_path):
    import pyspark

    program, seen = tmp_path / "job.py", tmp_path / "seen"
    program.write_text(SUBMITTED)
    told = {
        "spark.driver.memory": "700m",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "123",
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.extensions": "",  # no Delta jar here
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.execution.datasources.v2.V2SessionCatalog",
    }
    options = [part for key, value in told.items() for part in ("--conf", f"{key}={value}")]
    keys = [*list(told)[:3], "spark.master", "spark.jars", "spark.sql.debug.maxToStringFields"]
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [submit, "--master", "local[1]", *options, program, seen, *keys]
    subprocess.run(list(map(str, command)), capture_output=True, timeout=120, check=True, env=environment())
    assert seen.read_text().split() == ["700m", "123", "UTC", "local[1]", "None", "1000"]


@pytest.mark.parametrize("key", ["cores", "shuffle_partitions"])
def test_a_number_below_one_is_refused_by_name(key):
    with pytest.raises(ConfigError, match=f"{key} is 0, accepted: a whole number from 1"):
        SessionConfig(**{key: 0})


def test_the_two_layouts_differ_in_place_but_not_in_rows(spark, layouts):
    frame = spark.range(100).selectExpr("id", "id % 3 as third")
    laid = layouts(frame)
    assert sorted(laid.collect()) == sorted(frame.collect())
    assert [row.id for row in laid.collect()] != list(range(100))


def environment() -> dict[str, str]:
    import os

    from spark_jobs.java import find_java

    return {**os.environ, "JAVA_HOME": str(find_java()), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": "."}
