"""Signatures, bands and estimates on numbers worked by hand and on sets whose similarity is known."""

import numpy as np
import pyarrow as pa
import pytest

from spark_jobs.buffers import blocks
from spark_jobs.minhash import (
    Banding,
    Shingles,
    band_keys,
    banding,
    minima,
    shingles,
    signatures,
    similarity,
    sketches,
)

WHOLE = Banding(16, 8)
GIANT = "x" * 1_000_000


def sign(texts, lang="en", ngram=5, permutations=128, chosen=WHOLE):
    return signatures(
        pa.array(texts, pa.string()), lang, ngram=ngram, permutations=permutations, chosen=chosen
    )


def n_shingles(texts, lang="en", ngram=3):
    (block,) = blocks(pa.array(texts, pa.string()))
    found = shingles(block, lang, ngram)
    assert len(found.hashes) == found.counts.sum()
    return found.counts.tolist()


# ---- bands and rows


@pytest.mark.parametrize(("similarity", "expected"), [(0.0, 0), (0.5, 15 / 64), (1.0, 1)])
def test_the_chance_to_be_compared_is_that_of_one_equal_band(similarity, expected):
    # two bands of three rows: 1 - (1 - s^3)^2; s = 1/2: 1 - (7/8)^2 = 15/64
    assert Banding(bands=2, rows=3).chance(similarity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("threshold", "permutations", "recall", "expected"),
    [
        # 0.8^8 = 0.1678, 1 - 0.8322^16 = 0.947; one row more: 0.8^9 = 0.1342, 1 - 0.8658^14 = 0.867
        (0.8, 128, 0.9, Banding(16, 8)),
        # 0.5^3 = 0.125, 1 - 0.875^42 = 0.996; 0.5^4 = 0.0625, 1 - 0.9375^32 = 0.873
        (0.5, 128, 0.9, Banding(42, 3)),
        # 0.9^14 = 0.2288, 1 - 0.7712^9 = 0.903; 0.9^15 = 0.2059, 1 - 0.7941^8 = 0.842
        (0.9, 128, 0.9, Banding(9, 14)),
        # bands of one row: 1 - 0.9^16 = 0.815; nothing finds more
        (0.1, 16, 0.9, Banding(16, 1)),
    ],
)
def test_bands_are_as_long_as_the_recall_at_the_threshold_allows(threshold, permutations, recall, expected):
    assert banding(threshold, permutations, recall) == expected


# ---- shingles


def test_a_text_of_w_words_has_w_minus_n_plus_one_shingles_and_a_shorter_one_is_its_own():
    assert n_shingles(["a b c d e", "a b c", "a b", "a", "", " ... ", None]) == [3, 1, 1, 1, 0, 0, 0]


def test_in_japanese_two_characters_stand_for_a_word():
    # seven characters, six to a shingle of three words; marks do not count
    assert n_shingles(["今日は、雨です。ね、", "雨です"], "ja") == [2, 1]


def test_no_shingle_runs_from_one_text_into_the_next():
    together, alone = sign(["a b c d", "e f g h"], ngram=3), sign(["e f g h"], ngram=3)
    assert (together.bands[1] == alone.bands[0]).all()


def test_case_marks_and_spaces_do_not_count_and_the_order_of_words_does():
    same = sign(["The OLD bridge, it is open!", "the old\nbridge it is open", "open is it bridge old the"])
    assert (same.bands[0] == same.bands[1]).all()
    assert not (same.bands[0] == same.bands[2]).any()


def test_short_texts_are_alike_only_where_all_their_words_are():
    found = sign(["good night", "Good night.", "good night all", "night"])
    assert similarity(found.sketches[:1], found.sketches[1:]).round(1).tolist() == [1.0, 0.0, 0.0]


# ---- signatures


def test_the_minimum_is_taken_over_a_texts_own_shingles_and_a_repeated_one_changes_nothing():
    hashes = np.array([7, 3, 9, 3, 3, 9, 7, 1], np.uint32)
    smallest = minima(Shingles(hashes, np.array([3, 0, 4, 1])), 64)
    assert smallest.shape == (64, 3)
    assert (smallest[:, 0] == smallest[:, 1]).all()
    assert not (smallest[:, 0] == smallest[:, 2]).any()


def test_signatures_of_fewer_permutations_are_the_first_of_more():
    hashes = Shingles(np.arange(1000, dtype=np.uint32), np.array([1000]))
    assert (minima(hashes, 128)[:16] == minima(hashes, 16)).all()


def test_texts_without_a_word_have_no_signature_and_rows_are_named():
    found = sign(["", "one", None, " - ", "two words"])
    assert found.rows.tolist() == [1, 4]
    assert found.bands.shape == (2, 16)
    assert found.sketches.shape == (2, 128)


@pytest.mark.parametrize("texts", [[], [None], ["", "!"]])
def test_nothing_gives_nothing(texts):
    found = sign(texts)
    assert (len(found.rows), found.bands.shape, found.sketches.shape) == (0, (0, 16), (0, 128))


def test_a_word_of_a_megabyte_is_a_shingle_like_any_other():
    found = sign([GIANT, GIANT.upper(), GIANT + "y", "x y"])
    assert similarity(found.sketches[:1], found.sketches[1:]).round(1).tolist() == [1.0, 0.0, 0.0]


def test_the_cut_of_a_column_changes_no_signature():
    texts = [f"{n} lamps stood along the old quay in the year {n % 7}" * (n % 5 + 1) for n in range(300)]
    whole = sign(texts)
    parts = [sign(texts[low:high]) for low, high in ((0, 1), (1, 150), (150, 300))]
    assert (whole.bands == np.concatenate([part.bands for part in parts])).all()
    assert (whole.sketches == np.concatenate([part.sketches for part in parts])).all()


# ---- bands and estimates


def test_a_band_is_shared_where_all_its_rows_are_equal_and_the_language_too():
    one = np.arange(8, dtype=np.uint32).reshape(4, 2)  # two texts of four minima
    one[:, 1] = one[:, 0]
    one[3, 1] += 1
    keys = band_keys(one, "en", Banding(2, 2))
    assert (keys[0] == keys[1]).tolist() == [True, False]
    assert not np.isin(band_keys(one, "de", Banding(2, 2)), keys).any()
    assert len(np.unique(band_keys(np.zeros((4, 1), np.uint32), "en", Banding(2, 2)))) == 2  # numbered


def test_the_estimate_takes_off_the_bytes_that_agree_by_chance():
    one = np.zeros((3, 256), np.uint8)
    other = one.copy()
    other[1, :1] = 1
    other[2, :255] = 1  # one byte in 256 agrees: nothing in common
    assert similarity(one, other).tolist() == pytest.approx([1, 1 - 1 / 255, 0])


@pytest.mark.parametrize("jaccard", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("size", [20, 100, 1000])
def test_estimates_lie_around_the_true_similarity_with_the_deviation_of_the_formula(jaccard, size):
    pairs = 400
    shared = round(2 * size * jaccard / (1 + jaccard))
    drawn = np.random.default_rng(size).integers(0, 2**32, (pairs, 2 * size), dtype=np.uint32)
    ones, others = drawn[:, :size], drawn[:, size - shared : 2 * size - shared]
    true = shared / (2 * size - shared)
    counts = np.full(pairs, size)
    signed = [sketches(minima(Shingles(sets.ravel(), counts), 128)) for sets in (ones, others)]
    estimates = similarity(*signed)
    deviation = (true * (1 - true) / 128) ** 0.5
    assert abs(estimates.mean() - true) < 4 * deviation / pairs**0.5
    assert estimates.std() == pytest.approx(deviation, rel=0.2)
