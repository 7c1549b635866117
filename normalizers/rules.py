"""The rules of one language: patterns of written tokens, and templates of how they are said.

A rule is `pattern` and `say`. In a pattern `{name}` stands for a table's words, a shared piece such as
`{int}` or `{number}`, or a piece of the language's own. In a template `{group}` is what a group of the
pattern matched, and `{group|filter|filter:argument}` passes it through filters (`normalizers.filters`); a
part in `[…]` is said only when all groups in it matched.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from normalizers.filters import FILTERS, Filter
from normalizers.follows import Start, start_of
from normalizers.needs import needed_and_width
from normalizers.patterns import GAP, WORDY, digit_values
from normalizers.voice import Voice

_MACRO = re.compile(r"\{([a-z_]+)\}")
_FIELD = re.compile(r"\{([^{}]*)\}|(\[)|(\])")
_GROUP = re.compile(r"\(\?P<([a-z_]+)>")

_CHOICES = 10_000
_SHAPE = 32
"""Characters of the longest text whose choice of rules is remembered."""
_ONE_DIGIT = dict.fromkeys(map(ord, "123456789"), "0")

Match = re.Match[str]
Say = Callable[[Voice, Match], str | None]


class RuleError(ValueError):
    """A rule that cannot be read; the message names the language, the rule and what is wrong."""


@dataclass(frozen=True)
class Rule:
    """One rule, its pieces put into its pattern."""

    name: str
    pattern: str
    say: Say
    needs: tuple[frozenset[str], ...]
    """Every match holds a character or pair of each of these sets."""
    width: int
    """Characters of the shortest match."""

    @functools.cached_property
    def compiled(self) -> re.Pattern[str]:
        """Made when first asked: few rules ever are."""
        return re.compile(self.pattern)

    @functools.cached_property
    def start(self) -> Start:
        """Where a match may begin."""
        return start_of(self.pattern)


def compile_rules(
    rules_by_name: Mapping[str, Mapping[str, str]],
    pieces: Mapping[str, str],
    where: str,
    tables: Mapping[str, Mapping[str, str]],
) -> tuple[Rule, ...]:
    """The rules in their order; raises RuleError for one that cannot be read."""
    rules = []
    for name, rule in rules_by_name.items():
        try:
            pattern = expand(rule["pattern"], pieces)
            say = _template(rule["say"], frozenset(_GROUP.findall(pattern)), tables)
            rules.append(Rule(name, pattern, say, *needed_and_width(pattern)))
        except (KeyError, RuleError, re.error) as error:
            raise RuleError(f"{where}: rule {name}: {error}") from error
    return tuple(rules)


def expand(pattern: str, pieces: Mapping[str, str]) -> str:
    """The pattern with every `{name}` replaced; raises RuleError for a name that is not known."""

    def piece(match: re.Match[str]) -> str:
        if match[1] not in pieces:
            raise RuleError(f"no piece {{{match[1]}}} (known: {', '.join(sorted(pieces))})")
        return pieces[match[1]]

    while _MACRO.search(pattern):
        pattern = _MACRO.sub(piece, pattern)
    return pattern


def _template(text: str, groups: frozenset[str], tables: Mapping[str, Any]) -> Say:
    """Compile `say`; None from it means that a filter refused, and the text stays as it is."""
    stack: list[list[Say]] = [[]]
    at = 0
    for match in _FIELD.finditer(text):
        if match.start() > at:
            stack[-1].append(_literal(text[at : match.start()]))
        at = match.end()
        if match[2]:
            stack.append([])
        elif match[3]:
            if len(stack) == 1:
                raise RuleError(f"a ] without its [ in {text!r}")
            inner = stack.pop()
            stack[-1].append(_optional(_sequence(inner)))
        else:
            stack[-1].append(_field(match[1], groups, tables))
    if at < len(text):
        stack[-1].append(_literal(text[at:]))
    if len(stack) > 1:
        raise RuleError(f"a [ without its ] in {text!r}")
    return _sequence(stack[0])


def _literal(text: str) -> Say:
    return lambda voice, match: text


def _optional(say: Say) -> Say:
    return lambda voice, match: say(voice, match) or ""


def _sequence(parts: list[Say]) -> Say:
    if len(parts) == 1:
        return parts[0]

    def say(voice: Voice, match: Match) -> str | None:
        words = []
        for part in parts:
            said = part(voice, match)
            if said is None:
                return None
            words.append(said)
        return "".join(words)

    return say


def _field(text: str, groups: frozenset[str], tables: Mapping[str, Any]) -> Say:
    """A `{…}` of a template."""
    group, *names = text.split("|")
    if group.startswith("@"):
        word = group[1:]
        return lambda voice, match: voice.words.get(word, "")
    if group and group not in groups:
        raise RuleError(f"the pattern has no group {group!r}")
    chain = []
    for name in names:
        function, _, argument = name.partition(":")
        if function not in FILTERS and function not in tables:
            raise RuleError(f"{function!r} is no filter and no table")
        chain.append((FILTERS.get(function) or _table(function), argument))
    return _filtered(group or 0, chain)


def _filtered(group: str | int, chain: list[tuple[Filter, str]]) -> Say:
    """What a group matched, passed through filters; None where it did not match."""
    if len(chain) == 1:
        ((only, argument),) = chain

        def say_one(voice: Voice, match: Match) -> str | None:
            value = match[group]
            return only(voice, value, argument, match) if value else None

        return say_one

    def say(voice: Voice, match: Match) -> str | None:
        value: str | None = match[group] or None
        for function, argument in chain:
            if value is None:
                return None
            value = function(voice, value, argument, match)
        return value

    return say


def _table(name: str) -> Filter:
    def look_up(voice: Voice, value: str, argument: str, match: Match) -> str | None:
        return voice.table(name, value)

    return look_up


def rewriter(voice: Voice, rules: tuple[Rule, ...]) -> Callable[[str], str]:
    """The function that says one token: digits of all scripts folded, rules applied from left to right."""
    fold = {**digit_values(), **{ord(sign): text for sign, text in voice.tables["fold"].items()}}
    spaced = voice.words["blank"] == " "
    blanks = re.compile(f"{GAP} (?=[0-9])")  # "1 ½"
    chosen = _chooser(rules)

    def rewrite(text: str) -> str:
        if not text.isascii():
            text = blanks.sub(" ", text.translate(fold)).lstrip(" ")
        choice, size = chosen(text), len(text)
        said: list[str] = []
        at = done = 0
        while at < size:
            tried = choice[choice.places[at]]
            words, end = _said_at(voice, tried, text, at) if tried else (None, at)
            if words is None:
                at += 1
                continue
            if not spaced:
                words = words.replace(" ", "")
            if end - at == size:
                return words
            _append(said, text[done:at], spaced)
            _append(said, words, spaced)
            done = end
            at = max(end, at + 1)
        _append(said, text[done:], spaced)
        return "".join(said)

    return rewrite


def _said_at(voice: Voice, tried: _Tried, text: str, at: int) -> tuple[str | None, int]:
    """What is said at a place by the first of the rules that matches and does not refuse, and to where."""
    for matched, say in tried:
        match = matched(text, at)
        if match and (words := say(voice, match)) is not None:
            return words, match.end()
    return None, at


def _chooser(rules: tuple[Rule, ...]) -> Callable[[str], _Choice]:
    """The function that gives the rules that may match in a text; all digits count as one."""
    size, most = len(rules), max((len(rule.needs) for rule in rules), default=0)
    always = (1 << size * most) - 1  # bit i + k * size: the k-th need of rule i is met
    bits: dict[str, int] = {}
    for i, rule in enumerate(rules):
        for k, need in enumerate(rule.needs):
            always &= ~(1 << i + k * size)
            for one in {one.translate(_ONE_DIGIT) for one in need}:
                bits[one] = bits.get(one, 0) | 1 << i + k * size
    asked = bits.keys()
    widths = [rule.width for rule in rules]
    known: dict[str, _Choice] = {}

    def chosen(text: str) -> _Choice:
        shape = text.translate(_ONE_DIGIT)
        found = known.get(shape)
        if found is None:
            met = always
            for one in asked & {*shape, *map(operator.add, shape, shape[1:])}:
                met |= bits[one]
            wanted = functools.reduce(int.__and__, (met >> k * size for k in range(most)), (1 << size) - 1)
            length = len(shape)
            found = _Choice(
                [rule for i, rule in enumerate(rules) if wanted >> i & 1 and widths[i] <= length], shape
            )
            if len(known) < _CHOICES and len(shape) <= _SHAPE:
                known[shape] = found
        return found

    return chosen


_Tried = Sequence[tuple[Callable[[str, int], Match | None], Say]]
"""Of rules the `match` of their patterns, and what they say."""


class _Choice(dict[int | str, _Tried]):
    """By place in a text of one shape, in a long one by character: rules that may match, in their order."""

    def __init__(self, rules: list[Rule], shape: str) -> None:
        self.rules, self.shape = rules, shape
        self.places: Sequence[int | str] = range(len(shape)) if len(shape) <= _SHAPE else shape

    def __missing__(self, place: int | str) -> _Tried:
        if isinstance(place, str):
            found = [rule for rule in self.rules if rule.start.pairs is None or place in rule.start.pairs]
        else:
            before, first, second = self.shape[:place][-1:], self.shape[place], self.shape[place + 1 :][:1]
            found = [rule for rule in self.rules if rule.start.may_be(before, first, second)]
        tried: _Tried = [(rule.compiled.match, rule.say) for rule in found]
        self[place] = tried
        return tried


def _append(said: list[str], piece: str, spaced: bool) -> None:
    """Add a piece, with a blank where two words would run together."""
    if piece:
        if spaced and said and WORDY.match(said[-1][-1]) and WORDY.match(piece[0]):
            said.append(" ")
        said.append(piece)
