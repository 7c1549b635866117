"""How often an utterance that was seen c times is kept (paper section 2.5: the square root, 100 -> 10)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import Column


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveConfig:
    """How repeats are damped."""

    kind: Literal["sqrt", "log", "power", "cap"] = "sqrt"
    """sqrt: floor(sqrt(c)); log: 1 + floor(log2(c)); power: floor(c ** exponent); cap: min(c, limit)."""
    exponent: float = 0.5
    """Of `power`: 1 keeps all repeats."""
    limit: int = 10
    """Of `cap`: 1 keeps each text once."""

    def __post_init__(self) -> None:
        if not 0 < self.exponent <= 1:
            raise ConfigError("utterances.curve.exponent", self.exponent, accepted="above 0, 1 at most")
        if self.limit < 1:
            raise ConfigError("utterances.curve.limit", self.limit, accepted="a whole number from 1")


def kept(count: Column | str, config: CurveConfig) -> Column:
    """Copies kept of what was seen `count` times (1 or more), bigint, never below 1."""
    import pyspark.sql.functions as F

    c = F.col(count) if isinstance(count, str) else count
    if config.kind == "sqrt":
        # Doubles are exact here up to 2**52 (the first wrong floor is at (2**26 + 1)**2 - 1).
        return F.floor(F.sqrt(c)).cast("bigint")
    if config.kind == "log":
        return F.length(F.bin(c)).cast("bigint")  # binary digits: exact where a logarithm is 2.9999999996
    if config.kind == "power":
        # 1000 ** (1/3) is 9.999999999999998: what is meant as a whole number is one.
        return F.floor(F.pow(c.cast("double"), F.lit(config.exponent)) * (1 + 1e-12)).cast("bigint")
    return F.least(c, F.lit(config.limit)).cast("bigint")


def kept_of(count: int, config: CurveConfig) -> int:
    """The same for one number, without Spark: what the report gives as examples."""
    if config.kind == "sqrt":
        return math.isqrt(count)
    if config.kind == "log":
        return count.bit_length()
    if config.kind == "power":
        return int(count**config.exponent * (1 + 1e-12))
    return min(count, config.limit)
