"""Evaluation texts that must stay out of training data, and how to find them in documents, exactly.

Texts are compared as sequences of units. A unit is a word, a maximal run of letters, marks and digits,
lower-cased; in languages that write no spaces it is one letter or digit, and two of them stand for a word.
Everything else, be it spaces, marks or line breaks, separates and does not count. A document is hit by every
n-gram of units that it shares with an evaluation text; an evaluation text shorter than an n-gram hits only a
document that is nothing else. n = 8 words is the least that GPT-3 used (Brown et al. 2020, appendix C).

Hashes find candidates, a comparison of the units themselves decides: nothing is hit that does not hold
the words.

Price, one core: 6 to 9 ms a megabyte of text that holds none of them, lower-casing included.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.languages import language
from spark_jobs import storage
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
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.heldout_files import KEY, find_files, read_texts
from spark_jobs.measures import code_points, code_points_at, word_bytes

FORMAT = "heldout_v1"
"""Version of the units, the hashes and the file: an index of another one is not read."""
CHARACTERS_A_WORD = 2
"""Characters that stand for a word in the n-grams of languages without spaces."""
_COMPARED_AT_ONCE = 1 << 14
_CHARACTER_BYTES = np.array([1] * 0xC0 + [2] * 0x20 + [3] * 0x10 + [4] * 0x10)
_ARRAYS = ("keys", "first", "length", "offsets", "utf8")


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

    def hits(self, units: Units) -> Counts:
        """How many different keys each text holds."""
        n_texts = len(units.first) - 1
        if not len(self.keys):
            return np.zeros(n_texts, np.int64)
        at, key = self._find(hash_runs(units.hashes, self.ngram))
        text = np.searchsorted(units.first, at, "right") - 1
        inside = at + self.ngram <= units.first[text + 1]
        short = short_texts(units.first, self.ngram)
        which, whole_key = self._find(sequence_hashes(units.hashes, units.first, short))
        at = np.concatenate((at[inside], units.first[short[which]]))
        text = np.concatenate((text[inside], short[which]))
        key = np.concatenate((key[inside], whole_key))
        equal = self._equal(units, at, np.minimum(np.diff(units.first)[text], self.ngram), key)
        found = np.unique(text[equal] * len(self.keys) + key[equal])
        return np.bincount(found // len(self.keys), minlength=n_texts)

    def _find(self, hashes: Hashes) -> tuple[Positions, Positions]:
        """Which of the hashes are keys, and which key each of those is."""
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


@dataclass(frozen=True)
class HeldOut:
    """Evaluation texts, ready to be looked for. Small enough to travel with the code to the workers."""

    id: str
    """Hash of the texts as compared and of `ngram`: equal ids find the same."""
    ngram: int
    """Words that make an n-gram."""
    n_texts: int
    """Texts that have a word, each once."""
    words: Index
    characters: Index

    @classmethod
    def from_texts(cls, texts: Sequence[str], ngram: int = 8) -> HeldOut:
        """An index of some texts, in any languages and any order."""
        column = pc.utf8_lower(pa.array(texts, pa.large_string())).unique()
        words, hashes = _build(column, ngram, characters=False)
        characters, _ = _build(column, ngram * CHARACTERS_A_WORD, characters=True)
        distinct = np.unique(hashes)
        identity = hashlib.sha256(f"{FORMAT}|{ngram}|".encode() + distinct.astype("<u8").tobytes())
        return cls(identity.hexdigest()[:32], ngram, len(distinct), words, characters)

    @classmethod
    def from_files(cls, paths: Sequence[str], ngram: int = 8) -> HeldOut:
        """An index of the texts in some files (heldout_files.py); ConfigError where none has a word."""
        held_out = cls.from_texts([text for path in paths for text in read_texts(str(path))], ngram)
        if not held_out.n_texts:
            found = ", ".join(map(str, paths)) or "no file"
            raise ConfigError(KEY, found, accepted="files with at least one text")
        return held_out

    @classmethod
    def from_glob(cls, root: str, pattern: str, ngram: int = 8) -> HeldOut:
        """An index of the files below `root` that a pattern names; ConfigError where there are none."""
        return cls.from_files(find_files(root, pattern), ngram)

    def hits(self, texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array:
        """How many different n-grams of evaluation texts each text holds, int32, null for a null text.

        A text that is nothing but a short evaluation text counts 1. `lang` says what a unit is; an n-gram is
        found wherever it stands, whatever the column's cut and the text's neighbours are.
        """
        column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        characters = language(lang).characters_per_word > 0
        index = self.characters if characters else self.words
        counts = np.zeros(len(column), np.int32)
        for block in blocks(pc.utf8_lower(column)):
            counts[block.rows] = index.hits(units_of(block, characters=characters))
        missing = None if not column.null_count else ~column.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(counts, mask=missing)

    def save(self, path: str) -> None:
        """Write the index to one Arrow file."""
        columns = {
            f"{kind}_{name}": pa.LargeListArray.from_arrays([0, len(values)], values)
            for kind, index in (("words", self.words), ("characters", self.characters))
            for name in _ARRAYS
            for values in [pa.array(getattr(index, name))]
        }
        about = {"format": FORMAT, "id": self.id, "ngram": str(self.ngram), "n_texts": str(self.n_texts)}
        table = pa.table(columns).replace_schema_metadata(about)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        storage.write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: str) -> HeldOut:
        """The index that `save` wrote; a local file is mapped, not read, so processes share its memory."""
        try:
            source = pa.BufferReader(storage.read_bytes(path)) if "://" in path else pa.memory_map(path)
            table = pa.ipc.open_file(source).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise CorpusError(
                "an index of held-out texts cannot be read", where=path, why=str(error)
            ) from None
        about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if about.get("format") != FORMAT:
            found = about.get("format", "something else")
            raise CorpusError(
                f"an index of held-out texts is {found}, not {FORMAT}", where=path, do="make it anew"
            )
        ngram = int(about["ngram"])

        def index(kind: str, n: int) -> Index:
            return Index(n, *(table[f"{kind}_{name}"].chunk(0).values.to_numpy() for name in _ARRAYS))

        return cls(
            about["id"],
            ngram,
            int(about["n_texts"]),
            index("words", ngram),
            index("characters", ngram * CHARACTERS_A_WORD),
        )


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


def sequence_hashes(hashes: Hashes, first: Positions, texts: Positions) -> Hashes:
    """Hash of all units of each of some texts that have at least one; the order of the units counts."""
    counts = np.diff(first)[texts]
    if not len(counts):
        return np.zeros(0, np.uint64)
    bounds = _bounds(counts)
    place = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts)
    placed = mix(hashes[ranges(first[texts], first[texts + 1])] ^ mix(place.astype(np.uint64)))
    return mix(np.add.reduceat(placed, bounds[:-1]) + counts.astype(np.uint64))


def _build(lowered: pa.Array, n: int, *, characters: bool) -> tuple[Index, Hashes]:
    """The index of all texts, and a hash of each that has a unit."""
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
    found = np.concatenate((hash_runs(hashes, n)[at], sequence_hashes(hashes, first, short)))
    keys, one = np.unique(found, return_index=True)
    begins, lengths = np.concatenate((at, first[short])), np.concatenate((np.full(len(at), n), counts[short]))
    index = Index(n, keys, begins[one], lengths[one], offsets, utf8)
    return index, sequence_hashes(hashes, first, np.flatnonzero(counts))


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
