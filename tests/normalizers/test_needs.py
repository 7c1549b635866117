"""What a pattern needs is in everything it matches; so a rule is never left out that would have matched."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizers import languages
from normalizers.needs import needed
from normalizers.voices import rules_of


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("a:b", [{"a:", ":b"}, {":"}]),
        ("x?:", [{":"}]),
        ("(?:jan|feb)uary", [{"ja", "fe"}]),
        ("(?i:km)", [{"km", "Km", "kM", "KM"}]),
        ("[0-9]+%", [{"%"}]),
        (r"\w+", []),
        ("(?=5)", [{"5"}]),
        ("a*", []),
        ("(?:a|b*)", []),
    ],
)
def test_needs_by_hand(pattern, needs):
    found = needed(pattern)
    for need in needs:
        assert any(need <= {*one} or {*one} <= need for one in found), found
    assert bool(found) is bool(needs)


def test_a_needle_that_cannot_be_read_is_an_error():
    with pytest.raises(re.error):
        needed("(")


WORDS = [
    "1",
    "12",
    "2014",
    ".",
    ",",
    ":",
    "/",
    "-",
    "–",
    "%",
    "$",
    "€",
    "km",
    "May",
    "5th",
    "am",
    "a.m.",
    "Kg",
]
WORDS += ["ſ", "K", "XIV", "no.", "½", "№", "&", "@", "http", "www.x.org", " ", "\u00a0"]
TOKENS = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


@pytest.mark.parametrize("lang", languages())
def test_the_rules_of_a_language_can_all_be_compiled(lang):
    assert len({rule.name for rule in rules_of(lang)}) == len(rules_of(lang)) > 20
    assert all(rule.compiled for rule in rules_of(lang))


@pytest.mark.parametrize("lang", ["en", "de", "hi"])
@given(text=TOKENS)
@settings(max_examples=30)
def test_whatever_a_rule_matches_holds_what_it_needs(lang, text):
    there = {*text, *(text[i : i + 2] for i in range(len(text)))}
    for rule in rules_of(lang):
        if rule.compiled.search(text):
            assert all(there & need for need in rule.needs), rule.name
