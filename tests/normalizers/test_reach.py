"""A text cut into stretches is said as the whole of it; and what can be said alone is cut out."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizers import languages, spoken, to_spoken, to_spoken_text
from normalizers.spans import spans_of

CASES = Path(__file__).with_name("cases")
PIECES = [
    "5",
    "12",
    "2014",
    "3.5",
    "1,000",
    "$",
    "€",
    "%",
    "&",
    "#",
    "=",
    "²",
    "½",
    "-",
    "–",
    "/",
    ":",
    ".",
    ",",
]
PIECES += [
    "km",
    "per",
    "p. m.",
    "a.m.",
    "m",
    "x",
    "the",
    "The",
    "no.",
    "St.",
    "Elm",
    "Henry VIII",
    "etc.",
    "ID",
]
PIECES += [
    "Mai",
    "May",
    "de mayo",
    "ha",
    "og",
    "und",
    "y",
    "(",
    ")",
    '"',
    "'s",
    "www.a.org",
    "COVID",
    "th",
    "+49",
]
PIECES += [
    "1",
    "21",
    "2.1.",
    "-05-",
    "Eine",
    "der",
    "XIV.",
    "Street",
    "B",
    "रोड",
    "नगर",
    "पाठ",
    "பாடங்களை",
    "పాఠాలు",
]
PIECES += ["में", "रुपये", "रुपए", "मे", "ரூபாய்", "மணி", "ఏళ్ళు", "في", "من", "ال", "年", "月", "í", "K"]
TEXTS = st.lists(
    st.sampled_from(PIECES)
    | st.sampled_from([" ", " ", " ", "  ", "\n", "\u00a0"])
    | st.characters(codec="utf-8"),
    max_size=14,
).map("".join)


@pytest.fixture(autouse=True, scope="module")
def cut_however_few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spoken, "_FEW", 0)
        yield


def said_whole(column: pa.Array, lang: str, monkeypatch: pytest.MonkeyPatch) -> pa.Array:
    """As if tokens could reach over everything."""
    with monkeypatch.context() as patch:
        patch.setattr(spoken, "spans_of", lambda code: dataclasses.replace(spans_of(code), reach=None))
        return to_spoken(column, lang)


@pytest.mark.parametrize("lang", [lang for lang in languages() if lang != "ja"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_stretches_are_said_as_the_whole_text(lang, texts):
    column = pa.array(texts, pa.large_string())
    with pytest.MonkeyPatch.context() as patch:
        whole = said_whole(column, lang, patch)
    assert to_spoken(column, lang).to_pylist() == whole.to_pylist()


@pytest.mark.parametrize("lang", [lang for lang in languages() if lang != "ja"])
def test_the_cases_of_a_language_are_said_cut_as_they_are_whole(lang, monkeypatch):
    lines = (CASES / f"{lang}.tsv").read_text("utf-8").splitlines()
    written = [line.split("\t")[1] for line in lines if line and not line.startswith("#")]
    column = pa.array([*written, " ".join(written)], pa.large_string())
    assert to_spoken(column, lang).to_pylist() == said_whole(column, lang, monkeypatch).to_pylist()


@pytest.mark.parametrize("lang", languages())
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_text_is_said_line_by_line(lang, text):
    text = re.sub("[\ufdd0-\ufddf]", "", text)  # noncharacters are dropped where something is said
    assert to_spoken_text(text, lang) == "\n".join(to_spoken_text(line, lang) for line in text.split("\n"))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_rows_of_several_lines_keep_their_nulls_their_empty_rows_and_their_slice(kind):
    rows = ["left out", "", "a 5\n\nb\n6", None, "\n", "7\n", "", None, "8"]
    said = ["", "a five\n\nb\nsix", None, "\n", "seven\n", "", None, "eight"]
    column = pa.array(rows, kind).slice(1)
    found = to_spoken(column, "en")
    found.validate(full=True)
    assert (found.type, found.to_pylist()) == (kind, said)


def test_what_a_null_row_owns_is_not_read():
    data = b"1\n2\xff\xfe\n3"
    buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(np.array([0, 3, 6, 7], np.int32)), pa.py_buffer(data)]
    column = pa.Array.from_buffers(pa.string(), 3, buffers)
    assert to_spoken(column, "en").to_pylist() == ["one\ntwo", None, "three"]


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("in 2014 the war", ["2014"]),
        ("(2014), the", ["2014"]),
        ("from 5 km per hour on", ["5 km per hour"]),
        ("about 5 - 6 of them", ["5 - 6 of"]),
        ("a 24-bit file", ["24-bit"]),
        ("in May 5 he", ["\ufdd0May 5"]),
        ("at 12 Elm St. and so", ["at 12 Elm St. and so"]),
        ("say etc. to them\n", ["say \ufdd0etc. to them\n"]),
        ("nothing here", []),
    ],
)
def test_what_is_said_apart_in_english(text, stretches, monkeypatch):
    seen = []

    def say(written, between, lang):
        seen.extend(stretch.decode() for stretch in written)
        return original(written, between, lang)

    original = spoken._say_stretches
    monkeypatch.setattr(spoken, "_say_stretches", say)
    to_spoken_text(text, "en")
    assert seen == stretches


def test_a_number_with_very_many_words_behind_it_takes_them_all():
    assert to_spoken_text("5" + " km" * 200, "en").startswith("five kilometers")
