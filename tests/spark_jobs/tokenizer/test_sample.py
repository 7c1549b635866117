"""The sample of sentences: deterministic, nested, within its budgets, without what measures."""

import numpy as np
import pyarrow as pa
import pytest

from spark_jobs.tokenizer.rows import measured_rows, n_measured
from spark_jobs.tokenizer.sample import budget, candidates, composition, cut, hashes_of

NONE = np.zeros(0, np.uint64)
LANGUAGES = ("en", "ja", "hi")


def packs(spark, n=120):
    """Rows like those of stage1: n of each language, five sentences each, two of three spoken."""
    ends = {"en": ". ", "ja": "。", "hi": "। "}
    words = {"en": "boat number {} of {} left", "ja": "船{}番{}号", "hi": "नाव {} {} गई"}
    rows = [
        (
            (1 + LANGUAGES.index(lang)) * 1_000_000 + row,
            1,
            lang,
            "written" if row % 3 == 0 else "spoken",
            "".join(words[lang].format(row, k) + ends[lang] for k in range(5)).strip(),
        )
        for lang in LANGUAGES
        for row in range(n)
    ]
    return spark.createDataFrame(rows, "seq_id BIGINT, stage TINYINT, lang STRING, form STRING, text STRING")


def drawn(frame, words, *, seed=1, left_out=NONE, available=None):
    """The sample as a set of texts, and its table."""
    plan = budget(available or {"en": 3600, "ja": 2400, "hi": 2400}, words)
    found = candidates(frame, plan.limits(), left_out, seed).toArrow()
    return cut(found, plan.words), plan


def texts_of(sample: pa.Table) -> set[str]:
    return set(sample["text"].to_pylist())


def test_the_sample_does_not_depend_on_the_layout(spark, layouts):
    whole, _ = drawn(packs(spark), 2000)
    other, _ = drawn(layouts(packs(spark)), 2000)
    assert other.equals(whole)  # the order, too: SentencePiece's result depends on it
    assert 0 < len(whole) < 3 * 120 * 5


def test_a_larger_budget_holds_all_of_a_smaller_one_and_another_seed_another_sample(spark):
    small, large, other = (drawn(packs(spark), n, seed=s)[0] for n, s in ((600, 1), (2400, 1), (600, 2)))
    assert texts_of(small) < texts_of(large)
    assert small["text"].to_pylist() == [t for t in large["text"].to_pylist() if t in texts_of(small)]
    assert texts_of(other) != texts_of(small)


def test_each_language_gives_its_share_of_the_budget(spark):
    sample, plan = drawn(packs(spark), 2100)
    figures = composition(sample, plan.words)
    # 2100 of 8400 words: a quarter of each language; the sentence that reaches a budget still counts.
    assert plan.words == {"en": 900, "ja": 600, "hi": 600}
    for lang, longest in (("en", 6), ("ja", 6), ("hi", 4)):
        assert plan.words[lang] <= figures[lang]["words"] < plan.words[lang] + longest
        assert figures[lang]["share_asked"] == pytest.approx(plan.words[lang] / 2100)
        assert figures[lang]["share_realised"] == pytest.approx(figures[lang]["share_asked"], abs=0.01)
    assert figures["en"]["spoken_share"] == pytest.approx(2 / 3, abs=0.1)
    assert sum(f["sentences"] for f in figures.values()) == len(sample)


def test_a_budget_beyond_the_release_takes_every_sentence(spark):
    sample, _ = drawn(packs(spark, 10), 10**9)
    assert len(sample) == 3 * 10 * 5
    assert sample["text"].to_pylist().count("boat number 3 of 4 left.") == 1


def test_sentences_that_measure_are_left_out_wherever_they_stand(spark):
    frame = packs(spark, 20)
    measuring = frame.where("seq_id % 1000000 < 2")
    left_out = hashes_of(measuring)
    assert len(left_out) == 3 * 2 * 5
    again = frame.unionByName(frame.selectExpr("seq_id + 500000 seq_id", "stage", "lang", "form", "text"))
    sample, _ = drawn(again, 10**9, left_out=left_out)
    gone = {text for row in measuring.collect() for text in texts_of(drawn_from(spark, row))}
    assert len(gone) == 30
    assert not texts_of(sample) & gone
    assert len(sample) == 2 * 3 * 18 * 5


def drawn_from(spark, row) -> pa.Table:
    return drawn(
        spark.createDataFrame([row], "seq_id BIGINT, stage TINYINT, lang STRING, form STRING, text STRING"),
        10**9,
    )[0]


def test_the_cut_takes_the_smallest_draws_up_to_and_with_the_one_that_reaches_the_budget():
    found = pa.table(
        {
            "lang": ["en", "en", "ta", "en", "ta"],
            "form": ["spoken"] * 5,
            "draw": pa.array([50, 10, 40, 30, 20], pa.int64()),
            "seq_id": pa.array([1, 2, 3, 4, 5], pa.int64()),
            "n_words": pa.array([5, 4, 3, 2, 1], pa.int32()),
            "text": ["e50", "e10", "t40", "e30", "t20"],
        }
    )
    # en: 4, then 2 reach 6 of 5 asked; ta: 1 reaches 1 of 1
    assert cut(found, {"en": 5, "ta": 1})["text"].to_pylist() == ["e10", "t20", "e30"]
    assert cut(found, {"en": 0})["text"].to_pylist() == []


def test_empty_rows_and_unasked_languages_give_nothing(spark):
    rows = [(1, 1, "en", "spoken", "  \n "), (2, 1, "hi", "spoken", "नाव गई।"), (3, 1, "ja", "spoken", "")]
    frame = spark.createDataFrame(rows, "seq_id BIGINT, stage TINYINT, lang STRING, form STRING, text STRING")
    plan = budget({"en": 5, "ja": 5}, 100)
    assert candidates(frame, plan.limits(), NONE, 1).toArrow().num_rows == 0


@pytest.mark.parametrize(
    ("rows", "measured"),
    [
        (0, 0),
        (1, 0),
        (2, 1),
        (9, 1),
        (10, 1),
        (319, 31),
        (320, 32),
        (3200, 32),
        (3201, 33),
        (100_000, 1000),
        (10**9, 1000),
    ],
)
def test_how_many_rows_of_a_group_measure(rows, measured):
    assert n_measured(rows) == measured


def test_the_rows_that_measure_are_the_same_on_every_layout_and_of_every_group(spark, layouts):
    frame = packs(spark)
    chosen = {row.seq_id for row in measured_rows(frame).collect()}
    assert {row.seq_id for row in measured_rows(layouts(frame)).collect()} == chosen
    by_group = frame.where(frame.seq_id.isin(list(chosen))).groupBy("lang", "form").count().collect()
    # of 80 spoken rows 8, of 40 written ones 4, in each of three languages
    assert sorted(tuple(row) for row in by_group) == sorted(
        (lang, form, n) for lang in LANGUAGES for form, n in (("spoken", 8), ("written", 4))
    )
