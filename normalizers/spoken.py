"""Written text to spoken form: whole columns at memory speed, rows without numbers by their case alone.

A look at the bytes finds the rows that hold a token; those become one long text, which one regular expression
per language splits at its tokens; a memo remembers how each token is said; the rows go back to their places,
and the column is lower-cased at the end.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import bit_array, flags_of, per_chunk, rows_of, string_array
from normalizers.digits import fold_digits
from normalizers.languages import language
from normalizers.look import Found, before_numbers, look
from normalizers.patterns import WORD, WORDY
from normalizers.spans import MARK, NAMING, spans_of
from normalizers.utf8 import Bytes, Positions
from normalizers.voices import voice_of

MEMO_SIZE = 200_000
"""Tokens remembered per language and process, some 30 MB; text repeats 70 to 80 % of its tokens."""
MEMO_LENGTH = 128
"""Characters of the longest token worth remembering."""
_PASSES = 4
_TEXT = 1 << 21
"""Bytes of rows said as one text: enough to forget the cost of a row, little enough for the cache."""
_ROWS = "\x1e\x1f\x1d\x1c"
"""One of these stands between rows while they are one text: white space to every pattern."""
_STOP = "\ufdd2"
"""The full stop of "p. m.", which is that of the sentence too when one follows."""
_OPEN = "\ufdd3"
"""A blank, if a word follows: "5%of"."""
_ENDS = frozenset(_STOP + _OPEN)
_PLAIN = frozenset(' \n\t\u00a0()[]{}<>"“”‘«»„,;:!?/|*~' + _ROWS)
"""Characters behind which words stand as they are; in front of other ones somebody has to look."""
_LONGEST_WORD = 40
_LONGEST_CODE = 6
"""Letters in front of a number that may be a code with it; longer ones are a name."""
_LETTERS_BACK = re.compile(rf"[-–'’]?[{WORD}]+|[-−](?![{WORD}.)%\]−-])|\.[-−]?(?![{WORD}.)%\]−-])")
_LATIN_BACK = re.compile(
    r"[-–'’]?[0-9A-Za-z]+|[-−](?![0-9０-９A-Za-zＡ-Ｚａ-ｚ.)%\]−-])|\.[-−]?(?![0-9A-Za-z.)%\]−-])"
)
"""What stands before a number and belongs to it, from its end: letters ("COVID-19"), a minus, a point."""


class _Memo(dict[str, str]):
    """Token -> words; bounded, and what is not there is made."""

    def __init__(self, say: Callable[[str], str]) -> None:
        self.say = say

    def __missing__(self, token: str) -> str:
        words = self.say(token)
        if len(self) < MEMO_SIZE and len(token) <= MEMO_LENGTH:
            self[token] = words
        return words


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
    said = pc.utf8_lower(_said(hits, found, lang))
    if passes == 1:
        return said
    found = look(said, spans_of(lang).probe)
    again = found.rows & flags_of(pc.not_equal(said, hits))
    if not again.any():
        return said
    mask = bit_array(again)
    rest = _settled(said.filter(mask), _kept(replace(found, rows=again), said), lang, passes - 1)
    return pc.replace_with_mask(said, mask, rest)


def _said(hits: pa.Array, found: Found, lang: str) -> pa.Array:
    """Rows with all their tokens said, in their own case."""
    probe = spans_of(lang).probe
    utf8, offsets = rows_of(hits)
    if (
        b"\xef\xb7" in utf8.tobytes()
        and pc.any(pc.match_substring_regex(hits, f"[{MARK}{_STOP}{_OPEN}]")).as_py()
    ):
        # They mean nothing in a text, and something else here.
        hits = pc.replace_substring_regex(hits, f"[{MARK}{_STOP}{_OPEN}]", "")
        return _said(hits, look(hits, probe), lang)
    marks = found.marks
    if found.foreign:
        utf8, offsets, marks = fold_digits(utf8, offsets, marks)
    marks = np.sort(np.concatenate((marks, before_numbers(utf8, offsets, probe))))
    marks = marks[np.diff(marks, prepend=-1) > 0]
    said = [row for rows in _slices(utf8, offsets, marks) for row in _said_together(*rows, lang)]
    return string_array(said, hits.type)


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


def _said_together(utf8: Bytes, begins: Positions, marks: Positions, lang: str) -> list[str]:
    """Rows said as one text, in which one sign stands between them and another at each mark."""
    text = utf8.tobytes()
    between = next((sign for sign in _ROWS if sign.encode() not in text), None)
    if between is None:  # hardly a text; but a row must not depend on those beside it
        edges = [0, *begins.tolist(), len(utf8)]
        alone = [(low, high) for low, high in itertools.pairwise(edges)]
        return [
            _say(
                _with_signs(utf8[low:high], marks[(marks >= low) & (marks < high)] - low, begins[:0], " "),
                lang,
            )
            for low, high in alone
        ]
    return _say(_with_signs(utf8, marks, begins, between), lang).split(between)


def _with_signs(utf8: Bytes, marks: Positions, begins: Positions, between: str) -> str:
    """The text with a mark at each of the places `marks`, and before it `between` at each of `begins`."""
    mark = np.frombuffer(MARK.encode(), np.uint8)
    at = np.concatenate((begins, np.repeat(marks, len(mark))))
    signs = np.concatenate((np.full(len(begins), ord(between), np.uint8), np.tile(mark, len(marks))))
    return np.insert(utf8, at, signs).tobytes().decode()


def _say(text: str, lang: str) -> str:
    """A text with every token in it said."""
    spans, memo = spans_of(lang), _memo(lang)
    parts = spans.token.split(text)
    said = list(map(memo.__getitem__, parts[1::2]))
    letters_back = _LETTERS_BACK if spans.spaced else _LATIN_BACK
    for i, (before, words) in enumerate(zip(parts[:-1:2], said, strict=True)):
        if (before[-1:] in _PLAIN and words[-1:] not in _ENDS) or not words:
            continue
        whole = words
        if word := letters_back.match(before[:-_LONGEST_WORD:-1]):
            if _is_apart(word[0], parts[2 * i + 1]):
                whole = " " + words if spans.spaced else words
            else:  # "COVID-19" is said as one
                parts[2 * i] = before[: -word.end()]
                whole = memo[before[-word.end() :] + parts[2 * i + 1]]
        elif i and not before and spans.spaced and _run_together(said[i - 1], words):
            whole = " " + words
        if whole[-1:] in _ENDS:
            whole = _ended(whole, parts[2 * i + 2])
        said[i] = whole
    parts[1::2] = said
    return "".join(parts)


def _is_apart(word_back: str, token: str) -> bool:
    """Whether a token is said by itself behind letters: a sign ("a=b"), and a number behind a long name."""
    if len(token) == 1 and not token.isdecimal():
        return token not in NAMING and WORDY.match(word_back[0]) is not None
    return len(word_back) > _LONGEST_CODE and word_back.isascii() and word_back[0].isalpha()


def _ended(words: str, following: str) -> str:
    """Words with the end that fits what follows."""
    if words[-1] == _STOP:
        return words[:-1] + ("" if following[:1] == "." else ".")
    return words[:-1] + (" " if WORDY.match(following[:1]) else "")


def _run_together(before: str, words: str) -> bool:
    return bool(before and words and WORDY.match(before[-1]) and WORDY.match(words[0]))


@functools.cache
def _memo(lang: str) -> _Memo:
    voice, spaced = voice_of(lang), spans_of(lang).spaced

    def say(token: str) -> str:
        words = voice.rewrite(token.replace(MARK, ""))
        if words.endswith(".") and not token.endswith("."):
            return words[:-1] + _STOP
        # Behind letters and digits no word can go on: the token has them all.
        is_open = spaced and _run_together(words, "a") and not WORDY.match(token[-1])
        return words + _OPEN if is_open else words

    return _Memo(say)
