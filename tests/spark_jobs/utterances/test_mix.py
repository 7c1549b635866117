"""Rows of Stage 1 beside the utterances: exactly as many as asked, the same ones in any layout."""

import pytest

from spark_jobs.decide import Count
from spark_jobs.errors import ConfigError
from spark_jobs.utterances.config import MixConfig
from spark_jobs.utterances.mix import drawn, plan_draw

WORDS = [n % 7 + 1 for n in range(300)]


@pytest.fixture(scope="module")
def stage1(spark):
    return spark.createDataFrame(list(enumerate(WORDS)), "seq_id BIGINT, n_words INT").persist()


def taken(stage1, utterances, config, seed=1):
    plan = plan_draw(stage1, Count(300, sum(WORDS)), utterances, config, seed)
    return sorted(map(tuple, drawn(stage1, plan, seed).select("seq_id", "copy", "n_words").collect()))


def test_one_row_for_two_utterances(stage1):
    rows = taken(stage1, Count(201, 999), MixConfig())
    assert len(rows) == 100
    assert {copy for _, copy, _ in rows} == {0}
    assert rows == taken(stage1.repartition(7), Count(201, 999), MixConfig())
    assert rows != taken(stage1, Count(201, 999), MixConfig(), seed=2)


def test_a_greater_draw_holds_the_smaller_one(stage1):
    assert set(taken(stage1, Count(100, 0), MixConfig())) < set(taken(stage1, Count(400, 0), MixConfig()))


def test_by_words_the_last_row_that_fits_ends_the_draw(stage1):
    config = MixConfig(unit="words", stage1=1, utterances=1)
    words = sum(n for *_, n in taken(stage1, Count(0, 500), config))
    assert 500 - 7 < words <= 500


def test_too_few_rows_are_taken_once_or_again_where_that_is_asked(stage1):
    assert len(taken(stage1, Count(2000, 0), MixConfig())) == 300
    again = taken(stage1, Count(1450, 0), MixConfig(repeat=True))
    assert len(again) == 725
    assert {copy for _, copy, _ in again} == {0, 1, 2}
    assert len({row for row, *_ in again}) == 300


def test_none_is_taken_where_none_is_asked(stage1):
    assert taken(stage1, Count(2000, 0), MixConfig(stage1=0)) == []
    with pytest.raises(ConfigError, match=r"utterances\.mix\.utterances"):
        MixConfig(utterances=0)
