"""How one language says numbers, counts and money: its rule sets, tables and settings, ready for use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from normalizers.speller import Speller

_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[^0-9][0-9]{3})+")
_TWOS = re.compile(r"^[1-9][0-9]{2}$|0(?=(?:[0-9]{2})*$)|[0-9]{1,2}")
"""Decimals as they are read two by two: three are one number, and where one digit of many is left over it is
a zero before a pair, if there is one, or the last."""


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
    these letters is spelled), `gender` (of nouns that name none) and `whole_form` (the gender that the number
    before decimals has, too)."""
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
        if text.isdecimal():
            return self.whole(text, self.set_for("cardinal", form))
        whole, decimals = self.parts(text)
        gendered = not decimals or form == self.words.get("whole_form")
        said = self.whole(whole, self.set_for("cardinal", form if gendered else ""))
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
            parts = _TWOS.findall(text)
            forms = [""] * (len(parts) - 1) + [form]
            return " ".join(map(self.two, parts, forms))
        rest = text.lstrip("0")
        if self.fraction == "pairs" and len(rest) == len(text) == 4:
            return f"{self.decimals(text[:2])} {self.decimals(text[2:])}"
        if self.fraction == "digits" or not rest or len(rest) > 3:
            return self.digits(text)
        zeros = self.digits(text[: len(text) - len(rest)])
        return " ".join(filter(None, (zeros, self.whole(rest))))

    def two(self, digits: str, form: str) -> str:
        """A few digits as a number, a zero before them named."""
        zero = self.whole("0") + " " if digits[0] == "0" and len(digits) > 1 else ""
        return zero + self.whole(digits, self.set_for("cardinal", form))

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
