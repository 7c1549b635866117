"""The order of an epoch: a pure function of (rows of each unit, seed, epoch, lanes), known without reading.

A unit is a stretch of a file that is read at once (snapshot.py). An epoch shuffles the units, deals them to
lanes, and takes a row from each lane in turn until all are empty: lanes that end early just drop out, so no
row is left over. Lanes have nothing to do with hardware. Within a unit the rows are shuffled when it is read.

Nothing here is of the size of the rows: a plan is a few numbers a unit (a billion rows are a million units,
0.2 s and 56 MB), and finding a row is a binary search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.arrays import Ints
from trainer.draws import keys, permutation


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive rows of one unit, in the unit's shuffled order."""

    lane: int
    unit: int
    start: int
    stop: int
    next_unit: int | None
    """What the lane opens after this unit; None at the end of the epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochOrder:
    """C lanes of units. Lanes lie end to end on a shelf; a place on it is a (lane, row of the lane)."""

    lane_rows: Ints
    """(C,) rows of each lane."""
    shelf: Ints
    """(units,) unit numbers, lane after lane."""
    edges: Ints
    """(units + 1,) rows on the shelf before each unit."""
    base: Ints
    """(C + 1,) rows on the shelf before each lane."""
    ascending: Ints
    """(C,) lane_rows in ascending order."""
    below: Ints
    """(C + 1,) sums of the first k of them."""

    @property
    def rows(self) -> int:
        """Of the epoch."""
        return int(self.base[-1])

    def taken(self, position: int) -> Ints:
        """(C,) how many rows of each lane are among the first `position` of the epoch."""
        if position >= self.rows:
            return self.lane_rows
        lanes = len(self.lane_rows)
        # Rows that have gone when the k-th shortest lane is empty; all lanes but k go on from there.
        gone = self.below[:-1] + (lanes - np.arange(lanes)) * self.ascending
        empty = int(np.searchsorted(gone, position, side="right"))
        turns, rest = divmod(position - int(self.below[empty]), lanes - empty)
        counts = np.minimum(self.lane_rows, turns)
        counts[np.flatnonzero(self.lane_rows > turns)[:rest]] += 1
        return counts

    def spans(self, start: int, stop: int, part: tuple[int, int] | None = None) -> Iterator[Span]:
        """The rows of the epoch from `start` to `stop`, lane after lane; C numbers of work.

        `part`: only those from the x-th to the y-th of them, as a rank wants: with whole lanes for each rank
        where their number allows, and a unit is read by as few ranks as can be.
        """
        before, after = self.taken(start), self.taken(stop)
        ends = np.cumsum(after - before)
        first = ends - (after - before)
        x, y = part if part is not None else (0, stop - start)
        low = self.base[:-1] + before + np.clip(x - first, 0, after - before)
        high = self.base[:-1] + before + np.clip(y - first, 0, after - before)
        for lane in np.flatnonzero(high > low):
            yield from self._units(int(lane), int(low[lane]), int(high[lane]))

    def _units(self, lane: int, low: int, high: int) -> Iterator[Span]:
        """The units under a stretch of the shelf that lies inside one lane."""
        place = int(np.searchsorted(self.edges, low, side="right")) - 1
        while low < high:
            begin, end = int(self.edges[place]), int(self.edges[place + 1])
            follows = int(self.shelf[place + 1]) if end < self.base[lane + 1] else None
            stop = min(high, end)
            yield Span(lane, int(self.shelf[place]), low - begin, stop - begin, follows)
            low, place = stop, place + 1


def epoch_order(unit_rows: Ints, *, key: int, epoch: int, lanes: int) -> EpochOrder:
    """The order of an epoch. `unit_rows`: (units,), empty ones are left out; `key`: of fingerprint and seed.

    There are never more lanes than units that hold rows.
    """
    held = np.flatnonzero(unit_rows)
    shuffled = held[permutation(len(held), keys(key, "units", epoch, np.zeros(1, np.int64)))]
    lane = _deal(unit_rows[shuffled], min(lanes, max(len(held), 1)))
    by_lane = np.argsort(lane, kind="stable")
    shelf = shuffled[by_lane]
    edges = np.concatenate(([0], np.cumsum(unit_rows[shelf])))
    n_lanes = min(lanes, max(len(held), 1))
    base = edges[np.searchsorted(lane[by_lane], np.arange(n_lanes + 1))]
    ascending = np.sort(np.diff(base))
    below = np.concatenate(([0], np.cumsum(ascending)))
    return EpochOrder(np.diff(base), shelf, edges, base, ascending, below)


def _deal(rows: Ints, lanes: int) -> Ints:
    """(units,) the lane of each unit, in rounds of one unit a lane: the largest to the lane with least rows.

    So two lanes never differ by more than the largest unit.
    """
    lane, load = np.empty(len(rows), np.int64), np.zeros(lanes, np.int64)
    for first in range(0, len(rows), lanes):
        largest = np.argsort(-rows[first : first + lanes], kind="stable")
        emptiest = np.argsort(load, kind="stable")[: len(largest)]
        lane[first + largest] = emptiest
        load[emptiest] += rows[first + largest]
    return lane


def unit_permutation(rows: int, *, key: int, epoch: int, unit: int) -> Ints:
    """(rows,) the shuffled order of a unit's rows."""
    return permutation(rows, keys(key, "rows", epoch, np.array([unit], np.int64)))
