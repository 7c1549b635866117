"""Places in a buffer: ascending positions, counted in bytes."""

from __future__ import annotations

import numpy as np

from normalizers.utf8 import Flags, Positions


def places_of(flags: Flags) -> Positions:
    """Where flags are true, ascending: `np.flatnonzero` in half the time for a long array with one in eight
    true or fewer, as eight flags at a time are seen to be false. The array must be contiguous."""
    whole = len(flags) // 8 * 8
    eights = flags[:whole].view(np.uint64)
    some = np.flatnonzero(eights != 0)
    at = np.flatnonzero(eights[some].view(np.bool_))
    found: Positions = some[at >> 3] * 8 + (at & 7)
    return np.append(found, np.flatnonzero(flags[whole:]) + whole) if whole < len(flags) else found


def merged(*places: Positions) -> Positions:
    """All places, ascending; for those that are nearly so merging takes a fifth of the time of sorting."""
    return np.sort(np.concatenate(places), kind="stable")


def unique(*places: Positions) -> Positions:
    """As `merged`, each place once."""
    at = merged(*places)
    another = np.ones(len(at), np.bool_)
    np.not_equal(at[1:], at[:-1], out=another[1:])
    return at[another]


def row_of(offsets: Positions, at: Positions) -> Positions:
    """The row of each place, by where rows begin."""
    return np.searchsorted(offsets, at, "right") - 1
