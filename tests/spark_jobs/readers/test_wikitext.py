"""Wikitext and the text a reader of the page sees, worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spark_jobs.readers.wikitext import (
    WikitextError,
    parse_cost,
    plain_text,
    without_extensions,
    without_quotes,
)

PAGES = {
    "A [[link]], a [[target|label]] and [[Help:Page|''its'' text]].": "A link, a label and its text.",
    "See [http://a.example the site] or [http://a.example] now.": "See the site or now.",
    "One {{tpl|a=[[b]]|{{inner}}}} two": "One two",
    "Kyoto ({{lang|ja|京都}}, {{IPA|x}}) is old.": "Kyoto is old.",
    "東京（{{読み仮名|とうきょう}}）は都市。": "東京は都市。",
    "Text<ref>Note with [[link]].</ref> on<ref name=a/> and<ref name='b'>x</ref> on.": "Text on and on.",
    "Text <!-- hidden [[ --> end": "Text end",
    "one\n<!-- alone -->\ntwo": "one two",
    "one line\nof a paragraph\n\nanother": "one line of a paragraph\nanother",
    "改行は\n続く": "改行は続く",
    "== Heading ==\ntext\n=== Next ===\n* item one\n* item ''two''\n# three\n; term : meaning": (
        "text\nitem one\nitem two\nthree\nterm meaning"
    ),
    "* item\nafter the list": "item\nafter the list",
    ":indented\n::more": "indented\nmore",
    "one<br>two<br />three": "one\ntwo\nthree",
    "before\n{| class=x\n! head\n|-\n| cell [[link]]\n{|\n| inner\n|}\n|}\nafter": "before\nafter",
    "before\n{| class=x\n| never closed\n|-\nafter": "before\nafter",
    "[[File:A b.jpg|thumb|A caption with a [[link]].]]Text": "Text",
    "[[Datei:A.jpg]][[画像:A.jpg|x]][[దస్త్రం:A.jpg]][[صورة:A.jpg]][[image:a.png|x]]Text": "Text",
    "Text [[Category:Things|sorted]][[Kategorie:Dinge]][[वर्ग:गोष्टी]]": "Text",
    "In [[:Category:Things]] and [[:fr:Page]]": "In Category:Things and fr:Page",
    "Text [[fr:Texte]] [[zh-min-nan:X]] [[simple:Text]]": "Text",
    "[[wikt:word|word]] and [[Star Trek: Picard]]": "word and Star Trek: Picard",
    "x<sub>2</sub> &amp; y<sup>3</sup>&nbsp;z &lt;b&gt; &#8364; &eacute;": "x2 & y3 z <b> € é",
    "<nowiki>'''x''' [[not a link]] {{no}} &amp;</nowiki>": "'''x''' [[not a link]] {{no}} &amp;",
    "<math>a^2 [[</math>Sum<gallery>\nFile:a.jpg|b\n</gallery><syntaxhighlight>{{</syntaxhighlight>": "Sum",
    "<poem>\nOne\nTwo\n</poem>": "One\nTwo",
    "<blockquote>Said so.</blockquote>After": "Said so.\nAfter",
    "<div style='x'>In a box</div>": "In a box",
    "漢字<ruby>東<rp>(</rp><rt>ひがし</rt><rp>)</rp></ruby>": "漢字東",
    "__NOTOC__Text __बिना_विषयसूची__ snake__case __init__": "Text snake__case __init__",
    "<ref>never closed {{x}} text": "never closed text",
    "{{never closed [[link]]": "never closed link",
    "text }} and ]] with strays": "text and with strays",
    "----\n* \n***\n()\ntext": "text",
    "": "",
    "&#0;&#xD800;&#x110000;x": "&#0;&#x110000;x",
    "#REDIRECT [[Other]]": "REDIRECT Other",
}


@pytest.mark.parametrize(("wikitext", "text"), PAGES.items())
def test_a_page_becomes_what_its_reader_sees(wikitext, text):
    assert plain_text(wikitext) == text


def test_namespaces_of_the_dump_are_hidden_as_well():
    assert plain_text("[[Plik:A.jpg|x]] [[Kategoria:B]] a", frozenset({"plik", "kategoria"})) == "a"


QUOTES = {
    "a ''b'' c": "a b c",
    "'''b''' and '''''both'''''": "b and both",
    "L'''Inferno'' di Dante": "L'Inferno di Dante",  # one bold and one italic are open: the bold is ' and ''
    "dell'''Inferno''": "dell'Inferno",
    "'''''a'' b''' c": "a b c",
    "''''four''''": "'four'",
    "''''''six": "'six",
    "it's one": "it's one",
    "x ''never closed": "x never closed",
    "'''l''' ''a'' d'''un''": "l a d'un",
}


@pytest.mark.parametrize(("line", "text"), QUOTES.items())
def test_apostrophes_for_bold_and_italics_go_and_the_others_stay(line, text):
    assert without_quotes(line) == text


def test_a_page_that_would_take_the_parser_minutes_is_refused_at_once():
    # 3,000 unclosed tags: five seconds at 15 kB, minutes at 60 kB.
    with pytest.raises(WikitextError, match="too many unclosed brackets or tags"):
        plain_text("<a b=" * 12_000)


def test_sound_pages_cost_nothing_however_long():
    page = "{{a|[[b]]}} <b>c</b> [http://d e] x < y and y > x<br>\n* item\n" * 20_000
    assert parse_cost(page) == 0
    assert parse_cost("a [[b and {{c") == (1 + 2 + 1) * 13  # "[[" is also two "["


marks = [
    "[[",
    "]]",
    "{{",
    "}}",
    "{|",
    "|}",
    "|",
    "\n",
    "<ref>",
    "</ref>",
    "<!--",
    "-->",
    "''",
    "'''",
    "&",
    "&#39;",
]
marks += [
    "a",
    " ",
    "=",
    "== ",
    "<b>",
    "</b>",
    "<nowiki>",
    "</nowiki>",
    "[http://x ",
    "]",
    "*",
    ":",
    "<br/>",
    "é",
    "__A__",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(marks), max_size=60).map("".join))
@example("<nowiki>[[</nowiki>")
def test_any_markup_gives_clean_lines(wikitext):
    text = plain_text(wikitext)
    for line in text.split("\n") if text else []:
        assert line == " ".join(line.split())
        assert any(map(str.isalnum, line))
    assert "<!--" not in without_extensions(wikitext)
