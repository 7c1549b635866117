"""What becomes of a stretch of the order: numbers, forms, sides."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.stage2 import STAGE2, VALIDATION
from spark_jobs.utterances.assemble import Assembly, _Numbers, finished, split_of


def stretch(rows) -> pa.Table:
    """(bucket, stage, lang, form, text, draw)"""
    n = len(rows)
    bucket, stage, lang, form, text, draw = zip(*rows, strict=True)
    return pa.table(
        {
            "bucket": pa.array(bucket, pa.int32()),
            "form_draw": pa.array(draw, pa.int64()),
            "stage": pa.array(stage, pa.int8()),
            "lang": pa.array(lang),
            "source": ["s"] * n,
            "form": pa.array(form, pa.string()),
            "text": pa.array(text),
            "n_words": pa.array([len(t.split()) for t in text], pa.int32()),
            "n_sentences": pa.array([1] * n, pa.int32()),
            "n_docs": pa.array([1] * n, pa.int32()),
            "n_source_words": pa.array([len(t.split()) for t in text], pa.int32()),
        }
    )


def finish(rows, spoken=1.0, validation=0.0) -> list[dict]:
    table = finished(stretch(rows), _Numbers(), Assembly(spoken, validation, 1))
    STAGE2.check(table)
    return table.to_pylist()


def test_an_utterance_is_said_and_counted_anew():
    (row,) = finish([(0, 2, "en", None, "Wake me at 7:30AM. Thanks", 5)])
    assert row["form"] == "spoken"
    assert row["text"] == "wake me at seven thirty a. m. thanks"
    assert (row["n_words"], row["n_source_words"], row["n_docs"]) == (8, 5, 1)


def test_what_is_spoken_already_and_what_is_of_stage_1_stays_as_it_is():
    rows = finish([(0, 2, "en", "spoken", "at 7:30", 5), (0, 1, "de", "written", "um 7:30", 5)])
    assert [(row["text"], row["form"]) for row in rows] == [("at 7:30", "spoken"), ("um 7:30", "written")]


def test_the_share_of_spoken_rows_is_the_one_asked():
    rows = finish([(0, 2, "en", None, "Play Jazz", n) for n in range(4000)], spoken=0.7)
    share = sum(row["form"] == "spoken" for row in rows) / 4000
    assert abs(share - 0.7) < 4 * (0.21 / 4000) ** 0.5


def test_sentences_are_counted_by_the_languages_own_terminators():
    rows = finish([(0, 2, "hi", "written", "रुको। चलो।", 1), (0, 2, "ja", "written", "止めて。今", 1)])
    assert [row["n_sentences"] for row in rows] == [2, 2]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 29))
def test_places_count_from_0_in_each_bucket_however_the_batches_are_cut(buckets, cut):
    ordered = np.sort(np.array(buckets, np.int64))
    whole = _Numbers().of(ordered)
    numbers = _Numbers()
    parts = [numbers.of(part) for part in (ordered[:cut], ordered[cut:]) if len(part)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    wanted = [(b << 32) + n for b in range(4) for n in range(int((ordered == b).sum()))]
    assert whole.tolist() == wanted


@given(st.lists(st.sampled_from(["a", "A", "b", "B c", "b C", "stop", "STOP"])), st.floats(0, 0.9))
def test_a_text_in_any_case_is_on_one_side(texts, share):
    sides = split_of(pa.array(texts, pa.string()), share, 7).to_pylist()
    by_text = {}
    for text, side in zip(texts, sides, strict=True):
        assert by_text.setdefault(text.lower(), side) == side


def test_the_share_of_validation_is_the_one_asked():
    sides = split_of(pa.array([f"text {n}" for n in range(20_000)]), 0.1, 7).to_pylist()
    assert abs(sides.count(VALIDATION) / 20_000 - 0.1) < 4 * (0.09 / 20_000) ** 0.5
