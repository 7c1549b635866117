import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers import UnknownLanguageError, language, languages, units_per_word, word_counts, word_units
from normalizers.places import places_of
from normalizers.utf8 import CHUNK, SPACES

SPACED = st.text(st.one_of(st.sampled_from(SPACES + "a.é字𝄞"), st.characters(codec="utf-8")))


def buffer(text: str | bytes) -> np.ndarray:
    return np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)


def test_all_twelve_languages_are_known():
    assert languages() == ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "mr", "pt", "ta", "te")
    assert [language(code).code for code in languages()] == list(languages())


@pytest.mark.parametrize("code", ["xx", "", "EN-us", "../data/en", "_common", None, 7, ["en"]])
def test_an_unknown_language_is_an_error_that_lists_the_known_ones(code):
    with pytest.raises(UnknownLanguageError, match="known are ar, de, en, es"):
        word_counts(pa.array(["a"]), code)


def test_our_white_space_is_pythons():
    assert set(SPACES) == {chr(i) for i in range(sys.maxunicode + 1) if chr(i).isspace()}


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 9))
def test_places_are_those_of_true_flags(flags, skipped):
    array = np.array(flags, np.bool_)[skipped:]
    assert places_of(array).tolist() == [i for i, flag in enumerate(flags[skipped:]) if flag]


def test_a_word_is_a_run_of_visible_characters():
    texts = pa.array(
        ["", " ", "one", " two  words\n", "l'eau d’or", "a\u00a0b\u3000c\u2028d\x85e\x1cf", None]
    )
    assert word_counts(texts, "fr").to_pylist() == [0, 0, 1, 2, 2, 6, None]
    assert word_counts(texts, "fr").type == pa.int32()


def test_japanese_counts_two_characters_as_a_word_and_rounds_up():
    assert word_counts(pa.array(["", "水", "水を", "水を飲む。", None]), "ja").to_pylist() == [
        0,
        1,
        1,
        3,
        None,
    ]
    assert units_per_word("ja") == 2.0
    assert units_per_word("de") == 1.0


@given(st.lists(st.none() | SPACED), st.booleans(), st.integers(0, 3))
def test_word_counts_equal_pythons_split(texts, large, skipped):
    column = pa.array(texts, pa.large_string() if large else pa.string()).slice(skipped)
    expected = [None if text is None else len(text.split()) for text in texts[skipped:]]
    assert word_counts(column, "en").to_pylist() == expected
    halves = pa.chunked_array([column.slice(0, 2), column.slice(2)])
    assert word_counts(halves, "en").to_pylist() == expected


def test_words_across_the_working_chunk_are_counted_once():
    for shift in range(4):
        text = "x" * (CHUNK - 3 + shift) + "\u3000" + "y" * CHUNK + " z"
        assert word_counts(pa.array([text]), "en").to_pylist() == [3]


@given(SPACED)
def test_word_units_count_the_starts_before_each_position(text):
    utf8, positions = text.encode(), np.arange(len(text.encode()) + 1)
    words = [len(utf8[:p].decode(errors="ignore").split()) for p in positions]
    got = word_units(buffer(utf8), positions, "en")
    # Only where a character ends: Python cannot count words in half a character.
    ends = np.cumsum([0] + [len(c.encode()) for c in text])
    assert [int(got[p]) for p in ends] == [words[p] for p in ends]
    assert word_units(buffer(utf8), ends, "ja").tolist() == list(range(len(text) + 1))


def test_word_units_of_an_empty_buffer_are_none():
    assert word_units(buffer(""), np.array([0]), "en").tolist() == [0]


@given(st.binary())
def test_broken_utf8_is_never_fatal(data):
    word_units(buffer(data), np.array([0, len(data)]), "en")
