"""The look at bytes misses no row that holds a sign or a word, and finds where words begin."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizers import languages
from normalizers.columns import rows_of
from normalizers.look import before_numbers, look
from normalizers.patterns import any_of
from normalizers.probes import Kind, Words, make_probe, spread
from normalizers.spans import MARK, probe_of, spans_of

PIECES = [
    "Mr.",
    "St. J",
    "Henry ",
    "III",
    "etc.",
    "e.g.",
    "a.b@c.de",
    ".com",
    "www.",
    "://",
    "J. R. ",
    "Part\u00a0V",
]
PIECES += ["५", "٣", "𝟗", "９", "½", "₹", "‰", "°", "5", "&", "x", " ", ".", "é", "ह", "字", "…", "K", "İ"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=6).map("".join)


@pytest.mark.parametrize("lang", languages())
@given(texts=st.lists(st.none() | TEXTS, max_size=8), skipped=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_row_is_found_whatever_stands_beside_it(lang, texts, skipped):
    probe = probe_of(lang)
    alone = [text is not None and look(pa.array([text]), probe).rows.tolist() == [True] for text in texts]
    column = pa.array(texts, pa.large_string()).slice(skipped)
    assert look(column, probe).rows.tolist() == alone[skipped:]


@pytest.mark.parametrize("lang", languages())
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_row_with_a_digit_is_found_and_every_mark_lies_between_characters(lang, text):
    found = look(pa.array([text]), probe_of(lang))
    assert found.rows[0] or not any(c.isdecimal() for c in text)
    edges = set(np.cumsum([0] + [len(c.encode()) for c in text]).tolist())
    assert set(found.marks.tolist()) <= edges


def test_characters_with_another_lower_case_make_their_row_cased():
    cased = [
        chr(i)
        for i in range(128, sys.maxunicode + 1)
        if not 0xD800 <= i < 0xE000 and chr(i).lower() != chr(i)
    ]
    assert len(cased) > 1300
    found = look(pa.array(cased), make_probe("5"))
    assert found.cased.all()
    assert not look(
        pa.array(["plain ASCII", "müßte", "कमल", "水", "“quoted” – so…"]), make_probe("5")
    ).cased.any()


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("16.2%Total here", "16.2%Total"),
        ("5€Ém", "5€Ém"),
        ("5% off", "5%"),
        (f"{MARK}A.V.Bobrov", f"{MARK}A.V.Bobrov"),
        (f"{MARK}A. V. Bobrov", f"{MARK}A. V."),
    ],
)
def test_letters_directly_behind_a_sign_or_initials_belong_to_the_token(text, token):
    assert spans_of("en").token.match(text)[1] == token


def test_a_sign_at_either_end_of_a_row_belongs_to_that_row_and_no_other():
    probe = make_probe("5½₹")
    texts = ["5", "", "a", "½", "b", "", "a₹", "c", None, "5a", "", "₨½"]
    expected = [True, False, False, True, False, False, True, False, False, True, False, True]
    assert look(pa.array(texts), probe).rows.tolist() == expected
    assert look(pa.array([], pa.string()), probe).rows.tolist() == []


def test_bytes_of_two_rows_make_no_word_together():
    probe = make_probe("", [Words(Kind.TOKEN, ["Mr."], r"Mr\.")])
    found = look(pa.array(["M", "r.", "Mr", ".", "x Mr.", "xMr.", "éMr.", "“Mr."]), probe)
    assert found.rows.tolist() == [False, False, False, False, True, False, False, True]
    assert found.marks.tolist() == [
        8,
        23,
    ]  # 1 + 2 + 2 + 1 bytes before, "x "; 5 + 4 + 5 more, and the quotation mark


@pytest.mark.parametrize("text", ["vs.", "a vs.", "etc.", "volumes", "a volumes", "a volumes and more"])
def test_a_word_is_found_however_near_it_stands_to_the_end(text):
    words = [Words(Kind.TOKEN, ["vs.", "etc.", "volumes"], r"(?:vs\.|etc\.|volumes)")]
    assert look(pa.array([text]), make_probe("", words)).rows.tolist() == [True]
    assert not look(pa.array(["vo", "lumes", "etc", ".", "v", "s."]), make_probe("", words)).rows.any()


@pytest.mark.parametrize(
    ("text", "mark"),
    [("प्रा. लि.", 0), ("x प्रा. लि. और", 2), ("प्रो. लि.", None), ("प्राण", None), ("प्रा. लि", None)],
)
def test_a_word_of_many_bytes_is_found_by_more_than_its_first_letters(text, mark):
    words = [Words(Kind.TOKEN, ["प्रा. लि."], r"प्रा\. लि\.")]
    for behind in ("", " और भी बहुत कुछ"):
        found = look(pa.array([text + behind]), make_probe("", words))
        assert found.marks.tolist() == ([] if mark is None else [mark])


SHORT = st.text("ab.éह日", min_size=1, max_size=4).filter(lambda word: len(word.encode()) > 1)


@given(st.sets(SHORT, min_size=1, max_size=6), st.text("ab .éह日", max_size=30))
def test_words_of_any_length_and_script_are_found_wherever_they_stand(words, text):
    one = Words(Kind.TOKEN, sorted(words), any_of(words), bounded=False)
    begins = [i for i in range(len(text)) if text.startswith(tuple(words), i)]
    found = look(pa.array([text]), make_probe("", [one], spaced=False))
    assert found.marks.tolist() == [len(text[:i].encode()) for i in begins]


def test_words_share_a_pair_where_one_of_them_has_no_rarer_one():
    words = [Words(Kind.TOKEN, ["tt", "ttx", "ott"], r"(?:ttx?|ott)(?![a-z])")]
    probe = make_probe("", words)
    pairs = {word: ord(word[0]) | ord(word[1]) << 8 for word in ("tt", "tx", "ot")}
    assert {word: probe.marked[pair].as_py() > 0 for word, pair in pairs.items()} == {
        "tt": True,
        "tx": False,
        "ot": True,
    }
    for text in ("tt", "a tt", "ttx", "a ttx", "ott", "an ott"):
        assert look(pa.array([text]), probe).rows.tolist() == [True]


def test_an_address_begins_where_its_run_of_visible_characters_does():
    inside = Words(Kind.INSIDE, [".com"], r"\.com(?![a-z])", bounded=False)
    word = Words(Kind.TOKEN, ["St."], r"St\.")
    found = look(pa.array(["see (a.St.b.com) or b.come"]), make_probe("", [inside, word]))
    assert found.marks.tolist() == [5]  # and no mark for the St. inside of it
    found = look(pa.array(["see a.com.St.com) or St. b.com"]), make_probe("", [inside, word]))
    assert found.marks.tolist() == [4, 21, 25]
    # A run that is longer than anyone looks is one address as far as a ".com" in it reaches.
    found = look(pa.array(["a.com/" + "x" * 260 + ".com/St. St. b"]), make_probe("", [inside, word]))
    assert found.marks.tolist() == [0, 275]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Part IV", 0),
        ("a Part IV.", 2),
        ("Part I", 0),
        ("Part In", None),
        ("sPart IV", None),
        ("Part\u00a0X", 0),
        ("Part Mär", None),
        ("Part MΣ", None),
        ("Part I×2", 0),
        ("Part I—", 0),
    ],
)
def test_a_numeral_is_found_by_the_word_before_it(text, mark):
    found = look(pa.array([text]), make_probe("", before_numeral=["Part"]))
    assert found.marks.tolist() == ([] if mark is None else [mark])
    assert found.rows.tolist() == [mark is not None]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("die II. Liga", 0),
        ("in die II. Liga", 3),
        ("die CI", None),
        ("die I", None),
        ("Teil C", 0),
        ("die C.", 0),
    ],
)
def test_a_word_may_ask_for_a_dot_behind_its_numeral(text, mark):
    probe = make_probe("", before_numeral=["die", "Teil"], dotted=["die"])
    assert look(pa.array([text]), probe).marks.tolist() == ([] if mark is None else [mark])


@pytest.mark.parametrize(
    ("text", "mark"), [("Rocky III", 0), ("see Rocky II, or", 4), ("see rocky II", None), ("Rocky I", None)]
)
def test_a_name_before_a_numeral_of_several_letters_is_found(text, mark):
    found = look(pa.array([text]), make_probe("", names=["von"]))
    assert found.marks.tolist() == ([] if mark is None else [mark])


@pytest.mark.parametrize(
    ("text", "mark"), [("IV war", 0), ("a IV war", 2), ("(IV war)", 1), ("l’IV war", 4), ("XIV warm", None)]
)
def test_a_span_that_begins_with_a_numeral_is_found(text, mark):
    probe = make_probe("", numerals="[IVX]+ war\\b")
    assert look(pa.array([text]), probe).marks.tolist() == ([] if mark is None else [mark])
    amid = look(pa.array(["a V", text, "Xavier and many more"]), probe)
    assert amid.marks.tolist() == ([] if mark is None else [3 + mark])


def test_a_numeral_that_ends_its_row_ends_there():
    found = look(pa.array(["the V war", "XI", "V war and more of it"]), make_probe("", numerals="[IVX]+ war"))
    assert found.rows.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("March 5", [0]),
        ("on March\u00a05", [3]),
        ("no. 5, No 6", [0, 7]),
        ("p.5", [0]),
        ("camp. 5", []),
        ("मार्च 5", [0]),
        ("US$5", [0]),
        ("5 March", []),
        ("", []),
        ("Sunday in March 5 and no 6", [10, 22]),
        ("Sunday in\tMarch 5", [10]),
        ("Sunday in_March 5", []),
        ("Sunday inMarch 5", []),
        ("Sunday in March  5", []),
        ("Sunday in March. 5, (March 6", [10, 21]),
        ("Sunday in éMarch 5", []),
    ],
)
def test_words_before_a_number_are_found_from_its_first_digit(text, marks):
    probe = make_probe("5", before_number=["March", "no", "No", "p.", "मार्च", "US$"])
    assert before_numbers(*rows_of(pa.array([text])), probe).tolist() == marks
    amid = before_numbers(*rows_of(pa.array(["they March", text, "6"])), probe)
    assert amid.tolist() == [10 + mark for mark in marks]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Goethestr. 5", [0]),
        ("in (Österstr. 5)", [4]),
        ("Karl-Marx-Str. 5, dstr. 5", [10, 18]),
        ("Str. 5", [0]),
        ("Astronaut 5", []),
        ("str. x", []),
        ("x" * 60 + "str. 5", []),
    ],
)
def test_a_word_before_a_number_is_found_by_its_end(text, marks):
    probe = make_probe("5", before_number=["Str."], ends=["str."])
    assert before_numbers(*rows_of(pa.array([text])), probe).tolist() == marks


@pytest.mark.parametrize(
    ("text", "marks"), [("von Karl V", [0]), ("Karl V", [0]), ("davon Karl V", [6]), ("von Karla V", [])]
)
def test_a_word_that_belongs_to_one_before_a_numeral_is_found_with_it(text, marks):
    probe = make_probe("", before_numeral=["Karl"], names=["von"])
    assert look(pa.array([text]), probe).marks.tolist() == marks


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("قبل القرن ال19", [4]),
        ("(القرن ال 19)", [1]),
        ("ال19", [0]),
        ("a\u00a0في 19", [2]),
        ("جمال19", []),
    ],
)
def test_a_word_before_an_article_and_a_number_belongs_to_them(text, marks):
    probe = make_probe("19", before_number=["ال", "في"], behind_word=["ال"])
    found = before_numbers(*rows_of(pa.array([text])), probe).tolist()
    assert found == [len(text[:mark].encode()) for mark in marks]


@pytest.mark.parametrize(("text", "marks"), [("لخ", [0]), ("لخ، و", [0]), ("لخا", []), ("لخ.ا", [0])])
def test_a_word_ends_where_no_letter_follows(text, marks):
    words = [Words(Kind.TOKEN, ["لخ", "لخ."], r"لخ\.?", ended=True)]
    assert look(pa.array([text]), make_probe("", words)).marks.tolist() == marks


def test_a_set_is_spread_over_its_ranges():
    assert "".join(spread("A-CX0-2")) == "ABCX012"
