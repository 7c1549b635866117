"""Near de-duplication: known clusters, bands of any size, and recall and precision on planted pairs."""

import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from spark_jobs.config import build
from spark_jobs.errors import ConfigError
from spark_jobs.near import Band, NearConfig, NearCounts, candidates, near_duplicates, sign, stars, verify

CONFIG = NearConfig(ngram=2)


def words(*numbers):
    return " ".join(f"w{n}" for n in numbers)


# n words have n - 1 shingles of two; a word changed at the end changes one of them
STORY = list(range(40))
DOCUMENTS = [  # (place, lang, text)
    (7, "en", words(*STORY)),
    (3, "en", words(*STORY).upper() + "!"),  # the same words
    (5, "en", words(*STORY[:-1], 99)),  # 38 of 40 shingles
    (1, "en", words(*range(100, 140))),  # another story
    (9, "de", words(*STORY)),  # another language
    (2, "de", words(*STORY[:20], *range(200, 220))),  # 19 of 59
    (11, "ja", "船には三人の乗客がいて嵐を覚えている人はもう村にいない" * 3),
    (10, "ja", "船には三人の乗客がいて、嵐を覚えている人は、もう村にいない。" * 3),
    (12, "en", ""),
    (13, "en", "?!"),
    (14, "en", "word"),
    (15, "en", "Word."),
    (16, "en", "x" * 1_000_000),
]
KEEPERS = {5: 3, 7: 3, 11: 10, 15: 14}


def frame(spark, rows):
    return spark.createDataFrame(rows, "place BIGINT, lang STRING, text STRING")


def found(documents, config=CONFIG):
    clusters, counts = near_duplicates(documents, config)
    keepers = {row.place: row.keeper for row in clusters.collect()}
    clusters.unpersist()
    return keepers, counts


def test_the_first_place_of_each_cluster_stays(spark, layouts):
    keepers, counts = found(layouts(frame(spark, DOCUMENTS)))
    assert keepers == KEEPERS
    assert (counts.alike, counts.split_bands) == (4, 0)


def test_no_documents_give_none(spark):
    assert found(frame(spark, [])) == ({}, NearCounts())


def test_doing_it_twice_finds_nothing_more(spark):
    left = [row for row in DOCUMENTS if row[0] not in KEEPERS]
    assert found(frame(spark, left))[0] == {}


def test_rows_without_a_text_or_a_language_stay(spark):
    assert (
        found(frame(spark, [(1, "en", None), (2, "en", None), (3, None, "a b"), (4, None, "a b")]))[0] == {}
    )


def test_a_chain_is_one_cluster_though_its_ends_differ(spark, layouts):
    # 400 words, 20 more changed from link to link: neighbours share 379 of 419 shingles (0.90), the ends of
    # the chain 279 of 519 (0.54)
    links = [words(*range(20 * n, 400 + 20 * n)) for n in range(7)]
    order = [3, 0, 5, 1, 6, 2, 4]  # places do not follow the chain
    rows = [(place, "en", text) for place, text in zip(order, links, strict=True)]
    keepers, counts = found(layouts(frame(spark, rows)), NearConfig(ngram=2, recall=0.999))
    assert keepers == dict.fromkeys(range(1, 7), 0)
    assert counts.rounds > 1


# ---- bands


def run(bands, places, cap, sizes):
    """`stars` over batches of these sizes; (place, hub, split) of all."""
    band, met, low = Band(), [], 0
    for size in sizes:
        cut = slice(low, low + size)
        band, columns = stars(np.array(bands[cut], np.int64), np.array(places[cut], np.int64), cap, band)
        met += zip(*(column.tolist() for column in columns), strict=True)
        low += size
    assert low == len(bands)
    return met


@pytest.mark.parametrize("sizes", [[9], [1] * 9, [0, 4, 5, 0], [3, 3, 3]])
def test_each_member_of_a_band_meets_its_hub_and_a_band_over_the_cap_gets_further_hubs(sizes):
    bands = [-4, 0, 0, 0, 0, 0, 8, 9, 9]
    places = [50, 1, 2, 3, 4, 5, 60, 7, 70]
    # cap 2: hubs 1, 3, 5, each met by one member and by the next hub; that band is counted once as split
    split = [(2, 1, 0), (3, 1, 1), (4, 3, 0), (5, 3, 0), (70, 7, 0)]
    assert run(bands, places, 2, sizes) == split
    whole = [(2, 1, 0), (3, 1, 0), (4, 1, 0), (5, 1, 0), (70, 7, 0)]
    assert run(bands, places, 5, sizes) == whole


def test_no_hub_meets_more_than_the_cap(spark):
    met = run([3] * 100_000, list(range(100_000)), 1000, [2000] * 50)
    assert len(met) == 99_999
    hubs = defaultdict(int)
    for _, hub, _ in met:
        hubs[hub] += 1
    assert max(hubs.values()) == 1000
    assert sum(split for *_, split in met) == 1


@pytest.mark.parametrize("n", [4000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_so_many_equal_documents_split_every_band_and_are_still_one_cluster(spark, n):
    import pyspark.sql.functions as F

    rows = spark.range(n).select(
        F.col("id").alias("place"), F.lit("en").alias("lang"), F.lit("the old bridge is open").alias("text")
    )
    clusters, counts = near_duplicates(rows, NearConfig(permutations=16))
    assert clusters.count() == clusters.where("keeper = 0").count() == n - 1
    clusters.unpersist()
    assert counts.compared == counts.alike == n - 1
    assert counts.split_bands == NearConfig(permutations=16).banding.bands


def test_a_pair_is_compared_once_however_many_bands_it_shares(spark):
    signed = sign(frame(spark, [(1, "en", "a b c d"), (2, "en", "a b c d")]), CONFIG)
    assert [tuple(row) for row in verify(candidates(signed, 1000), signed).collect()] == [(2, 1, 0, 1.0)]


def test_nothing_but_numbers_is_shuffled_and_never_the_text(spark, capsys):
    documents = frame(spark, DOCUMENTS)
    signed = sign(documents, CONFIG)
    verify(candidates(signed, 1000), signed).explain()
    plan = capsys.readouterr().out
    shuffled = [line for line in plan.splitlines() if "Exchange hashpartitioning" in line]
    assert shuffled
    assert not any("text" in line for line in shuffled)


# ---- recall and precision

SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
PAIRS_EACH = 150


def shingle_set(text, n=5):
    tokens = text.split()
    return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}


def planted():
    """(similarity asked for, one text, the other): words that occur nowhere else, the first ones shared."""
    chance, pairs = random.Random(8), []
    fresh = iter(range(10**9))
    for asked in SIMILARITIES:
        for _ in range(PAIRS_EACH):
            n = chance.randint(100, 400)  # shingles of each text
            shared = round(2 * n * asked / (1 + asked))
            one = [f"w{next(fresh)}" for _ in range(n + 4)]
            other = one[: shared + 4] + [f"w{next(fresh)}" for _ in range(n - shared)]
            pairs.append((asked, " ".join(one), " ".join(other)))
    return pairs


@pytest.fixture(scope="module")
def ties(spark):
    """Similarity asked for -> the share of its pairs that are tied."""
    pairs = planted()
    for asked, one, other in pairs:
        ones, others = shingle_set(one), shingle_set(other)
        assert len(ones & others) / len(ones | others) == pytest.approx(asked, abs=0.01)
    rows = [(2 * n + side, "en", pair[1 + side]) for n, pair in enumerate(pairs) for side in (0, 1)]
    keepers, _ = found(frame(spark, rows).repartition(4, "place"), NearConfig())
    assert all(place == keeper + 1 and keeper % 2 == 0 for place, keeper in keepers.items())  # no other pair
    tied = defaultdict(int)
    for place in keepers:
        tied[pairs[place // 2][0]] += 1
    return {asked: tied[asked] / PAIRS_EACH for asked in SIMILARITIES}


def test_pairs_above_the_threshold_are_found(ties):
    # compared with probability 0.947 at 0.8, 0.994 at 0.85; then an estimate of deviation 0.035 decides
    assert 0.35 <= ties[0.8] <= 0.65
    assert ties[0.85] >= 0.85
    assert ties[0.9] >= 0.98
    assert ties[0.95] == 1


def test_pairs_below_the_threshold_are_not(ties):
    assert ties[0.5] == ties[0.6] == 0
    assert ties[0.7] <= 0.03
    assert ties[0.75] <= 0.2
    assert all(low <= high for low, high in pairwise(ties.values()))


# ---- the recipe


def test_by_default_sixteen_bands_of_eight_rows_look_for_a_similarity_of_four_fifths():
    assert NearConfig().banding == NearConfig(threshold=0.8, permutations=128, recall=0.9).banding
    assert (NearConfig().banding.bands, NearConfig().banding.rows) == (16, 8)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", 1.0),
        ("threshold", 0),
        ("recall", 1.5),
        ("ngram", 0),
        ("permutations", 8),
        ("max_band", 1),
    ],
)
def test_values_out_of_range_are_refused_by_name(key, value):
    with pytest.raises(ConfigError, match=rf"deduplicate\.near\.{key}"):
        build(NearConfig, {key: value}, "deduplicate.near")
