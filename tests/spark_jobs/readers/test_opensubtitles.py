"""OPUS OpenSubtitles: blocks of lines of a mono file, one document a film in the XML tree."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FILM = b"""<?xml version="1.0" encoding="utf-8"?>
<document id="4000000">
  <meta><conversion><tokenizer>w of a meta element: never in a sentence</tokenizer></conversion></meta>
  <s id="1"><time id="T1S" value="00:00:01,500" />
    <w id="1.1">Don</w><w id="1.2">'t</w>
    <w id="1.3">go</w><w id="1.4">!</w></s>
  <s id="2"></s>
  <s id="3"><w id="3.1">\xc3\x89t\xc3\xa9</w><w id="3.2"> </w><w>&amp;</w><w>co</w><time id="T1E" /></s>
</document>
"""


def test_a_film_is_one_document_with_a_sentence_a_line(reading):
    for name, content in {"1.xml": FILM, "1.xml.gz": gzip.compress(FILM), "1.XML": FILM}.items():
        seen = reading("opensubtitles", content, name)
        assert seen.texts == ["Don't go!\nÉté & co"]
        assert seen.ordinals == [0]
        assert seen.rejected == []


def test_sentences_without_tokens_are_taken_as_they_stand(reading):
    film = b'<document><s id="1">\n  <time id="T1S"/>\n Who  is\n there?\n</s><s id="2">Me.</s></document>'
    assert reading("opensubtitles", film, "1.xml").texts == ["Who is there?\nMe."]


def test_a_film_may_say_its_own_encoding(reading):
    film = '<?xml version="1.0" encoding="iso-8859-1"?><document><s>Café</s></document>'.encode("latin-1")
    assert reading("opensubtitles", film, "1.xml").texts == ["Café"]


BAD_FILMS = {
    FILM[:400]: "bad_xml",
    FILM.replace(b"</s>", b"</t>", 1): "bad_xml",
    b"no xml at all": "bad_xml",
    FILM.replace(b"go", b"g\xffo"): "not_utf8",
    FILM.replace(b"go", b"g\0o"): "nul_byte",
    b"<document><s> </s></document>": "empty",
    b'<!DOCTYPE d [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><document><s>&b;</s></document>': "bad_xml",
    "\ufeff<document><s>a</s></document>".encode("utf-16"): "utf16",
}


@pytest.mark.parametrize(("content", "reason"), BAD_FILMS.items())
def test_a_film_that_cannot_be_read_is_one_rejection(reading, content, reason):
    seen = reading("opensubtitles", content, "1.xml")
    assert (seen.texts, seen.reasons) == ([], [(0, reason)])
    assert seen.rejected[0].raw == content[:1000]


def test_a_cut_or_giant_film_is_one_rejection(reading):
    assert reading("opensubtitles", gzip.compress(FILM)[:-40], "1.xml.gz").reasons == [
        (0, "truncated_archive")
    ]
    seen = reading("opensubtitles", FILM * 3000, "1.xml", max_record_bytes=100_000)
    assert seen.reasons == [(0, "too_long")]
    assert f"{len(FILM) * 3000:,} bytes, limit 100,000" in seen.rejected[0].detail
    assert seen.rejected[0].raw == (FILM * 3)[:1000]


def test_an_empty_film_holds_nothing(reading):
    assert reading("opensubtitles", b"", "1.xml").rejected == []


def test_lines_of_a_mono_file_are_documents_by_the_hundred(reading):
    content = gzip.compress("".join(f"Line {n}.\n" for n in range(250)).encode())
    seen = reading("opensubtitles", content, "en.txt.gz")
    assert [text.count("\n") + 1 for text in seen.texts] == [100, 100, 50]
    assert seen.texts[1].split("\n")[0] == "Line 100."
    assert seen.ordinals == [0, 1, 2]


def test_a_bad_line_costs_its_block_and_moves_no_other(reading):
    seen = reading("opensubtitles", b"a\r\n\r\nb\nc\nd\xff\n\n\n\n\ne", "en.txt", block_lines=3)
    assert seen.texts == ["a\nb", "e"]
    assert seen.ordinals == [0, 3]  # the third block holds empty lines only: it has a number, no text
    assert seen.reasons == [(1, "not_utf8")]
    assert seen.rejected[0].raw == b"c\nd\xff"


def test_a_giant_line_ends_its_block_and_is_rejected(reading):
    seen = reading(
        "opensubtitles", b"a\n" + b"x" * 5000 + b"\nb\nc\nd\n", "en.txt", block_lines=3, max_record_bytes=2000
    )
    assert seen.texts == ["a", "b\nc\nd"]
    assert seen.ordinals == [0, 2]
    assert seen.reasons == [(1, "too_long")]


def test_a_block_of_long_lines_is_rejected_and_not_held(reading):
    seen = reading(
        "opensubtitles", (b"x" * 1500 + b"\n") * 3 + b"b\n", "en.txt", block_lines=3, max_record_bytes=2000
    )
    assert seen.texts == ["b"]
    assert seen.reasons == [(0, "too_long")]
    assert "4,503 bytes" in seen.rejected[0].detail
    assert seen.rejected[0].raw == b"x" * 1000


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_lines_do_not_depend_on_blocks_of_bytes(reading):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.text("abc é", max_size=30), max_size=40), st.integers(1, 7))
    def holds(lines, block_lines):
        seen = reading("opensubtitles", "\n".join(lines).encode(), "en.txt", block_lines=block_lines)
        groups = [
            "\n".join(filter(None, lines[k : k + block_lines])) for k in range(0, len(lines), block_lines)
        ]
        assert seen.texts == [group for group in groups if group.strip()]
        assert seen.ordinals == [n for n, group in enumerate(groups) if group.strip()]

    holds()
