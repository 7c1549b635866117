"""Packs: whole sentences, at most 700 words, nothing lost."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import normalizers
from spark_jobs.errors import ConfigError
from spark_jobs.pack import PackConfig, Sentences, cut, pack_sentences


def sentences(texts, docs=None, sources=None, lang="en"):
    n = len(texts)
    return Sentences(
        texts=pa.array(texts, pa.large_string()),
        docs=np.array(docs if docs is not None else np.zeros(n), np.int64),
        sources=np.array(sources if sources is not None else np.zeros(n), np.int64),
        source_words=normalizers.word_counts(pa.array(texts, pa.string()), lang).to_numpy().astype(np.int64),
    )


def packed(texts, max_words, lang="en", **where):
    packs = pack_sentences(sentences(texts, lang=lang, **where), lang, max_words)
    return packs.texts.to_pylist(), packs


def test_sentences_fill_a_pack_until_the_next_one_would_pass_the_limit():
    texts, packs = packed(["One two three. ", "Four five. ", "Six seven. ", "Eight.\n"], 5)
    assert texts == ["One two three. Four five.", "Six seven. Eight."]  # 3 + 2 = 5, then 2 + 1
    assert packs.n_words.tolist() == [5, 3]
    assert packs.n_sentences.tolist() == [2, 2]
    assert packs.n_source_words.tolist() == [5, 3]


def test_short_documents_share_a_pack_and_stand_on_lines_of_their_own():
    texts, packs = packed(["Stop it.\n", "Play jazz.\n", "Lights off now.\n"], 4, docs=[7, 8, 9])
    assert texts == ["Stop it.\nPlay jazz.", "Lights off now."]
    assert packs.n_docs.tolist() == [2, 1]


def test_a_document_that_goes_on_counts_in_each_of_its_packs():
    _, packs = packed(["a b. ", "c d. ", "e f.\n"], 4, docs=[1, 1, 2])
    assert packs.n_docs.tolist() == [1, 1]
    _, packs = packed(["a b. ", "c d. ", "e f.\n"], 100, docs=[1, 1, 2])
    assert packs.n_docs.tolist() == [2]


def test_a_sentence_longer_than_a_pack_is_split_at_word_boundaries():
    texts, packs = packed(["one two three four five six seven.\n", "eight.\n"], 3, docs=[0, 1])
    assert texts == ["one two three", "four five six", "seven.\neight."]
    assert packs.n_words.tolist() == [3, 3, 2]
    assert packs.n_sentences.tolist() == [
        1,
        1,
        1,
    ]  # the middle piece begins none, but a pack has at least one
    assert packs.n_source_words.tolist() == [3, 3, 2]


def test_a_japanese_sentence_longer_than_a_pack_is_split_between_characters():
    per_word = normalizers.units_per_word("ja")
    text = "日" * int(per_word * 5)
    texts, packs = packed([text + "\n"], 2, lang="ja")
    assert [len(t) for t in texts] == [int(2 * per_word), int(2 * per_word), int(per_word)]
    assert "".join(texts) == text
    assert packs.n_words.max() <= 2


def test_sentences_without_a_space_between_them_are_counted_as_the_pack_shows_them():
    texts, packs = packed(["वह घर है।", "राम आया।\n"], 10, lang="hi")
    assert texts == ["वह घर है।राम आया।"]
    assert packs.n_words.tolist() == [4]  # white space parts वह, घर, है।राम and आया।


def test_the_source_of_a_pack_is_the_one_with_most_words_and_of_equals_the_first():
    _, packs = packed(["a b.\n", "c d e.\n", "f.\n"], 6, docs=[0, 1, 2], sources=[2, 1, 0])
    assert packs.sources.tolist() == [1]
    _, packs = packed(["a b.\n", "c d.\n"], 6, docs=[0, 1], sources=[2, 1])
    assert packs.sources.tolist() == [1]


def test_nothing_in_gives_nothing_out():
    texts, packs = packed([], 700)
    assert texts == []
    assert len(packs.n_words) == len(packs.n_docs) == len(packs.sources) == 0


@pytest.mark.parametrize("lang", ["en", "hi", "ja"])
@settings(max_examples=150, deadline=None)
@given(
    docs=st.lists(st.text(st.sampled_from("ab 日本。.!?\n\u00a0\u3000é\u0964क"), max_size=60), max_size=8),
    limit=st.integers(1, 12),
)
def test_no_pack_passes_the_limit_and_no_text_is_lost(lang, docs, limit):
    docs = [doc.strip() for doc in docs if doc.strip()]
    rows = [
        (s, n)
        for n, doc in enumerate(docs)
        for s in normalizers.sentences(pa.array([doc + "\n"], pa.string()), lang)[0].as_py()
    ]
    made = pack_sentences(sentences([s for s, _ in rows], [n for _, n in rows], lang=lang), lang, limit)
    texts = made.texts.to_pylist()
    assert "".join("".join(texts).split()) == "".join("".join(docs).split())
    assert made.n_words.tolist() == normalizers.word_counts(made.texts, lang).to_pylist()
    assert all(0 < n <= limit for n in made.n_words.tolist())
    assert int(made.n_source_words.sum()) == sum(
        normalizers.word_counts(pa.array([s for s, _ in rows], pa.string()), lang).to_pylist()
    )
    assert all(n >= 1 for n in [*made.n_docs.tolist(), *made.n_sentences.tolist()])


def test_cutting_keeps_every_character():
    assert cut(" a b  c\u00a0d e ", 2, spaces=True) == [" a b  ", "c\u00a0d ", "e "]
    assert cut("一二三四五\n", 2, spaces=False) == ["一二", "三四", "五\n"]
    assert cut(" 一 　 二三四", 2, spaces=False) == [" 一 　 ", "二三", "四"]


@pytest.mark.parametrize("bad", [{"words": 0}, {"buckets": 0}, {"bucket_words": 0}])
def test_a_size_below_one_is_refused(bad):
    with pytest.raises(ConfigError, match=r"pack\."):
        PackConfig(**bad)


def test_the_number_of_buckets_follows_the_words_unless_the_recipe_gives_it():
    assert PackConfig().n_buckets(0) == 1
    assert PackConfig().n_buckets(4_000_000) == 1
    assert PackConfig().n_buckets(4_000_001) == 2
    assert PackConfig(buckets=7).n_buckets(10**9) == 7
