"""Forms: parts are decided by hash, 70 of 100 spoken, and no word is lost in either."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import normalizers
from spark_jobs.errors import ConfigError
from spark_jobs.forms import FormsConfig, assign_forms, is_spoken, parts, speak


def test_a_document_has_one_part_for_each_begun_part_words():
    # 5 sentences of one word in a document of 5 words, parts of at most 2: 3 parts of 5/3 words
    before, words = np.arange(5.0), np.full(5, 5)
    assert parts(before, words, 2).tolist() == [0, 0, 1, 1, 2]
    assert parts(before, words, 5).tolist() == [0] * 5
    assert parts(before, words, 4).tolist() == [0, 0, 0, 1, 1]  # 2 parts of 2.5 words


def test_a_document_without_words_is_one_part():
    assert parts(np.zeros(2), np.zeros(2, np.int64), 2000).tolist() == [0, 0]


def test_a_sentence_at_the_very_end_stays_in_the_last_part():
    assert parts(np.array([10.0]), np.array([10]), 5).tolist() == [1]  # rounding must not make a third


def test_seven_of_ten_parts_are_spoken_within_three_deviations_and_each_part_draws_anew():
    draws = np.arange(20_000, dtype=np.int64)
    first = is_spoken(draws, np.zeros(20_000, np.int64), 0.7)
    second = is_spoken(draws, np.ones(20_000, np.int64), 0.7)
    for spoken in (first, second):
        assert abs(spoken.mean() - 0.7) < 3 * math.sqrt(0.21 / 20_000)
    # independent draws agree with probability 0.49 + 0.09
    assert abs((first == second).mean() - 0.58) < 3 * math.sqrt(0.58 * 0.42 / 20_000)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 1000)])
def test_a_share_of_none_and_of_all_is_exact(share, expected):
    draws = np.arange(1000, dtype=np.int64)
    assert is_spoken(draws, np.zeros(1000, np.int64), share).sum() == expected


def test_speaking_keeps_rows_and_widens_offsets():
    spoken = speak(pa.array(["It is 7:30.", ""], pa.large_string()), "en")
    assert spoken.type == pa.large_string()
    assert spoken.to_pylist() == ["it is seven thirty.", ""]


@pytest.mark.parametrize("bad", [{"spoken": -0.1}, {"spoken": 1.1}, {"spoken": math.nan}, {"part_words": 0}])
def test_a_number_out_of_range_is_refused_with_its_key(bad):
    with pytest.raises(ConfigError, match=rf"forms\.{next(iter(bad))}"):
        FormsConfig(**bad)


@given(
    words=st.lists(st.integers(0, 50), min_size=1, max_size=30),
    part_words=st.integers(1, 100),
)
@settings(max_examples=200, deadline=None)
def test_parts_ascend_from_zero_and_are_at_most_a_sentence_longer_than_asked(words, part_words):
    sizes = np.array(words)
    before, total = np.cumsum(sizes) - sizes, np.full(len(sizes), sizes.sum())
    part = parts(before.astype(float), total, part_words)
    assert part[0] == 0
    assert (np.diff(part) >= 0).all()
    n_parts = max(1, math.ceil(sizes.sum() / part_words))
    assert part.max() < n_parts
    for one in range(n_parts):
        assert sizes[part == one].sum() <= part_words + sizes.max()


# ---- the step alone


@pytest.fixture(scope="module")
def copies(spark):
    long = " ".join(f"Sentence {n} has five words." for n in range(12))
    rows = [(f"{n}".encode(), 0, "en", f"Lamp {n} burns.", 3) for n in range(40)]
    rows += [(b"long", 0, "en", long, 60), (b"ja", 0, "ja", "今日は雨です。明日は晴れます。", 7)]
    schema = "doc_id BINARY, copy INT, lang STRING, text STRING, n_words INT"
    return spark.createDataFrame(rows, schema).persist()


def assigned(copies, **config):
    rows = assign_forms(copies, FormsConfig(**config), seed=3).collect()
    return sorted((bytes(r.doc_id), r.part, r.form, r.text, r.n_words) for r in rows)


def test_the_step_cuts_long_documents_into_parts_that_are_decided_apart(copies):
    found = assigned(copies, part_words=20)
    long = [row for row in found if row[0] == b"long"]
    assert [row[1] for row in long] == [0, 1, 2]
    assert {row[2] for row in long} == {"spoken", "written"}
    written = "".join(row[3] for row in long if row[2] == "written")
    assert all(sentence.startswith("Sentence") for sentence in written.split(". ") if sentence)
    assert [row[4] for row in long] == [20, 20, 20]


def test_the_step_gives_the_same_forms_in_any_layout(copies, layouts):
    assert assigned(layouts(copies), part_words=20) == assigned(copies, part_words=20)


def test_written_parts_keep_their_text_and_spoken_ones_are_said(copies):
    for doc_id, _, form, text, n_words in assigned(copies):
        lang = "ja" if doc_id == b"ja" else "en"
        if form == "spoken":
            assert not any(c.isdecimal() or c.isupper() for c in text)
        elif doc_id not in (b"long", b"ja"):
            assert text == f"Lamp {doc_id.decode()} burns."
        assert n_words == normalizers.word_counts(pa.array([text]), lang)[0].as_py()
