"""The one source of chance: a counter-based generator, so a draw depends on its key and on nothing before it.

SplitMix64 (Steele, Lea, Flood 2014; passes BigCrush) is a counter and a mixing function: its word n from the
key k is `mix(k + (n + 1) * GAMMA)`. Any word can be had without the ones before, for whole arrays of keys and
counters at once: eight numpy passes over 64-bit words. numpy's Philox is counter-based too, but a generator a
row costs 12 microseconds to make, and its streams may change between versions of numpy.

All arithmetic is modulo 2^64, which is what numpy does with unsigned arrays.
"""

from __future__ import annotations

import hashlib

import numpy as np

from trainer.arrays import Ints, Words

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)


def mix(words: Words) -> Words:
    """Each word through SplitMix64's mixing function, a permutation of all 64-bit words. In place."""
    words ^= words >> np.uint64(30)
    words *= _FIRST
    words ^= words >> np.uint64(27)
    words *= _SECOND
    words ^= words >> np.uint64(31)
    return words


def keys(seed: int, purpose: str, epoch: int, ids: Ints) -> Words:
    """A key for each id, (n,). `purpose` keeps draws apart: two purposes share nothing, whatever the seed.

    Seed, purpose and epoch are hashed together and never added: seed 1 in epoch 2 is not seed 2 in epoch 1.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}/{epoch}".encode(), digest_size=8).digest()
    return mix(mix(ids.astype(np.uint64) * GAMMA) + np.uint64(int.from_bytes(digest, "little")))


def words(key: Words, n: int) -> Words:
    """The first n words of one key (a 1-element array), (n,)."""
    return mix(key + np.arange(1, n + 1, dtype=np.uint64) * GAMMA)


def words_of_rows(row_keys: Words, lengths: Ints) -> Words:
    """The first words of each key, as many as its row is long, end to end: (sum of lengths,)."""
    starts = np.cumsum(lengths) - lengths
    counted = np.arange(1, int(lengths.sum()) + 1, dtype=np.uint64)
    counted *= GAMMA
    counted += np.repeat(row_keys - starts.astype(np.uint64) * GAMMA, lengths)
    return mix(counted)


def below(n: int, words_: Words) -> Ints:
    """Whole numbers from 0 to n - 1 (n below 2^32), of the high halves of words; uneven by n / 2^32."""
    return ((words_ >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.int64)


def low_half(words_: Words) -> Words:
    """The low 32 bits; independent of the high ones that `below` and thresholds use."""
    return words_ & _LOW


def permutation(n: int, key: Words) -> Ints:
    """A permutation of 0 to n - 1 set by a key (a 1-element array): n log n, 0.3 ms for 5,000."""
    return np.argsort(words(key, n), kind="stable")
