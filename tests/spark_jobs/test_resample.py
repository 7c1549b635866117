"""Resampling: q_i = p_i^alpha / sum p_j^alpha, in expectation exactly, in fact within the sampling error."""

import math

import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.resample import ResampleConfig, asked_shares, factors, resample


def test_shares_follow_the_formula_of_the_paper():
    # p = 0.9, 0.1; square roots 0.9487, 0.3162; sum 1.2649
    assert asked_shares({"en": 900, "mr": 100}, 0.5) == pytest.approx({"en": 0.75, "mr": 0.25})


@pytest.mark.parametrize(
    ("alpha", "expected"), [(0.0, {"en": 0.5, "mr": 0.5}), (1.0, {"en": 0.9, "mr": 0.1})]
)
def test_alpha_0_gives_equal_shares_and_1_the_natural_ones(alpha, expected):
    assert asked_shares({"en": 900, "mr": 100}, alpha) == pytest.approx(expected)


def test_a_language_without_anything_has_no_share():
    assert asked_shares({"en": 10, "ta": 0}, 0.0) == {"en": 1.0}
    assert asked_shares({}, 0.5) == {}


def test_factors_multiply_the_natural_sizes_into_the_asked_ones():
    sizes = {"en": 900, "mr": 100}
    made = factors(sizes, ResampleConfig(budget=2.0))
    assert made == pytest.approx({"en": 2 * 0.75 / 0.9, "mr": 2 * 0.25 / 0.1})  # 1.667, 5
    assert sum(sizes[lang] * f for lang, f in made.items()) == pytest.approx(2 * 1000)


@pytest.fixture(scope="module")
def documents(spark):
    ids = spark.range(6000)
    return ids.selectExpr(
        "cast(cast(id as string) as binary) doc_id", "if(id < 4000, 'en', 'mr') lang"
    ).persist()


def test_each_document_stays_floor_f_times_and_once_more_by_chance(documents):
    made = resample(documents, {"en": 0.25, "mr": 2.5}, seed=5)
    times = made.groupBy("lang", "doc_id").count().groupBy("lang", "count").count().collect()
    found = {(lang, n): docs for lang, n, docs in times}
    assert set(found) == {("en", 1), ("mr", 2), ("mr", 3)}
    assert found["mr", 2] + found["mr", 3] == 2000
    assert abs(found["en", 1] - 1000) < 3 * math.sqrt(4000 * 0.25 * 0.75)  # 82
    assert abs(found["mr", 3] - 1000) < 3 * math.sqrt(2000 * 0.5 * 0.5)  # 67


def test_copies_are_numbered_from_zero(documents):
    made = resample(documents.where("lang = 'mr'"), {"mr": 3.0}, seed=5)
    assert {r.copy: r["count"] for r in made.groupBy("copy").count().collect()} == {0: 2000, 1: 2000, 2: 2000}


def test_the_same_documents_stay_in_any_layout(documents, layouts):
    def drawn(frame):
        return sorted(map(tuple, resample(frame, {"en": 0.4, "mr": 1.7}, seed=9).collect()))

    assert drawn(layouts(documents)) == drawn(documents)
    assert len(drawn(documents)) > 3000


def test_a_language_without_a_factor_stops_the_job_instead_of_vanishing(documents):
    with pytest.raises(Exception, match="no factor for language mr"):
        resample(documents, {"en": 1.0}, seed=1).collect()


def test_no_documents_give_no_copies(documents):
    assert resample(documents.where("false"), {}, seed=1).collect() == []


@pytest.mark.parametrize("bad", [{"alpha": -0.1}, {"alpha": 1.1}, {"alpha": math.nan}, {"budget": 0.0}])
def test_a_number_out_of_range_is_refused_with_its_key(bad):
    with pytest.raises(ConfigError, match=rf"resample\.{next(iter(bad))}"):
        ResampleConfig(**bad)
