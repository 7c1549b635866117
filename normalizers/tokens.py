"""Every token of a text said: by a memo of tokens, with what stands directly before and behind them."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable
from typing import Generic, TypeVar

from normalizers.patterns import WORD, WORDY
from normalizers.spans import MARK, NAMING, spans_of
from normalizers.voices import voice_of

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MEMO_SIZE = 200_000
"""Tokens remembered per language and process; text repeats 70 to 80 % of its tokens."""
MEMO_LENGTH = 128
"""Characters of the longest token worth remembering."""
STOP = "\ufdd2"
"""The full stop of "p. m.", which is that of the sentence too when one follows."""
OPEN = "\ufdd3"
"""A blank, if a word follows: "5%of"."""
AGAIN = "\ufdd4"
"""Behind words that make their row worth another look."""
ENDS = STOP + OPEN + AGAIN
_ENDS = frozenset(ENDS)
_OPEN_ENDS = frozenset(STOP + OPEN)
_LATIN = f"{string.ascii_letters}{string.digits}_"
_JOINING = f"0123456789{NAMING}"
_PLAIN = frozenset(' \n\t\u00a0()[]{}<>"“”‘«»„,;:!?/|*~\x1c\x1d\x1e\x1f')
"""Characters behind which words stand as they are; in front of other ones somebody has to look."""
_LONGEST_WORD = 40
_LONGEST_CODE = 6
"""Letters in front of a number that may be a code with it; longer ones are a name."""
_LETTERS_BACK = re.compile(rf"[-–'’]?[{WORD}]+|[-−](?![{WORD}.)%\]−-])|\.[-−]?(?![{WORD}.)%\]−-])")
_LATIN_BACK = re.compile(
    r"[-–'’]?[0-9A-Za-z]+|[-−](?![0-9０-９A-Za-zＡ-Ｚａ-ｚ.)%\]−-])|\.[-−]?(?![0-9A-Za-z.)%\]−-])"
)
"""What stands before a number and belongs to it, from its end: letters ("COVID-19"), a minus, a point."""


class _Memo(dict[_Key, _Value], Generic[_Key, _Value]):
    """Remembers what `make` gives, if the key is short; bounded."""

    def __init__(self, make: Callable[[_Key], _Value], length: Callable[[_Key], int]) -> None:
        self.make, self.length = make, length

    def __missing__(self, key: _Key) -> _Value:
        value = self.make(key)
        if len(self) < MEMO_SIZE and self.length(key) <= MEMO_LENGTH:
            self[key] = value
        return value


def say_tokens(text: str, lang: str) -> str:
    """A text with every token in it said."""
    spans, memo, beside = spans_of(lang), _memo(lang), _beside(lang)
    parts = spans.token.split(text)
    said = list(map(memo.__getitem__, parts[1::2]))
    befores = parts[:-1:2]
    for i in [
        i
        for i, (b, w) in enumerate(zip(befores, said, strict=True))
        if b[-1:] not in _PLAIN or w[-1:] in _OPEN_ENDS
    ]:
        before, words, again = befores[i], said[i], ""
        if words == AGAIN:
            continue
        if words and before[-1:] not in _PLAIN:
            if not before:
                if i and spans.spaced and _run_together(said[i - 1], words):
                    words, again = " " + words, AGAIN
            # The stroke in "=utf-8", behind a token that ends in a letter, is no minus.
            elif not (i and len(before) == 1 and WORDY.match(parts[2 * i - 1][-1])):
                taken, words, again = beside[before.rpartition(" ")[2], parts[2 * i + 1]]
                if taken:
                    parts[2 * i] = before[:-taken]
        said[i] = (_ended(words, parts[2 * i + 2]) if words[-1:] in _ENDS else words) + again
    parts[1::2] = said
    return "".join(parts)


def _letters_before(before: str, token: str, spaced: bool) -> int | None:
    """How many characters before a token belong to it; None for letters that it stands apart from."""
    if token[0] == MARK and WORDY.match(before[-1]):  # ", CA" behind a name; else no letter stands there
        return 0
    if len(token) == 1 and token not in _JOINING and before[-1].isascii() and before[-1].isalpha():
        return None
    if spaced and token[0] in "0123456789":  # most of all: "Z80" behind a blank
        rest = before.rstrip(_LATIN)
        taken = len(before) - len(rest)
        if 0 < taken < _LONGEST_WORD - 1 and (not rest or rest[-1] in _PLAIN):
            return None if taken > _LONGEST_CODE and before[-1].isalpha() else taken
    word = (_LETTERS_BACK if spaced else _LATIN_BACK).match(before[:-_LONGEST_WORD:-1])
    return None if word and _is_apart(word[0], token) else word.end() if word else 0


def _ended(words: str, following: str) -> str:
    """Words that end with one of `ENDS` with the end that fits what follows."""
    if words[-1] == OPEN and following[:1] in _PLAIN:
        return words[:-1]
    bare = words.rstrip(AGAIN)
    if bare[-1:] == STOP:
        return bare[:-1] + ("" if following[:1] == "." else ".") + AGAIN
    if bare[-1:] == OPEN:
        return bare[:-1] + (" " + AGAIN if WORDY.match(following[:1]) else words[len(bare) :])
    return words


def _is_apart(word_back: str, token: str) -> bool:
    """Whether a token is said by itself behind letters: a sign ("a=b"), and a number behind a long name."""
    if len(token) == 1 and not token.isdecimal():
        return token not in NAMING and WORDY.match(word_back[0]) is not None
    return len(word_back) > _LONGEST_CODE and word_back.isascii() and word_back[0].isalpha()


def _run_together(before: str, words: str) -> bool:
    before = before.rstrip(ENDS)
    return bool(before and words and WORDY.match(before[-1]) and WORDY.match(words[0]))


@functools.cache
def _memo(lang: str) -> _Memo[str, str]:
    """Token -> words."""
    voice, spans = voice_of(lang), spans_of(lang)

    def say(token: str) -> str:
        words = voice.rewrite(token.replace(MARK, ""))
        if not words:
            return AGAIN if token == MARK else words  # what was taken for a word may be one in the end
        if words.endswith(".") and not token.endswith("."):
            return words[:-1] + STOP
        # Behind letters and digits no word can go on: the token has them all.
        if spans.spaced and not WORDY.match(token[-1]) and WORDY.match(words[-1]):
            return words + OPEN
        unsure = spans.letter_behind.search(token) or spans.unsettled.search(words)
        return words + AGAIN if unsure else words

    return _Memo(say, len)


@functools.cache
def _beside(lang: str) -> _Memo[tuple[str, str], tuple[int, str, str]]:
    """Characters and the token behind -> how many of them it takes, words, `AGAIN` or nothing."""
    spaced, memo = spans_of(lang).spaced, _memo(lang)

    def say(key: tuple[str, str]) -> tuple[int, str, str]:
        before, token = key
        taken = _letters_before(before, token, spaced)
        if taken is None and memo[token].rstrip(ENDS) != token:  # a sign that is not said stays where it is
            return 0, (" " if spaced else "") + memo[token], AGAIN
        if taken:  # "COVID-19" is said as one
            return taken, memo[before[-taken:] + token], AGAIN
        return 0, memo[token], AGAIN  # "www.$"

    return _Memo(say, lambda key: len(key[0]) + len(key[1]))


def forget_tokens(lang: str) -> None:
    """Forget what was said."""
    _memo(lang).clear()
    _beside(lang).clear()
