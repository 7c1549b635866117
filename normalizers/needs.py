"""What a pattern cannot do without, so that it need not be tried on text that lacks it.

A token could be tried by some hundred rules; most of them need a colon, a slash or the "ja" of January.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

# Python's own parser of patterns: it has no public name; a test holds what is used of it.
op: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

Needs = frozenset[str] | None
"""Characters and pairs of characters, one of which is in every match; None when nobody knows."""
_MOST = 400
"""Characters of a set worth keeping: a class of a whole script says nothing."""
_WAYS = 16
"""Pairs that two neighbours may make."""
_FOLDED = {"s": "ſ", "k": "\u212a"}
"""What Python's IGNORECASE takes for these letters, beside their capitals."""


def needed(pattern: str, most: int = 5) -> tuple[frozenset[str], ...]:
    """Sets of characters and pairs; every match, or what it looks at around it, holds one of each.

    At most `most`, those that fewest tokens meet. Raises re.error.
    """
    return needed_and_width(pattern, most)[0]


def needed_and_width(pattern: str, most: int = 5) -> tuple[tuple[frozenset[str], ...], int]:
    """As `needed`, and how many characters the shortest match has."""
    parsed = parser.parse(pattern)
    known = sorted(set(_all(parsed, loose=False)), key=lambda need: (_weight(need), sorted(need)))
    return tuple(known[:most]), int(parsed.getwidth()[0])


def _weight(need: Iterable[str]) -> float:
    """How often tokens meet a need, roughly."""
    return sum(_share(one[0]) * _share(one[-1]) * 2 if len(one) > 1 else _share(one) for one in need)


def _share(character: str) -> float:
    if not character.isascii():
        return 0.005
    if character.isdecimal():
        return 0.6
    return {" ": 0.5, ".": 0.25, "-": 0.15, ",": 0.15}.get(
        character, 0.12 if character in "aeionrstl" else 0.04
    )


def _all(items: Any, *, loose: bool) -> Iterator[frozenset[str]]:
    """The sets of a sequence; those of a group that must match one by one."""
    previous: Needs = None
    for kind, value in items:
        here = None
        if kind is op.SUBPATTERN:  # looked into once: groups stand in groups, twice each would double
            _, added, removed, inner = value
            yield from _all(
                inner, loose=(loose or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
            )
        elif here := _item(kind, value, loose):
            yield here
        single = here if kind in (op.LITERAL, op.IN) else None
        if single and previous and len(single) * len(previous) <= _WAYS:
            yield frozenset(map("".join, itertools.product(previous, single)))
        previous = single


def _sequence(items: Any, *, loose: bool) -> Needs:
    return min(_all(items, loose=loose), key=_weight, default=None)


def _item(kind: Any, value: Any, loose: bool) -> Needs:
    need: Needs = None
    if kind is op.LITERAL:
        need = _cases(value, loose)
    elif kind is op.IN:
        need = _set(value, loose)
    elif kind is op.SUBPATTERN:
        _, added, removed, items = value
        need = _sequence(items, loose=(loose or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE)
    elif kind is op.BRANCH:
        needs = [_sequence(items, loose=loose) for items in value[1]]
        together = frozenset().union(*(one for one in needs if one))
        need = together if all(needs) and len(together) <= _MOST else None
    elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, _, items = value
        need = _sequence(items, loose=loose) if least else None
    elif kind is op.ASSERT:
        need = _sequence(value[1], loose=loose)
    elif kind is op.ATOMIC_GROUP:
        need = _sequence(value, loose=loose)
    return need


def characters_of(kind: Any, value: Any, *, loose: bool) -> Needs:
    """What an item of a single character may be; None for a class or a negation."""
    return _item(kind, value, loose) if kind in (op.LITERAL, op.IN) else None


def _set(items: Any, loose: bool) -> Needs:
    found: set[str] = set()
    for kind, value in items:
        if kind is op.LITERAL:
            found |= _cases(value, loose)
        elif kind is op.RANGE and value[1] - value[0] <= _MOST:
            for code in range(value[0], value[1] + 1):
                found |= _cases(code, loose)
        else:  # a class such as \w, or a negation
            return None
    return frozenset(found) if len(found) <= _MOST else None


def _cases(code: int, loose: bool) -> frozenset[str]:
    character = chr(code)
    if not loose:
        return frozenset(character)
    return frozenset(
        (character, character.lower(), character.upper(), _FOLDED.get(character.lower(), character))
    )
