"""Components: every place learns the smallest one it hangs together with, in few rounds."""

import random
from itertools import pairwise

from spark_jobs.components import components

PAIRS = [(2, 1), (3, 2), (9, 3), (5, 4), (4, 5), (7, 7), (12, 11), (12, 10), (12, 10)]
# 1-2-3-9, 4-5, 10-12-11; 7 is tied to itself only
SMALLEST = {2: 1, 3: 1, 9: 1, 5: 4, 11: 10, 12: 10}


def frame(spark, pairs):
    return spark.createDataFrame(pairs, "place BIGINT, other BIGINT")


def found(pairs):
    tied, rounds = components(pairs)
    rows = [(row.place, row.smallest) for row in tied.collect()]
    tied.unpersist()
    assert len(rows) == len(dict(rows))  # each place once
    return dict(rows), rounds


def test_each_place_is_tied_to_the_smallest_of_its_component(spark, layouts):
    assert found(layouts(frame(spark, PAIRS)))[0] == SMALLEST


def test_without_pairs_there_are_no_components_and_no_rounds(spark):
    assert found(frame(spark, [])) == ({}, 0)
    assert found(frame(spark, [(3, 3)])) == ({}, 0)


def test_doing_it_again_changes_nothing(spark):
    again, rounds = found(frame(spark, sorted(SMALLEST.items())))
    assert (again, rounds) == (SMALLEST, 1)


def test_a_chain_of_n_pairs_takes_about_log_n_rounds(spark):
    places = list(range(1000, 1064))
    order = [1000, *random.Random(5).sample(places[1:], 63)]  # neighbours are not in the order of places
    tied, rounds = found(frame(spark, list(pairwise(order))))
    assert tied == dict.fromkeys(places[1:], 1000)
    assert rounds <= 7  # log2(64) = 6 and one that finds nothing left to do


def test_a_hub_of_thousands_is_one_component(spark):
    tied, rounds = found(frame(spark, [(n, 5000) for n in range(3000)]))
    assert tied == dict.fromkeys([*range(1, 3000), 5000], 0)
    assert rounds <= 2


def test_it_finds_what_a_union_find_finds(spark):
    chance = random.Random(3)
    pairs = [(chance.randrange(400), chance.randrange(400)) for _ in range(250)]
    root = list(range(400))

    def top(place):
        while root[place] != place:
            place = root[place]
        return place

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        root[high] = low
    expected = {place: top(place) for place in range(400) if top(place) != place}
    assert len(expected) > 100
    assert found(frame(spark, pairs))[0] == expected
