"""Hashes in numpy are those of Spark's xxhash64, bit for bit."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.spark_hash import row_hashes

SCHEMA = pa.schema(
    [
        ("long", pa.int64()),
        ("tiny", pa.int8()),
        ("int", pa.int32()),
        ("text", pa.string()),
        ("ids", pa.list_(pa.int32())),
    ]
)


def spark_hashes(spark, table: pa.Table) -> list[int]:
    import pyspark.sql.functions as F

    numbered = spark.createDataFrame(table.append_column("row", pa.array(range(len(table)))))
    hashed = numbered.select("row", F.xxhash64(*table.column_names).alias("hash")).collect()
    return [row.hash for row in sorted(hashed, key=lambda row: row.row)]


def ours(table: pa.Table) -> list[int]:
    columns = [table[name].combine_chunks() for name in table.column_names]
    return row_hashes(columns).view(np.int64).tolist()


def test_hashes_are_those_of_spark(spark):
    big, small = 2**63 - 1, -(2**31)
    rows = [
        (0, 0, 0, "", []),
        (-1, -128, small, "a", [0]),
        (big, 127, 2**31 - 1, "ünï🙂", [1, -1, small]),
        (-big - 1, 1, 7, "x" * 100, list(range(2000))),
        (5, 5, 5, "\0", [3, 3]),
    ]
    named = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
    table = pa.Table.from_pylist(named, SCHEMA)
    assert ours(table) == spark_hashes(spark, table)
    assert ours(table.slice(2, 2)) == ours(table)[2:4]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=9), min_size=1, max_size=8))
def test_the_hash_of_a_row_does_not_depend_on_the_rows_beside_it(lists):
    column = pa.array(lists, pa.list_(pa.int32()))
    together = row_hashes([column]).tolist()
    assert together == [int(row_hashes([column[n : n + 1]])[0]) for n in range(len(lists))]
    assert together == [int(row_hashes([pa.array([one], pa.list_(pa.int32()))])[0]) for one in lists]


def test_nulls_are_refused_and_no_rows_are_no_hashes():
    with pytest.raises(ValueError, match="with nulls"):
        row_hashes([pa.array([1, None], pa.int64())])
    assert row_hashes([pa.array([], pa.list_(pa.int32()))]).tolist() == []
