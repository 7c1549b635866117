"""A language's tables, shared ones added, compiled into what the spoken form needs."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from normalizers.filters import Voice
from normalizers.languages import common, language
from normalizers.patterns import GAP, MARKS, WORD, any_of, decimal_digits, digit_values
from normalizers.rules import Rule, compile_rules
from normalizers.speller import Speller

MARK = "\ufdd0"
"""Stands before a word that changes what follows it. A noncharacter: text cannot mean anything by it."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Where written tokens are in a row; every pattern but `token` is RE2's."""

    trigger: str
    """A row without a match stays as it is but for case."""
    lead: str
    """Words that a token may begin with; group 1 is what stands before, group 2 the word."""
    token: re.Pattern[str]
    """A written token with all its context; begins with a character set, so that the search can skip."""
    glue: frozenset[str]
    """Signs that become words: a word beside them needs a blank."""
    spaced: bool
    """Whether words stand between blanks."""


@functools.cache
def voice_of(code: str) -> Voice:
    """The voice of a language, built once; raises UnknownLanguageError, RuleError or NumberRulesError."""
    tongue = language(code).tables
    shared = common()
    numbers = tongue["numbers"]
    tables = {name: dict(words) for name, words in shared["tables"].items()}
    for name, words in tongue.get("tables", {}).items():
        tables[name] = {**tables.get(name, {}), **words}
    _add_calendar(tables, tongue["cldr"])
    nouns = {kind: _nouns(tongue, kind) for kind in ("unit", "currency")}
    for kind in nouns:  # a sign whose noun the language lacks would refuse every rule that it is in
        tables[kind] = {sign: key for sign, key in tables[kind].items() if key in nouns[kind]}
    words = {**shared["words"], **tongue.get("words", {})}
    voice = Voice(
        code=code,
        speller=Speller(numbers["sets"]),
        limit=numbers["limit"],
        group=numbers["group"],
        decimal=numbers["decimal"],
        words=words,
        fraction=numbers.get("fraction", "digits"),
        plural={name: _ranges(text) for name, text in numbers.get("plural", {}).items()},
        fraction_plural=numbers.get("fraction_plural", "other"),
        tables=tables,
        loose={
            name: {written.lower(): said for written, said in reversed(entries.items())}
            for name, entries in tables.items()
        },
        nouns=nouns,
    )
    own = tongue.get("rules", {})
    rules = {**own, **{name: rule for name, rule in shared["rules"].items() if name not in own}}
    union, by_group = compile_rules(rules, pieces_of(voice, tongue), f"data/{code}.toml", tables)
    voice.rewrite = _rewriter(voice, union, by_group)
    return voice


def _add_calendar(tables: dict[str, dict[str, str]], cldr: Mapping[str, list[str]]) -> None:
    """Month and day names, long and short, and the numbers of the months, beside what the language adds."""
    for table, name in (("month", "months"), ("day", "days")):
        for long, short in zip(cldr[name], cldr[f"{name}_short"], strict=True):
            for written in (long, short, short.rstrip(".॰")):
                tables[table].setdefault(written.lower(), long.lower())
    for number, long in enumerate(cldr["months"], 1):
        tables["month_number"].setdefault(str(number), long.lower())
        tables["month_number"].setdefault(f"{number:02d}", long.lower())


def _nouns(tongue: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Units or currencies: what CLDR says, and over it what the language's own file says."""
    nouns = {key: dict(forms) for key, forms in tongue.get("cldr", {}).get(kind, {}).items()}
    for key, forms in tongue.get(kind, {}).items():
        nouns[key] = {**nouns.get(key, {}), **forms} if "other" not in forms else dict(forms)
    return nouns


def _ranges(text: str) -> tuple[int, tuple[range, ...]]:
    """Read `1`, `0-1` or `%100 3-10,20`."""
    modulus = 0
    if text.startswith("%"):
        first, text = text[1:].split(" ", 1)
        modulus = int(first)
    ranges = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        ranges.append(range(int(low), int(high or low) + 1))
    return modulus, tuple(ranges)


def pieces_of(voice: Voice, tongue: Mapping[str, Any]) -> dict[str, str]:
    """Every `{name}` that a pattern may hold."""
    group, point = re.escape(voice.group), re.escape(voice.decimal)
    sizes = "{2,3}" if tongue["numbers"].get("lakh") else "{3}"
    whole = (
        f"[0-9]{{1,3}}(?:[{group}][0-9]{sizes}){{0,20}}[{group}][0-9]{{3}}(?![0-9])|[0-9]+"
        if group
        else "[0-9]+"
    )
    pieces = {name: f"(?i:{any_of(words)})" for name, words in voice.tables.items()}
    return {
        **pieces,
        "int": f"(?:{whole})",
        "number": f"(?:(?:{whole})(?:[{point}][0-9]+)?|[{point}][0-9]+)",
        "gap": GAP,
        "end": f"(?![{WORD}])",
        "letter_after": f"(?=[{WORD}])",
        "start": f"(?<![{WORD}])",
        "currency_sign": "[" + re.escape("".join(k for k in voice.tables["currency"] if len(k) == 1)) + "]",
        "sign": "[-−]",
        "dash": f"(?:{GAP}[-–—~〜～]{GAP}|[-–—~〜～]{GAP}?)",
        "roman": "[IVXLCDM]{1,9}",
        **common()["pieces"],
        **tongue.get("pieces", {}),
    }


def _rewriter(voice: Voice, union: re.Pattern[str], rules: Mapping[str, Rule]) -> Any:
    """The function that says one token: digits of all scripts folded, rules applied from left to right."""
    fold = {**digit_values(), **{ord(k): v for k, v in voice.tables["fold"].items()}}
    spaced = voice.words["blank"] == " "

    order = list(rules.values())

    def rewrite(text: str) -> str:
        text = text.translate(fold).lstrip(" ")
        said: list[str] = []
        at = look = 0
        while match := union.search(text, look):
            rule = rules[match.lastgroup or ""]
            words = rule.say(voice, match)
            if words is None:  # refused: the rules after it get their turn at the same place
                for later in order[order.index(rule) + 1 :]:
                    found = later.alone.match(text, match.start())
                    words = later.say(voice, found) if found else None
                    if found and words is not None:
                        match = found
                        break
                else:
                    look = match.start() + 1
                    continue
            for piece in (text[at : match.start()], words if spaced else words.replace(" ", "")):
                if spaced and said and touches(said[-1], piece):
                    said.append(" ")
                if piece:
                    said.append(piece)
            at = look = match.end()
            if match.end() == match.start():
                look += 1
        rest = text[at:]
        if spaced and rest and said and touches(said[-1], rest):
            said.append(" ")
        said.append(rest)
        return "".join(said)

    return rewrite


_WORDY = re.compile(f"[{WORD}]")


def touches(left: str, right: str) -> bool:
    """Whether two pieces of text would run together into one word."""
    return bool(left and right and _WORDY.match(left[-1]) and _WORDY.match(right[0]))


@functools.cache
def spans_of(code: str) -> Spans:
    """The patterns that find tokens in a row of a language."""
    voice, tongue = voice_of(code), language(code).tables
    shared, tables = common(), voice_of(code).tables
    context = {**shared["context"], **tongue.get("context", {})}
    signs = "".join(key for key in tables["symbol"] if len(key) == 1)
    money = "".join(key for key in tables["currency"] if len(key) == 1 and not key.isalpha())
    digit, odd = decimal_digits(), "".join(tables["raised"]) + "".join(tables["fold"])
    start = f"{digit}{re.escape(signs + money + odd)}\\-−.{MARK}"
    right = any_of(key for name in context["right"] for key in tables[name])
    spaced = voice.words["blank"] == " "
    # Where words are not spaced, the next letter says nothing about where a unit ends.
    end = f"(?![{WORD}])" if spaced else ""
    run = rf"\d*(?:[.,:/\-–−—~〜～'’+=×x*÷<>≤≥٫٬،^]\d+|{GAP}?\(\d+\){GAP}?-?\d+|[{re.escape(odd)}]){{0,16}}"
    context_word = f"{GAP}?{MARK}?(?:(?i:{right}){end}|[{re.escape(money)}%°](?!{GAP}?\\d))"
    joint = f"(?:{GAP}[-–—~〜～+=]{GAP}|[-–—~〜～+=]{GAP}?|{GAP}[×x*/]{GAP}|,?{GAP})"
    more = rf"(?:{context_word}|{joint}[-−]?[{re.escape(money)}]?\.?\d{run})"
    number = rf"\d{run}{more}{{0,6}}"
    lead_words = any_of(key for name in context["left"] for key in tables[name])
    exact = any_of(key for key in tables["abbreviation"] if key.lower() != key)
    loose = any_of(key for key in tables["abbreviation"] if key.lower() == key)
    web = pieces_of(voice, tongue)["web_address"]
    roman = rf"[IVXLCDM]{{1,9}}(?![{WORD}])"
    before = rf"[{re.escape(signs + money)}]{GAP}?"
    token = (
        f"[{start}](?:(?<={MARK})(?:{web}|(?i:{lead_words})\\.?{GAP}?(?:(?:{before})?{number}|{roman})"
        f"|(?:{exact}|(?i:{loose}))(?![{WORD}]))?"
        rf"|(?<=\d){run}{more}{{0,6}}"
        rf"|(?<=[{re.escape(signs + money)}])(?:{GAP}?[-−]?[{re.escape(money)}]?\.?{number})?"
        rf"|(?<=[-−])(?<![\w.)%\]\-][-−])[{re.escape(money)}]?{GAP}?\.?{number}"
        rf"|(?<=\.)(?<![\w.]\.){number}"
        f"|(?<=[{re.escape(odd)}]))"
    )
    abbreviations = any_of(k for k in tables["abbreviation"] if k.lower() != k)
    loose_re2 = f"(?i:{any_of(k for k in tables['abbreviation'] if k.lower() == k)})"
    boundary = r"(^|[^\pL\pM\pN_])"
    romans = any_of(key for name in context["roman"] for key in tables[name])
    web_re2 = f"(?i:{shared['web']['trigger']})"
    alone = [f"(?i:{romans})\\.?[ \u00a0][IVXLCDM]"] if romans != "(?!)" else []
    alone += [x for x in (abbreviations,) if x != "(?!)"] + ([loose_re2] if "(?!)" not in loose_re2 else [])
    lead = (
        [f"(?i:{lead_words})\\.?[ \u00a0]?[{digit}{re.escape(money)}IVXLCDM]"] if lead_words != "(?!)" else []
    )
    every = "|".join([web_re2, *alone])
    return Spans(
        trigger=f"[{digit}{re.escape(signs + money + odd)}]|{boundary}(?:{every})",
        lead=f"{boundary}({'|'.join([web_re2, *alone, *lead])})",
        token=re.compile(token),
        glue=frozenset(signs + money + odd),
        spaced=spaced,
    )


__all__ = ["MARK", "MARKS", "Spans", "spans_of", "touches", "voice_of"]
