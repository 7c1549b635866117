"""MinHash signatures of texts over whole buffers, the bands they are looked up by, and what they estimate.

A text is the set of its shingles: runs of n words as the held-out search sees them (heldout.py: lower-cased
letters, marks and digits), of 2n characters in languages without spaces; a shorter text is one shingle.
Two texts are as alike as their sets: Jaccard similarity, the shared shingles by all of both. The smallest
value of a random hash over a set is the same in two sets with just that probability (Broder 1997), so the
share of equal minima estimates it, with a standard deviation of sqrt(s * (1 - s) / permutations).

Price, one core, 128 permutations: about 20 ms a megabyte of text, half of it for the shingles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from normalizers.languages import language
from spark_jobs.buffers import Block, Counts, blocks, hash_runs, mix, ranges
from spark_jobs.heldout_index import CHARACTERS_A_WORD, run_hashes, short_texts, units_of

Minima = npt.NDArray[np.uint32]
"""(permutations, texts): the smallest hash of each permutation over a text's shingles."""
Sketches = npt.NDArray[np.uint8]

SKETCH_VALUES = 256
"""What a minimum is cut down to for comparing: one byte of it (b-bit minwise hashing, Li and König 2010)."""
_SPREAD = np.uint32(0x9E3779B1)


@dataclass(frozen=True, slots=True)
class Banding:
    """Minima in bands: two texts are compared where all rows of at least one band are equal."""

    bands: int
    rows: int

    def chance(self, similarity: float) -> float:
        """The probability that two texts of this similarity are compared: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def banding(threshold: float, permutations: int, recall: float) -> Banding:
    """The longest bands that still find `recall` of the pairs at the threshold; at worst bands of one row.

    Longer bands compare fewer pairs for nothing. What is compared is verified afterwards, so the false
    positives that the usual choice weighs against the false negatives cost time here, not precision.
    """
    choices = (Banding(permutations // rows, rows) for rows in range(permutations, 0, -1))
    return next((b for b in choices if b.chance(threshold) >= recall), Banding(permutations, 1))


class Shingles(NamedTuple):
    """The shingles of a block of texts, repeated ones included."""

    hashes: Minima
    """32-bit hashes, one text behind the other."""
    counts: Counts
    """How many of them are each text's; none where a text has no letter or digit."""


def shingles(block: Block, lang: str, ngram: int) -> Shingles:
    """The shingles of a block of lower-cased texts of one language; `ngram` in words."""
    characters = language(lang).characters_per_word > 0
    n = ngram * CHARACTERS_A_WORD if characters else ngram
    units = units_of(block, characters=characters)
    n_units = np.diff(units.first)
    counts = np.maximum(n_units - n + 1, np.minimum(n_units, 1))
    hashes, short = np.zeros(len(units.hashes), np.uint64), short_texts(units.first, n)
    runs = hash_runs(units.hashes, n)
    hashes[: len(runs)] = runs
    # A run from the first unit of a short text leaves the text, so its place is free for the text as a whole.
    hashes[units.first[short]] = run_hashes(units.hashes, units.first[short], units.first[short + 1])
    inside = hashes[ranges(units.first[:-1], units.first[:-1] + counts)]
    return Shingles((mix(inside) >> np.uint64(32)).astype(np.uint32), counts)


def minima(found: Shingles, permutations: int) -> Minima:
    """The smallest hash of each permutation over each text that has shingles.

    A permutation is h -> a * h + b modulo 2^32, a odd: the shingles' hashes are random already, so the order
    is what matters, and a multiplication of 32 bits runs eight at a time.
    """
    starts = np.cumsum(found.counts)[:-1]
    starts = np.concatenate((np.zeros(1, np.int64), starts))[found.counts > 0]
    smallest = np.empty((permutations, len(starts)), np.uint32)
    if not len(starts):
        return smallest
    permuted = np.empty_like(found.hashes)
    for number, (factor, shift) in enumerate(zip(*_permutations(permutations), strict=True)):
        np.multiply(found.hashes, factor, out=permuted)
        np.add(permuted, shift, out=permuted)
        np.minimum.reduceat(permuted, starts, out=smallest[number])
    return smallest


def _permutations(n: int) -> tuple[Minima, Minima]:
    """Factors and shifts: always the same, and those of fewer permutations are the first of those of more."""
    bits = mix(np.arange(1, n + 1, dtype=np.uint64))
    return (bits >> np.uint64(32)).astype(np.uint32) | np.uint32(1), bits.astype(np.uint32)


def band_keys(smallest: Minima, lang: str, chosen: Banding) -> npt.NDArray[np.int64]:
    """(texts, bands): a 64-bit hash of language, number of the band and the minima of its rows."""
    n_texts = smallest.shape[1]
    keys = np.empty((n_texts, chosen.bands), np.uint64)
    start = np.uint64(xxhash.xxh64_intdigest(lang.encode()))
    for band in range(chosen.bands):
        key = np.full(n_texts, start + np.uint64(band), np.uint64)
        for row in smallest[band * chosen.rows : (band + 1) * chosen.rows]:
            key = mix(key) + row
        keys[:, band] = mix(key)
    return keys.view(np.int64)


def sketches(smallest: Minima) -> Sketches:
    """(texts, permutations): a byte of each minimum. Equal minima have equal bytes, others once in 256."""
    # The upper bits of a minimum over many shingles are zero: spread the lower ones over them first.
    return np.ascontiguousarray(((smallest * _SPREAD) >> np.uint32(24)).astype(np.uint8).T)


def similarity(ones: Sketches, others: Sketches) -> npt.NDArray[np.float64]:
    """The estimated Jaccard similarity of each text with the other one in its row; below 0 where fewer bytes
    agree than do by chance."""
    equal: npt.NDArray[np.float64] = (ones == others).mean(axis=1)
    return (equal - 1 / SKETCH_VALUES) / (1 - 1 / SKETCH_VALUES)


class Signatures(NamedTuple):
    """What is kept of the texts that have shingles."""

    rows: npt.NDArray[np.int64]
    """Which texts of the column these are."""
    bands: npt.NDArray[np.int64]
    sketches: Sketches


def signatures(texts: pa.Array, lang: str, *, ngram: int, permutations: int, chosen: Banding) -> Signatures:
    """Band keys and sketches of a column of texts of one language; texts without a word and nulls are left
    out."""
    parts = []
    for block in blocks(pc.utf8_lower(texts)):
        found = shingles(block, lang, ngram)
        smallest = minima(found, permutations)
        rows = block.rows.start + np.flatnonzero(found.counts)
        parts.append(Signatures(rows, band_keys(smallest, lang, chosen), sketches(smallest)))
    if not parts:
        nothing = np.zeros((0, chosen.bands), np.int64)
        return Signatures(np.zeros(0, np.int64), nothing, np.zeros((0, permutations), np.uint8))
    return Signatures(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
