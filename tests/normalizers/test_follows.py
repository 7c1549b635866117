"""What a pattern may ask for: a set too small would cut a text where a token goes on."""

import re

import pytest

from normalizers.follows import after_digits, start_of


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [
        ("", ""),
        ("[0-9]{0,3}", ""),
        ("[0-9]?-(?:km|g)", "-"),
        ("(?:[0-9]?[.:][0-5][0-9]){0,2} ?[ap]m", ".: ap"),
        ("[0-9]*+(?: ha|°)", " °"),
        ("(?i:x)", "xX"),
        ("[0-9](?!-)", "-"),
        ("[0-9](?!-)[,;]", ",;"),
        ("(?<=00)[ ]x", " "),
    ],
)
def test_what_may_stand_behind_digits(pattern, characters):
    assert set(after_digits(pattern)) == set(characters)


@pytest.mark.parametrize(
    ("pattern", "pairs"),
    [
        ("-(?:km|g)", {"-": "kg"}),
        ("[0-9]{0,2}(?:-[a-c]|/[0-9])", {"-": "abc", "/": "0123456789"}),
        ("(?: [A-C]x){1,3}y", {" ": "ABC"}),
        ("-|-a", {"-": "a"}),
        ("-", {"-": ""}),
    ],
)
def test_what_may_stand_behind_digits_and_a_character(pattern, pairs):
    assert after_digits(pattern) == {first: frozenset(seconds) for first, seconds in pairs.items()}


def test_what_nobody_can_list_behind_a_character_is_anything():
    assert after_digits(r"-\w") == {"-": None}


@pytest.mark.parametrize("pattern", [r"\w", "[^a]", ".", r"a*\Z"])
def test_what_nobody_can_list_is_anything(pattern):
    assert after_digits(pattern) is None


def test_a_pattern_that_cannot_be_read_is_an_error():
    with pytest.raises(re.error):
        after_digits("(")


@pytest.mark.parametrize(
    ("pattern", "before", "first", "second", "may"),
    [
        ("[0-9]+:", "", "0", ":", True),
        ("[0-9]:", "", "0", "0", False),
        ("[0-9]:", "a", "0", ":", True),
        ("(?<![0-9,])[0-9]", ",", "0", "", False),
        ("(?<![0-9])[0-9]", "0", "0", "", False),
        ("(?<![1-9])[0-9]", "0", "0", "", True),
        (r"(?<!\w)km", "a", "k", "m", False),
        ("(?<=[A-Z])[0-9]", "", "0", "", False),
        ("(?<=[A-Z])[0-9]", "B", "0", "x", True),
        ("(?i:km)", "", "K", "m", True),
        ("k(?:m)?", "", "k", "", True),
        ("km", "", "k", "", False),
        ("x?", "", "a", "", True),
    ],
)
def test_where_a_match_may_begin(pattern, before, first, second, may):
    assert start_of(pattern).may_be(before, first, second) is may
