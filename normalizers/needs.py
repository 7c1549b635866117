"""What characters a pattern cannot do without, so that it need not be tried where they are missing.

A token is tried by some sixty rules; most of them need a colon, a slash or a letter that it does not have.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

# Python's own parser of patterns: it has no public name; a test holds what is used of it.
op: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

_MOST = 400
"""Characters of a set worth keeping: a class of a whole script says nothing."""
_DIGITS = frozenset("0123456789")
_FOLDED = {"s": "ſ", "k": "\u212a"}
"""What Python's IGNORECASE takes for these letters, beside their capitals."""

Needs = frozenset[str] | None


def needed_characters(pattern: str, most: int = 3) -> tuple[frozenset[str], ...]:
    """Sets of characters; every match, or what it looks at around it, holds one of each. At most `most`.

    Those that fewest tokens meet: without digits first, then the smallest. Raises re.error.
    """
    known = {need for kind, value in parser.parse(pattern) for need in _all(kind, value, loose=False)}
    return tuple(sorted(known, key=lambda need: (*_order(need), sorted(need)))[:most])


def _order(need: frozenset[str]) -> tuple[bool, int]:
    return bool(need & _DIGITS), len(need)


def _all(kind: Any, value: Any, *, loose: bool) -> Iterator[frozenset[str]]:
    """The sets of an item; those of a group, if it must match, one by one."""
    if kind is op.SUBPATTERN:
        _, added, removed, items = value
        loose = (loose or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
        for inner, inside in items:
            yield from _all(inner, inside, loose=loose)
    elif need := _item(kind, value, loose):
        yield need


def _sequence(items: Any, *, loose: bool) -> Needs:
    known = [need for need in (_item(kind, value, loose) for kind, value in items) if need]
    return min(known, key=_order, default=None)


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
