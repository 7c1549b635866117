"""What a pattern may ask for where it begins, and behind the digits that it begins with.

Text that goes on otherwise cannot change what the pattern matches: it can be cut there (`normalizers.reach`).
Everything errs on the side of more: look-behinds are passed, and what may be repeated may be so for ever.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from normalizers.needs import characters_of, op, parser

_DIGITS = frozenset("0123456789")
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)

Characters = frozenset[str] | None
"""None for any."""
Pairs = Mapping[str, Characters]


class _Item(NamedTuple):
    kind: Any
    value: Any
    loose: bool
    """Whether case is ignored."""
    again: bool = False
    """Whether a repetition was entered already and may end."""


_State = tuple[_Item, ...]
"""What is still to be matched."""


class Start(NamedTuple):
    """Where a match may begin, in a text with noughts for all its digits."""

    pairs: Pairs | None
    """By its first character those that may be the second, or follow if there is none; None for any."""
    behind: Characters
    """The character before it; None for any, or none."""
    never_behind: frozenset[str]

    def may_be(self, before: str, first: str, second: str) -> bool:
        """Whether one may begin with two characters behind a third; the outer ones may be nothing."""
        if before in self.never_behind or (self.behind is not None and before not in self.behind):
            return False
        if self.pairs is None:
            return True
        seconds = self.pairs.get(first, frozenset())
        return seconds is None or second in seconds


def start_of(pattern: str) -> Start:
    """Where a match may begin, as far as its first two characters and the one before them tell.

    Raises re.error.
    """
    items = _items(parser.parse(pattern), loose=False)
    behind: Characters = None
    never: frozenset[str] = frozenset()
    for kind, value, loose, _ in items:
        if kind not in (op.ASSERT, op.ASSERT_NOT) or value[0] > 0:
            break
        if kind is op.ASSERT:
            behind = _noughts(characters_of(*value[1][-1], loose=loose))
        elif len(value[1]) == 1:
            never |= _surely(*value[1][0])
    if _DIGITS - never:
        never -= {"0"}
    return Start(_pairs(items), behind, never)


def _pairs(items: _State) -> Pairs | None:
    pairs: dict[str, Characters] = {}
    if _may_end(items):
        return None
    for taken, rest in _heads(items):
        if taken is None:
            return None
        seconds = None if _may_end(rest) else _noughts(_union(_heads(rest)))
        for first in _noughts(taken) or ():
            known = pairs.get(first, frozenset())
            pairs[first] = None if known is None or seconds is None else known | seconds
    return pairs


def _noughts(characters: Characters) -> Characters:
    return characters and (characters - _DIGITS | ({"0"} if characters & _DIGITS else set()))


def _surely(kind: Any, value: Any) -> frozenset[str]:
    """Characters of ASCII that an item of a single one takes, if no others are known."""
    if kind is op.IN and (op.CATEGORY, op.CATEGORY_WORD) in value and value[0][0] is not op.NEGATE:
        return frozenset(string.ascii_letters + string.digits + "_")
    return characters_of(kind, value, loose=False) or frozenset()


def after_digits(pattern: str) -> Pairs | None:
    """By character that may be asked for behind any digits, those asked for next. Raises re.error."""
    pairs: dict[str, Characters] = {}
    for taken, rest in _heads_behind_digits(pattern):
        if taken is None:
            return None
        seconds = _union(_heads(rest))
        for first in taken:
            known = pairs.get(first, frozenset())
            pairs[first] = None if known is None or seconds is None else known | seconds
    return pairs


def _union(heads: Iterable[tuple[Characters, _State]]) -> Characters:
    found: frozenset[str] = frozenset()
    for taken, _ in heads:
        if taken is None:
            return None
        found |= taken
    return found


def _heads_behind_digits(pattern: str) -> Iterator[tuple[Characters, _State]]:
    parsed = parser.parse(pattern)  # kept: what was seen is known by the identity of its parts
    states = [_items(parsed, loose=False)]
    seen = set()
    while states:
        state = states.pop()
        key = tuple((id(item.value), item.again) for item in state)
        if key in seen:
            continue
        seen.add(key)
        for taken, rest in _heads(state):
            if taken is None or taken & _DIGITS:
                states.append(rest)
            if taken is None or taken - _DIGITS:
                yield (taken and taken - _DIGITS), rest


def _items(parsed: Any, *, loose: bool) -> _State:
    return tuple(_Item(kind, value, loose) for kind, value in parsed)


def _heads(state: _State) -> Iterator[tuple[Characters, _State]]:
    """Each character that may come next, in sets, and what is to be matched behind it."""
    for i, item in enumerate(state):
        rest = state[i + 1 :]
        if item.kind is op.AT:
            yield None, ()
        elif item.kind in (op.ASSERT, op.ASSERT_NOT):
            # What is looked at ahead is asked for by the rest too, if there is one.
            if item.value[0] > 0 and _may_end(rest):
                yield from ((taken, ()) for taken, _ in _heads(_items(item.value[1], loose=item.loose)))
        elif (ways := _ways(item)) is None:
            yield characters_of(item.kind, item.value, loose=item.loose), rest
            return
        else:
            behind = (item._replace(again=True), *rest) if item.kind in _REPEATS else rest
            for way in ways:
                yield from ((taken, (*inner, *behind)) for taken, inner in _heads(way))
            if not _may_end((item,)):
                return


def _ways(item: _Item) -> list[_State] | None:
    """What a group may be, None for a single character."""
    kind, value, loose, _ = item
    if kind is op.BRANCH:
        return [_items(way, loose=loose) for way in value[1]]
    if kind is op.SUBPATTERN:
        _, added, removed, inner = value
        return [_items(inner, loose=(loose or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE)]
    if kind is op.ATOMIC_GROUP:
        return [_items(value, loose=loose)]
    return [_items(value[2], loose=loose)] if kind in _REPEATS else None


def _may_end(state: _State) -> bool:
    """Whether nothing more need be matched."""
    for item in state:
        if item.kind in (op.AT, op.ASSERT, op.ASSERT_NOT) or (item.kind in _REPEATS and not item.value[0]):
            continue
        ways = _ways(item)
        if not item.again and (ways is None or not any(map(_may_end, ways))):
            return False
    return True
