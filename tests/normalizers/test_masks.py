"""The table of byte pairs finds exactly the rows that the patterns find."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizers import languages
from normalizers.masks import class_grams, make_probe, pattern_grams, rows_with, word_gram
from normalizers.spans import spans_of

PIECES = [
    "Mr.",
    "st",
    "St. J",
    "Henry ",
    "III",
    "vſ.",
    "K",
    "e.g.",
    "a.b@c.",
    ".com",
    "www.",
    "://",
    "J. R. ",
]
PIECES += [
    "५",
    "٣",
    "𝟗",
    "９",
    "½",
    "₹",
    "‰",
    "°",
    "5",
    "&",
    "x",
    " ",
    ".",
    "é",
    "ह",
    "字",
    "…",
    "Part\u00a0V",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=6).map("".join)


@pytest.mark.parametrize("lang", languages())
@given(texts=st.lists(st.none() | TEXTS, max_size=8), skipped=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_rows_found_are_those_that_the_patterns_match(lang, texts, skipped):
    probe = spans_of(lang).probe
    column = pa.array(texts, pa.large_string()).slice(skipped)
    patterns = [pattern for pattern in (probe.known, probe.unknown) if pattern]
    expected = [
        text is not None and any(pc.match_substring_regex(pa.array([text]), p)[0].as_py() for p in patterns)
        for text in texts[skipped:]
    ]
    assert rows_with(column, probe).tolist() == expected


def test_a_sign_at_either_end_of_a_row_belongs_to_that_row_and_no_other():
    probe = make_probe("5½₹", [], [r"[5½₹]"], [], "")
    texts = ["5", "", "a", "½", "b", "", "a₹", "c", None, "5a", ""]
    expected = [True, False, False, True, False, False, True, False, False, True, False]
    assert rows_with(pa.array(texts), probe).tolist() == expected
    assert rows_with(pa.array([], pa.string()), probe).tolist() == []


def test_bytes_of_two_rows_make_no_word_together():
    probe = make_probe("", [class_grams("Mr.")], [r"Mr\."], [], "")
    assert rows_with(pa.array(["M", "r.", "Mr", ".", "x Mr."]), probe).tolist() == [False] * 4 + [True]


def test_a_pattern_nobody_can_read_is_asked_of_every_row():
    assert pattern_grams("(a|b)c") is None
    assert pattern_grams("[^a]b") is None
    assert pattern_grams("a") is None  # one byte finds nothing
    probe = make_probe("", [], ["zz"], ["(a|b)c"], "")
    assert rows_with(pa.array(["ac", "cc", None, "bc"]), probe).tolist() == [True, False, False, True]


def test_grams_of_a_pattern_are_in_each_of_its_ways():
    # "St J" and "St. J": the rarest four places in a row of each way.
    assert pattern_grams(r"(?i:\bst)\.? [A-Z]") == [
        (b"Ss", b"Tt", b" ", CAPITALS),
        (b"Tt", b".", b" ", CAPITALS),
    ]
    assert pattern_grams("a{2}") == [(b"a", b"a")]
    assert pattern_grams("xa+y") == [(b"x", b"a")]


CAPITALS = bytes(range(ord("A"), ord("Z") + 1))


def test_a_word_beyond_ascii_is_found_by_its_bytes_and_one_with_capitals_there_by_the_rest():
    assert word_gram("सन", any_case=True) is not None
    assert set(b"".join(word_gram("सन", any_case=True) or ())) <= set("सन".encode())
    assert [place.lower() for place in word_gram("émir", any_case=True) or ()] == [b"mm", b"ii", b"rr"]
    assert word_gram("é", any_case=True) is None
