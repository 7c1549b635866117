"""Joins the words of a tokenised subtitle as they are written, and not with a space everywhere.

The facts are in data/subtitles.toml. What tokens cannot tell stays apart: "a - b" may be a word or a dash.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NO_SPACES = re.compile("[\u3000-\u30ff\u3400-\u9fff\uff00-\uff9f]")
"""Characters of the scripts that write no spaces, Japanese and Chinese, with their punctuation."""
_APOSTROPHES = "'’"
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class _Facts:
    closing: frozenset[str]
    opening: frozenset[str]
    both: frozenset[str]
    attached: frozenset[str]
    after_apostrophe: frozenset[str]
    before_apostrophe: frozenset[str]
    cut_short: frozenset[str]
    closes_after: dict[str, str]
    opens_before: dict[str, str]


@cache
def _facts() -> _Facts:
    raw = tomllib.loads((files("spark_jobs") / "data" / "subtitles.toml").read_text("utf-8"))
    return _Facts(
        closing=frozenset(raw["closing"]),
        opening=frozenset(raw["opening"]),
        both=frozenset(raw["both"]),
        attached=frozenset(raw["attached"]),
        after_apostrophe=frozenset(raw["after_apostrophe"]),
        before_apostrophe=frozenset(raw["before_apostrophe"]),
        cut_short=frozenset(raw["cut_short"]),
        closes_after=raw["closes_after"],
        opens_before=raw["opens_before"],
    )


def join_tokens(tokens: Sequence[str]) -> str:
    """One sentence: ["Don", "'t", "go", "!"] is "Don't go!"."""
    text = ""
    open_marks: set[str] = set()
    glued = True
    for n, token in enumerate(tokens):
        to_left, to_right = _sides(tokens, n, open_marks)
        spaceless = text and token and (NO_SPACES.match(text[-1]) or NO_SPACES.match(token))
        text += token if glued or to_left or spaceless else " " + token
        glued = to_right
    return text


def _sides(tokens: Sequence[str], n: int, open_marks: set[str]) -> tuple[bool, bool]:
    """Whether a token stands close to the one before and to the one behind; keeps account of open quotes."""
    facts = _facts()
    token = tokens[n]
    before = tokens[n - 1] if n else ""
    after = tokens[n + 1] if n + 1 < len(tokens) else ""
    if token in _APOSTROPHES and (within := _within_word(before, after)):
        return within
    if token in facts.both or token in facts.closes_after or token in facts.opens_before:
        opens = _opens(token, tokens[n + 1 :], open_marks)
        return not opens, opens
    if facts.opening.issuperset(token):
        open_marks.update(token)
        return False, True
    if facts.closing.issuperset(token) or token.lower() in facts.attached or _continues(token):
        return True, token[-1:] in _JOINERS
    if token[:1] in _APOSTROPHES and token.lower()[1:] in facts.after_apostrophe and before[-1:].isalpha():
        return True, False
    ends_open = token[-1:] in _APOSTROPHES and token.lower()[:-1] in facts.before_apostrophe
    return False, ends_open and after[:1].isalnum()


def _opens(token: str, ahead: Sequence[str], open_marks: set[str]) -> bool:
    """Whether a quotation mark that may do both opens here."""
    facts = _facts()
    if token in facts.opens_before:
        partner = facts.opens_before[token]
        opens = partner not in open_marks and partner in ahead
    else:
        partner = facts.closes_after.get(token, token)
        opens = partner not in open_marks and len(ahead) > 0
    open_marks.discard(partner)
    if opens:
        open_marks.add(token)
    return opens


def _within_word(before: str, after: str) -> tuple[bool, bool] | None:
    """The sides of an apostrophe within a word, l ' amour or it ' s; None for a quotation mark."""
    facts = _facts()
    if not before[-1:].isalpha():
        return None
    if before.lower() in facts.cut_short:
        return True, False
    if not after[:1].isalnum():
        return None
    part = after.lower() in facts.after_apostrophe or before.lower() in facts.before_apostrophe
    return (True, True) if part else None


def _continues(token: str) -> bool:
    """Whether a token begins with a mark that has no place of its own: a vowel sign, a joiner."""
    return token[:1] in _JOINERS or unicodedata.category(token[:1] or " ").startswith("M")
