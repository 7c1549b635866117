"""Chance depends on its key alone, and is fair."""

import numpy as np
import pytest

from trainer.draws import below, keys, mix, permutation, words, words_of_rows

ROWS = np.array([7, 1 << 40, 3], np.int64)


def test_the_first_words_of_key_zero_are_those_of_splitmix64():
    # Of the reference implementation, seed 1234567: https://prng.di.unimi.it/splitmix64.c
    first = words(np.array([1234567], np.uint64), 3)
    assert first.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_the_words_of_a_row_do_not_depend_on_the_rows_before_it():
    lengths = np.array([5, 0, 9])
    key = keys(1, "p", 0, ROWS)
    whole = words_of_rows(key, lengths)
    assert whole[:5].tolist() == words(key[:1], 5).tolist()
    assert whole[5:].tolist() == words(key[2:], 9).tolist()


@pytest.mark.parametrize("other", [(2, "p", 0), (1, "q", 0), (1, "p", 1)], ids=["seed", "purpose", "epoch"])
def test_seed_purpose_and_epoch_each_change_every_key(other):
    assert not set(keys(1, "p", 0, ROWS).tolist()) & set(keys(*other, ROWS).tolist())


def test_seed_1_in_epoch_2_is_not_seed_2_in_epoch_1():
    assert keys(1, "p", 2, ROWS).tolist() != keys(2, "p", 1, ROWS).tolist()


def test_keys_of_a_million_consecutive_ids_are_distinct():
    assert len(np.unique(keys(1, "p", 0, np.arange(1_000_000)))) == 1_000_000


def test_mixing_is_a_permutation_and_flips_half_of_the_bits():
    plain = np.arange(10_000, dtype=np.uint64)
    flipped = np.bitwise_count(mix(plain.copy()) ^ mix(plain ^ np.uint64(1)))
    assert abs(flipped.mean() - 32) < 4 * 4 / 100  # sd of one is 4, of the mean of 10,000 0.04; and a margin


def test_whole_numbers_below_n_are_all_drawn_equally_often():
    drawn = np.bincount(below(10, words(keys(1, "p", 0, ROWS[:1]), 100_000)), minlength=10)
    assert len(drawn) == 10
    assert np.all(np.abs(drawn - 10_000) < 4 * np.sqrt(100_000 * 0.1 * 0.9))


def test_a_permutation_holds_each_number_once_and_neighbours_do_not_stay_neighbours():
    shuffled = permutation(5000, keys(1, "p", 0, ROWS[:1]))
    assert sorted(shuffled.tolist()) == list(range(5000))
    assert np.count_nonzero(np.abs(np.diff(shuffled)) == 1) < 10  # 2 are expected
