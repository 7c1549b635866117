"""A failure in Spark comes out as one line with its cause."""

import pytest
from pyspark.errors import PythonException

from spark_jobs.errors import CorpusError
from spark_jobs.failures import cause, spark_failures

REPORT = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "ingest.py", line 101, in rows
    yield from document_batches(task, ingest)
spark_jobs.readers.records.ReaderError: a.parquet has no column 'body', it has: text, url
"""


def test_the_innermost_error_is_the_cause():
    assert cause(REPORT) == "ReaderError: a.parquet has no column 'body', it has: text, url"
    java = (
        "org.apache.spark.SparkException: aborted.\nCaused by: java.io.IOException: No space left on device"
    )
    assert cause(java) == "IOException: No space left on device"


def test_a_report_without_a_named_error_is_shown_by_its_first_line():
    assert cause("it broke\nat line 3") == "it broke"
    assert cause("") == "no reason was given"


def test_what_spark_raises_becomes_an_error_with_a_way_out():
    with pytest.raises(CorpusError, match="no column 'body'") as raised, spark_failures("out", "build"):
        raise PythonException(message=REPORT)
    assert raised.value.exit_code == 1
    assert "run the same command again" in str(raised.value)


def test_a_bug_of_ours_keeps_its_traceback():
    with pytest.raises(AssertionError), spark_failures("out", "build"):
        raise AssertionError
