"""Packing: whole consecutive sentences of one language and one form, greedily filled to at most 700 words.

Paper section 2.2: sequences of about 700 words keep over 90 % under 1,024 tokens. A sentence longer than a
pack is split at word boundaries (in a language without spaces: between characters). The last pack of a run
is short.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from normalizers.utf8 import space_length
from spark_jobs.errors import ConfigError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackConfig:
    """The length of a training example, and the buckets that packs form in."""

    words: int = 700
    """The most words of a pack (paper section 2.2)."""
    bucket_words: int = 4_000_000
    """Words a bucket aims at. A bucket is what one task holds in memory and orders: 25 to 80 MB of text."""
    buckets: int | None = None
    """The number of buckets; without it the words of the release over `bucket_words`. The result depends
    on it."""

    def __post_init__(self) -> None:
        if not 1 <= self.words <= 1_000_000:
            raise ConfigError("pack.words", self.words, accepted="1 to 1,000,000")
        if self.bucket_words < 1:
            raise ConfigError("pack.bucket_words", self.bucket_words, accepted="1 or more")
        if self.buckets is not None and not 1 <= self.buckets < 1 << 30:
            raise ConfigError("pack.buckets", self.buckets, accepted="1 or more")

    def n_buckets(self, words: int) -> int:
        """The number of buckets for a release of this many words."""
        return self.buckets or max(1, -(-words // self.bucket_words))


@dataclass(frozen=True, slots=True)
class Sentences:
    """Consecutive sentences of one language and one form, in the order they are packed in."""

    texts: pa.Array
    """large_string: the sentences with the white space behind them; the last of a document ends in a line
    break."""
    docs: Ints
    """Which document each is from: a number that changes when the document does."""
    sources: Ints
    """The place of its source in the recipe."""
    source_words: Ints
    """Words of the document that start in the sentence, before any change of form."""

    def select(self, rows: npt.NDArray[np.bool_]) -> Sentences:
        """Those sentences."""
        texts = self.texts.filter(pa.array(rows))
        return Sentences(texts, self.docs[rows], self.sources[rows], self.source_words[rows])


@dataclass(frozen=True, slots=True)
class Packs:
    """Packs of one language and one form, in order; all arrays have one entry a pack."""

    texts: pa.Array
    n_words: Ints
    n_sentences: Ints
    n_docs: Ints
    sources: Ints
    n_source_words: Ints


def pack_sentences(sentences: Sentences, lang: str, max_words: int) -> Packs:
    """Greedy packs of at most `max_words` words; each sentence in exactly one (but for those that are
    split)."""
    measured = _measure(sentences.texts, lang)
    begins = np.ones(len(sentences.texts), np.bool_)
    limit = int(max_words * normalizers.units_per_word(lang))
    if (measured.own > limit).any():
        sentences, begins = _split_long(sentences, measured.own, begins, lang, max_words)
        measured = _measure(sentences.texts, lang)
    first = _greedy(measured, limit)
    return _packs(sentences, measured, begins, first, lang)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Word units (words; characters where a language writes no spaces) along consecutive sentences."""

    before: Ints  # units before each sentence, read as one running text
    after: Ints  # units up to its end
    joined: Ints  # 1 where the running text begins no word at the sentence because none ended before it

    @property
    def own(self) -> Ints:
        """Units of each sentence standing alone."""
        units: Ints = self.after - self.before + self.joined
        return units


def _measure(texts: pa.Array, lang: str) -> _Measured:
    utf8, offsets = buffer_of(texts)
    starts, ends = offsets[:-1], offsets[1:]
    units = normalizers.word_units(utf8, np.concatenate((starts, ends, starts + 1)), lang)
    before, after, just_behind = units.reshape(3, len(starts))
    # Sentences need no space between them ("।" ends one): then the next one's first word goes on from the
    # last.
    joined = ((just_behind == before) & (space_length(utf8, starts) == 0) & (ends > starts)).astype(np.int64)
    return _Measured(before, after, joined)


def _greedy(measured: _Measured, limit: int) -> Ints:
    """The first sentence of each pack. One step a pack, not a sentence."""
    first: list[int] = []
    at, n = 0, len(measured.before)
    room = measured.before - measured.joined + limit
    while at < n:
        first.append(at)
        at = max(at + 1, int(measured.after.searchsorted(room[at], "right")))
    return np.array(first, np.int64)


def _packs(
    sentences: Sentences, measured: _Measured, begins: npt.NDArray[np.bool_], first: Ints, lang: str
) -> Packs:
    utf8, offsets = buffer_of(sentences.texts)
    n = len(sentences.texts)
    last = np.append(first[1:], n) - 1 if len(first) else first
    borders = np.append(offsets[first], offsets[n])
    texts = pc.utf8_trim_whitespace(large_strings(utf8, borders))
    if normalizers.units_per_word(lang) == 1.0:
        n_words = measured.after[last] - measured.before[first] + measured.joined[first]
    else:
        n_words = normalizers.word_counts(texts, lang).to_numpy().astype(np.int64)
    other_doc = np.diff(sentences.docs, prepend=sentences.docs[:1]) != 0
    n_docs = _sums(other_doc, first) - other_doc[first] + 1
    return Packs(
        texts=texts,
        n_words=n_words,
        n_sentences=np.maximum(_sums(begins, first), 1),
        n_docs=n_docs,
        sources=_main_source(sentences, measured.own, first),
        n_source_words=_sums(sentences.source_words, first),
    )


def _sums(values: npt.NDArray[Any], first: Ints) -> Ints:
    return np.add.reduceat(values, first, dtype=np.int64) if len(first) else np.zeros(0, np.int64)


def _main_source(sentences: Sentences, words: Ints, first: Ints) -> Ints:
    """The source with most words in each pack; of equals the one the recipe names first."""
    n_sources = int(sentences.sources.max(initial=0)) + 1
    pack = np.zeros(len(sentences.docs), np.int64)
    pack[first[1:]] = 1
    cell = np.cumsum(pack) * n_sources + sentences.sources
    by_source = np.bincount(cell, words, len(first) * n_sources).reshape(len(first), n_sources)
    main: Ints = by_source.argmax(axis=1).astype(np.int64)
    return main


def _split_long(
    sentences: Sentences, own: Ints, begins: npt.NDArray[np.bool_], lang: str, max_words: int
) -> tuple[Sentences, npt.NDArray[np.bool_]]:
    """The same sentences with each over-long one in pieces of `max_words`; rare, so a Python loop over the
    rare."""
    units = normalizers.units_per_word(lang)
    limit = int(max_words * units)
    long = np.flatnonzero(own > limit)
    pieces = [cut(sentences.texts[int(i)].as_py(), limit, spaces=units == 1.0) for i in long]
    times = np.ones(len(own), np.int64)
    times[long] = [len(p) for p in pieces]
    row = np.repeat(np.arange(len(own)), times)
    place = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    take = row.copy()
    in_pieces = own[row] > limit
    take[in_pieces] = len(own) + np.arange(int(in_pieces.sum()))
    flat = pa.array([piece for group in pieces for piece in group], pa.large_string())
    split = Sentences(
        texts=pa.concat_arrays([sentences.texts, flat]).take(pa.array(take)),
        docs=sentences.docs[row],
        sources=sentences.sources[row],
        source_words=sentences.source_words[row],
    )
    # A piece gets its share of the sentence's source words, and the last one the rest, so that they still
    # add up.
    ends = np.where(place + 1 == times[row], own[row], (place + 1) * limit)
    until = ends * split.source_words // np.maximum(own[row], 1)
    since = place * limit * split.source_words // np.maximum(own[row], 1)
    words = np.where(in_pieces, until - since, split.source_words)
    return replace(split, source_words=words), begins[row] & (place == 0)


def cut(text: str, limit: int, *, spaces: bool) -> list[str]:
    """A text in pieces of `limit` words, or of `limit` characters where the language writes no spaces."""
    if spaces:
        at = [0, *[word.start() for word in re.finditer(r"\S+", text)][limit::limit], len(text)]
    else:
        # A piece ends behind white space: one that is all white space would be a pack without words.
        at, end = [0], len(text) - len(text.lstrip())
        while at[-1] < len(text):
            end = min(end + limit, len(text))
            end += len(text) - end - len(text[end:].lstrip())
            at.append(end)
    return [text[low:high] for low, high in pairwise(at)]


def buffer_of(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Ints]:
    """The bytes of a large_string array without nulls, and the offsets of its rows in them (first is 0)."""
    _, offsets, data = texts.buffers()
    at = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
    if data is None or at[-1] == at[0]:
        return np.zeros(0, np.uint8), at - at[0]
    return np.frombuffer(data, np.uint8, int(at[-1] - at[0]), int(at[0])), at - at[0]


def large_strings(utf8: npt.NDArray[np.uint8], offsets: Ints) -> pa.Array:
    """Slices of a buffer as a large_string array; the text is not copied."""
    borders = np.ascontiguousarray(offsets, np.int64)
    buffers = [None, pa.py_buffer(borders), pa.py_buffer(utf8)]
    return pa.Array.from_buffers(pa.large_string(), len(borders) - 1, buffers)
