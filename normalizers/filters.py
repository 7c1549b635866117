"""What a template can do with a piece of written text: number words, names, agreement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from normalizers.voice import Voice

Match = re.Match[str]
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def _digits_of(value: str) -> str:
    return value if value.isdecimal() else "".join(c for c in value if c.isdecimal())


def _cardinal(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return voice.whole(_digits_of(value), voice.set_for("cardinal", form))


def _ordinal(voice: Voice, value: str, form: str, match: Match) -> str | None:
    return voice.whole(_digits_of(value), voice.set_for("ordinal", form))


def _set(voice: Voice, value: str, name: str, match: Match) -> str | None:
    return voice.whole(_digits_of(value), name)


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
    total, value = 0, value.upper()
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


def _characters(voice: Voice, value: str, form: str, match: Match) -> str | None:
    """Each letter and each digit by its name."""
    letters = voice.tables["letter"]
    return " ".join(voice.digits(c) if c.isdecimal() else letters.get(c.lower(), c) for c in value)


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


def _at_least(voice: Voice, value: str, group: str, match: Match) -> str | None:
    """The number, refused where it is below that of a group: the winner of a match is named first."""
    return value if int(value) >= int(match[group]) else None


def _unraised(voice: Voice, value: str, form: str, match: Match) -> str | None:
    """Superscript digits as plain ones."""
    return "".join(voice.tables["raised"].get(c, c) for c in value)


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
    "characters": _characters,
    "lower": _lower,
    "of": _of,
    "add": _add,
    "money_of": _money_of,
    "digit_by_digit": _digit_by_digit,
    "ends": _ends,
    "end": _end,
    "number_like": _number_like,
    "agree": _agree,
    "at_least": _at_least,
    "unraised": _unraised,
}
"""By name: (voice, text, argument, match) -> words, or None to refuse the whole rule."""
