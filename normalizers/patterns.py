"""Regular expressions out of word lists, and the classes of characters they are made of."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from normalizers.languages import common

MARKS = (
    "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0951-\u0963\u0981-\u0983\u09bc-\u09cd"
)
MARKS += "\u0b82\u0bbe-\u0bcd\u0bd7\u0c00-\u0c04\u0c3c\u0c3e-\u0c56\u0c62\u0c63\u3099\u309a"
"""Combining marks of our scripts, inside a character class; `\\w` has letters and digits only."""
WORD = rf"\w{MARKS}"
"""Inside a character class: what a word is made of."""
WORDY = re.compile(f"[{WORD}]")
"""One such character."""
NO_WORD = f"(?![{WORD}]|['’][{WORD}])"
"""No word goes on here: "5 m" is a measure, "5 mice" and "5 m'ont" are none."""
NUMERALS = "IVXLC"
"""Letters of the numerals that rules read: up to 399."""
GAP = "[ \u00a0\u2009\u202f]"
"""A blank inside a written number or between a number and its unit."""


@functools.cache
def decimal_digits(*, astral: bool) -> str:
    """Every decimal digit of every script (Unicode Nd) within or beyond U+FFFF, inside a character class."""
    return "".join(f"{chr(i)}-{chr(i + 9)}" for i in common()["digits"]["zeros"] if (i > 0xFFFF) is astral)


@functools.cache
def digit_values() -> dict[int, str]:
    """For `str.translate`: every decimal digit of another script to its ASCII digit."""
    # A table and no look at all of Unicode: that took a fifth of a second in every fresh process.
    return {zero + n: str(n) for zero in common()["digits"]["zeros"] if zero > 127 for n in range(10)}


def any_of(words: Iterable[str]) -> str:
    """A pattern for the longest of the words that matches, tried letter by letter and not word by word."""
    tree: dict[str, object] = {}
    for word in words:
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})  # type: ignore[assignment]
        node[""] = None
    return _branch(tree) if tree else "(?!)"


def _branch(tree: dict[str, object]) -> str:
    options = []
    for letter, below in tree.items():
        if letter:
            tail = below
            run = letter
            while isinstance(tail, dict) and len(tail) == 1 and "" not in tail:
                ((following, tail),) = tail.items()
                run += following
            assert isinstance(tail, dict)
            options.append(re.escape(run) + ("" if list(tail) == [""] else _branch(tail)))
    # The longer ways first, the end of the word last: that makes the longest word win.
    optional = "?" if "" in tree else ""
    return f"(?:{'|'.join(options)}){optional}" if options else ""
