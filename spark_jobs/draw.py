"""The one source of chance: every random choice is a hash of (seed, purpose, row), never of a row's place.

So a release does not depend on partitions, cores, retries or the order of files (design.md section 4,
guarantee 1; measured: `rand`, `sample` and `monotonically_increasing_id` all change with the layout).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pyspark.sql import Column

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def hash64(seed: int, purpose: str, *ids: Column | str) -> Column:
    """64 bits set by seed, purpose and row.

    `purpose` keeps draws apart: without it the documents that resampling repeats would be the ones that go
    into spoken form.
    """
    import pyspark.sql.functions as F

    return F.xxhash64(F.lit(seed), F.lit(purpose), *ids)


def uniform(seed: int, purpose: str, *ids: Column | str) -> Column:
    """A number in [0, 1) set by seed, purpose and row."""
    import pyspark.sql.functions as F

    # 53 bits are all a double holds: the full 64-bit hash over 2**64 can round up to 1.0.
    return F.shiftrightunsigned(hash64(seed, purpose, *ids), 11) / F.lit(2.0**53)


def mix(draw: npt.NDArray[np.int64], *counters: npt.NDArray[np.int64] | int) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64 over a 64-bit draw and counters: further draws of the same row, inside
    Arrow code."""
    with np.errstate(over="ignore"):
        z = np.asarray(draw).astype(np.int64).view(np.uint64).copy()
        for counter in counters:
            z = z + (np.asarray(counter, np.int64).view(np.uint64) + np.uint64(1)) * _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * _MIX_1
            z = (z ^ (z >> np.uint64(27))) * _MIX_2
            z = z ^ (z >> np.uint64(31))
    return z


def unit_interval(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """64-bit draws as numbers in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
