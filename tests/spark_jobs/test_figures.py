"""The figures of a release, from counts made by hand."""

import math

import pytest

from spark_jobs.decide import Copies, Count, Decision
from spark_jobs.figures import (
    PackCount,
    count_packs,
    near_figures,
    packs_ledger,
    statistics_rows,
    words_by_form,
)
from spark_jobs.forms import FormsConfig
from spark_jobs.near import NearCounts
from spark_jobs.recipe import Recipe, SourceConfig

RECIPE = Recipe(
    release="r",
    sources=(
        SourceConfig(name="a", format="text", path="*"),
        SourceConfig(name="b", format="text", path="*"),
    ),
    forms=FormsConfig(spoken=0.7),
)
DECISION = Decision(
    {
        ("en", "a", None): Count(80, 800),
        ("en", "b", None): Count(10, 100),
        ("en", "a", "short_v1"): Count(5, 6),
        ("mr", "a", None): Count(10, 50),
    }
)
COPIES = {
    ("en", "a"): Copies(Count(70, 700), Count(12, 110), 7000.0),
    ("en", "b"): Copies(Count(5, 50), Count(5, 50), 500.0),
    ("mr", "a"): Copies(Count(25, 125), Count(0, 0), 625.0),
}
PACKS = [
    PackCount("en", "a", "spoken", 600, 1, 690, 600, 40, 690),
    PackCount("en", "a", "written", 100, 1, 150, 150, 9, 150),
    PackCount("mr", "a", "spoken", 0, 2, 130, 100, 12, 70),
    PackCount("mr", "a", "written", 0, 1, 25, 25, 3, 25),
]


@pytest.fixture(scope="module")
def figure():
    rows = statistics_rows(RECIPE, DECISION, COPIES, PACKS, {"ingest": 2.5})
    found = {
        (r["stage"], r["metric"], r["lang"], r["source"], r["form"], r["bucket"]): r["value"] for r in rows
    }
    assert len(found) == len(rows)
    assert {row["release"] for row in rows} == {"r"}

    def of(metric, lang="", source="", form="", *, bucket="", stage="stage1"):
        return found[stage, metric, lang, source, form, bucket]

    return of


def test_what_the_search_for_near_duplicates_met_comes_back_as_it_was():
    counts = NearCounts(compared=9, alike=4, split_bands=0, rounds=2)
    rows = statistics_rows(RECIPE, DECISION, COPIES, PACKS, {}, near=counts)
    assert near_figures(rows) == {"compared": 9, "alike": 4, "split_bands": 0, "rounds": 2}
    assert near_figures(statistics_rows(RECIPE, DECISION, COPIES, PACKS, {})) is None


def test_documents_and_words_stand_by_reason(figure):
    assert figure("rows", "en", "a", bucket="short_v1", stage="documents") == 5
    assert figure("words", "en", "a", bucket="kept", stage="documents") == 800


def test_shares_asked_follow_the_square_roots_and_realised_the_copies(figure):
    # p = 0.9, 0.1; square roots 0.9487, 0.3162; q = 0.75, 0.25
    assert figure("share_natural", "en", bucket="documents") == 0.9
    assert figure("share_asked", "mr", bucket="documents") == pytest.approx(0.25)
    assert figure("share_realised", "mr", bucket="documents") == 25 / 100
    assert figure("copies_factor", "mr") == pytest.approx(2.5)
    assert figure("copies", "en", "b") == 5
    assert figure("copies_words", "en", "a") == 700


def test_the_spoken_share_counts_words_before_the_change_of_form(figure):
    assert figure("spoken_share_realised", "en") == 600 / 750
    assert figure("spoken_share_realised", "mr") == 100 / 125
    assert figure("spoken_share_realised") == 700 / 875
    assert figure("spoken_share_asked") == 0.7
    assert figure("spoken_share_deviation", "mr") == pytest.approx(math.sqrt(0.21 * 625) / 125)
    assert figure("spoken_share_deviation") == pytest.approx(math.sqrt(0.21 * 8125) / 875)


def test_packs_stand_by_language_source_and_form_with_their_fill(figure):
    assert figure("rows", "mr", "a", "spoken") == 2
    assert figure("fill", "mr", "a", "spoken") == 130 / 1400
    assert figure("sentences", "en", "a", "written") == 9
    assert figure("source_words", "en", "a", "spoken") == 600
    assert figure("pack_words_histogram", bucket="0") == 3
    assert figure("pack_words_histogram", bucket="600") == 1
    assert figure("seconds", bucket="ingest") == 2.5


def test_words_by_form_have_a_nought_where_a_form_is_missing():
    assert words_by_form(PACKS[:1]) == {"en": {"spoken": 690, "written": 0}}


def test_the_ledger_of_packs_counts_copies_in_and_packs_out():
    lines = packs_ledger(COPIES, PACKS)
    assert [(r["lang"], r["rows_in"], r["rows_out"], r["rows"], r["words"]) for r in lines] == [
        ("en", 75, 2, 75, 750),
        ("mr", 25, 3, 25, 125),
    ]


def test_packs_are_counted_by_class_of_length_in_any_layout(spark, layouts):
    rows = [("en", "a", "spoken", n, n - 1, 2) for n in (99, 100, 199, 700)]
    schema = "lang STRING, source STRING, form STRING, n_words INT, n_source_words INT, n_sentences INT"
    found = sorted(count_packs(layouts(spark.createDataFrame(rows, schema))), key=lambda p: p.fill)
    assert found == [
        PackCount("en", "a", "spoken", 0, 1, 99, 98, 2, 99),
        PackCount("en", "a", "spoken", 100, 2, 299, 297, 4, 199),
        PackCount("en", "a", "spoken", 700, 1, 700, 699, 2, 700),
    ]
