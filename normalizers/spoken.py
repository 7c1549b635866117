"""Written text to spoken form: whole columns at memory speed, rows without numbers by their case alone.

A look at the bytes finds the rows that hold a token; those become one long text, which one regular expression
per language splits at its tokens; a memo remembers how each token is said; the rows go back to their places,
and the column is lower-cased at the end.
"""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import array_of, bit_array, flags_of, per_chunk, rows_of, string_array
from normalizers.digits import fold_digits
from normalizers.languages import language
from normalizers.look import Found, before_numbers, look
from normalizers.patterns import WORD, WORDY
from normalizers.spans import MARK, NAMING, spans_of
from normalizers.utf8 import Bytes, Flags, Positions
from normalizers.voices import voice_of

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MEMO_SIZE = 200_000
"""Tokens remembered per language and process; text repeats 70 to 80 % of its tokens."""
MEMO_LENGTH = 128
"""Characters of the longest token worth remembering."""
_PASSES = 4
_TEXT = 1 << 21
"""Bytes of rows said as one text: enough to forget the cost of a row, little enough for the cache."""
_LETTER_BEHIND = re.compile(f"[0-9](?![0-9])[{WORD}]")
"""Letters that a number took from what may be more than a word: "5www.x.org"."""
_ROWS = (b"\x1e", b"\x1f", b"\x1d", b"\x1c")
"""One of these stands between rows while they are one text: white space to every pattern. Another takes the
place of `_AGAIN` at the end."""
_STOP = "\ufdd2"
"""The full stop of "p. m.", which is that of the sentence too when one follows."""
_OPEN = "\ufdd3"
"""A blank, if a word follows: "5%of"."""
_AGAIN = "\ufdd4"
"""Behind words that make their row worth another look."""
_ENDS = _STOP + _OPEN + _AGAIN
_OPEN_ENDS = frozenset(_STOP + _OPEN)
_RESERVED = f"[{MARK}{_STOP}{_OPEN}{_AGAIN}]"
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


def to_spoken(texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array | pa.ChunkedArray:
    """The spoken form of each text of a string column; same type and chunks, null for null.

    Numbers, dates, times, money, measures, symbols and abbreviations are written out in words of the
    language, everything is lower case; other characters stay, white space included. No decimal digit of any
    script is left. The same text gives the same form whatever rows stand beside it, and a spoken form stays
    as it is. Raises UnknownLanguageError, and TypeError for a column of something else.
    """
    language(lang)
    work = functools.partial(_column, lang=lang)
    return per_chunk(work, texts, getattr(texts, "type", None))


def to_spoken_text(text: str, lang: str) -> str:
    """The spoken form of one text, see `to_spoken`."""
    spoken: str = to_spoken(string_array([text], pa.large_string()), lang)[0].as_py()
    return spoken


def forget(lang: str) -> None:
    """Forget what was said: the next text is said as in a fresh process, with the patterns compiled."""
    _memo(lang).clear()
    _beside(lang).clear()


def _column(column: pa.Array, lang: str) -> pa.Array:
    found = look(column, spans_of(lang).probe)
    lowered = pc.ascii_lower(column)
    special = found.rows | found.cased
    if not special.any():
        return lowered
    rows = column.filter(bit_array(special))
    if found.rows.any():
        hit = bit_array(found.rows[special])
        settled = _settled(rows.filter(hit), _kept(found, column), lang, _PASSES)
        rows = pc.replace_with_mask(rows, hit, settled)
    return pc.replace_with_mask(lowered, bit_array(special), pc.utf8_lower(rows))


def _kept(found: Found, column: pa.Array) -> Found:
    """What was found in the rows to be said, as if they stood alone."""
    offsets, rows = rows_of(column)[1], found.rows
    row = np.searchsorted(offsets, found.marks, "right") - 1
    lengths = np.where(rows, np.diff(offsets), 0)
    shift = offsets[:-1] - (np.cumsum(lengths) - lengths)
    marks = (found.marks - shift[row])[rows[row]]
    return Found(rows[rows], found.cased[rows], marks, found.foreign)


def _settled(hits: pa.Array, found: Found, lang: str, passes: int) -> pa.Array:
    """Each row said until nothing in it changes: some spoken forms uncover a new token ("a.&b.com")."""
    said, unsure = _said(hits, found, lang)
    said = pc.utf8_lower(said)
    if passes == 1 or not unsure.any():
        return said
    mask = bit_array(unsure)
    rows = said.filter(mask)
    found = look(rows, spans_of(lang).probe)
    again = found.rows & flags_of(pc.not_equal(rows, hits.filter(mask)))
    if not again.any():
        return said
    inner = bit_array(again)
    rest = _settled(rows.filter(inner), _kept(replace(found, rows=again), rows), lang, passes - 1)
    return pc.replace_with_mask(said, mask, pc.replace_with_mask(rows, inner, rest))


def _said(hits: pa.Array, found: Found, lang: str) -> tuple[pa.Array, Flags]:
    """Rows with all their tokens said, in their own case; and which of them should be looked at again."""
    probe = spans_of(lang).probe
    utf8, offsets = rows_of(hits)
    if b"\xef\xb7" in utf8.tobytes() and pc.any(pc.match_substring_regex(hits, _RESERVED)).as_py():
        # They mean nothing in a text, and something else here.
        hits = pc.replace_substring_regex(hits, _RESERVED, "")
        return _said(hits, look(hits, probe), lang)
    marks = found.marks
    if found.foreign:
        utf8, offsets, marks = fold_digits(utf8, offsets, marks)
    marks = np.sort(np.concatenate((marks, before_numbers(utf8, offsets, probe))))
    marks = marks[np.diff(marks, prepend=-1) > 0]
    parts = [_said_together(*rows, lang) for rows in _slices(utf8, offsets, marks)]
    sizes = np.concatenate([sizes for _, sizes, _ in parts])
    unsure = np.concatenate([unsure for _, _, unsure in parts])
    return array_of(b"".join(part for part, _, _ in parts), sizes, hits.type), unsure


def _slices(
    utf8: Bytes, offsets: Positions, marks: Positions
) -> Iterator[tuple[Bytes, Positions, Positions]]:
    """Some rows at a time: their bytes, where each but the first begins, and their marks."""
    first = 0
    while first < len(offsets) - 1:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + _TEXT, "right")) - 1)
        low, high = offsets[first], offsets[last]
        here = marks[np.searchsorted(marks, low) : np.searchsorted(marks, high)]
        yield utf8[low:high], offsets[first + 1 : last] - low, here - low
        first = last


def _said_together(
    utf8: Bytes, begins: Positions, marks: Positions, lang: str
) -> tuple[bytes, Positions, Flags]:
    """Rows said as one text, where one sign stands between them and another at each mark.

    Returns the bytes of all rows, the length of each, and whether it should be looked at again.
    """
    text = utf8.tobytes()
    between, again, *_ = *(sign for sign in _ROWS if sign not in text), b"", b""
    if again:
        return _taken_apart(_say(_with_signs(utf8, begins, marks, between), lang), between, again)
    # Hardly a text; but a row must not depend on those beside it.
    edges = itertools.pairwise([0, *begins.tolist(), len(utf8)])
    rows = [(utf8[low:high], marks[(marks >= low) & (marks < high)] - low) for low, high in edges]
    said = [_say(_with_signs(row, begins[:0], inside, b" "), lang).encode() for row, inside in rows]
    bare = [row.replace(_AGAIN.encode(), b"") for row in said]
    return b"".join(bare), np.array([len(row) for row in bare]), np.array(said) != np.array(bare)


def _taken_apart(said: str, between: bytes, again: bytes) -> tuple[bytes, Positions, Flags]:
    """See `_said_together`: without what stands between rows and in those to be looked at again."""
    # One character for another is cheap, and so is a byte taken out: three bytes take four times that.
    whole = said.replace(_AGAIN, again.decode()).encode()
    utf8 = np.frombuffer(whole, np.uint8)
    ends = np.append(np.flatnonzero(utf8 == between[0]), len(utf8))
    n_before = np.searchsorted(np.flatnonzero(utf8 == again[0]), ends)
    unsure: Flags = np.diff(n_before, prepend=0) > 0
    ends -= np.arange(len(ends)) + n_before
    return whole.replace(between, b"").replace(again, b""), np.diff(ends, prepend=0), unsure


def _with_signs(utf8: Bytes, begins: Positions, marks: Positions, between: bytes) -> str:
    """The text with `between` at each of `begins` and a mark at each of the places `marks`."""
    mark = np.frombuffer(MARK.encode(), np.uint8)
    at = np.concatenate((begins, np.repeat(marks, len(mark))))
    signs = np.concatenate((np.full(len(begins), between[0], np.uint8), np.tile(mark, len(marks))))
    return np.insert(utf8, at, signs).tobytes().decode()


def _say(text: str, lang: str) -> str:
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
        if words == _AGAIN:
            continue
        if words and before[-1:] not in _PLAIN:
            if not before:
                if i and spans.spaced and _run_together(said[i - 1], words):
                    words, again = " " + words, _AGAIN
            # The stroke in "=utf-8", behind a token that ends in a letter, is no minus.
            elif not (i and len(before) == 1 and WORDY.match(parts[2 * i - 1][-1])):
                taken, words, again = beside[before.rpartition(" ")[2], parts[2 * i + 1]]
                if taken:
                    parts[2 * i] = before[:-taken]
        said[i] = _ended(words, parts[2 * i + 2]) + again
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
    """Words with the end that fits what follows."""
    if words[-1:] not in _ENDS or not words:
        return words
    if words[-1] == _OPEN and following[:1] in _PLAIN:
        return words[:-1]
    bare = words.rstrip(_AGAIN)
    if bare[-1:] == _STOP:
        return bare[:-1] + ("" if following[:1] == "." else ".") + _AGAIN
    if bare[-1:] == _OPEN:
        return bare[:-1] + (" " + _AGAIN if WORDY.match(following[:1]) else words[len(bare) :])
    return words


def _is_apart(word_back: str, token: str) -> bool:
    """Whether a token is said by itself behind letters: a sign ("a=b"), and a number behind a long name."""
    if len(token) == 1 and not token.isdecimal():
        return token not in NAMING and WORDY.match(word_back[0]) is not None
    return len(word_back) > _LONGEST_CODE and word_back.isascii() and word_back[0].isalpha()


def _run_together(before: str, words: str) -> bool:
    before = before.rstrip(_ENDS)
    return bool(before and words and WORDY.match(before[-1]) and WORDY.match(words[0]))


@functools.cache
def _memo(lang: str) -> _Memo[str, str]:
    """Token -> words."""
    voice, spans = voice_of(lang), spans_of(lang)

    def say(token: str) -> str:
        words = voice.rewrite(token.replace(MARK, ""))
        if not words:
            return _AGAIN if token == MARK else words  # what was taken for a word may be one in the end
        if words.endswith(".") and not token.endswith("."):
            return words[:-1] + _STOP
        # Behind letters and digits no word can go on: the token has them all.
        if spans.spaced and _run_together(words, "a") and not WORDY.match(token[-1]):
            return words + _OPEN
        unsure = token[0] == MARK or _LETTER_BEHIND.search(token) or spans.unsettled.search(words)
        return words + _AGAIN if unsure else words

    return _Memo(say, len)


@functools.cache
def _beside(lang: str) -> _Memo[tuple[str, str], tuple[int, str, str]]:
    """Characters and the token behind -> how many of them it takes, words, `_AGAIN` or nothing."""
    spaced, memo = spans_of(lang).spaced, _memo(lang)

    def say(key: tuple[str, str]) -> tuple[int, str, str]:
        before, token = key
        taken = _letters_before(before, token, spaced)
        if taken is None:
            return 0, (" " if spaced else "") + memo[token], _AGAIN
        if taken:  # "COVID-19" is said as one
            return taken, memo[before[-taken:] + token], _AGAIN
        return 0, memo[token], _AGAIN  # "www.$"

    return _Memo(say, lambda key: len(key[0]) + len(key[1]))
