"""A language's tables, shared ones added, compiled into what the spoken form needs."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from normalizers.languages import common, language
from normalizers.patterns import GAP, NO_WORD, NUMERALS, WORD, any_of
from normalizers.rules import Rule, compile_rules, rewriter
from normalizers.speller import Speller
from normalizers.voice import Voice


@functools.cache
def voice_of(code: str) -> Voice:
    """The voice of a language, built once; raises UnknownLanguageError, RuleError or NumberRulesError."""
    voice = mute_voice(code)
    voice.rewrite = rewriter(voice, _rules(voice, language(code).tables))
    return voice


@functools.cache
def mute_voice(code: str) -> Voice:
    """The same before its rules are compiled, which takes most of the time: enough to tell what to say."""
    tongue = language(code).tables
    shared = common()
    numbers = tongue["numbers"]
    tables = {name: dict(words) for name, words in shared["tables"].items()}
    for name, words in tongue.get("tables", {}).items():
        tables[name] = {**tables.get(name, {}), **_by_word(words)}
    _add_calendar(tables, tongue["cldr"])
    nouns = {kind: _nouns(tongue, kind) for kind in ("unit", "currency")}
    for kind, known in nouns.items():  # a sign whose noun the language lacks would only stand in the way
        tables[kind] = {sign: key for sign, key in tables[kind].items() if key in known}
    words = {**shared["words"], **tongue.get("words", {})}
    return Voice(
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


def _by_word(words: Mapping[str, str | list[str]]) -> dict[str, str]:
    """A table's words and what they become; `f = ["hora", "horas"]` says `f` of each word in the list."""
    return {
        word: said
        for said, listed in words.items()
        for word, said in ([(said, listed)] if isinstance(listed, str) else [(word, said) for word in listed])
    }


def rules_of(code: str) -> tuple[Rule, ...]:
    """The rules of a language in the order in which they are tried: shared ones that are early, its own, then
    the other shared ones."""
    return _rules(voice_of(code), language(code).tables)


def _rules(voice: Voice, tongue: Mapping[str, Any]) -> tuple[Rule, ...]:
    own = tongue.get("rules", {})
    shared = {name: rule for name, rule in common()["rules"].items() if name not in own}
    early = {name: rule for name, rule in shared.items() if rule.get("early")}
    rules = early | own | shared
    return compile_rules(rules, pieces_of(voice, tongue), f"data/{voice.code}.toml", voice.tables)


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
    # The form of numbers before nouns in a language without gender, as "a" is to "one": cardinal-<noun_form>.
    if usual := tongue["numbers"].get("noun_form"):
        for forms in nouns.values():
            forms.setdefault("gender", usual)
            if "minor" in forms:
                forms["minor"] = {"gender": usual, **forms["minor"]}
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


def web_ends(tongue: Mapping[str, Any]) -> list[str]:
    """Last parts of a host name that make a word an address."""
    return [*common()["web"]["ends"], *tongue.get("context", {}).get("web_ends", [])]


def pieces_of(voice: Voice, tongue: Mapping[str, Any]) -> dict[str, str]:
    """Every `{name}` that a pattern may hold."""
    group, point = re.escape(voice.group), re.escape(voice.decimal)
    sizes = "{2,3}" if tongue["numbers"].get("lakh") else "{3}"
    whole = (
        f"[0-9]{{1,3}}(?:[{group}][0-9]{sizes}){{0,20}}[{group}][0-9]{{3}}(?![0-9])|[0-9]+"
        if group
        else "[0-9]+"
    )
    # In lower case, or "A" would hide "a.m." that begins with another letter and yet with the same.
    pieces = {
        name: f"(?i:{any_of({word.lower() for word in words})})" for name, words in voice.tables.items()
    }
    return {
        **pieces,
        "int": f"(?:{whole})",
        "number": f"(?:(?:{whole})(?:[{point}][0-9]+)?|[{point}][0-9]+)",
        "gap": GAP,
        "end": NO_WORD,
        "letter_after": f"(?=[{WORD}])",
        "start": f"(?<![{WORD}])",
        "currency_sign": "[" + re.escape("".join(k for k in voice.tables["currency"] if len(k) == 1)) + "]",
        "sign": "(?<![0-9A-Za-z%)])[-−]",
        "dash": f"(?:{GAP}[-–—~〜～]{GAP}|[-–—~〜～]{GAP}?)",
        "roman": f"[{NUMERALS}]{{1,9}}",
        "name": "[A-Z][a-z]+",
        "web_end": f"(?i:{'|'.join(web_ends(tongue))})",
        **common()["pieces"],
        **tongue.get("pieces", {}),
    }
