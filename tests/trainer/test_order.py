"""Every row once an epoch in an order that a seek finds without reading, whatever the units are like."""

import itertools
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.order import epoch_order, unit_permutation
from trainer.state import VERSION

UNITS = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any)


def order_of(units, lanes, epoch=0, key=5):
    return epoch_order(np.array(units, np.int64), key=key, epoch=epoch, lanes=lanes)


def rows_between(order, start, stop, part=None) -> list[tuple[int, int]]:
    return [(s.unit, row) for s in order.spans(start, stop, part) for row in range(s.start, s.stop)]


def all_rows(units) -> set[tuple[int, int]]:
    return {(unit, row) for unit, rows in enumerate(units) for row in range(rows)}


@settings(deadline=None)
@given(UNITS, st.integers(1, 12), st.integers(1, 50))
def test_batches_of_any_size_hold_every_row_once_the_tail_included(units, lanes, size):
    order = order_of(units, lanes)
    batches = [rows_between(order, n, min(n + size, order.rows)) for n in range(0, order.rows, size)]
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    seen = [row for batch in batches for row in batch]
    assert len(seen) == len(set(seen)) == sum(units)
    assert set(seen) == all_rows(units)


@settings(deadline=None)
@given(UNITS, st.integers(1, 12), st.data())
def test_the_parts_of_any_number_of_ranks_are_the_batch_in_its_order(units, lanes, data):
    order = order_of(units, lanes)
    start = data.draw(st.integers(0, order.rows - 1))
    stop = data.draw(st.integers(start + 1, order.rows))
    world = data.draw(st.integers(1, 16))
    size = stop - start
    cuts = [size * rank // world for rank in range(world + 1)]
    parts = [rows_between(order, start, stop, cut) for cut in itertools.pairwise(cuts)]
    assert [*itertools.chain.from_iterable(parts)] == rows_between(order, start, stop)


@settings(deadline=None)
@given(UNITS, st.integers(1, 12), st.data())
def test_what_lies_between_two_places_does_not_depend_on_how_one_got_there(units, lanes, data):
    order = order_of(units, lanes)
    middle = data.draw(st.integers(0, order.rows))
    both = rows_between(order, 0, middle) + rows_between(order, middle, order.rows)
    assert sorted(both) == sorted(rows_between(order, 0, order.rows))


@settings(deadline=None)
@given(UNITS, st.integers(1, 12))
def test_a_span_says_what_its_lane_opens_next(units, lanes):
    order = order_of(units, lanes)
    spans = [*order.spans(0, order.rows)]
    for one, following in itertools.pairwise(spans):
        assert one.next_unit == (following.unit if following.lane == one.lane else None)
    assert spans[-1].next_unit is None


@settings(deadline=None)
@given(UNITS, st.integers(1, 12))
def test_no_lane_is_longer_than_another_by_more_than_the_largest_unit(units, lanes):
    order = order_of(units, lanes)
    assert order.lane_rows.sum() == sum(units)
    assert order.lane_rows.max() - order.lane_rows.min() <= max(units)


def test_until_the_first_lane_ends_a_batch_takes_as_many_rows_of_each_lane():
    order = order_of([50] * 8, lanes=4)  # 4 lanes of 100 rows
    for start in range(0, 400, 40):
        lanes = [span.lane for span in order.spans(start, start + 40) for _ in range(span.start, span.stop)]
        assert np.bincount(lanes).tolist() == [10, 10, 10, 10]


def test_where_the_ranks_divide_the_lanes_no_unit_is_read_by_two():
    order = order_of([50] * 16, lanes=16)
    for world in (1, 2, 4, 8, 16):
        by_rank = [
            {s.unit for s in order.spans(0, 160, (160 * r // world, 160 * (r + 1) // world))}
            for r in range(world)
        ]
        assert sum(map(len, by_rank)) == len(set().union(*by_rank)) == 16


def test_the_order_changes_with_epoch_and_key_and_with_nothing_else():
    units = [10] * 20
    first = rows_between(order_of(units, 4), 0, 200)
    assert first == rows_between(order_of(units, 4), 0, 200)
    assert first != rows_between(order_of(units, 4, epoch=1), 0, 200)
    assert first != rows_between(order_of(units, 4, key=6), 0, 200)
    assert first != rows_between(order_of(units, 5), 0, 200)
    same = unit_permutation(10, key=5, epoch=0, unit=3).tolist()
    assert same == unit_permutation(10, key=5, epoch=0, unit=3).tolist()
    assert same != unit_permutation(10, key=5, epoch=0, unit=4).tolist()
    assert same != unit_permutation(10, key=5, epoch=1, unit=3).tolist()


@pytest.mark.parametrize("units", [[7], [3, 0, 0, 4], [1]], ids=str)
def test_fewer_units_than_lanes_are_no_trouble(units):
    order = order_of(units, lanes=64)
    assert set(rows_between(order, 0, sum(units))) == all_rows(units)


def test_a_billion_rows_take_memory_for_their_units_only_and_a_seek_takes_no_time():
    tracemalloc.start()
    order = order_of(np.full(200_000, 5000), lanes=64)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert order.rows == 1_000_000_000
    assert held < 200_000 * 32
    assert peak < 200_000 * 120
    began = time.process_time()
    assert len(rows_between(order, 765_432_100, 765_434_148)) == 2048
    assert time.process_time() - began < 0.2  # 2 ms here


def test_the_order_of_states_of_version_2_is_this_one():
    # A change here moves rows under runs that go on: it takes another state.VERSION.
    order = order_of([3, 2, 4], lanes=2, epoch=1)
    assert [rows_between(order, n, n + 1)[0] for n in range(9)] == [
        *[(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (2, 0)],
        *[(2, 1), (2, 2), (2, 3)],
    ]
    assert unit_permutation(6, key=5, epoch=1, unit=2).tolist() == [1, 2, 4, 3, 0, 5]
    assert VERSION == 2
