"""Written text to spoken form: whole columns at memory speed, rows without numbers by their case alone.

A row mask finds the rows that hold a token; one regular expression per language finds the tokens in those
rows; a memo remembers how each token is said; the rows go back to their places, and the column is
lower-cased at the end.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.columns import bit_array, flags_of, per_chunk, rows_of, string_array
from normalizers.languages import language
from normalizers.masks import rows_with
from normalizers.patterns import WORDY, digit_values
from normalizers.spans import MARK, spans_of
from normalizers.voices import voice_of

MEMO_SIZE = 200_000
"""Tokens remembered per language and process, some 30 MB; text repeats 70 to 80 % of its tokens."""
MEMO_LENGTH = 64
"""Characters of the longest token worth remembering."""
_PASSES = 4


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
    spans = spans_of(lang)
    lowered = pc.utf8_lower(column)
    rows = rows_with(column, spans.probe)
    if not rows.any():
        return lowered
    for _ in range(_PASSES):
        mask = bit_array(rows)
        hits = column.filter(mask)
        said = _rows(hits, lang)
        lowered = pc.replace_with_mask(lowered, mask, said)
        # Some spoken forms uncover a new token ("a.&b.com"): say those again until nothing changes.
        again = rows_with(said, spans.probe)
        again &= flags_of(pc.not_equal(said, hits))
        if not again.any():
            break
        rows[np.flatnonzero(rows)] = again
        column = lowered
    return lowered


def _rows(hits: pa.Array, lang: str) -> pa.Array:
    spans, say = spans_of(lang), _speaker(lang)
    utf8, _ = rows_of(hits)
    if utf8.max(initial=0) >= 0xF0:  # only characters beyond U+FFFF begin with such a byte
        astral = pc.match_substring_regex(hits, spans.astral)
        texts = [text.translate(digit_values()) for text in hits.filter(astral).to_pylist()]
        hits = pc.replace_with_mask(hits, astral, string_array(texts, hits.type))
    marked = pc.replace_substring_regex(hits, spans.lead, rf"{MARK}\0")
    sub = spans.token.sub
    return pc.utf8_lower(string_array([sub(say, text) for text in marked.to_pylist()], hits.type))


@functools.cache
def _speaker(lang: str) -> Callable[[re.Match[str]], str]:
    """The function that replaces one token in its row, with blanks where words would run together."""
    spans, voice = spans_of(lang), voice_of(lang)
    memo = _Memo(lambda token: voice.rewrite(token.replace(MARK, "")))
    wordy = WORDY.match
    glue = spans.glue

    def say(match: re.Match[str]) -> str:
        words = memo[match[0]]
        row, (start, end) = match.string, match.span()
        if not words:
            return words
        if (
            start
            and row[start - 1] > " "
            and (row[start - 1] in glue or wordy(row[start - 1]))
            and wordy(words[0])
        ):
            words = " " + words
        if words[-1] == "." and row[end : end + 1] == ".":
            words = words[:-1]  # "5 p.m." at the end of a sentence has one full stop
        if (
            end < len(row)
            and row[end] > "/"
            and not row[end].isdecimal()
            and wordy(row[end])
            and wordy(words[-1])
        ):
            words += " "
        return words

    def say_unspaced(match: re.Match[str]) -> str:
        return memo[match[0]]

    return say if spans.spaced else say_unspaced
