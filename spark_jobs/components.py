"""Which rows hang together by pairs: the smallest number that each can reach, in rounds on DataFrames.

A round is the large-star and the small-star of Kiveris et al. 2014 ("Connected components in MapReduce and
beyond"): every row is tied to the smallest row that its neighbours know of, until each hangs on the smallest
of its component. Distances about halve, so a chain of n pairs takes about log2(n) rounds; each moves pairs of
16 bytes through three exchanges. The driver sees two numbers a round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Mark = tuple[int, int | None]
"""How many pairs there are, and the exclusive or of their hashes: equal for equal pairs."""


def components(pairs: DataFrame) -> tuple[DataFrame, int]:
    """(place, smallest) of each place that is not the smallest of its component, and the rounds it took.

    Takes pairs (place, other), in any direction, repeated or not. The result is persisted: unpersist it
    after use.
    """
    import pyspark.sql.functions as F

    ends = F.greatest("place", "other").alias("place"), F.least("place", "other").alias("smallest")
    tied = _distinct(pairs.where("place <> other").select(*ends)).persist()
    mark, rounds = _mark(tied), 0
    while mark[0]:
        moved = _distinct(_small_star(_large_star(tied))).persist()
        before, mark, rounds = mark, _mark(moved), rounds + 1
        tied.unpersist()
        tied = moved
        if mark == before:
            break
    return tied, rounds


def _large_star(tied: DataFrame) -> DataFrame:
    """Each larger neighbour of a place is tied to the smallest of its neighbourhood."""
    both = tied.select(*_unfolded(("place", "smallest"), ("smallest", "place")))
    seen = both.select("place", "smallest", _smallest_neighbour())
    return seen.where("smallest > place").selectExpr("smallest place", "least(place, least) smallest")


def _small_star(tied: DataFrame) -> DataFrame:
    """Each place and its smaller neighbours are tied to the smallest of these."""
    seen = _distinct(tied).select("place", "smallest", _smallest_neighbour())
    both = seen.select(*_unfolded(("place", "least"), ("smallest", "least")))
    return both.where("place <> smallest")


def _distinct(tied: DataFrame) -> DataFrame:
    # Rows of a place lie together, which is enough for the window that follows: no second exchange.
    return tied.repartition("place").distinct()


def _smallest_neighbour() -> Column:
    import pyspark.sql.functions as F
    from pyspark.sql import Window

    return F.min("smallest").over(Window.partitionBy("place")).alias("least")


def _unfolded(*pairs: tuple[str, str]) -> list[Column]:
    """Several rows of each row. A union would double the plan in each round."""
    import pyspark.sql.functions as F

    structs = [F.struct(F.col(a).alias("place"), F.col(b).alias("smallest")) for a, b in pairs]
    return [F.inline(F.array(*structs))]


def _mark(tied: DataFrame) -> Mark:
    import pyspark.sql.functions as F

    row = tied.agg(F.count("*").alias("n"), F.bit_xor(F.xxhash64("place", "smallest")).alias("all")).first()
    assert row is not None  # an aggregate of everything has one row
    return int(row.n), row["all"]
