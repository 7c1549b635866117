"""The rows of Stage 1 that stand beside the utterances: drawn by hash, exactly as many as asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_jobs.decide import Count
from spark_jobs.draw import hash64
from spark_jobs.utterances.config import MixConfig

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BINS_BITS = 16
"""Rows are counted by the first bits of their draw; only those of one bin are looked at singly."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much of Stage 1 is taken: all rows `times`, and once more those with a draw of at most `bound`."""

    times: int
    bound: int | None
    """None: no row more."""
    asked: float
    """Rows or words."""


def draw_of(seed: int) -> Column:
    """A row's place in the order of drawing, a bigint of 63 bits."""
    import pyspark.sql.functions as F

    return F.shiftrightunsigned(hash64(seed, "mix", "seq_id"), 1)


def plan_draw(stage1: DataFrame, there: Count, utterances: Count, config: MixConfig, seed: int) -> Drawn:
    """What to take of `stage1`, which holds `there`, beside so many `utterances`.

    The last row taken is the one with which the amount asked is reached, or nearly: by rows to the row, by
    words up to one row less.
    """
    by_words = config.unit == "words"
    asked = config.share * (utterances.words if by_words else utterances.rows)
    wanted = int(asked)
    total = there.words if by_words else there.rows
    if not total or not wanted:
        return Drawn(0, None, asked)
    times, rest = divmod(wanted, total)
    if times and not config.repeat:
        return Drawn(1, None, asked)
    return Drawn(times, _bound(stage1, rest, by_words=by_words, seed=seed) if rest else None, asked)


def _bound(stage1: DataFrame, wanted: int, *, by_words: bool, seed: int) -> int | None:
    """The greatest draw so that the rows up to it are no more than wanted."""
    import pyspark.sql.functions as F

    amount = F.col("n_words").cast("bigint") if by_words else F.lit(1).cast("bigint")
    rows = stage1.select(draw_of(seed).alias("draw"), amount.alias("amount"))
    shift = 63 - BINS_BITS
    counted = rows.groupBy(F.shiftright("draw", shift).alias("bin")).agg(F.sum("amount").alias("amount"))
    before = 0
    last = None
    for number, size in sorted(map(tuple, counted.collect())):
        if before + size > wanted:
            inside = rows.where(F.shiftright("draw", shift) == number)
            found = _within(sorted(map(tuple, inside.collect())), wanted - before)
            return last if found is None else found
        before += size
        last = ((number + 1) << shift) - 1
    return last


def _within(rows: list[tuple[int, int]], wanted: int) -> int | None:
    bound = None
    for draw, size in rows:
        wanted -= size
        if wanted < 0:
            break
        bound = draw
    return bound


def drawn(stage1: DataFrame, plan: Drawn, seed: int) -> DataFrame:
    """The rows taken; adds `copy`, 0-based."""
    import pyspark.sql.functions as F

    more = (draw_of(seed) <= plan.bound).cast("int") if plan.bound is not None else F.lit(0)
    counted = stage1.withColumn("n", F.lit(plan.times) + more).where("n > 0")
    return counted.withColumn("copy", F.explode(F.sequence(F.lit(0), F.col("n") - 1))).drop("n")
