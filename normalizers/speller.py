"""Numbers in words, from rule sets in the notation of CLDR's rule-based number format (RBNF).

A rule set is text: `base: words; words of base + 1; …`. In the words, with d the largest power of the radix
that is not above the base (radix 10, or r in `base/r:`): `<<` says n // d, `>>` says n % d, `<name<` and
`>name>` say them by another set, `=name=` says n itself by another set, and what stands in `[…]` is left
out where n % d is 0. A leading apostrophe keeps the blank after it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass

_ENTRY = re.compile(r"\s*(?:(?P<base>\d+)(?:/(?P<radix>\d+))?:)?\s*(?P<words>[^;\n]*)")
_PART = re.compile(r"<(?P<quotient>[^<>\s]*)<|>(?P<rest>[^<>\s]*)>|=(?P<same>[^=\s]+)=|(?P<optional>\[|\])")
_SMALL = 1000
"""Results below this are remembered: every longer number is made of them."""


class NumberRulesError(ValueError):
    """A rule set that cannot be read; the message names the set and the entry."""


@dataclass(frozen=True, slots=True)
class _Rule:
    base: int
    divisor: int
    parts: tuple[tuple[str, str], ...]
    """(kind, text): kinds are words, quotient, rest, same, [ and ]."""


class Speller:
    """Spells whole numbers by named rule sets. Thread-safe: what it remembers is only ever added to."""

    def __init__(self, sets: Mapping[str, str]) -> None:
        self._rules = {name: _parse(name, text) for name, text in sets.items()}
        self._bases = {name: [rule.base for rule in rules] for name, rules in self._rules.items()}
        self._small: dict[tuple[str, int], str] = {}
        for name, rules in self._rules.items():
            for rule in rules:
                for kind, target in rule.parts:
                    if kind in ("quotient", "rest", "same") and target not in self._rules:
                        raise NumberRulesError(f"{name}, rule {rule.base}: no rule set {target!r}")

    def __contains__(self, name: str) -> bool:
        return name in self._rules

    def spell(self, n: int, name: str = "cardinal") -> str:
        """Words for n >= 0 by the rule set `name`; raises KeyError for a set that is not there."""
        if n < _SMALL:
            known = self._small.get((name, n))
            if known is None:
                known = self._small[name, n] = self._apply(n, name)
            return known
        return self._apply(n, name)

    def _apply(self, n: int, name: str) -> str:
        rule = self._rules[name][max(bisect.bisect_right(self._bases[name], n) - 1, 0)]
        quotient, rest = divmod(n, rule.divisor)
        words: list[str] = []
        silent = False
        for kind, text in rule.parts:
            if kind == "[":
                silent = rest == 0
            elif kind == "]":
                silent = False
            elif silent:
                continue
            elif kind == "words":
                words.append(text)
            else:
                value = n if kind == "same" else quotient if kind == "quotient" else rest
                words.append(self.spell(value, text))
        return "".join(words)


def _parse(name: str, text: str) -> tuple[_Rule, ...]:
    rules: list[_Rule] = []
    for entry in text.replace(";", "\n").split("\n"):
        match = _ENTRY.fullmatch(entry)
        if not match or not match["words"].strip():
            if entry.strip():  # an entry with a base but no words is a slip; a lone apostrophe says nothing
                raise NumberRulesError(f"rule set {name}: cannot read {entry.strip()!r}")
            continue
        base = int(match["base"]) if match["base"] else (rules[-1].base + 1 if rules else 0)
        if rules and base <= rules[-1].base:
            raise NumberRulesError(f"rule set {name}: {base} does not follow {rules[-1].base}")
        radix = int(match["radix"] or 10)
        divisor = 1
        while divisor * radix <= base:
            divisor *= radix
        rules.append(_Rule(base, max(divisor, 1), _parts(match["words"].rstrip(), name)))
    if not rules or rules[0].base:
        raise NumberRulesError(f"rule set {name}: the first rule must be for 0")
    return tuple(rules)


def _parts(words: str, own: str) -> tuple[tuple[str, str], ...]:
    words = words[1:] if words.startswith("'") else words
    parts: list[tuple[str, str]] = []
    at = 0
    for match in _PART.finditer(words):
        if match.start() > at:
            parts.append(("words", words[at : match.start()]))
        kind = match.lastgroup or ""
        target = match[kind]
        parts.append((target, "") if kind == "optional" else (kind, target or own))
        at = match.end()
    if at < len(words):
        parts.append(("words", words[at:]))
    return tuple(parts)
