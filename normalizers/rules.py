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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from normalizers.filters import FILTERS, Filter
from normalizers.needs import needed
from normalizers.patterns import WORDY, digit_values
from normalizers.voice import Voice

_MACRO = re.compile(r"\{([a-z_]+)\}")
_FIELD = re.compile(r"\{([^{}]*)\}|(\[)|(\])")
_GROUP = re.compile(r"\(\?P<([a-z_]+)>")

_CHOICES = 10_000

Say = Callable[[Voice, "re.Match[str]"], str | None]


class RuleError(ValueError):
    """A rule that cannot be read; the message names the language, the rule and what is wrong."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A `{…}` of a template."""

    group: str | int | None
    """Of the match, 0 for all of it; None for a word of the language's `words` table."""
    chain: tuple[tuple[Filter, str], ...]


@dataclass(frozen=True)
class Rule:
    """One rule, its pieces put into its pattern."""

    name: str
    pattern: str
    say: Say
    needs: tuple[frozenset[str], ...]
    """Every match holds a character or pair of each of these sets."""

    @functools.cached_property
    def compiled(self) -> re.Pattern[str]:
        """Made when first asked: few rules ever are."""
        return re.compile(self.pattern)


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
            rules.append(Rule(name, pattern, say, needed(pattern)))
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
            stack[-1].append(_field(match[1], groups, tables))
    if at < len(text):
        stack[-1].append(text[at:])
    if len(stack) > 1:
        raise RuleError(f"a [ without its ] in {text!r}")

    def say(voice: Voice, match: re.Match[str]) -> str | None:
        return _render(parts, voice, match)

    return say


def _field(text: str, groups: frozenset[str], tables: Mapping[str, Any]) -> _Field:
    group, *names = text.split("|")
    if group.startswith("@"):
        return _Field(None, ((_word, group[1:]),))
    if group and group not in groups:
        raise RuleError(f"the pattern has no group {group!r}")
    chain = []
    for name in names:
        function, _, argument = name.partition(":")
        if function not in FILTERS and function not in tables:
            raise RuleError(f"{function!r} is no filter and no table")
        found = FILTERS.get(function) or _table(function)
        chain.append((found, argument))
    return _Field(group or 0, tuple(chain))


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
            value: str | None = "" if part.group is None else match[part.group]
            if part.group is not None and not value:
                return None
            for function, argument in part.chain:
                value = function(voice, value or "", argument, match)
                if value is None:
                    return None
            words.append(value or "")
    return "".join(words)


def rewriter(voice: Voice, rules: tuple[Rule, ...]) -> Callable[[str], str]:
    """The function that says one token: digits of all scripts folded, rules applied from left to right."""
    fold = {**digit_values(), **{ord(sign): text for sign, text in voice.tables["fold"].items()}}
    spaced = voice.words["blank"] == " "
    chosen = _chooser(rules)

    def rewrite(text: str) -> str:
        if not text.isascii():
            text = text.translate(fold).lstrip(" ")
        said: list[str] = []
        at = 0
        for start, end, words in _sayings(voice, chosen(text), text):
            _append(said, text[at:start], spaced)
            _append(said, words if spaced else words.replace(" ", ""), spaced)
            at = end
        if at < len(text):
            _append(said, text[at:], spaced)
        return "".join(said)

    return rewrite


def _chooser(rules: tuple[Rule, ...]) -> Callable[[str], list[Rule]]:
    """The function that gives the rules that may match in a text, in their order."""
    size, most = len(rules), max((len(rule.needs) for rule in rules), default=0)
    always = (1 << size * most) - 1  # bit i + k * size: the k-th need of rule i is met
    bits: dict[str, int] = {}
    for i, rule in enumerate(rules):
        for k, need in enumerate(rule.needs):
            always &= ~(1 << i + k * size)
            for one in need:
                bits[one] = bits.get(one, 0) | 1 << i + k * size
    asked = bits.keys()
    known: dict[int, list[Rule]] = {}

    def chosen(text: str) -> list[Rule]:
        met = always
        for one in asked & {*text, *map(operator.add, text, text[1:])}:
            met |= bits[one]
        found = known.get(met)
        if found is None:
            wanted = functools.reduce(int.__and__, (met >> k * size for k in range(most)), (1 << size) - 1)
            found = [rule for i, rule in enumerate(rules) if wanted >> i & 1]
            if len(known) < _CHOICES:
                known[met] = found
        return found

    return chosen


def _sayings(voice: Voice, rules: list[Rule], text: str) -> Iterator[tuple[int, int, str]]:
    """What is said from where to where: at each place by the first rule that matches and does not refuse."""
    size = len(text)
    matches, here = _first(voice, rules, text)
    if here:
        yield 0, here[1], here[0]
    look = max(here[1] if here else 0, int(matches))
    # The next match of each rule is kept until the place is behind it: that makes long texts linear.
    ahead: dict[int, re.Match[str] | None] = {}
    while look < size:
        best, which, where = None, -1, size + 1
        for i, rule in enumerate(rules):
            match = ahead.get(i, _NOT_ASKED)
            if match is _NOT_ASKED or (match and match.start() < look):
                match = ahead[i] = rule.compiled.search(text, look)
            if match and match.start() < where:
                best, which, where = match, i, match.start()
                if where == look:
                    break
        if best is None:
            return
        here = _say_here(voice, rules[which:], best)
        if here is None:
            look = where + 1
            continue
        words, end = here
        yield where, end, words
        look = max(end, where + 1)


_NOT_ASKED: Any = object()


def _first(voice: Voice, rules: list[Rule], text: str) -> tuple[bool, tuple[str, int] | None]:
    """Whether a rule matches where the text begins, and what `_say_here` gives then.

    Nearly every token is said from its first character on, and to ask for a match there costs a fraction of a
    search. A rule that comes first at the first place comes first whatever the others find further on.
    """
    for which, rule in enumerate(rules):
        match = rule.compiled.match(text)
        if match:
            return True, _say_here(voice, rules[which:], match)
    return False, None


def _say_here(voice: Voice, rules: list[Rule], match: re.Match[str]) -> tuple[str, int] | None:
    """Words by the first rule that does not refuse where the first one matched, and where that ends."""
    words = rules[0].say(voice, match)
    if words is not None:
        return words, match.end()
    for rule in rules[1:]:
        found = rule.compiled.match(match.string, match.start())
        words = rule.say(voice, found) if found else None
        if found and words is not None:
            return words, found.end()
    return None


def _append(said: list[str], piece: str, spaced: bool) -> None:
    """Add a piece, with a blank where two words would run together."""
    if piece:
        if spaced and said and WORDY.match(said[-1][-1]) and WORDY.match(piece[0]):
            said.append(" ")
        said.append(piece)
