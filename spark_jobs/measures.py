"""The kernels behind the quality measures: lines, n-grams and kinds of characters over one block of texts.

Each function takes a `Block` (buffers.py) and returns one number a text. What is rare is looked at closely,
what is common only by comparisons of whole buffers; nothing loops over texts.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from normalizers.languages import Language
from spark_jobs.buffers import (
    LOW_BYTES,
    Block,
    Bytes,
    Counts,
    Flags,
    Hashes,
    Positions,
    count_between,
    hash_runs,
    hash_spans,
    load,
    mix,
    ranges,
)

DATA = Path(__file__).parent / "data"
CLOSERS_PASSED_OVER = 4
KINDS = ("other", "letter", "digit", "symbol", "white")
"""What a character can be (data/characters.toml)."""
_FIRST_TRIES = 4
_MULTIBYTE = 8
"""Added to a character's length where its first byte may begin something that is no letter."""


def lines(block: Block) -> tuple[Positions, Positions, Positions]:
    """Begin and end of each line that is not blank, trimmed; and each text's first, the total as last."""
    feeds = np.flatnonzero(block.utf8 == 10)
    begins, ends = feeds[:-1] + 1, feeds[1:].copy()
    _trim(block.utf8, begins, ends)
    filled = begins < ends
    before = np.concatenate(([0], np.cumsum(filled)))
    first_line = before[np.searchsorted(feeds, block.starts - 1)]
    return begins[filled], ends[filled], first_line


def _trim(utf8: Bytes, begins: Positions, ends: Positions) -> None:
    """Move the ends of lines inward, in place, over bytes up to the space."""
    # A line break ends every line, so that ends - 1 is a visible byte or stands before an empty line.
    left = np.flatnonzero((begins < ends) & ((utf8[begins] <= 32) | (utf8[ends - 1] <= 32)))
    for _ in range(_FIRST_TRIES):
        if not len(left):
            return
        begins[left] += utf8[begins[left]] <= 32
        ends[left] -= (utf8[ends[left] - 1] <= 32) & (begins[left] < ends[left])
        left = left[begins[left] < ends[left]]
        left = left[(utf8[begins[left]] <= 32) | (utf8[ends[left] - 1] <= 32)]
    # Long runs of blanks: one pass over the block, so that a million of them cost no more than text.
    visible = np.concatenate((np.flatnonzero(utf8 > 32), [len(utf8)]))
    after = visible[np.searchsorted(visible, begins[left])]
    before = visible[np.searchsorted(visible, ends[left]) - 1] + 1
    blank = after >= ends[left]
    begins[left] = np.where(blank, ends[left], after)
    ends[left] = np.where(blank, ends[left], before)


def terminated(block: Block, begins: Positions, ends: Positions, rules: Language) -> Flags:
    """True for each line whose last character, closers passed over, ends a sentence."""
    codes, is_closer = _last_characters(rules.spaced_terminators + rules.unspaced_terminators, rules.closers)
    found = np.zeros(len(ends), np.bool_)
    left, at = np.arange(len(ends)), ends
    for _ in range(CLOSERS_PASSED_OVER + 1):
        last = _character_before(block.utf8, at)
        code = load(block.padded, last) & LOW_BYTES[at - last]
        place = np.searchsorted(codes, code)
        known = codes[place] == code
        closing = known & is_closer[place]
        found[left] = known & ~closing
        closing &= last > begins[left]
        left, at = left[closing], last[closing]
    return found


@functools.cache
def _last_characters(terminators: str, closers: str) -> tuple[Hashes, Flags]:
    """The characters as little-endian numbers of their bytes, sorted, and which of them are closers."""
    closing = {int.from_bytes(c.encode(), "little"): c in closers for c in terminators + closers}
    numbers = [*sorted(closing), 2**64 - 1]
    return np.array(numbers, np.uint64), np.array([closing.get(n, False) for n in numbers])


def _character_before(utf8: Bytes, ends: Positions) -> Positions:
    """Where the character begins that ends at each position."""
    at = ends - 1
    for _ in range(3):
        at -= (utf8[at] & 0xC0) == 0x80
    return at


def repeated_lines(block: Block, begins: Positions, ends: Positions, first_line: Positions) -> Counts:
    """How many lines of each text equal an earlier one of it, byte by byte."""
    n_texts, lengths = len(first_line) - 1, ends - begins
    text = np.repeat(np.arange(n_texts), np.diff(first_line))
    # Length and three samples tell nearly all lines apart; the few that agree in them are compared whole.
    last, kept = np.maximum(lengths - 8, 0), LOW_BYTES[np.minimum(lengths, 8)]
    key = (text.astype(np.uint64) << np.uint64(32)) + lengths.astype(np.uint64)
    for at in (begins, begins + last // 2, begins + last):
        key = mix(key) + (load(block.padded, at) & kept)
    order = np.argsort(key)
    same = key[order[1:]] == key[order[:-1]]
    if not same.any():
        return np.zeros(n_texts, np.int64)
    suspects = np.unique(np.concatenate((order[1:][same], order[:-1][same])))
    bounds = np.stack((begins[suspects], ends[suspects]), axis=1).ravel()
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(block.utf8)]
    pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)
    whole = pieces.take(pa.array(np.arange(0, len(bounds), 2))).dictionary_encode().indices.to_numpy()
    text = text[suspects]
    distinct = np.unique(text * len(suspects) + whole) // len(suspects)
    return np.bincount(text, minlength=n_texts) - np.bincount(distinct, minlength=n_texts)


class Runs(NamedTuple):
    """The n-grams of a block of texts."""

    hashes: Hashes
    """In the order of the buffer; those that leave their text too."""
    first: Positions
    """Each text's first one, and the total as last."""
    n_inside: Counts
    """How many of each text's stay inside it; they come before those that leave it."""


def word_runs(block: Block, begins: Positions, ends: Positions, n: int) -> Runs:
    """All runs of n words, a word being what stands between bytes up to the space."""
    first = np.searchsorted(begins, block.starts)
    hashes = hash_runs(hash_spans(block.padded, begins, ends), n)
    return Runs(hashes, np.minimum(first, len(hashes)), np.maximum(np.diff(first) - (n - 1), 0))


def character_runs(block: Block, n: int) -> Runs:
    """Runs of n characters that begin at a character whose code point is a multiple of four.

    A fixed quarter of all runs tells what share of them is repeated, at a third of the price.
    """
    at = np.append(np.flatnonzero(block.utf8.view(np.int8) > -65), len(block.utf8))
    chosen = np.flatnonzero((block.utf8[at[1 : 1 - n] - 1] & 3) == 0)
    begins, ends = at[chosen], at[chosen + n]
    first = np.searchsorted(begins, block.starts)
    inside = ends < np.repeat(np.append(block.starts[1:], 0), np.diff(first, append=len(begins)))
    return Runs(hash_spans(block.padded, begins, ends), first, count_between(inside, first))


def repeated_runs(runs: Runs) -> Counts:
    """How many runs of each text equal an earlier one of it."""
    hashes, first, n_inside = runs
    n_texts = len(n_inside)
    # A hash is made its text's own, and what leaves the text equal to nothing.
    salt = np.repeat(mix(np.arange(n_texts + 1, dtype=np.uint64)), np.diff(first, prepend=0))
    keys = hashes[: len(salt)] ^ salt
    leaving = ranges(first[:-1] + n_inside, first[1:])
    keys[leaving] = mix(leaving.astype(np.uint64))
    ordered = np.sort(keys)
    repeats = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeats):
        return np.zeros(n_texts, np.int64)
    # Sorting lost the places. Only hashes that share their upper 16 bits with a repeat are looked at again.
    bucket = np.zeros(1 << 16, np.bool_)
    bucket[_upper(repeats)] = True
    near = np.flatnonzero(bucket[_upper(keys)])
    order = np.argsort(keys[near])
    at = near[order[np.searchsorted(keys[near], repeats, sorter=order)]]
    return np.bincount(np.searchsorted(first, at, "right") - 1, minlength=n_texts)


def _upper(hashes: Hashes) -> Positions:
    return (hashes >> np.uint64(48)).view(np.int64)


def kinds(block: Block) -> dict[str, Counts]:
    """How many characters of each kind a text has."""
    by_byte = _bytes_by_kind(block)
    characters = count_between(block.utf8.view(np.int8) > -65, block.starts) - 1
    multibyte = [(found, np.searchsorted(at, block.starts)) for _, at, found in _not_ascii(block, by_byte)]
    counts = {}
    for number, kind in enumerate(KINDS):
        if kind != "letter":
            counts[kind] = count_between(by_byte == number, block.starts)
            for found, bounds in multibyte:
                counts[kind] += count_between(found == number, bounds)
    counts["white"] -= 1  # the line break behind each text
    counts["letter"] = characters - sum(counts.values())
    return counts


def word_bytes(block: Block) -> Flags:
    """True for each byte of a letter, a mark or a digit."""
    letter, digit = KINDS.index("letter"), KINDS.index("digit")
    by_byte = _bytes_by_kind(block)
    inside: Flags = (by_byte == letter) | (by_byte == digit) | (by_byte > _MULTIBYTE)
    for size, at, found in _not_ascii(block, by_byte):
        others = at[(found != letter) & (found != digit)]
        for k in range(size):
            inside[others + k] = False
    return inside


def _bytes_by_kind(block: Block) -> Bytes:
    _, byte_table = _kind_tables()
    return np.frombuffer(block.utf8.tobytes().translate(byte_table), np.uint8)


def _not_ascii(block: Block, by_byte: Bytes) -> Iterator[tuple[int, Positions, Bytes]]:
    """Size, places and kinds of the characters of two, three and four bytes that may be no letters."""
    kind_of, _ = _kind_tables()
    for size in (2, 3, 4):
        at = np.flatnonzero(by_byte == _MULTIBYTE + size)
        if len(at):
            yield size, at, kind_of[code_points_at(block.padded, at, size)]


def code_points_at(padded: Bytes, at: Positions, size: int) -> npt.NDArray[np.int32]:
    """The code points of characters of `size` bytes, by where they begin."""
    codes = (padded[at] & (0x7F if size == 1 else 0x7F >> size)).astype(np.int32)
    for k in range(1, size):
        codes = codes << 6 | (padded[at + k] & 0x3F)
    return codes


def code_points(name: str) -> list[tuple[int, int]]:
    """The ranges of a list in data/characters.toml, first and last; none where there is no such list."""
    ranges = [part.partition("-") for part in _characters().get(name, "").split()]
    return [(int(low, 16), int(high or low, 16)) for low, _, high in ranges]


@functools.cache
def _characters() -> dict[str, str]:
    return tomllib.loads((DATA / "characters.toml").read_text("utf8"))


@functools.cache
def _kind_tables() -> tuple[npt.NDArray[np.uint8], bytes]:
    """Kind of every code point; and of every byte: the kind of an ASCII character, or _MULTIBYTE + size."""
    kind_of = np.full(0x110000, KINDS.index("letter"), np.uint8)
    for number, kind in enumerate(KINDS):
        for low, high in code_points(kind):
            kind_of[low : high + 1] = number
    by_byte = np.full(256, KINDS.index("letter"), np.uint8)
    by_byte[:128] = kind_of[:128]
    others = np.flatnonzero(kind_of != KINDS.index("letter"))
    for size, low, high, lead in (
        (2, 0x80, 0x800, 0xC0),
        (3, 0x800, 0x10000, 0xE0),
        (4, 0x10000, 0x110000, 0xF0),
    ):
        inside = others[(others >= low) & (others < high)]
        by_byte[lead | inside >> 6 * (size - 1)] = _MULTIBYTE + size
    return kind_of, by_byte.tobytes()
