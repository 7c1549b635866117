"""What a template can do with a piece of written text: number words, names, agreement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from normalizers.speller import Speller

Match = re.Match[str]
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[^0-9][0-9]{3})+")
_TWOS = re.compile(r"0|[0-9]{3}$|[0-9]{1,2}")
"""Decimals as they are read two by two: a zero alone, three where three are left."""
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


@dataclass(slots=True)
class Voice:
    """How one language speaks: its number words, tables and settings, ready for use."""

    code: str
    speller: Speller
    limit: int
    """Digits of the longest whole number that has a name; longer ones are read digit by digit."""
    group: str
    """Characters that may group the digits of a whole number."""
    decimal: str
    """Characters that may stand before the decimals."""
    words: Mapping[str, str]
    """What filters need: point, minus, blank (between words). Not said are `vowels` (a word without any of
    these letters is spelled) and `gender` (of nouns that name none)."""
    fraction: str
    """How decimals are read: `digits`, `number` as a number after leading zeros, `pairs`, which reads
    four decimals as two numbers besides, or `twos`, two by two, the last ones in the gender of the number."""
    plural: Mapping[str, tuple[int, tuple[range, ...]]]
    """Plural category: modulus (0 for none) and ranges of whole numbers."""
    fraction_plural: str
    """Category of numbers with decimals."""
    tables: Mapping[str, Mapping[str, str]]
    loose: Mapping[str, Mapping[str, str]]
    """The tables again with lower-case keys."""
    nouns: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """By kind (`unit`, `currency`) and key: forms by plural category, gender, minor."""
    rewrite: Callable[[str], str] = field(default=lambda text: text)

    def table(self, name: str, value: str) -> str | None:
        """The spoken form of a table's word, whatever its case; the same case wins ("MW" is not "mW")."""
        words = self.tables[name]
        found = words.get(value)
        # A single letter means a unit in its own case only: 5 m, but not the H of C 6 H 12.
        loose = found is None and (len(value) > 1 or name != "unit")
        return self.loose[name].get(value.lower()) if loose else found

    def set_for(self, name: str, form: str) -> str:
        """The rule set for a gender or case, or the plain one where the language has none."""
        full = f"{name}-{form}"
        return full if form and full in self.speller else name

    def noun(self, kind: str, value: str) -> Mapping[str, Any] | None:
        """The forms of a unit or currency by its written sign."""
        key = self.table(kind, value)
        return None if key is None else self.nouns[kind].get(key)

    def category(self, whole: str, decimals: str) -> str:
        """Plural category of a number written in plain digits."""
        if decimals:
            return self.fraction_plural if self.fraction_plural != "whole" else self.category(whole, "")
        n = int(whole[-18:] or 0)
        for name, (modulus, ranges) in self.plural.items():
            if any((n % modulus if modulus else n) in r for r in ranges):
                return name
        return "other"

    def digits(self, text: str, name: str = "") -> str:
        """Each digit by its name, out of the rule set `name`, or `digits`, or the numbers' own."""
        name = name or ("digits" if "digits" in self.speller else "cardinal")
        return self.words["blank"].join(self.speller.spell(int(d), name) for d in text if d.isdecimal())

    def whole(self, text: str, name: str = "cardinal") -> str:
        """A whole number in plain digits by a rule set, digit by digit where it has no name."""
        plain = text.lstrip("0") or "0"
        return self.digits(text) if len(plain) > self.limit else self.speller.spell(int(plain), name)

    def parts(self, text: str) -> tuple[str, str]:
        """Whole digits and decimals of a written number, separators removed."""
        at = self.decimal_at(text)
        whole, decimals = (text, "") if at < 0 else (text[:at], text[at + 1 :])
        return "".join(c for c in whole if c.isdecimal()), "".join(c for c in decimals if c.isdecimal())

    def decimal_at(self, text: str) -> int:
        """Where the decimal sign of a written number stands, -1 where it has none."""
        at = max((text.rfind(c) for c in self.decimal), default=-1)
        if at > 0 and text[at] in self.group and _GROUPED.fullmatch(text):
            return -1  # a sign that does both: 1.500 is a whole number, 1.50 is none
        return -1 if at > 0 and text.count(text[at]) > 1 else at

    def number(self, text: str, form: str = "") -> str:
        """A whole or decimal number in words."""
        whole, decimals = self.parts(text)
        said = self.whole(whole, self.set_for("cardinal", "" if decimals else form))
        if not decimals:
            return said
        if "decimal_of" in self.words and len(decimals) <= 4 and decimals.strip("0"):
            return self.tenths(said if whole.strip("0") else "", decimals)
        blank = self.words["blank"]
        point = self.words["point"]
        if text[self.decimal_at(text)] in self.group:
            point = self.words.get("group_point", point)  # 2.75 where 2,75 is usual
        said = f"{said}{blank}{point}" if whole else point  # .5 is "point five"
        return f"{said}{blank}{self.decimals(decimals, form)}"

    def tenths(self, whole: str, decimals: str) -> str:
        """Decimals as so many out of ten, a hundred and so on: .25 is "twenty-five out of a hundred"."""
        part = self.words["decimal_of"].replace("{0}", self.whole(decimals))
        part = part.replace("{1}", self.speller.spell(10 ** len(decimals)))
        return self.words["decimal_join"].replace("{0}", whole).replace("{1}", part) if whole else part

    def decimals(self, text: str, form: str = "") -> str:
        """What follows the decimal point."""
        if self.fraction == "twos":
            *first, last = _TWOS.findall(text)
            return " ".join([*map(self.whole, first), self.whole(last, self.set_for("cardinal", form))])
        rest = text.lstrip("0")
        if self.fraction == "pairs" and len(rest) == len(text) == 4:
            return f"{self.decimals(text[:2])} {self.decimals(text[2:])}"
        if self.fraction == "digits" or not rest or len(rest) > 3:
            return self.digits(text)
        zeros = self.digits(text[: len(text) - len(rest)])
        return " ".join(filter(None, (zeros, self.whole(rest))))

    def counted(self, text: str, noun: Mapping[str, Any]) -> str:
        """A number with its noun, agreeing in gender and plural."""
        whole, decimals = self.parts(text)
        form = self.form(noun, self.category(whole or "0", decimals))
        if "{0}" not in form:
            return form  # the form says the number itself, as the Arabic dual does
        said = self.number(text, noun.get("gender", self.words.get("gender", "")))
        if not decimals and "construct" in self.tables and form.startswith("{0} "):
            said = self.ended(said, "construct", last=True)
        if not decimals and self.of_million(whole) and form.startswith("{0} "):
            return said + self.linked(form.removeprefix("{0} "))
        return form.replace("{0}", said)

    def of_million(self, whole: str) -> bool:
        """Whether a whole number is a round number of millions: Romance languages then say "of"."""
        return "million_of" in self.words and len(whole) > 6 and not whole[-6:].strip("0")

    def linked(self, noun: str) -> str:
        """A noun behind a scale word: " de dólares", before a vowel " d'euros"."""
        of = self.words.get("million_of_vowel") if noun[:1].lower() in "aeiouyhéèêâîô" else None
        return f" {of}{noun}" if of else f" {self.words['million_of']} {noun}"

    def ended(self, text: str, name: str, *, last: bool = False) -> str:
        """All words, or the last, with the longest end that a table knows exchanged: the cases of numbers."""
        ends = self.tables[name]

        def exchanged(word: str) -> str:
            return next((word[:at] + ends[word[at:]] for at in range(len(word)) if word[at:] in ends), word)

        before, blank, word = text.rpartition(" ")
        return before + blank + exchanged(word) if last else " ".join(map(exchanged, text.split(" ")))

    def form(self, noun: Mapping[str, Any], category: str) -> str:
        """The noun in a plural category, with `{0}` where the number stands."""
        return str(noun.get(category) or noun["other"])

    def bare(self, noun: Mapping[str, Any], category: str = "other") -> str:
        """The noun without its number."""
        return self.form(noun, category).replace("{0}", "").strip()


def _cardinal(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return voice.whole("".join(c for c in value if c.isdecimal()), voice.set_for("cardinal", form))


def _ordinal(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return voice.whole("".join(c for c in value if c.isdecimal()), voice.set_for("ordinal", form))


def _set(voice: Voice, value: str, name: str, match: Match) -> str | None:
    return voice.whole("".join(c for c in value if c.isdecimal()), name)


def _number(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return voice.number(value, form)


def _digits(voice: Voice, value: str, name: str, match: Match) -> str | None:
    """Each digit by its name, from a rule set of its own where one is named (telephone numbers)."""
    return voice.digits(value, name)


def _count(voice: Voice, value: str, group: str, match: Match) -> str | None:
    noun = voice.noun("unit", match[group])
    return None if noun is None else voice.counted(value, noun)


def _count_of(voice: Voice, value: str, unit: str, match: Match) -> str | None:
    noun = voice.nouns["unit"].get(unit)
    return None if noun is None else voice.counted(value, noun)


def _empty(voice: Voice, value: str, argument: str, match: Match) -> str | None:
    return ""


def _unit(voice: Voice, value: str, category: str, match: Match) -> str | None:
    noun = voice.noun("unit", value)
    return None if noun is None else voice.bare(noun, category or "other")


def _currency(voice: Voice, value: str, category: str, match: Match) -> str | None:
    noun = voice.noun("currency", value)
    return None if noun is None else voice.bare(noun, category or "other")


def _money(voice: Voice, value: str, group: str, match: Match) -> str | None:
    """Major and minor units; decimals that are no minor units are read as a decimal number."""
    return _money_in(voice, value, voice.noun("currency", match[group]))


def _money_in(voice: Voice, value: str, noun: Mapping[str, Any] | None) -> str | None:
    if noun is None:
        return None
    whole, decimals = voice.parts(value)
    minor = noun.get("minor")
    if not decimals.strip("0"):
        return voice.counted(whole or "0", noun)
    size = int(noun.get("minor_digits", 2))
    if minor is None or len(decimals.rstrip("0")) > size:
        return voice.counted(value, noun)
    cents = voice.counted(decimals.rstrip("0").ljust(size, "0").lstrip("0"), minor)
    if not whole.strip("0"):
        return cents
    return voice.words["money_join"].replace("{0}", voice.counted(whole, noun)).replace("{1}", cents)


def _roman(voice: Voice, value: str, form: str, match: Match) -> str | None:
    total = 0
    for sign, following in zip(value, [*value[1:], "I"], strict=True):
        n = _ROMAN[sign]
        total += -n if n < _ROMAN[following] else n
    return str(total) if 0 < total < 4000 and _to_roman(total) == value else None


def _to_roman(n: int) -> str:
    text = ""
    for sign, size in (
        ("M", 1000), ("CM", 900), ("D", 500), ("CD", 400), ("C", 100), ("XC", 90), ("L", 50), ("XL", 40),
        ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1),
    ):  # fmt: skip
        count, n = divmod(n, size)
        text += sign * count
    return text


def _say(voice: Voice, value: str, form: str, match: Match) -> str | None:
    # A rule may hand on a part of what it matched, never all of it: that would not end.
    return voice.rewrite(value) if len(value) < len(match[0]) else None


def _next(voice: Voice, value: str, step: str, match: Match) -> str | None:
    """The number plus `step` (1), for hours: after 12 comes 1, after 23 comes 0."""
    n = int(value) + int(step or 1)
    return str(1 if n == 13 else n % 24)


def _less(voice: Voice, value: str, total: str, match: Match) -> str | None:
    """What is missing to `total`: the minutes before the hour."""
    return str(int(total) - int(value))


def _hour(voice: Voice, value: str, form: str, match: Match) -> str | None:
    """The hour on a twelve-hour dial."""
    return str((int(value) - 1) % 12 + 1)


def _web(voice: Voice, value: str, form: str, match: Match) -> str | None:
    """An address: signs by their names, digits one by one, letters as words or spelled."""
    words: list[str] = []
    letters = voice.tables.get("letter", {})
    vowels = frozenset(voice.words.get("vowels", ""))
    for piece in re.findall(r"[^\W\d_]+|.", value, re.DOTALL):
        if piece.isdecimal():
            words.append(voice.digits(piece))
        elif piece in voice.tables["web"]:
            words.append(voice.tables["web"][piece])
        elif piece.lower() in voice.tables.get("web_word", {}):
            words.append(voice.tables["web_word"][piece.lower()])
        elif piece.isalpha() and letters and piece.isascii():
            words.extend(letters[c] for c in piece.lower())
        elif vowels and piece.isascii() and piece.isalpha() and vowels.isdisjoint(piece.lower()):
            words.extend(piece)  # nobody can say "www" or "html" as a word
        else:
            words.append(piece)
    return voice.words["blank"].join(word for word in words if word.strip())


def _spell(voice: Voice, value: str, form: str, match: Match) -> str | None:
    letters = voice.tables.get("letter", {})
    return " ".join(letters.get(c.lower(), c) for c in value if not c.isspace() and c != ".")


def _of(voice: Voice, value: str, form: str, match: Match) -> str | None:
    """A noun behind a scale word, its "of" before it."""
    return voice.linked(value)


def _lower(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return value.lower()


def _add(voice: Voice, value: str, step: str, match: Match) -> str | None:
    """The number plus `step`: three quarters are what is missing to the next one."""
    return str(int("".join(c for c in value if c.isdecimal()) or 0) + int(step))


def _money_of(voice: Voice, value: str, currency: str, match: Match) -> str | None:
    """As `money`, in a currency that the text does not write."""
    return _money_in(voice, value, voice.nouns["currency"].get(currency))


def _digit_by_digit(voice: Voice, value: str, table: str, match: Match) -> str | None:
    """The text, each digit by its name, signs and words of a table said, letters at digits spelled.

    A number with an ordinal mark in letters ("4th") is left to the rules. Up to three capitals are spelled.
    """
    signs, letters = voice.tables[table], voice.tables.get("letter", {})
    said: list[str] = []
    for piece in re.findall(
        r"[0-9]+[a-z]{2}(?![a-z])|[0-9]|(?<=[0-9])[A-Za-z](?![A-Za-z])|[A-Za-z]{2,}\.?|.", value, re.DOTALL
    ):
        if piece.isdecimal():
            said.append(f" {voice.digits(piece)} ")
        elif piece[0].isdecimal():
            said.append(f" {voice.rewrite(piece)} ")
        elif (word := piece.rstrip(".").lower() or piece) in signs:
            said.append(f" {signs[word]} ")
        elif piece.isupper() and piece.isascii() and len(piece) <= 3:
            said.append(f" {_spell(voice, piece, '', match)} ")
        elif len(piece) > 1:
            said.append(piece)
        else:
            said.append(letters.get(piece.lower(), piece) if said and said[-1].endswith(" ") else piece)
    return re.sub(r" +(?=[,.;:)]|$)|(?<= ) +", "", "".join(said)).strip(" ")


def _ends(voice: Voice, value: str, name: str, match: Match) -> str | None:
    return voice.ended(value, name)


def _end(voice: Voice, value: str, name: str, match: Match) -> str | None:
    return voice.ended(value, name, last=True)


def _number_like(voice: Voice, value: str, group: str, match: Match) -> str | None:
    """The number in the gender of a unit that is said later."""
    noun = voice.noun("unit", match[group])
    return None if noun is None else voice.number(value, noun.get("gender", ""))


def _agree(voice: Voice, value: str, group: str, match: Match) -> str | None:
    """The number in the gender that the table `noun` gives for the word of a group."""
    return voice.number(value, voice.table("noun", match[group]) or "")


Filter = Callable[[Voice, str, str, Match], str | None]
FILTERS: dict[str, Filter] = {
    "cardinal": _cardinal,
    "ordinal": _ordinal,
    "set": _set,
    "number": _number,
    "digits": _digits,
    "count": _count,
    "count_of": _count_of,
    "empty": _empty,
    "unit_name": _unit,
    "currency_name": _currency,
    "money": _money,
    "roman": _roman,
    "say": _say,
    "next": _next,
    "less": _less,
    "hour": _hour,
    "web": _web,
    "spell": _spell,
    "lower": _lower,
    "of": _of,
    "add": _add,
    "money_of": _money_of,
    "digit_by_digit": _digit_by_digit,
    "ends": _ends,
    "end": _end,
    "number_like": _number_like,
    "agree": _agree,
}
"""By name: (voice, text, argument, match) -> words, or None to refuse the whole rule."""
