"""Where written tokens are: what makes a row a hit, and a pattern that takes a token with its context."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from normalizers.languages import common, language
from normalizers.patterns import GAP, NO_WORD, NUMERALS, WORD, any_of
from normalizers.probes import END_BYTES, GAP_BYTES, Kind, Probe, Words, make_probe, spread
from normalizers.reach import Reach, make_reach
from normalizers.rules import expand
from normalizers.voices import mute_voice, pieces_of, voice_of, web_ends

MARK = "\ufdd0"
"""Stands before a word that changes what follows it. A noncharacter: text cannot mean anything by it."""
_DASHES = "-–—~〜～"
_INSIDE = rf".,:/．，：／{_DASHES}−'’+=×x*÷<>≤≥٫٬،^".replace("-", r"\-", 1)

_ROMAN = rf"[{NUMERALS}]{{1,9}}(?![{WORD}])"
_WAYS = 512
_LOWER_ASCII = "\u212a\u0130"
"""Characters beyond ASCII whose lower case is in ASCII (Kelvin, dotted I): their rows are looked at twice."""
NAMING = "@#&"
"""Signs that make one thing of themselves and the letters behind them."""
_BEHIND = "%٪％‰°"
"""Signs that stand behind a number."""

Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Spans:
    """How to find tokens in one language, once its probe has found a row."""

    token: re.Pattern[str]
    """A written token with all its context, as the one group; it begins with a set, to be found fast."""
    spaced: bool
    """Whether blanks stand between words."""
    reach: Reach | None
    """Where a text may be cut; None where words are not spaced."""
    letter_behind: re.Pattern[str]
    """Letters that a number took from what may be more than a word: "5www.x.org", "½www.x", "5$www.x"."""
    unsettled: re.Pattern[str]
    """Words that hold this might be, or make with what stands beside them, a token themselves."""
    restless: re.Pattern[str]
    """The same for what stands between two breaks, or between a break and punctuation."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """Characters a token may begin with, each a string for the inside of a character class."""

    digit: str
    money: str
    odd: str
    """Superscripts and fractions."""
    symbol: str
    listed: tuple[str, ...]
    """Those of money, symbols and odd ones, one by one."""


@functools.cache
def probe_of(code: str) -> Probe:
    """What finds the rows with tokens, built once: a row that it does not find stays as it is but for case.

    Its own function, as it takes a tenth of the time of the patterns: text without a token needs no more.
    """
    tables, tongue = mute_voice(code).tables, language(code).tables
    context, signs = _context(code), _signs(tables)
    digits = (chr(zero + n) for zero in common()["digits"]["zeros"] for n in range(10))
    return make_probe(
        [*digits, *signs.listed, *_LOWER_ASCII],
        _words(tables, context, tongue),
        before_number=in_cases(_keys(tables, context["left"])),
        ends=[end for span in context["spans"] for end in span.get("ends", ())],
        behind_word=in_cases(_keys(tables, context["behind_word"])),
        before_numeral=in_cases(_keys(tables, context["roman"])),
        dotted=in_cases(_keys(tables, context["roman_with_dot"])),
        names=in_cases(context["names_after"]) if context["names"] else None,
        numerals=_numerals(code, context),
        spaced=_is_spaced(code),
    )


@functools.cache
def spans_of(code: str) -> Spans:
    """The patterns of a language, built once."""
    tables, context, spaced = voice_of(code).tables, _context(code), _is_spaced(code)
    signs = _signs(tables)
    return Spans(
        token=re.compile(f"({_token(code, tables, context, signs)})"),
        spaced=spaced,
        reach=_reach(code, tables, context, signs) if spaced else None,
        letter_behind=re.compile(
            rf"[{signs.digit}{signs.odd}](?:(?![0-9])[{WORD}]|[^{WORD}\s.,:/-][A-Za-z])"
        ),
        unsettled=_unsettled(tables),
        restless=_restless(tables, context, signs),
    )


def _context(code: str) -> Mapping[str, Any]:
    return {**common()["context"], **language(code).tables.get("context", {})}


def _signs(tables: Tables) -> _Signs:
    money = [key for key in tables["currency"] if len(key) == 1 and not key.isalpha()]
    symbols = [key for key in tables["symbol"] if len(key) == 1]
    odd = [*tables["raised"], *tables["fold"]]
    return _Signs(
        digit="0-9",
        money=re.escape("".join(money)),
        odd=re.escape("".join(odd)),
        symbol=re.escape("".join(symbols)),
        listed=(*money, *symbols, *odd),
    )


def _is_spaced(code: str) -> bool:
    return mute_voice(code).words["blank"] == " "


def _unsettled(tables: Tables) -> re.Pattern[str]:
    """What may be said once more: other signs than letters, and abbreviations, to which a dot may follow."""
    words = {key.rstrip(".") for key in _abbreviations(tables)[1]}
    return re.compile(rf"[^{WORD} '’-]|(?<![{WORD}])(?i:{any_of(words)})(?![{WORD}])")


def _restless(tables: Tables, context: Mapping[str, Any], signs: _Signs) -> re.Pattern[str]:
    """As `_unsettled`, every sign, and the words of tokens that are several words in lower case."""
    sign = f"[{signs.digit}{signs.money}{signs.odd}{signs.symbol}{_LOWER_ASCII}]"
    begins = [begin for span in context["spans"] for begin in span.get("begins", ())]
    lower = [begin for begin in begins if begin == begin.lower() and not re.search(sign, begin)]
    words = {word for key in (*_abbreviations(tables)[1], *lower) for word in re.findall(f"[{WORD}]+", key)}
    other = rf"[^{WORD} \n\t.'’,;:!?()\[\]\"“”„«»‘…–—*|{{}}<>-]"
    dot = r'\.(?![\s.),;:!?"\]]|\Z)'
    return re.compile(rf"{sign}|{other}|{dot}|(?<![{WORD}])(?i:{any_of(words)})(?![{WORD}])")


def _reach(code: str, tables: Tables, context: Mapping[str, Any], signs: _Signs) -> Reach:
    """What `_token` takes behind a blank, and what the language's own pattern might."""
    return make_reach(
        [*_right(tables, context), *context["between_numbers"], *_DASHES, *_BEHIND, *"+=x×*/"],
        [sign for listed in (signs.money, signs.odd, signs.symbol) for sign in listed],
        [_own(code, context, key) for key in ("number", "behind_left")],
    )


def in_cases(words: Iterable[str]) -> list[str]:
    """Each word as it is, in lower case, in capitals and with a capital first: what "any case" means here.

    A pattern that ignores case takes Python's search twice as long.
    """
    return sorted({form for word in words for form in (word, word.lower(), word.upper(), word.capitalize())})


def in_any_case(words: Iterable[str]) -> list[str]:
    """What a word may begin with in any case: all ways to write its first eight letters."""
    forms: set[str] = set()
    for word in words:
        letters = [sorted({c, c.lower(), c.upper()}) for c in word[:8]]
        several = math.prod(map(len, letters)) <= _WAYS
        forms.update(map("".join, itertools.product(*letters)) if several else in_cases([word[:8]]))
    return sorted(forms)


def _words(tables: Tables, context: Mapping[str, Any], tongue: Mapping[str, Any]) -> list[Words]:
    """Words that are a token or stand in one.

    What a pass over lower case would take any case must have: else a spoken form would change once more.
    """
    exact, loose = _abbreviations(tables)
    names = context["before_name"]
    ends = [f".{end}" for end in web_ends(tongue)]
    return [
        Words(Kind.TOKEN, exact, any_of(exact) + END_BYTES, ended=True),
        Words(Kind.TOKEN, in_any_case(loose), f"(?i:{any_of(loose)}){END_BYTES}", ended=True),
        Words(Kind.TOKEN, [f"{c}." for c in spread("A-Z")], rf"[A-Z]\.{GAP_BYTES}?[A-Z]\."),
        Words(Kind.TOKEN, [n + c for n in names for c in ". \u00a0"], rf"{any_of(names)}\.?{GAP_BYTES}[A-Z]"),
        *(
            Words(
                Kind.TOKEN,
                span["begins"],
                any_of(span["begins"]) + (END_BYTES if span.get("whole") else ""),
                bounded=span["begins"][0][0].isalnum(),
            )
            for span in context["spans"]
            if "begins" in span
        ),
        Words(Kind.INSIDE, [f"@{c}" for c in spread("A-Za-z0-9")], r"@[\w-]+\.", bounded=False),
        Words(Kind.INSIDE, ["://"], "://", bounded=False),
        Words(Kind.INSIDE, in_any_case(["www."]), r"(?i:www)\.\w"),
        Words(Kind.INSIDE, in_any_case(ends), rf"(?i:{any_of(ends)}){END_BYTES}", bounded=False),
    ]


def _abbreviations(tables: Tables) -> tuple[list[str], list[str]]:
    """Those with a capital, which are written so, and those without, in any case."""
    keys = [key for key in tables["abbreviation"] if key[0].isalnum()]
    return [key for key in keys if key.lower() != key], [key for key in keys if key.lower() == key]


def _keys(tables: Tables, names: Iterable[str]) -> list[str]:
    return [key for name in names for key in tables[name] if key[0].isalpha()]


def _token(code: str, tables: Tables, context: Mapping[str, Any], signs: _Signs) -> str:
    # Where words are not spaced, the next letter says nothing about where a unit ends.
    end = NO_WORD if _is_spaced(code) else "(?:(?<![A-Za-z])|(?![A-Za-z]))"
    letters = _letters(code)
    right = _right(tables, context)
    first = re.escape("".join(sorted({word[0] for word in right})))
    # Every repetition of groups is bounded: an endless list of numbers is many tokens, in linear time.
    # "7p.m.", "7:30p.m.": the letters are those of a word with dots, which is none of the run.
    dotted = any_of(word for word in right if "." in word and word[0].isalpha())
    bracket = rf"{GAP}?\([0-9]+\){GAP}?-?[0-9]"
    # (202) 555-0143
    area = rf"(?<![0-9]{{4}})(?<=[0-9]{{3}})\){GAP}?-?(?=[0-9]{{3}}[-. ][0-9]{{4}}(?![0-9]))[0-9]"
    part = rf"{GAP}[{re.escape(''.join(tables['fold']))}]"  # 1 ½
    inside = rf"(?:[{_INSIDE}][0-9]|{bracket}|{area}|{part}|[{signs.odd}]|\^[-−][0-9])"
    group = rf"(?:{inside}[0-9]*+(?:(?!{dotted}){letters})?+){{0,16}}+"
    run = rf"(?:(?!{dotted}){letters}{group})?+"
    sign = f"[{signs.money}{_BEHIND}](?!{GAP}?[0-9]){letters}"  # "5%Total": a blank is missing
    # Behind a blank or dot inside of a unit another word may bear a mark.
    words = any_of(right).replace("\\ ", rf"\ {MARK}?+").replace("\\.", rf"\.{MARK}?+") + end
    word = rf"{GAP}?+{MARK}?+(?=[{first}{signs.money}{_BEHIND}/])(?:(?:/{GAP}?+)?{words}|{sign})"
    currency = any_of(in_cases(_keys(tables, ["currency"])))
    money = rf"(?:[{signs.money}]|{MARK}{currency}\.?{GAP}?+)?"
    dash = rf"[\{_DASHES}+=]"
    between = context["between_numbers"]
    and_ = f"{GAP}{MARK}?{any_of(between)}{GAP}?|" if between else ""
    joint = f"(?>{GAP}{dash}{GAP}|{dash}{GAP}?|{GAP}[×x*/]{GAP}|{and_}[.,،]?{GAP})"
    more = rf"(?:{word}|{joint}[-−]?{money}\.?[0-9]{run}){{0,30}}"
    usual = f"{run}{more}"
    if own := _own(code, context, "number"):
        usual = f"(?:{own}|{usual})"
    number = rf"[0-9]{usual}"
    return (
        rf"[{signs.digit}{signs.symbol}{signs.money}{signs.odd}{MARK}](?:"
        rf"(?<=[0-9]){usual}"
        rf"|(?<={MARK})(?:{_marked(code, tables, context, signs, number)})?"
        rf"|(?<=[{signs.symbol}{signs.money}])(?:{GAP}?[-−]?[{signs.money}]?\.?{number}|(?<=[{NAMING}]){letters})?"
        rf"|(?<=[{signs.odd}])(?:{run}{more})?)"
    )


def _right(tables: Tables, context: Mapping[str, Any]) -> list[str]:
    """Words that may follow a number."""
    return in_cases(key for name in context["right"] for key in tables[name])


def _own(code: str, context: Mapping[str, Any], key: str) -> str:
    """What may follow the first digit of a number ("number"), or a word before one ("behind_left"), in this
    language alone; or nothing."""
    pieces = {**pieces_of(voice_of(code), language(code).tables), "mark": f"{MARK}?+", "numeral": _ROMAN}
    return expand(context[key], pieces)


def _letters(code: str) -> str:
    """The letters and digits that follow."""
    # Of a set with all scripts in it Python looks at each range: not where ASCII follows. What a possessive
    # repetition (`*+`) took it keeps: a third of the time went into remembering ways back.
    return f"[0-9A-Za-z_]*+(?:(?=[^\\x00-\\x7f])[{WORD}]++)?+" if _is_spaced(code) else "[0-9A-Za-z]*+"


def _marked(code: str, tables: Tables, context: Mapping[str, Any], signs: _Signs, number: str) -> str:
    """What may follow a mark; the first that fits is taken."""
    pieces = {
        **pieces_of(voice_of(code), language(code).tables),
        "mark": f"{MARK}?+",
        "numeral": _ROMAN,
        "number": number,
    }
    after = f"(?:{any_of(in_cases(context['names_after']))}{GAP})?"
    left, roman = (any_of(in_cases(_keys(tables, context[side]))) for side in ("left", "roman"))
    names = f"{after}{pieces['name']}{GAP}(?=[IVX]{{2}}){_ROMAN}"
    numerals = _numerals(code, context)
    romans = _romans(tables, context)
    behind = f"{own}|" if (own := _own(code, context, "behind_left")) else ""
    exact, loose = _abbreviations(tables)
    behind_word = any_of(in_cases(_keys(tables, context["behind_word"])))
    kinds: Sequence[str] = (
        *(expand(span["pattern"], pieces) for span in context["spans"]),
        expand("{web_address}", pieces),
        r"@[\w-]+(?:\.[\w-]+)*",
        rf"[A-Z]\.(?:{GAP}?{MARK}?[A-Z]\.)+{_letters(code)}",
        rf"{after}{roman}{GAP}(?:{behind}{romans})" if context["names_after"] else "(?!)",
        numerals or "(?!)",
        rf"{any_of(context['before_name'])}\.?{GAP}{MARK}?+(?:{roman}{GAP}{romans}|[A-Z][{WORD}]*)",
        rf"{left}\.?(?:{GAP}|[-/])?(?:{behind}(?:[{signs.symbol}{signs.money}]{GAP}?)?{number}|{romans})",
        names if context["names"] else "(?!)",
        f"(?:{any_of(exact)}|(?i:{any_of(loose)}))(?![{WORD}])",
        rf"[{WORD}]{{1,24}}{GAP}{behind_word}(?:{GAP}|[-/])?{number}" if context["behind_word"] else "(?!)",
    )
    return "|".join(kinds)


def _numerals(code: str, context: Mapping[str, Any]) -> str:
    """Spans that begin with a numeral, or nothing."""
    if not context["numerals"]:
        return ""
    pieces = {**pieces_of(mute_voice(code), language(code).tables), "numeral": f"{MARK}?+{_ROMAN}"}
    return f"(?:{expand(context['numerals'], pieces)})"


def _romans(tables: Tables, context: Mapping[str, Any]) -> str:
    """A numeral or a short list of them, with the noun behind."""
    and_ = any_of(context["between"]).replace("\\ ", rf"\ {MARK}?+")
    joint = f"(?:,{GAP}?|{GAP}?[-–/]{GAP}?|{GAP}{MARK}?+{and_}{GAP})"
    noun = any_of(in_cases(key for name in context["after_roman"] for key in tables[name]))
    one = f"{MARK}?+(?![LC](?![{WORD}])){_ROMAN}"  # "Part II and D. Smith"
    return f"{_ROMAN}(?:{joint}{one}){{0,3}}(?:{GAP}(?:{noun}(?![{WORD}])|[A-ZÀ-ÖØ-Þ][{WORD}]*))?"
