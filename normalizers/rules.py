"""The rules of one language: patterns of written tokens, and templates of how they are said.

A rule is `pattern` and `say`. In a pattern `{name}` stands for a table's words, a shared piece such as
`{int}` or `{number}`, or a piece of the language's own. In a template `{group}` is what a group of the
pattern matched, and `{group|filter|filter:argument}` passes it through filters (`normalizers.filters`); a
part in `[…]` is said only when all groups in it matched.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from normalizers.filters import FILTERS, Filter, Voice
from normalizers.patterns import WORDY, digit_values

_MACRO = re.compile(r"\{([a-z_]+)\}")
_FIELD = re.compile(r"\{([^{}]*)\}|(\[)|(\])")
_GROUP = re.compile(r"\(\?P<([a-z_]+)>")

Say = Callable[[Voice, "re.Match[str]"], str | None]


class RuleError(ValueError):
    """A rule that cannot be read; the message names the language, the rule and what is wrong."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A `{…}` of a template."""

    group: str
    """Of the match; empty for a word of the language's `words` table."""
    chain: tuple[tuple[Filter, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, its groups renamed so that many rules fit into one pattern."""

    name: str
    pattern: str
    say: Say

    def match(self, text: str, at: int) -> re.Match[str] | None:
        """This rule alone at one place; compiled when first asked, few rules ever are."""
        return _compiled(self.pattern).match(text, at)


_compiled = functools.cache(re.compile)


def compile_rules(
    rules_by_name: Mapping[str, Mapping[str, str]],
    pieces: Mapping[str, str],
    where: str,
    tables: Mapping[str, Mapping[str, str]],
) -> tuple[re.Pattern[str], dict[str, Rule]]:
    """All rules as one alternation in their order, and each rule by the name of its outermost group."""
    rules: dict[str, Rule] = {}
    for index, (name, rule) in enumerate(rules_by_name.items()):
        try:
            pattern = expand(rule["pattern"], pieces)
            groups = {g: f"r{index}_{g}" for g in _GROUP.findall(pattern)}
            pattern = _GROUP.sub(lambda m, groups=groups: f"(?P<{groups[m[1]]}>", pattern)  # type: ignore[misc]
            pattern = re.sub(r"\(\?P=([a-z_]+)\)", lambda m, groups=groups: f"(?P={groups[m[1]]})", pattern)  # type: ignore[misc]
            outer = f"r{index}"
            pattern = f"(?P<{outer}>{pattern})"
            say = _template(rule["say"], outer, groups, tables)
            rules[outer] = Rule(name, pattern, say)
        except (KeyError, RuleError) as error:
            raise RuleError(f"{where}: rule {name}: {error}") from error
    return _union(rules.values(), where), rules


def _union(rules: Iterable[Rule], where: str) -> re.Pattern[str]:
    """All rules as one alternation; raises RuleError that names the first rule that is no pattern."""
    try:
        return re.compile("|".join(rule.pattern for rule in rules))
    except re.error as error:
        for rule in rules:
            try:
                re.compile(rule.pattern)
            except re.error as own:
                raise RuleError(f"{where}: rule {rule.name}: {own}") from own
        raise RuleError(f"{where}: the rules together: {error}") from error


def expand(pattern: str, pieces: Mapping[str, str]) -> str:
    """The pattern with every `{name}` replaced; raises RuleError for a name that is not known."""

    def piece(match: re.Match[str]) -> str:
        if match[1] not in pieces:
            raise RuleError(f"no piece {{{match[1]}}} (known: {', '.join(sorted(pieces))})")
        return pieces[match[1]]

    while _MACRO.search(pattern):
        pattern = _MACRO.sub(piece, pattern)
    return pattern


def _template(text: str, outer: str, groups: Mapping[str, str], tables: Mapping[str, Any]) -> Say:
    """Compile `say`; None from it means that a filter refused, and the text stays as it is."""
    parts: list[Any] = []
    stack = [parts]
    at = 0
    for match in _FIELD.finditer(text):
        if match.start() > at:
            stack[-1].append(text[at : match.start()])
        at = match.end()
        if match[2]:
            stack.append([])
        elif match[3]:
            if len(stack) == 1:
                raise RuleError(f"a ] without its [ in {text!r}")
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(_field(match[1], outer, groups, tables))
    if at < len(text):
        stack[-1].append(text[at:])
    if len(stack) > 1:
        raise RuleError(f"a [ without its ] in {text!r}")

    def say(voice: Voice, match: re.Match[str]) -> str | None:
        return _render(parts, voice, match)

    return say


def _field(text: str, outer: str, groups: Mapping[str, str], tables: Mapping[str, Any]) -> _Field:
    group, *names = text.split("|")
    if group.startswith("@"):
        return _Field("", ((_word, group[1:]),))
    if group and group not in groups:
        raise RuleError(f"the pattern has no group {group!r}")
    chain = []
    for name in names:
        function, _, argument = name.partition(":")
        if function not in FILTERS and function not in tables:
            raise RuleError(f"{function!r} is no filter and no table")
        found = FILTERS.get(function) or _table(function)
        chain.append((found, groups.get(argument, argument)))
    return _Field(groups[group] if group else outer, tuple(chain))


def _table(name: str) -> Filter:
    def look_up(voice: Voice, value: str, argument: str, match: re.Match[str]) -> str | None:
        return voice.table(name, value)

    return look_up


def _word(voice: Voice, value: str, name: str, match: re.Match[str]) -> str | None:
    return voice.words.get(name, "")


def _render(parts: list[Any], voice: Voice, match: re.Match[str]) -> str | None:
    words: list[str] = []
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, list):
            words.append(_render(part, voice, match) or "")
        else:
            value: str | None = match[part.group] if part.group else ""
            if part.group and not value:
                return None
            for function, argument in part.chain:
                value = function(voice, value or "", argument, match)
                if value is None:
                    return None
            words.append(value or "")
    return "".join(words)


def rewriter(voice: Voice, union: re.Pattern[str], rules: Mapping[str, Rule]) -> Callable[[str], str]:
    """The function that says one token: digits of all scripts folded, rules applied from left to right."""
    fold = {**digit_values(), **{ord(sign): text for sign, text in voice.tables["fold"].items()}}
    spaced = voice.words["blank"] == " "
    order = list(rules.values())

    def say_here(match: re.Match[str]) -> tuple[str, int] | None:
        rule = rules[match.lastgroup or ""]
        words = rule.say(voice, match)
        if words is not None:
            return words, match.end()
        for later in order[order.index(rule) + 1 :]:  # refused: the rules after it get their turn
            found = later.match(match.string, match.start())
            words = later.say(voice, found) if found else None
            if found and words is not None:
                return words, found.end()
        return None

    def rewrite(text: str) -> str:
        text = text.translate(fold).lstrip(" ")
        said: list[str] = []
        at = look = 0
        while match := union.search(text, look):
            here = say_here(match)
            if here is None:
                look = match.start() + 1
                continue
            words, end = here
            for piece in (text[at : match.start()], words if spaced else words.replace(" ", "")):
                _append(said, piece, spaced)
            at, look = end, max(end, match.start() + 1)
        _append(said, text[at:], spaced)
        return "".join(said)

    return rewrite


def _append(said: list[str], piece: str, spaced: bool) -> None:
    """Add a piece, with a blank where two words would run together."""
    if piece:
        if spaced and said and WORDY.match(said[-1][-1]) and WORDY.match(piece[0]):
            said.append(" ")
        said.append(piece)
