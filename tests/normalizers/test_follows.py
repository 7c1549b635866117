"""What a pattern may ask for: a set too small would cut a text where a token goes on."""

import re
import string

import pytest

from normalizers.follows import behind_digits, behind_letters, start_of


def texts_behind(pattern: str, most: int = 6) -> set[str]:
    return set().union(*(way.texts for way in behind_digits(pattern, most)))


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("", set()),
        ("[0-9]{0,3}", set()),
        ("[0-9]?-(?:km|g)", {"-km", "-g"}),
        ("[0-9]{0,2}(?:-[ab]|/[0-9])", {"-a", "-b", "/0"}),
        ("[0-9]*+(?: ha|°)", {" ha", "°"}),
        ("[.:][0-5][0-9] ?am", {".00 am", ".00am", ":00 am", ":00am"}),
        ("(?i:x)", {"x", "X"}),
        ("-|-a", {"-"}),
        ("-a?", {"-"}),
        ("[0-9](?!-)", {"-"}),
        ("[0-9](?!-)[,;]", {",", ";"}),
        ("(?<=00)[ ]x", {" x"}),
    ],
)
def test_what_may_stand_behind_digits(pattern, texts):
    assert texts_behind(pattern) == texts


def test_what_is_repeated_may_be_so_for_ever():
    assert texts_behind("(?: A){1,2}y") == {" Ay", " A Ay", " A A A"}


@pytest.mark.parametrize(
    ("pattern", "texts"), [(r"-\w", {"-"}), (r"-a[^b]c", {"-a"}), (r"\w", {""}), (".", {""}), (r"a*\Z", {""})]
)
def test_what_nobody_can_list_is_anything(pattern, texts):
    found = texts_behind(pattern)
    assert texts <= found
    assert min(map(len, found)) == min(map(len, texts))


def test_a_text_is_no_longer_than_asked_for():
    assert texts_behind("-abcdefgh", 4) == {"-abc"}


def test_texts_are_cut_where_they_would_be_too_many():
    found = texts_behind("-[a-z][a-z][a-z]x")
    assert found == {f"-{a}{b}" for a in string.ascii_lowercase for b in string.ascii_lowercase}


def test_each_way_to_match_has_its_own_texts_and_words():
    one, other = behind_digits("[0-9]{0,3}(?:-(?:Mai|Juni)x|, [A-Z][a-z]+ Street)")
    assert (one.texts, one.words) == ({"-Maix", "-Junix"}, {"Maix", "Juni"})
    assert ", Aa" in {text[:4] for text in other.texts}
    assert other.words == {"Stre"}


@pytest.mark.parametrize("pattern", ["-[A-Z]", "-[0-9]{2} x", "(?:-abcd)?"])
def test_what_has_no_word_in_every_match_asks_for_none(pattern):
    assert all(way.words == set() for way in behind_digits(pattern))


@pytest.mark.parametrize(
    ("pattern", "digits"),
    [
        (" x", "0123456789"),
        ("(?<=[02-9]1) x", "1"),
        ("[0-9,]{1,9}(?<=00|[2-9]1) x", "01"),
        ("(?<![0-9]1) x", "0123456789"),
        ("(?<=a) x|-", "0123456789"),
    ],
)
def test_what_the_last_digit_may_be(pattern, digits):
    ways = behind_digits(pattern)
    assert set().union(*(way.digits for way in ways if way.texts & {" x", "-"})) == set(digits)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("[IV]{1,9}(?:er?| war)", {"e", " war"}),
        ("(?:V|I)I? (?:war|[IV]+)", {" war", " I", " V"}),
        ("[IV]+(?: war)?", {""}),
        ("[IV]+ [0-9]", {" 0"}),
        ("", set()),
    ],
)
def test_what_may_stand_behind_other_letters(pattern, texts):
    assert behind_letters(pattern, frozenset("IV")) == texts


def test_a_pattern_that_cannot_be_read_is_an_error():
    with pytest.raises(re.error):
        behind_digits("(")


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
