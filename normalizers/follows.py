"""What a pattern may ask for where it begins, and behind the digits that it begins with.

Text that goes on otherwise cannot change what the pattern matches: it can be cut there (`normalizers.reach`).
Everything errs on the side of more: of a look behind only the last character counts, if at all, and what may
be repeated may be so for ever.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from normalizers.needs import characters_of, op, parser
from normalizers.patterns import WORDY

_DIGITS = frozenset("0123456789")
_MOST_TEXTS = 1_000
"""More need not be told apart: it takes time when a language is loaded."""
_WORD = 4
"""Characters of a word that are enough to know it."""
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
_Identity = tuple[tuple[int, Any, bool], ...]
_Known = dict[tuple[int, _Identity], frozenset[str]]


class _Head(NamedTuple):
    taken: Characters
    rest: _State
    """What is to be matched behind it."""
    behind: Characters
    """What stands before it, as far as a look behind says so."""


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
    for taken, rest, _ in _heads(items):
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


def _union(heads: Iterable[_Head]) -> Characters:
    found: frozenset[str] = frozenset()
    for head in heads:
        if head.taken is None:
            return None
        found |= head.taken
    return found


class Ahead(NamedTuple):
    """What one way to match needs behind digits that it has taken, if it is to take more than these."""

    digits: frozenset[str]
    """What the last of them may be."""
    texts: frozenset[str]
    """One of these directly behind them, noughts for all digits; shorter than could be where a match may end
    or nobody can list what it may go on with, empty for anything."""
    words: frozenset[str]
    """One of these somewhere behind, if there are any."""


def behind_digits(pattern: str, most: int = 6) -> list[Ahead]:
    """What each way to match may need, in texts of up to `most` characters.

    The pattern is one for what follows a digit. Raises re.error.
    """
    parsed = parser.parse(pattern)  # kept: what was seen is known by the identity of its parts
    found, known = [], _Known()
    for way in _alternatives(_items(parsed, loose=False)):
        words, texts = _words(way, known), dict[frozenset[str], frozenset[str]]()
        for state in _states_behind(way, _DIGITS):
            for behind, more in _others(state, _DIGITS, most, known):
                digits = _DIGITS if behind is None else behind & _DIGITS
                texts[digits] = texts.get(digits, frozenset()) | more
        found += [Ahead(digits, _few(listed), words) for digits, listed in texts.items()]
    return found


def _alternatives(state: _State) -> Iterator[_State]:
    """The ways through the first group, if only what may be left out stands before it."""
    for i, item in enumerate(state):
        if item.kind in (op.BRANCH, op.SUBPATTERN):
            for way in _ways(item) or ():
                yield from _alternatives((*state[:i], *way, *state[i + 1 :]))
            return
        if not _may_end((item,)):
            break
    yield state


def _words(state: _State, known: _Known) -> frozenset[str]:
    """What words begin with one of which every match holds; none if nobody knows."""
    found: list[frozenset[str]] = []
    for i, item in enumerate(state):
        if item.kind not in _REPEATS:
            words = _texts(state[i:], _WORD, known)
            if min(map(_letters, words)) > 1 and not any("0" in word for word in words):
                found.append(words)
    return max(found, key=lambda words: (min(map(_letters, words)), -len(words)), default=frozenset())


def _letters(word: str) -> int:
    return len(word) - len(WORDY.sub("", word))


def _texts(state: _State, most: int, known: _Known) -> frozenset[str]:
    """What may be asked for next, as `Ahead.texts`."""
    if not most or _may_end(state):
        return frozenset([""])
    key = (most, _identity(state))
    if key not in known:
        found: frozenset[str] = frozenset()
        for head in _heads(state):
            found |= _joined(head.taken, _texts(head.rest, most - 1, known))
        known[key] = _few(found or frozenset([""]))
    return known[key]


def _joined(characters: Characters, texts: frozenset[str]) -> frozenset[str]:
    """Each character with each text behind it, these cut where that would be too many."""
    if characters is None:
        return frozenset([""])
    characters = _noughts(characters) or frozenset()
    texts = _few(texts, _MOST_TEXTS // max(1, len(characters)))
    return frozenset(character + text for character in characters for text in texts)


def _few(texts: frozenset[str], most: int = _MOST_TEXTS) -> frozenset[str]:
    """The texts, cut until they are no more than `most`; one text is never too many."""
    size = max(map(len, texts), default=0)
    while len(texts) > max(1, most):
        size -= 1
        texts = frozenset(text[:size] for text in texts)
    return texts


def _identity(state: _State) -> _Identity:
    return tuple((id(item.value), item.kind, item.again) for item in state)


def behind_letters(pattern: str, letters: frozenset[str], most: int = 6) -> frozenset[str]:
    """What a match that begins with some of the letters needs behind all of these, as `Ahead.texts`.

    Raises re.error.
    """
    parsed, known = parser.parse(pattern), _Known()
    start, *states = _states_behind(_items(parsed, loose=False), letters)
    if any(map(_may_end, states)):
        return frozenset([""])
    found = (more for state in (start, *states) for _, more in _others(state, letters, most, known))
    return _few(frozenset().union(*found))


def _states_behind(state: _State, letters: frozenset[str]) -> Iterator[_State]:
    """The state itself, and what is to be matched behind any of the letters."""
    states = [state]
    seen = set()
    while states:
        state = states.pop()
        if _identity(state) not in seen:
            seen.add(_identity(state))
            yield state
            states += [head.rest for head in _heads(state) if head.taken is None or head.taken & letters]


def _others(
    state: _State, letters: frozenset[str], most: int, known: _Known
) -> Iterator[tuple[Characters, frozenset[str]]]:
    """What may come next but the letters: what stands before it, and the texts that it begins."""
    for head in _heads(state):
        if head.taken is None or head.taken - letters:
            taken = head.taken and head.taken - letters
            yield head.behind, _joined(taken, _texts(head.rest, most - 1, known))


def _items(parsed: Any, *, loose: bool) -> _State:
    return tuple(_Item(kind, value, loose) for kind, value in parsed)


def _heads(state: _State) -> Iterator[_Head]:
    """Each character that may come next, in sets, and what is to be matched behind it."""
    behind: Characters = None
    for i, item in enumerate(state):
        rest = state[i + 1 :]
        if item.kind is op.AT:
            yield _Head(None, (), behind)
        elif item.kind in (op.ASSERT, op.ASSERT_NOT):
            # What is looked at ahead is asked for by the rest too, if there is one.
            if item.value[0] > 0 and _may_end(rest):
                ahead = _heads(_items(item.value[1], loose=item.loose))
                yield from (_Head(head.taken, (), behind) for head in ahead)
            elif item.kind is op.ASSERT and item.value[0] < 0:
                behind = _both(behind, _last(_items(item.value[1], loose=item.loose)))
        elif (ways := _ways(item)) is None:
            yield _Head(characters_of(item.kind, item.value, loose=item.loose), rest, behind)
            return
        else:
            once = item.kind not in _REPEATS or item.value[1] == 1
            again = rest if once else (item._replace(again=True), *rest)
            for way in ways:
                for head in _heads(way):
                    yield _Head(head.taken, (*head.rest, *again), _both(behind, head.behind))
            if not _may_end((item,)):
                return


def _both(one: Characters, other: Characters) -> Characters:
    return other if one is None else one if other is None else one & other


def _last(state: _State) -> Characters:
    """What a look behind asks of the last character."""
    if not state:
        return None
    if (ways := _ways(state[-1])) is None:
        return characters_of(state[-1].kind, state[-1].value, loose=state[-1].loose)
    if state[-1].kind in _REPEATS:
        return None
    lasts = [_last(way) for way in ways]
    return None if None in lasts else frozenset().union(*(last for last in lasts if last))


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
