"""Wikitext to plain text: paragraphs and list items, one a line; about 3 MB of wikitext a CPU second.

mwparserfromhell does the parsing. Ours is what MediaWiki does before (comments, extension tags) and after
(bold and italics, paragraphs), and the choice of what is text. What is not: templates, tables, references,
files, categories, headings, links to other languages.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

MAX_PARSE_COST = 10_000_000
"""Single marks times characters; the parser goes back to each mark, 0.1 to 0.5 us a time: seconds a page."""
# A link to the same page in another language, [[de:Seite]]; names of sister projects are longer or shorter.
_LANGUAGE_LINK = re.compile(r"(?:[a-z]{2,3}|simple|[a-z]{2,3}(?:-[a-z]{2,8})+)\s*:")
_BEHAVIOUR_SWITCH = re.compile(r"__(?:[^\s_<>\[\]{}|=a-z]|_(?!_))+__")
# What a dropped template or link leaves: brackets with nothing or marks only in them.
_EMPTY_BRACKETS = re.compile(r" ?[(（] ?[,;:،、·/–—-]*(?: [,;:،、·/–—-]+)* ?[)）]")
_LEFT_OVER = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|</?[a-zA-Z][^<>]{0,200}>")
_TABLE_LINE = re.compile(r"\s*(?:\{\||\|)")
_QUOTES = re.compile(r"('{2,})")
# Marks that were written as entities, or in nowiki, are text: noncharacters hold their place.
_MARKS = "'[]{}<>|_"
_SHIELD = {ord(mark): 0xFDD0 + n for n, mark in enumerate(_MARKS)}
_UNSHIELD = {0xFDD0 + n: mark for n, mark in enumerate(_MARKS)}
_BREAK = "\n\n"  # ends a paragraph; a single line break does not
_ITEM = "\x1d"  # stands for a bullet; no page holds it, XML forbids it
# Scripts that write no spaces: Japanese and Chinese.
_NO_SPACES = re.compile("[\u3000-\u30ff\u3400-\u9fff\uff00-\uff9f]")


class WikitextError(ValueError):
    """A page whose markup cannot be parsed at a bearable price."""


@cache
def _facts() -> dict[str, Any]:
    return tomllib.loads((files("spark_jobs") / "data" / "wikitext.toml").read_text("utf-8"))


@cache
def hidden_namespaces() -> frozenset[str]:
    """Names of file and category namespaces in the languages we know, in lower case."""
    return frozenset(name for names in _facts()["hidden_namespaces"].values() for name in names)


def plain_text(wikitext: str, hidden: frozenset[str] = frozenset()) -> str:
    """The running text of a page; `hidden`: further namespaces, in lower case, whose links are not text.

    WikitextError where the page has too many unclosed marks; the parser may raise others.
    """
    source = without_extensions(wikitext)
    if (cost := parse_cost(source)) > MAX_PARSE_COST:
        raise WikitextError(f"too many unclosed brackets or tags (cost {cost:,}, limit {MAX_PARSE_COST:,})")
    parsed = mwparserfromhell.parse(source, skip_style_tags=True)
    flat = "".join(_text(parsed, hidden | hidden_namespaces()))
    return "\n".join(line for raw in _paragraphs(flat) if (line := _line(raw)))


def without_extensions(wikitext: str) -> str:
    """The page without comments and extension tags, `nowiki` as plain characters; linear in its length.

    MediaWiki does this first as well: within these no other markup counts.
    """
    kept: list[str] = []
    at = 0
    unclosed: set[str] = set()
    opening, closings = _extension_patterns()
    while found := opening.search(wikitext, at):
        kept.append(wikitext[at : found.start()])
        at = found.end()
        name = (found["name"] or "").lower()
        if not name:
            end = wikitext.find("-->", at)
            at = end + 3 if end >= 0 else len(wikitext)
            # A line that holds nothing but a comment goes with it, or it would end the paragraph.
            at += wikitext[found.start() - 1 : found.start()] == wikitext[at : at + 1] == "\n"
        elif not found["attributes"].endswith("/") and name not in unclosed:
            end_tag = closings[name].search(wikitext, at)
            if end_tag is None:
                unclosed.add(name)
                continue
            if name == "nowiki":
                kept.append(
                    re.sub(r"[^\w\s]", lambda mark: f"&#{ord(mark[0])};", wikitext[at : end_tag.start()])
                )
            at = end_tag.end()
    kept.append(wikitext[at:])
    return "".join(kept)


@cache
def _extension_patterns() -> tuple[re.Pattern[str], dict[str, re.Pattern[str]]]:
    names = [*_facts()["extension_tags"], "nowiki"]
    opening = rf"<!--|<(?P<name>{'|'.join(names)})(?P<attributes>(?:\s[^<>]*|/)?)>"
    return re.compile(opening, re.I), {name: re.compile(rf"</{name}\s*>", re.I) for name in names}


def parse_cost(source: str) -> int:
    """How much work a page may be to the parser, in marks without their partner times characters."""
    alone = 0
    for opening, closing, strays in _pairs():
        depth = 0
        for found in re.finditer(f"(?P<opening>{opening})|{closing}", source, re.I):
            if found["opening"]:
                depth += 1
            elif depth:
                depth -= 1
            else:
                alone += strays
        alone += depth
    return alone * len(source)


@cache
def _pairs() -> tuple[tuple[str, str, bool], ...]:
    """Patterns of marks that belong together, and whether the second alone costs as well."""
    void = "|".join(_facts()["void_tags"])
    brackets = [(r"\{\{", r"\}\}"), (r"\[\[", r"\]\]"), (r"\[", r"\]"), ("<", ">")]
    return (*((*pair, False) for pair in brackets), (rf"<(?!(?:{void})\b)[a-z]", "</|/>", True))


def _text(code: mwparserfromhell.wikicode.Wikicode, hidden: frozenset[str]) -> Iterator[str]:
    for node in code.nodes:
        if isinstance(node, nodes.Text):
            yield node.value
        elif isinstance(node, nodes.Wikilink):
            yield from _wikilink(node, hidden)
        elif isinstance(node, nodes.ExternalLink):
            if not node.brackets:
                yield str(node.url)
            elif node.title is not None:
                yield from _text(node.title, hidden)
        elif isinstance(node, nodes.HTMLEntity):
            yield _character(node)
        elif isinstance(node, nodes.Tag):
            yield from _tag(node, hidden)
        elif isinstance(node, nodes.Heading):
            yield _BREAK


def _wikilink(link: nodes.Wikilink, hidden: frozenset[str]) -> Iterator[str]:
    title = str(link.title).strip()
    namespace, colon, _ = title.partition(":")
    if (
        colon
        and namespace
        and (namespace.strip().replace("_", " ").lower() in hidden or _LANGUAGE_LINK.match(title))
    ):
        return
    if link.text is None:
        yield title.removeprefix(":")
    else:
        yield from _text(link.text, hidden)


def _character(entity: nodes.HTMLEntity) -> str:
    try:
        character = str(entity.normalize())
    except (ValueError, OverflowError):
        return str(entity)
    # No control characters, and no halves of surrogate pairs.
    return character.translate(_SHIELD) if character >= " " and not "\ud800" <= character <= "\udfff" else ""


def _tag(tag: nodes.Tag, hidden: frozenset[str]) -> Iterator[str]:
    name = str(tag.tag).strip().lower()
    if tag.wiki_markup and name in {"li", "dd", "dt"}:
        yield _ITEM
        return
    if name in _facts()["dropped_tags"]:
        yield _BREAK
        return
    line_break = _BREAK if name in _facts()["block_tags"] else ""
    yield line_break
    if tag.contents is not None:
        content = _text(tag.contents, hidden)
        yield from (part.replace("\n", _BREAK) for part in content) if name == "poem" else content
    yield line_break


def _paragraphs(flat: str) -> Iterator[str]:
    """Paragraphs and list items; within a paragraph a line break is a space."""
    lines: list[str] = []
    # Without the lines of a table that is never closed.
    for line in ["" if _TABLE_LINE.match(line) else line for line in flat.split("\n")] + [""]:
        apart = line.startswith((" ", _ITEM))  # a list item, or lines that are meant to stand as they are
        if lines and (apart or not line.strip()):
            yield _joined(lines)
            lines = []
        if apart:
            yield line.replace(_ITEM, " ")
        elif line.strip():
            lines.append(line)


def _joined(lines: list[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        text += line if _NO_SPACES.search(text[-1] + line[0]) else " " + line
    return text


def _line(raw: str) -> str:
    """One line of text, empty if no word is left on it."""
    line = _LEFT_OVER.sub("", _BEHAVIOUR_SWITCH.sub("", without_quotes(raw)))
    line = _EMPTY_BRACKETS.sub("", " ".join(line.split())).strip()
    return line.translate(_UNSHIELD) if any(map(str.isalnum, line)) else ""


def without_quotes(line: str) -> str:
    """The line without the apostrophes that mean bold and italics, by MediaWiki's rules (Parser::doQuotes).

    Four apostrophes are one and bold, more than five are those and five. Where both bold and italics stay
    open, one bold is an apostrophe and italics: L'''Inferno'' is L'Inferno.
    """
    parts = _QUOTES.split(line)
    if len(parts) == 1:
        return line
    runs = [len(run) for run in parts[1::2]]
    for n, run in enumerate(runs):
        if run == 4 or run > 5:
            meant = 3 if run == 4 else 5
            parts[2 * n] += "'" * (run - meant)
            runs[n] = meant
    bold, italic = (sum(run in (marks, 5) for run in runs) for marks in (3, 2))
    if bold % 2 and italic % 2:
        threes = [n for n, run in enumerate(runs) if run == 3]
        if threes:
            chosen = min(threes, key=lambda n: _as_apostrophe(parts[2 * n]))
            parts[2 * chosen] += "'"
    return "".join(parts[::2])


def _as_apostrophe(before: str) -> int:
    """How badly text in front of ''' goes with an apostrophe: 0 a single letter, 1 a word, 2 a space."""
    if before.endswith(" "):
        return 2
    return 0 if before[-2:-1] == " " else 1
