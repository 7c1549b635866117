"""Packs of whole buckets: known answers, and no word lost on the way through both forms."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import normalizers
from schemas.sequences import SEQUENCES
from spark_jobs.assemble import Assembly, pack_buckets, sentences_by_form
from spark_jobs.draw import mix, unit_interval
from spark_jobs.forms import FormsConfig
from spark_jobs.pack import PackConfig


def a_draw(spoken: bool, part: int = 0) -> int:
    """The smallest draw whose part is spoken, or written, at a share of one half."""
    draws = np.arange(64, dtype=np.int64)
    return int(draws[(unit_interval(mix(draws, np.full(64, part))) < 0.5) == spoken][0])


SPOKEN, WRITTEN = a_draw(True), a_draw(False)
HALF = FormsConfig(spoken=0.5)


def documents(*rows) -> pa.Table:
    """(text, draw, source) as `to_buckets` gives them."""
    texts, draws, sources = zip(*rows, strict=True)
    return pa.table(
        {
            "text": pa.array(texts, pa.string()),
            "form_draw": pa.array(draws, pa.int64()),
            "source_index": pa.array(sources, pa.int32()),
        }
    )


def test_each_document_goes_whole_into_the_form_of_its_draw():
    rows = documents(("Room 7 is free. Take it!", SPOKEN, 0), ("Page 9.\nTurn over", WRITTEN, 1))
    spoken, written = sentences_by_form(rows, "en", HALF)
    assert spoken.texts.to_pylist() == ["room seven is free. ", "take it!\n"]
    assert written.texts.to_pylist() == ["Page 9.\n", "Turn over\n"]
    assert spoken.source_words.tolist() == [4, 2]  # of the text as it was
    assert written.source_words.tolist() == [2, 2]
    assert (spoken.docs.tolist(), spoken.sources.tolist()) == ([0, 0], [0, 0])
    assert (written.docs.tolist(), written.sources.tolist()) == ([1, 1], [1, 1])


def test_a_long_document_is_cut_into_parts_that_are_decided_apart():
    # 8 words, parts of 4: "A1 b. C2 d. " and "E3 f. G4 h."; a draw that says spoken, then written
    draws = np.arange(256, dtype=np.int64)
    first, second = (unit_interval(mix(draws, np.full(256, part))) < 0.5 for part in (0, 1))
    draw = int(draws[first & ~second][0])
    rows = documents(("A1 b. C2 d. E3 f. G4 h.", draw, 0))
    spoken, written = sentences_by_form(rows, "en", FormsConfig(spoken=0.5, part_words=4))
    assert len(spoken.texts) == len(written.texts) == 2
    assert written.texts.to_pylist() == ["E3 f. ", "G4 h.\n"]
    assert not any(c.isdecimal() for text in spoken.texts.to_pylist() for c in text)


def test_sentences_torn_from_their_neighbours_stand_on_lines_of_their_own():
    # three parts of one sentence: the middle one goes into the other form
    draws = np.arange(4096, dtype=np.int64)
    a, b, c = (unit_interval(mix(draws, np.full(4096, part))) < 0.5 for part in (0, 1, 2))
    draw = int(draws[~a & b & ~c][0])
    rows = documents(("One two. Three four. Five six.", draw, 0))
    spoken, written = sentences_by_form(rows, "en", FormsConfig(spoken=0.5, part_words=2))
    assert written.texts.to_pylist() == ["One two. \n", "Five six.\n"]
    assert spoken.texts.to_pylist() == ["three four. "]


def test_text_after_an_unspaced_terminator_counts_as_the_word_it_goes_on():
    rows = documents(("वह घर है।राम आया।", WRITTEN, 0))
    _, written = sentences_by_form(rows, "hi", HALF)
    assert written.texts.to_pylist() == ["वह घर है।", "राम आया।\n"]
    # white space parts वह, घर, है।राम and आया।: राम goes on a word that the first sentence began
    assert written.source_words.tolist() == [3, 1]


def test_japanese_words_are_rounded_once_a_document():
    per_word = normalizers.units_per_word("ja")
    text = "今日は雨です。明日は晴れます。" * 3
    _, written = sentences_by_form(documents((text, WRITTEN, 0)), "ja", HALF)
    assert written.source_words.sum() == np.ceil(len(text) / per_word)


SCRIPTS = {
    "en": "ab C1 7:.!? \n\u00a0é",
    "hi": "कख १2 ।॥? \n",
    "ja": "日本あ1２。！？ \n\u3000",
    "ar": "ابت ٣4 .؟! \n",
}


@pytest.mark.parametrize("lang", sorted(SCRIPTS))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_word_is_lost_between_the_forms(lang, data):
    texts = data.draw(st.lists(st.text(st.sampled_from(SCRIPTS[lang]), max_size=50), min_size=1, max_size=6))
    texts = [text.strip() for text in texts if text.strip()]
    if not texts:
        return
    rows = documents(*((text, n * 7, n % 2) for n, text in enumerate(texts)))
    config = FormsConfig(spoken=0.5, part_words=data.draw(st.integers(1, 20)))
    spoken, written = sentences_by_form(rows, lang, config)
    counts = normalizers.word_counts(pa.array(texts), lang).to_pylist()
    for doc, words in enumerate(counts):
        own = [int(s.source_words[s.docs == doc].sum()) for s in (spoken, written)]
        assert sum(own) == words
    # what is written is the text of the documents, no character more or less
    nothing, everything = sentences_by_form(rows, lang, FormsConfig(spoken=0.0))
    assert len(nothing.texts) == 0
    for doc, text in enumerate(texts):
        mine = "".join(
            s for s, d in zip(everything.texts.to_pylist(), everything.docs, strict=True) if d == doc
        )
        assert mine == text + "\n"
    said = "".join(spoken.texts.to_pylist())
    assert not any(c.isdecimal() for c in said)


# ---- whole buckets


def batch(*rows) -> pa.RecordBatch:
    """(bucket, lang, text, draw, source), sorted by bucket and language."""
    bucket, lang, text, draw, source = zip(*rows, strict=True)
    return pa.RecordBatch.from_pydict(
        {
            "bucket": pa.array(bucket, pa.int32()),
            "lang": pa.array(lang, pa.string()),
            "place": pa.array(range(len(rows)), pa.int64()),
            "source_index": pa.array(source, pa.int32()),
            "form_draw": pa.array(draw, pa.int64()),
            "text": pa.array(text, pa.string()),
        }
    )


def packed(*batches, words=700, seed=1):
    assembly = Assembly(HALF, PackConfig(words=words), ("mc4", "cc100"), seed)
    made = list(pack_buckets(iter(batches), assembly))
    table = pa.Table.from_batches(made, SEQUENCES.arrow_schema())
    SEQUENCES.check(table)
    return table.to_pylist()


ROWS = (
    (0, "de", "Der Zug kommt.", WRITTEN, 0),
    (0, "en", "Lamp 3 burns.", SPOKEN, 0),
    (0, "en", "It is late.", WRITTEN, 0),
    (0, "en", "Go home now then.", WRITTEN, 1),
    (2, "en", "Another bucket.", WRITTEN, 1),
)


def test_packs_form_inside_bucket_language_and_form():
    found = {(r["seq_id"] >> 32, r["lang"], r["form"], r["text"]): r for r in packed(batch(*ROWS))}
    assert set(found) == {
        (0, "de", "written", "Der Zug kommt."),
        (0, "en", "spoken", "lamp three burns."),
        (0, "en", "written", "It is late.\nGo home now then."),
        (2, "en", "written", "Another bucket."),
    }
    both = found[0, "en", "written", "It is late.\nGo home now then."]
    assert (both["n_words"], both["n_sentences"], both["n_docs"], both["n_source_words"]) == (7, 2, 2, 7)
    assert both["source"] == "cc100"  # four of seven words
    assert {r["stage"] for r in found.values()} == {1}


def test_seq_ids_ascend_and_are_dense_in_their_bucket():
    ids = [row["seq_id"] for row in packed(batch(*ROWS))]
    assert ids == [0, 1, 2, 2 << 32]


def test_the_order_inside_a_bucket_is_a_matter_of_the_seed_alone():
    rows = [(0, "en", f"Sentence {n} stands here.", WRITTEN, 0) for n in range(50)]
    one, again, other = (packed(batch(*rows), words=4, seed=s) for s in (1, 1, 2))
    assert one == again
    assert [r["text"] for r in one] != [r["text"] for r in other]
    assert sorted(r["text"] for r in one) == sorted(r["text"] for r in other)
    assert [r["text"] for r in one] != sorted((r["text"] for r in one), key=lambda t: int(t.split()[1]))


@given(cuts=st.lists(st.integers(0, len(ROWS)), max_size=4))
@settings(max_examples=40, deadline=None)
def test_how_rows_arrive_in_batches_changes_nothing(cuts):
    whole = batch(*ROWS)
    borders = [0, *sorted(cuts), len(ROWS)]
    pieces = [whole.slice(low, high - low) for low, high in pairwise(borders)]
    assert packed(*pieces) == packed(whole)


def test_no_rows_give_no_packs():
    assert packed() == []
    assert packed(batch(*ROWS).slice(0, 0)) == []
