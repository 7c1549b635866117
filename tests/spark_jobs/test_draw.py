"""Draws: set by seed, purpose and row, and by nothing else."""

import numpy as np
import pyspark.sql.functions as F
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.draw import mix, uniform, unit_interval


def test_a_draw_does_not_depend_on_the_layout(spark, layouts):
    ids = spark.range(500).withColumn("u", uniform(7, "test", "id"))
    again = layouts(spark.range(500)).withColumn("u", uniform(7, "test", "id"))
    assert dict(again.collect()) == dict(ids.collect())


def test_draws_fill_the_unit_interval_and_purposes_and_seeds_are_independent(spark):
    row = (
        spark.range(20_000)
        .select(
            uniform(1, "a", "id").alias("a"),
            uniform(1, "b", "id").alias("b"),
            uniform(2, "a", "id").alias("c"),
        )
        .agg(F.min("a"), F.max("a"), F.avg("a"), F.corr("a", "b"), F.corr("a", "c"))
        .first()
    )
    low, high, mean, between_purposes, between_seeds = row
    assert 0 <= low < 0.001
    assert 0.999 < high < 1
    assert abs(mean - 0.5) < 4 * (1 / 12 / 20_000) ** 0.5
    assert abs(between_purposes) < 4 / 20_000**0.5
    assert abs(between_seeds) < 4 / 20_000**0.5


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_mixing_a_draw_is_a_function_of_the_draw_and_the_counter_alone(draws):
    column = np.array(draws, np.int64)
    together = mix(column, 3)
    assert together.tolist() == [int(mix(np.array([d], np.int64), 3)[0]) for d in draws]
    numbers = unit_interval(together)
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_counters_give_independent_draws():
    draws = np.arange(20_000, dtype=np.int64)
    first, second = unit_interval(mix(draws, 0)), unit_interval(mix(draws, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / 20_000**0.5
    assert abs(first.mean() - 0.5) < 4 * (1 / 12 / 20_000) ** 0.5
