"""One Spark session for all tests, and two physical layouts that every step must give one answer on."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from spark_jobs.session import SessionConfig, get_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Layout = Callable[["DataFrame"], "DataFrame"]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """Real Spark with Delta, started at its first use: two cores, four partitions an exchange."""
    scratch = tmp_path_factory.mktemp("spark")
    config = SessionConfig(
        app_name="tests", cores=2, shuffle_partitions=4, driver_memory="2g", scratch=scratch, short_job=True
    )
    session = get_session(config)
    yield session
    session.stop()


def one_partition_reversed(frame: "DataFrame") -> "DataFrame":
    """All rows in one partition, the last of their order first."""
    return frame.repartition(1).sortWithinPartitions(*[frame[name].desc() for name in _sortable(frame)])


def seven_partitions(frame: "DataFrame") -> "DataFrame":
    """Rows spread by hash over seven partitions, some of them empty when rows are few."""
    return frame.repartition(7, *_sortable(frame)).sortWithinPartitions(*_sortable(frame))


@pytest.fixture(params=[one_partition_reversed, seven_partitions], ids=lambda layout: layout.__name__)
def layouts(request: pytest.FixtureRequest) -> Layout:
    """A function that lays a frame out anew without changing its rows; a test that asks for it runs twice."""
    layout: Layout = request.param
    return layout


def _sortable(frame: "DataFrame") -> list[str]:
    return [field.name for field in frame.schema.fields if field.dataType.typeName() != "map"]
