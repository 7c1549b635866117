"""Decisions from small columns: places, reasons in their order, copies, and a ledger that adds up."""

import pytest

from spark_jobs.decide import (
    ORDINAL_BITS,
    Copies,
    Count,
    Decision,
    count_copies,
    count_reasons,
    ledger_groups,
    with_duplicates,
    with_near_duplicates,
    with_places,
    with_reason,
)
from spark_jobs.decontaminate import DecontaminateConfig
from spark_jobs.deduplicate import repeated
from spark_jobs.filter import FilterConfig
from spark_jobs.inputs import InputFile
from spark_jobs.recipe import Recipe, SourceConfig

FILES = [
    InputFile("b", 1, "b/en.txt", "", 1, "en", "", "s3"),
    InputFile("a", 0, "a/z.txt", "", 1, "en", "", "s2"),
    InputFile("a", 0, "a/en.txt", "", 1, "en", "", "s1"),
]


def place(rank, ordinal):
    return (rank << ORDINAL_BITS) + ordinal


def test_places_follow_source_priority_then_origin_then_ordinal(spark):
    rows = [("s3", 0), ("s1", 5), ("s2", 0), ("s1", 4), ("other", 0)]
    frame = spark.createDataFrame(rows, "snapshot STRING, ordinal BIGINT")
    placed = with_places(spark, frame, FILES).orderBy("place").collect()
    assert [(r.snapshot, r.ordinal, r.source_index) for r in placed] == [
        ("s1", 4, 0),
        ("s1", 5, 0),
        ("s2", 0, 0),
        ("s3", 0, 1),
    ]  # files of other recipes are left out
    assert [r.place for r in placed] == [place(0, 4), place(0, 5), place(1, 0), place(2, 0)]


def test_the_place_of_a_document_does_not_depend_on_the_order_of_the_files(spark):
    frame = spark.createDataFrame([("s1", 1), ("s3", 2)], "snapshot STRING, ordinal BIGINT")
    there, back = (sorted(with_places(spark, frame, f).collect()) for f in (FILES, FILES[::-1]))
    assert there == back


def recipe(**values):
    source = SourceConfig(name="a", format="text", path="*")
    return Recipe(release="r", sources=(source,), **values)


@pytest.fixture(scope="module")
def documents(spark):
    """(lang, n_words, held_out), with scores that every rule accepts."""
    scores = {
        "n_lines_v1": 2, "mean_line_chars_v1": 40.0, "repeated_line_share_v1": 0.0, "symbol_share_v1": 0.0,
        "repeated_ngram_share_v1": 0.0, "digit_share_v1": 0.0, "letter_share_v1": 1.0, "boilerplate_v1": 0,
        "terminal_punctuation_share_v1": 1.0, "longest_word_bytes_v1": 9,
    }  # fmt: skip
    rows = [("en", 9, 0), ("en", 2, 0), ("en", 9, 3), ("en", 2, 3), ("de", 9, 0), ("de", 2, 3)]
    frame = spark.createDataFrame(rows, "lang STRING, n_words INT, held_out INT").coalesce(1)
    frame = frame.selectExpr("*", "if(held_out > 0, 'evaluation/a.txt', NULL) held_out_set")
    struct = ", ".join(f"{value} {name}" for name, value in scores.items())
    return frame.selectExpr("*", "n_words * 5 n_chars", f"(SELECT struct({struct})) scores")


def reasons(documents, **values):
    decided = with_reason(documents, recipe(filters=FilterConfig(min_words=3), **values))
    return [row.reason for row in decided.select("reason").collect()]


def test_the_first_rule_that_a_document_fails_is_its_reason(documents):
    held_out = DecontaminateConfig(held_out="*.txt")
    assert reasons(documents, decontaminate=held_out) == [
        None, "short_v1", "held_out_v1:evaluation/a.txt", "short_v1", None, "short_v1",
    ]  # fmt: skip


def test_hits_in_evaluation_texts_count_only_where_the_recipe_names_some(documents):
    assert reasons(documents) == [None, "short_v1", None, "short_v1", None, "short_v1"]


def test_a_document_of_another_language_is_left_out_for_that_first(documents):
    assert reasons(documents, languages=("en",))[4:] == ["other_language_v1"] * 2


def test_of_equal_texts_the_one_that_passed_the_filter_first_stays(spark):
    rows = [(b"x", 0, "short_v1"), (b"x", 1, None), (b"x", 2, None), (b"y", 3, None)]
    frame = spark.createDataFrame(rows, "doc_id BINARY, place BIGINT, reason STRING")
    decided = with_duplicates(frame, repeated(frame.where("reason IS NULL")))
    assert sorted((r.place, r.reason) for r in decided.collect()) == [
        (0, "short_v1"),
        (1, None),
        (2, "duplicate_v1"),
        (3, None),
    ]
    assert with_duplicates(frame, None) is frame


def test_near_duplicates_get_their_reason_where_there_is_none_yet(spark):
    frame = spark.createDataFrame([(1, None), (2, None), (3, "short_v1")], "place BIGINT, reason STRING")
    found = spark.createDataFrame([(2, 1), (3, 1)], "place BIGINT, keeper BIGINT")
    decided = with_near_duplicates(frame, found)
    assert sorted(tuple(row) for row in decided.collect()) == [
        (1, None),
        (2, "near_duplicate_v1"),
        (3, "short_v1"),
    ]
    assert with_near_duplicates(frame, None) is frame


def test_both_kinds_of_duplicates_stand_in_one_step_of_the_ledger():
    reasons = {None: Count(2, 20), "duplicate_v1": Count(3, 30), "near_duplicate_v1": Count(1, 9)}
    decision = Decision({("en", "a", reason): count for reason, count in reasons.items()})
    lines = [line for line in ledger_groups(decision, {}) if line["step"] in ("filter", "deduplicate")]
    assert [(r["step"], r["rows_in"], r["rows_out"], r["reason"], r["rows"]) for r in lines] == [
        ("filter", 6, 6, "kept", 6),
        ("deduplicate", 6, 2, "kept", 2),
        ("deduplicate", 6, 2, "duplicate_v1", 3),
        ("deduplicate", 6, 2, "near_duplicate_v1", 1),
    ]


def test_counts_by_reason_become_sizes_in_documents_or_words(spark):
    rows = [("en", "a", None, 5), ("en", "a", None, 6), ("en", "b", None, 7), ("en", "a", "short_v1", 1)]
    frame = spark.createDataFrame(
        [*rows, ("de", "a", None, 4)], "lang STRING, source STRING, reason STRING, n_words INT"
    )
    decision = count_reasons(frame)
    assert decision.by_reason == {
        ("en", "a", None): Count(2, 11),
        ("en", "b", None): Count(1, 7),
        ("en", "a", "short_v1"): Count(1, 1),
        ("de", "a", None): Count(1, 4),
    }
    assert decision.kept() == {("en", "a"): Count(2, 11), ("en", "b"): Count(1, 7), ("de", "a"): Count(1, 4)}
    assert decision.sizes("documents") == {"de": 1, "en": 3}
    assert decision.sizes("words") == {"de": 4, "en": 18}


def test_copies_are_counted_with_what_is_passed_over_and_the_squares_of_their_parts(spark):
    rows = [(b"1", "en", "a", 10), (b"2", "en", "a", 25), (b"3", "de", "a", 7), (b"4", "de", "b", 0)]
    frame = spark.createDataFrame(rows, "doc_id BINARY, lang STRING, source STRING, n_words INT")
    found = count_copies(frame, {"en": 2.0, "de": 0.0}, seed=1, part_words=10)
    # 25 words are three parts of 25/3: squares 2 * (10^2 + 3 * (25/3)^2)
    assert found["en", "a"].squares == pytest.approx(2 * (100 + 625 / 3))
    assert (found["en", "a"].drawn, found["en", "a"].passed_over) == (Count(4, 70), Count(0, 0))
    assert found["de", "a"] == Copies(Count(0, 0), Count(1, 7), 0.0)
    assert found["de", "b"] == Copies(Count(0, 0), Count(1, 0), 0.0)


def test_the_ledger_passes_what_is_left_from_step_to_step():
    decision = Decision(
        {
            ("en", "a", None): Count(10, 100),
            ("en", "a", "short_v1"): Count(3, 5),
            ("en", "a", "held_out_v1:a.txt"): Count(2, 30),
            ("en", "a", "held_out_v1:b.txt"): Count(1, 10),
            ("en", "a", "duplicate_v1"): Count(1, 9),
        }
    )
    # of ten documents four are passed over and the others give nine copies: three more than documents
    copies = {("en", "a"): Copies(Count(9, 80), Count(4, 45), 0.0)}
    lines = ledger_groups(decision, copies)
    found = [(r["step"], r["rows_in"], r["rows_out"], r["reason"], r["rows"], r["words"]) for r in lines]
    assert found == [
        ("filter", 17, 14, "kept", 14, 149),
        ("filter", 17, 14, "short_v1", 3, 5),
        ("decontaminate", 14, 11, "kept", 11, 109),
        ("decontaminate", 14, 11, "held_out_v1:a.txt", 2, 30),
        ("decontaminate", 14, 11, "held_out_v1:b.txt", 1, 10),
        ("deduplicate", 11, 10, "kept", 10, 100),
        ("deduplicate", 11, 10, "duplicate_v1", 1, 9),
        ("resample", 10, 9, "kept", 9, 80),
        ("resample", 10, 9, "not_drawn_v1", 4, 45),
        ("resample", 10, 9, "copies", -3, -25),
    ]


def test_a_source_that_loses_everything_still_adds_up():
    lines = ledger_groups(Decision({("en", "a", "short_v1"): Count(3, 5)}), {})
    assert [(r["step"], r["rows_in"], r["rows_out"], r["reason"], r["rows"]) for r in lines] == [
        ("filter", 3, 0, "kept", 0),
        ("filter", 3, 0, "short_v1", 3),
        ("decontaminate", 0, 0, "kept", 0),
        ("deduplicate", 0, 0, "kept", 0),
        ("resample", 0, 0, "kept", 0),
    ]
