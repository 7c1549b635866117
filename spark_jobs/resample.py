"""Resampling: languages nearer to each other in size (paper section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spark_jobs.draw import uniform
from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class ResampleConfig:
    """How strongly small languages are lifted."""

    alpha: float = 0.5
    """0 gives every language the same share, 1 leaves the natural shares."""
    unit: Literal["documents", "words"] = "documents"
    """What a natural share counts."""
    budget: float = 1.0
    """Size of the result as a multiple of the input, in `unit`."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ConfigError("resample.alpha", self.alpha, accepted="a number from 0 to 1")
        if not 0 < self.budget < 1e6:
            raise ConfigError("resample.budget", self.budget, accepted="a number above 0")


def asked_shares(sizes: Mapping[str, int], alpha: float) -> dict[str, float]:
    """q_i = p_i^alpha / sum p_j^alpha over the languages that have anything (paper section 2.2)."""
    present = {lang: size for lang, size in sorted(sizes.items()) if size > 0}
    total = sum(present.values())
    weights = {lang: (size / total) ** alpha for lang, size in present.items()}
    return {lang: weight / sum(weights.values()) for lang, weight in weights.items()}


def factors(sizes: Mapping[str, int], config: ResampleConfig) -> dict[str, float]:
    """Language -> expected copies of one document: budget * q / p. `sizes` count documents or words
    (`unit`)."""
    total = sum(sizes.values())
    shares = asked_shares(sizes, config.alpha)
    # Rounded, so that what is meant as a whole number of copies is one: 0.9999999999999999 would drop
    # documents.
    return {lang: round(config.budget * share * total / sizes[lang], 12) for lang, share in shares.items()}


def n_copies(factors: Mapping[str, float], seed: int) -> Column:
    """Copies of a document: floor(f), and one more with probability frac(f)."""
    import pyspark.sql.functions as F

    unknown = F.raise_error(F.concat(F.lit("resample: no factor for language "), F.col("lang"))).cast(
        "double"
    )
    factor = unknown
    if factors:
        by_language = F.create_map(*[F.lit(part) for item in factors.items() for part in item])
        factor = F.coalesce(by_language[F.col("lang")], unknown)
    extra = uniform(seed, "resample", "doc_id") < factor - F.floor(factor)
    return (F.floor(factor) + extra.cast("int")).cast("int")


def resample(documents: DataFrame, factors: Mapping[str, float], seed: int) -> DataFrame:
    """Each document `n_copies` times; adds `copy`, 0-based. No shuffle."""
    import pyspark.sql.functions as F

    # The zero rows go first: sequence(0, -1) counts down and would emit them twice.
    kept = documents.withColumn("n_copies", n_copies(factors, seed)).where("n_copies > 0")
    return kept.withColumn("copy", F.explode(F.sequence(F.lit(0), F.col("n_copies") - 1))).drop("n_copies")
