"""N-grams of evaluation texts by their hashes, and which of them stand in other texts, compared exactly.

A unit is a word, a maximal run of letters, marks and digits; in languages that write no spaces it is one
letter or digit. Hashes find candidates, a comparison of the units themselves decides.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from spark_jobs.buffers import (
    Block,
    Bytes,
    Counts,
    Flags,
    Hashes,
    Positions,
    blocks,
    count_before,
    count_between,
    hash_runs,
    hash_spans,
    mix,
    ranges,
    spans,
)
from spark_jobs.measures import code_points, code_points_at, word_bytes

CHARACTERS_A_WORD = 2
"""Characters that stand for a word in the n-grams of languages without spaces."""
_COMPARED_AT_ONCE = 1 << 14
_CHARACTER_BYTES = np.array([1] * 0xC0 + [2] * 0x20 + [3] * 0x10 + [4] * 0x10)


@dataclass(frozen=True, slots=True)
class Units:
    """The words, or the characters, of some texts."""

    utf8: Bytes
    """The buffer they stand in."""
    begins: Positions
    ends: Positions
    first: Positions
    """Each text's first unit, and the total as last."""
    hashes: Hashes


class Spans(NamedTuple):
    """Pieces of a buffer."""

    utf8: Bytes
    begins: Positions
    ends: Positions


@dataclass(frozen=True)
class Index:
    """What to look for in texts of one kind of unit: sorted keys, and the units that each was made of."""

    ngram: int
    """Units that make an n-gram."""
    keys: Hashes
    """Hashes of n-grams, and of whole texts that have fewer units; sorted, each once."""
    first: Positions
    """For each key its first unit, as a place in `offsets`."""
    length: Counts
    """For each key the number of its units."""
    sets: Counts
    """For each key the number of the first set that has it."""
    offsets: Positions
    """Where each unit begins in `utf8`; it ends where the next begins."""
    utf8: Bytes
    """The bytes of all units, one after the other."""

    @functools.cached_property
    def _shift(self) -> np.uint64:
        return np.uint64(64 - max(12, min(24, len(self.keys).bit_length() + 5)))

    @functools.cached_property
    def _present(self) -> Flags:
        """Which upper bits occur: a look at the cache answers for nearly everything that is not held out."""
        present = np.zeros(1 << (64 - int(self._shift)), np.bool_)
        present[(self.keys >> self._shift).view(np.int64)] = True
        return present

    def __getstate__(self) -> dict[str, Any]:
        # What travels to the workers is the contract, not the table of bits that each can make for itself.
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def found(
        self, units: Units, counts: Callable[[Positions], Flags] | None = None
    ) -> tuple[Positions, Positions]:
        """Which text holds which key: pairs, each once, ascending.

        A text holds the n-grams that stand in it, and a shorter key that is all of it. `counts`: of the first
        units of n-grams those that count, all without it.
        """
        n_keys = max(1, len(self.keys))
        at, key = self.ngrams(units)
        if counts and len(at):
            chosen = counts(at)
            at, key = at[chosen], key[chosen]
        short = short_texts(units.first, self.ngram)
        which, whole_key = self.runs(units, units.first[short], units.first[short + 1])
        pairs = np.concatenate((text_of(units, at) * n_keys + key, short[which] * n_keys + whole_key))
        pairs = np.unique(pairs) if len(pairs) else pairs
        return pairs // n_keys, pairs % n_keys

    def ngrams(self, units: Units) -> tuple[Positions, Positions]:
        """Every occurrence of an n-gram inside of a text: its first unit, and its key."""
        at, key = self._find(hash_runs(units.hashes, self.ngram))
        inside = at + self.ngram <= units.first[text_of(units, at) + 1]
        at, key = at[inside], key[inside]
        equal = self._equal(units, at, np.full(len(at), self.ngram), key)
        return at[equal], key[equal]

    def runs(self, units: Units, begins: Positions, ends: Positions) -> tuple[Positions, Positions]:
        """Which of some runs of units, none of them empty, is a whole evaluation text: its place, its key."""
        which, key = self._find(run_hashes(units.hashes, begins, ends))
        equal = self._equal(units, begins[which], ends[which] - begins[which], key)
        return which[equal], key[equal]

    def _find(self, hashes: Hashes) -> tuple[Positions, Positions]:
        """Which of the hashes are keys, and which key each of those is."""
        if not len(self.keys) or not len(hashes):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = np.flatnonzero(self._present[(hashes >> self._shift).view(np.int64)])
        key = np.minimum(np.searchsorted(self.keys, hashes[at]), len(self.keys) - 1)
        same = self.keys[key] == hashes[at]
        return at[same], key[same]

    def _equal(self, units: Units, at: Positions, length: Counts, key: Positions) -> Flags:
        """Whether the `length` units from each of `at` on are those of the key, byte by byte."""
        equal: Flags = self.length[key] == length
        for low in range(0, len(at), _COMPARED_AT_ONCE):
            part = low + np.flatnonzero(equal[low : low + _COMPARED_AT_ONCE])
            own = ranges(at[part], at[part] + length[part])
            held = ranges(self.first[key[part]], self.first[key[part]] + length[part])
            ours = Spans(units.utf8, units.begins[own], units.ends[own])
            theirs = Spans(self.utf8, self.offsets[held], self.offsets[held + 1])
            equal[part] = count_between(~_same_bytes(ours, theirs), _bounds(length[part])) == 0
        return equal


def units_of(block: Block, *, characters: bool) -> Units:
    """The units of a block of lower-cased texts."""
    inside = word_bytes(block)
    if characters:
        begins = np.flatnonzero(inside & (block.utf8.view(np.int8) > -65))
        ends = begins + _CHARACTER_BYTES[block.utf8[begins]]
    else:
        begins, ends = spans(inside)
    first = np.searchsorted(begins, block.starts)
    return Units(block.utf8, begins, ends, first, hash_spans(block.padded, begins, ends))


def short_texts(first: Positions, n: int) -> Positions:
    """The texts that have units, but fewer than n."""
    counts = np.diff(first)
    return np.flatnonzero((counts > 0) & (counts < n))


def text_of(units: Units, at: Positions) -> Positions:
    """The text that each of some units stands in."""
    return np.searchsorted(units.first, at, "right") - 1


def run_hashes(hashes: Hashes, begins: Positions, ends: Positions) -> Hashes:
    """Hash of the units of each of some runs that are not empty; the order of the units counts."""
    counts = ends - begins
    if not len(counts):
        return np.zeros(0, np.uint64)
    bounds = _bounds(counts)
    place = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts)
    placed = mix(hashes[ranges(begins, ends)] ^ mix(place.astype(np.uint64)))
    return mix(np.add.reduceat(placed, bounds[:-1]) + counts.astype(np.uint64))


def build_index(lowered: pa.Array, sets: Counts, n: int, *, characters: bool) -> Index:
    """The index of lower-cased texts, each of the set whose number stands beside it; sets ascend."""
    parts = [units_of(block, characters=characters) for block in blocks(lowered)]
    sizes = _joined([unit.ends - unit.begins for unit in parts], np.int64)
    utf8 = _joined([unit.utf8[ranges(unit.begins, unit.ends)] for unit in parts], np.uint8)
    hashes = _joined([unit.hashes for unit in parts], np.uint64)
    counts = _joined([np.diff(unit.first) for unit in parts], np.int64)
    first, offsets = _bounds(counts), _bounds(sizes)
    at = ranges(first[:-1], np.maximum(first[1:] - n + 1, first[:-1]))
    if characters:
        # Sixteen letters of a spaced script are two or three words: too common to tell an evaluation text by.
        own_script = count_before(_is_unspaced(utf8, offsets[:-1], sizes), np.arange(len(sizes) + 1))
        at = at[2 * (own_script[at + n] - own_script[at]) >= n]
    short = short_texts(first, n)
    found = np.concatenate((hash_runs(hashes, n)[at], run_hashes(hashes, first[short], first[short + 1])))
    keys, one = np.unique(found, return_index=True)  # the first of equal ones: that of the first set
    begins, lengths = np.concatenate((at, first[short])), np.concatenate((np.full(len(at), n), counts[short]))
    of_key = sets[np.searchsorted(first, begins[one], "right") - 1]
    return Index(n, keys, begins[one], lengths[one], of_key, offsets, utf8)


def text_hashes(lowered: pa.Array) -> Hashes:
    """A hash of the words of each lower-cased text that has any, each once."""
    none = np.zeros(0, np.uint64)
    parts = [units_of(block, characters=False) for block in blocks(lowered)]
    bounds = [(unit.hashes, unit.first[:-1], unit.first[1:]) for unit in parts]
    given = [(hashes, low[low < high], high[low < high]) for hashes, low, high in bounds]
    return np.unique(np.concatenate([none, *(run_hashes(*runs) for runs in given)]))


def _is_unspaced(utf8: Bytes, begins: Positions, sizes: Counts) -> Flags:
    """Whether each character belongs to a script that writes no spaces between words."""
    borders = np.array([border for low, high in code_points("unspaced") for border in (low, high + 1)])
    codes = np.zeros(len(begins), np.int32)
    for size in (1, 2, 3, 4):
        of_size = sizes == size
        codes[of_size] = code_points_at(utf8, begins[of_size], size)
    inside: Flags = np.searchsorted(borders, codes, "right") % 2 == 1
    return inside


def _same_bytes(ones: Spans, others: Spans) -> Flags:
    """Whether each span has the bytes of the other one at its place in the list."""
    lengths = ones.ends - ones.begins
    same: Flags = lengths == others.ends - others.begins
    left, right = (part.utf8[ranges(part.begins[same], part.ends[same])] for part in (ones, others))
    same[same] = count_between(left != right, _bounds(lengths[same])) == 0
    return same


def _bounds(lengths: Counts) -> Positions:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))


def _joined(parts: list[Any], kind: type[np.generic]) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
