"""Where written tokens are: a trigger for rows, and a pattern that takes a token with its context."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from normalizers.languages import common, language
from normalizers.masks import Gram, Probe, class_grams, make_probe, pattern_grams, word_gram
from normalizers.patterns import GAP, WORD, any_of, decimal_digits
from normalizers.voices import pieces_of, voice_of

MARK = "\ufdd0"
"""Stands before a word that changes what follows it. A noncharacter: text cannot mean anything by it."""
_Trigger = tuple[str, list[Gram] | None]
"""A pattern of RE2, and bytes of which every match holds some; None where they are not known."""
_DASHES = "-–—~〜～"
_INSIDE = rf".,:/{_DASHES}−'’+=×x*÷<>≤≥٫٬،^".replace("-", r"\-", 1)


@dataclass(frozen=True, slots=True)
class Spans:
    """How to find tokens; `lead` is RE2's, `token` is Python's."""

    probe: Probe
    """A row that it does not find stays as it is but for case."""
    lead: str
    """Words that a token may begin with."""
    token: re.Pattern[str]
    """A written token with all its context; begins with a character set, so that the search can skip."""
    glue: frozenset[str]
    """Signs that become words: a word beside them needs a blank."""
    astral: str
    """A digit beyond U+FFFF, folded first: such characters in a set slow Python's search eightfold."""
    spaced: bool
    """Whether blanks stand between words."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """Characters a token may begin with, each a string for the inside of a character class."""

    digit: str
    money: str
    odd: str
    """Superscripts and fractions."""
    symbol: str


@functools.cache
def spans_of(code: str) -> Spans:
    """The patterns of a language, built once."""
    tables, tongue = voice_of(code).tables, language(code).tables
    context: Mapping[str, Any] = {**common()["context"], **tongue.get("context", {})}
    one = [key for key in tables["currency"] if len(key) == 1 and not key.isalpha()]
    glue = (
        {key for key in tables["symbol"] if len(key) == 1} | set(one) | {*tables["raised"], *tables["fold"]}
    )
    signs = _Signs(
        digit=decimal_digits(astral=False),
        money=re.escape("".join(one)),
        odd=re.escape("".join([*tables["raised"], *tables["fold"]])),
        symbol=re.escape("".join(key for key in tables["symbol"] if len(key) == 1)),
    )
    spaced = voice_of(code).words["blank"] == " "
    alone = _alone(tables, context)
    return Spans(
        probe=_probe(alone, glue, signs, "".join(language(code).tables["numbers"]["sets"].values())),
        lead="|".join([*(pattern for pattern, _ in alone), *_leads(tables, context, signs)]),
        token=re.compile(_token(code, tables, context, signs, spaced)),
        glue=frozenset(glue),
        astral=f"[{decimal_digits(astral=True)}]",
        spaced=spaced,
    )


def _probe(alone: Iterable[_Trigger], glue: Iterable[str], signs: _Signs, script: str) -> Probe:
    """Rows with a decimal digit, another sign or a match of a trigger."""
    any_sign = f"[{signs.digit}{decimal_digits(astral=True)}{signs.symbol}{signs.money}{signs.odd}]"
    digits = (chr(zero + n) for zero in common()["digits"]["zeros"] for n in range(10))
    known = [(pattern, grams) for pattern, grams in alone if grams is not None]
    return make_probe(
        [*digits, *glue],
        [gram for _, grams in known for gram in grams],
        [any_sign, *(pattern for pattern, _ in known)],
        [pattern for pattern, grams in alone if grams is None],
        script,
    )


def _leads(
    tables: Mapping[str, Mapping[str, str]], context: Mapping[str, Any], signs: _Signs
) -> Iterable[str]:
    """RE2 patterns of words that matter before a number."""
    after = f"\\.?[- \u00a0]?(?-i:[{signs.digit}{signs.money}IVXLCDM])"
    return _bounded(_keys(tables, context["left"]), "(?i)", after)


def _alone(tables: Mapping[str, Mapping[str, str]], context: Mapping[str, Any]) -> list[_Trigger]:
    """RE2 patterns of what matters by itself: addresses, initials, abbreviations, names before numerals."""
    shared = [common()[name] for name in ("web", "initials")]
    alone: list[_Trigger] = [(one["trigger"], [class_grams(text) for text in one["holds"]]) for one in shared]
    alone += [(pattern, pattern_grams(pattern)) for pattern in context["triggers"]]
    exact, loose = _abbreviations(tables)
    alone += [(p, _grams(exact, [()], any_case=False)) for p in _bounded(exact, "", "")]
    alone += [(p, _grams(loose, [()], any_case=True)) for p in _bounded(loose, "(?i)", "")]
    roman = _keys(tables, context["roman"])
    after = [(b" ", b"IVXLCDM"), (b"\xc2", b"\xa0", b"IVXLCDM")]
    grams = _grams(roman, after, any_case=True)
    return alone + [(p, grams) for p in _bounded(roman, "(?i)", "[ \u00a0](?-i:[IVXLCDM])")]


def _grams(words: list[str], after: list[tuple[bytes, ...]], *, any_case: bool) -> list[Gram] | None:
    """Bytes that all of the words hold, or None when one of them holds none that are known."""
    grams = [word_gram(word, any_case=any_case, after=tail) for word in words for tail in after]
    return None if None in grams else [gram for gram in grams if gram]


def _bounded(keys: list[str], flag: str, after: str) -> Iterable[str]:
    """Patterns of whole words for RE2, whose word boundary knows ASCII only: others begin anywhere."""
    for ascii_start in (True, False):
        for ascii_end in (True, False):
            words = [
                key
                for key in keys
                if key[0].isascii() is ascii_start and (key[-1].isascii() and key[-1].isalnum()) is ascii_end
            ]
            if words:
                bounds = (r"\b" if ascii_start else "", r"\b" if ascii_end and not after else "")
                yield f"(?{flag[2:-1] or 's'}:{bounds[0]}{any_of(words)}{bounds[1]}{after})"


def _abbreviations(tables: Mapping[str, Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Those with a capital, which are written so, and those without, in any case.

    A lower-case one must not depend on case: "VS." becomes "vs." in the end, and a spoken form stays.
    """
    keys = tables["abbreviation"]
    return [key for key in keys if key.lower() != key], [key for key in keys if key.lower() == key]


def _keys(tables: Mapping[str, Mapping[str, str]], names: Iterable[str]) -> list[str]:
    return [key for name in names for key in tables[name] if key[0].isalpha()]


def _token(
    code: str,
    tables: Mapping[str, Mapping[str, str]],
    context: Mapping[str, Any],
    signs: _Signs,
    spaced: bool,
) -> str:
    # Where words are not spaced, the next letter says nothing about where a unit ends.
    end = f"(?![{WORD}])" if spaced else ""
    right = any_of(key for name in context["right"] for key in tables[name])
    # Every repetition is bounded: a row that is one endless list of numbers is many tokens, in linear time.
    run = rf"\d*(?:[{_INSIDE}]\d+|{GAP}?\(\d+\){GAP}?-?\d+|[{signs.odd}]){{0,16}}"
    word = f"(?:{GAP}?{MARK}?|{GAP}?/)(?:(?i:{right}){end}|[{signs.money}%°](?!{GAP}?\\d))"
    dash = rf"[\{_DASHES}+=]"
    joint = f"(?:{GAP}{dash}{GAP}|{dash}{GAP}?|{GAP}[×x*/]{GAP}|[.,]?{GAP})"
    more = rf"(?:{word}|{joint}[-−]?[{signs.money}]?\.?\d{run}){{0,6}}"
    number = rf"\d{run}{more}"
    exact, loose = _abbreviations(tables)
    roman = rf"[IVXLCDM]{{1,9}}(?![{WORD}])"
    pieces = pieces_of(voice_of(code), language(code).tables)
    marked = "|".join(
        (
            pieces["web_address"],
            rf"[A-Z]\.(?:{GAP}?[A-Z]\.)+",
            context["names"].replace("ROMAN", roman),
            rf"(?i:{any_of(_keys(tables, context['left']))})\.?(?:{GAP}|-)?"
            rf"(?:(?:[{signs.symbol}{signs.money}]{GAP}?)?{number}|{roman})",
            f"(?:{any_of(exact)}|(?i:{any_of(loose)}))(?![{WORD}])",
        )
    )
    return (
        rf"[{signs.digit}{signs.symbol}{signs.money}{signs.odd}\-−.{MARK}](?:"
        rf"(?<={MARK})(?:(?<![{WORD}]{MARK})(?:{marked}))?"
        rf"|(?<=\d){run}{more}"
        rf"|(?<=[{signs.symbol}{signs.money}])(?:{GAP}?[-−]?[{signs.money}]?\.?{number})?"
        rf"|(?<=[-−])(?<![\w.)%\]\-][-−])[{signs.money}]?{GAP}?\.?{number}"
        rf"|(?<=\.)(?<![\w.]\.){number}"
        rf"|(?<=[{signs.odd}]))"
    )
