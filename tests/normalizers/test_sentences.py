import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers import languages, sentence_ends, sentences
from normalizers.utf8 import CHUNK

PROSE = st.text(
    st.one_of(st.sampled_from("ab1 \n\r.!?…。！？।॥؟۔\"')»”』」\u3000\u00a0"), st.characters(codec="utf-8"))
)


def split(text: str, lang: str = "en") -> list[str]:
    utf8 = text.encode()
    ends = sentence_ends(np.frombuffer(utf8, np.uint8), lang).tolist()
    return [utf8[a:b].decode() for a, b in zip([0, *ends[:-1]], ends, strict=False)]


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", ["It rains. ", "Does it? ", "Yes!"]),
        ("en", ["Really?! ", "Well... ", "no"]),
        ("en", ["Version 3.5 costs $2.50. ", "Fine."]),
        ("en", ["He said “go.” ", "She (too!) ", "left."]),
        ("en", ["One line\n\n", "another\r\n", "  a third. "]),
        ("en", ["  Blanks lead. ", "Then more."]),
        ("en", ["See example.org/a?b for more… ", "Or not."]),
        ("fr", ["Où ? ", "«\u00a0Là.\u00a0", "» Oui."]),
        ("ja", ["雨です。", "「はい！」", "行く？！", "3.5です"]),
        ("hi", ["यह घर है।", " वह कहाँ है? ", "श्लोक॥ ", "अंत"]),
        ("ar", ["كيف حالك؟", " جيد. ", "نعم"]),
    ],
)
def test_sentences_end_after_their_terminators(lang, expected):
    expected = [part for part in expected if part]
    text = "".join(expected)
    got = split(text, lang)
    assert "".join(got) == text
    # Leading white space in the expectation belongs to the sentence before.
    for i in range(len(expected) - 1, 0, -1):
        stripped = expected[i].lstrip()
        expected[i - 1] += expected[i][: len(expected[i]) - len(stripped)]
        expected[i] = stripped
    assert got == expected


def test_a_buffer_of_white_space_is_one_sentence_and_an_empty_one_none():
    assert split(" \n\n ") == [" \n\n "]
    assert split("") == []


@given(PROSE, st.sampled_from(languages()))
def test_ends_ascend_to_the_length_and_no_sentence_is_blank(text, lang):
    parts = split(text, lang)
    assert "".join(parts) == text
    if text.strip():
        assert all(part.strip() and (part is parts[0] or not part[0].isspace()) for part in parts)


@given(st.lists(st.none() | PROSE), st.booleans(), st.integers(0, 2))
def test_rows_are_split_as_if_they_stood_alone(texts, large, skipped):
    column = pa.array(texts, pa.large_string() if large else pa.string()).slice(skipped)
    got = sentences(column, "hi").to_pylist()
    assert got == [None if text is None else split(text, "hi") for text in texts[skipped:]]
    halves = pa.chunked_array([column.slice(0, 2), column.slice(2)])
    assert sentences(halves, "hi").to_pylist() == got


def test_a_mark_across_the_working_chunk_is_found():
    for shift in range(4):
        first = "x" * (CHUNK - 2 + shift) + "。"
        assert split(first + "y", "ja") == [first, "y"]


@given(st.binary())
def test_broken_utf8_is_never_fatal(data):
    ends = sentence_ends(np.frombuffer(data, np.uint8), "en").tolist()
    assert not data or ends[-1] == len(data)


@pytest.mark.parametrize("piece", ["。", " ", "\n", '."', ". ", "\u3000"])
def test_ten_megabytes_of_one_mark_take_linear_time(piece):
    utf8 = np.frombuffer((piece * (10_000_000 // len(piece.encode()))).encode(), np.uint8)
    assert sentence_ends(utf8, "ja")[-1] == len(utf8)
