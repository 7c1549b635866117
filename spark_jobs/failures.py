"""What Spark raises, in one line: its own reports run to hundreds, with the cause somewhere in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from spark_jobs.errors import CorpusError

_CAUSE = re.compile(r"^\s*(?:Caused by: )?(?:[\w$]+\.)*(\w*(?:Error|Exception)): (.+)$", re.MULTILINE)
_WRAPPERS = {"PythonException", "SparkException", "Py4JJavaError", "PySparkRuntimeError"}


@contextmanager
def spark_failures(where: str, doing: str) -> Iterator[None]:
    """Raise CorpusError for what Spark, Java or a Python worker raises in the block; `doing` names it."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, OSError) as error:
        raise CorpusError(
            f"the {doing} failed: {cause(str(error))}",
            where=where,
            why="what was committed before stays and counts",
            do="mend the cause and run the same command again; --log FILE keeps Spark's own log",
        ) from error


def cause(report: str) -> str:
    """The innermost error of a report, as Name: message."""
    found = [(name, text) for name, text in _CAUSE.findall(report) if name not in _WRAPPERS]
    if not found:
        return report.strip().split("\n", 1)[0] or "no reason was given"
    name, text = found[-1]
    return f"{name}: {text.strip()}"
