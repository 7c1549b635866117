"""Which documents a release takes, and how often: decided from small columns only, never from text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spark_jobs import decontaminate, deduplicate, near
from spark_jobs.filter import filter_reason
from spark_jobs.inputs import InputFile
from spark_jobs.recipe import Recipe
from spark_jobs.resample import n_copies

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ORDINAL_BITS = 40
"""`place` = rank of the file << ORDINAL_BITS | ordinal: one number that orders all documents of a build."""
LANGUAGE_REASON = "other_language_v1"
DUPLICATES = (deduplicate.REASON, near.REASON)
SIZES = ("rows", "words")


def with_places(spark: SparkSession, documents: DataFrame, files: Sequence[InputFile]) -> DataFrame:
    """The documents of these files; adds `source_index` and `place`, which follow source priority, origin,
    ordinal."""
    import pyspark.sql.functions as F

    ranked = sorted(files, key=lambda f: (f.source_index, f.origin))
    rows = [(file.snapshot, file.source_index, rank) for rank, file in enumerate(ranked)]
    ranks = spark.createDataFrame(rows, "snapshot STRING, source_index INT, rank BIGINT")
    place = F.shiftleft(F.col("rank"), ORDINAL_BITS) + F.col("ordinal")
    return documents.join(F.broadcast(ranks), "snapshot").withColumn("place", place).drop("rank")


def with_reason(documents: DataFrame, recipe: Recipe) -> DataFrame:
    """Adds `reason`: the first rule that leaves a document out on its own account; null where none does."""
    import pyspark.sql.functions as F

    rules = [filter_reason(recipe.filters)]
    if recipe.languages:
        other = ~F.col("lang").isin(*recipe.languages)
        rules.insert(0, F.when(other, F.lit(LANGUAGE_REASON)))
    if recipe.decontaminate.held_out is not None:
        rules.append(decontaminate.held_out_reason())
    return documents.withColumn("reason", F.coalesce(*rules))


def with_duplicates(documents: DataFrame, duplicates: DataFrame | None) -> DataFrame:
    """`reason` also for the copies that `deduplicate.repeated` found, but for its keepers."""
    import pyspark.sql.functions as F

    if duplicates is None:
        return documents
    marked = F.broadcast(duplicates.withColumnRenamed("doc_id", "repeated_id"))
    joined = documents.join(marked, F.col("doc_id") == F.col("repeated_id"), "left")
    repeated = F.when(F.col("place") != F.col("keeper"), F.lit(deduplicate.REASON))
    return joined.withColumn("reason", F.coalesce("reason", repeated)).drop("repeated_id", "keeper")


def with_near_duplicates(documents: DataFrame, found: DataFrame | None) -> DataFrame:
    """`reason` also for the places that `near.near_duplicates` found. Broadcasts 8 bytes a place."""
    import pyspark.sql.functions as F

    if found is None:
        return documents
    marked = F.broadcast(found.select(F.col("place").alias("near_place")))
    joined = documents.join(marked, F.col("place") == F.col("near_place"), "left")
    alike = F.when(F.col("near_place").isNotNull(), F.lit(near.REASON))
    return joined.withColumn("reason", F.coalesce("reason", alike)).drop("near_place")


@dataclass(frozen=True, slots=True)
class Count:
    """Rows and their words."""

    rows: int = 0
    words: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.rows + other.rows, self.words + other.words)


Key = tuple[str, str]
"""(language, source)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of the documents."""

    by_reason: Mapping[tuple[str, str, str | None], Count]
    """(language, source, reason) -> documents; reason None for those kept."""

    def kept(self) -> dict[Key, Count]:
        """The documents that stay, by language and source."""
        return {(lang, source): n for (lang, source, reason), n in self.by_reason.items() if reason is None}

    def sizes(self, unit: str) -> dict[str, int]:
        """Language -> documents or words that stay."""
        sizes: dict[str, int] = defaultdict(int)
        for (lang, _), count in self.kept().items():
            sizes[lang] += count.rows if unit == "documents" else count.words
        return dict(sorted(sizes.items()))


def count_reasons(decided: DataFrame) -> Decision:
    """Documents and words by language, source and reason."""
    import pyspark.sql.functions as F

    sizes = (F.count("*").alias("rows"), F.sum("n_words").alias("words"))
    rows = decided.groupBy("lang", "source", "reason").agg(*sizes).collect()
    return Decision({(r.lang, r.source, r.reason): Count(r.rows, r.words) for r in rows})


@dataclass(frozen=True, slots=True)
class Copies:
    """What resampling makes of the documents of one language and source."""

    drawn: Count
    """All copies."""
    passed_over: Count
    """Documents of which there is no copy."""
    squares: float
    """Sum of the squared words of the parts whose form is decided at once: the variance of the spoken
    share."""


def count_copies(
    kept: DataFrame, factors: Mapping[str, float], seed: int, part_words: int
) -> dict[Key, Copies]:
    """Realised copies by language and source, before any text moves."""
    import pyspark.sql.functions as F

    n, words = F.col("n"), F.col("n_words").cast("double")
    n_parts = F.greatest(F.ceil(words / part_words), F.lit(1))
    rows = (
        kept.withColumn("n", n_copies(factors, seed).cast("bigint"))
        .groupBy("lang", "source")
        .agg(
            F.sum("n").alias("rows"),
            F.sum(n * F.col("n_words")).alias("words"),
            F.count_if(n == 0).alias("passed_rows"),
            F.sum(F.when(n == 0, F.col("n_words")).otherwise(0)).alias("passed_words"),
            F.sum(n * words * words / n_parts).alias("squares"),
        )
        .collect()
    )
    return {
        (r.lang, r.source): Copies(Count(r.rows, r.words), Count(r.passed_rows, r.passed_words), r.squares)
        for r in rows
    }


def ledger_groups(decision: Decision, copies: Mapping[Key, Copies]) -> list[dict[str, Any]]:
    """Ledger lines (without run, time and version) of filter, decontaminate, deduplicate and resample."""
    lines: list[dict[str, Any]] = []
    for key in sorted({(lang, source) for lang, source, _ in decision.by_reason}):
        reasons = {r: n for (lang, source, r), n in decision.by_reason.items() if (lang, source) == key}
        kept = reasons.pop(None, Count())
        rows = kept + sum(reasons.values(), Count())
        for step in ("filter", "decontaminate", "deduplicate"):
            dropped = {reason: count for reason, count in reasons.items() if reason and _step(reason) == step}
            left = sum(dropped.values(), Count())
            out = Count(rows.rows - left.rows, rows.words - left.words)
            lines += _group(step, key, rows, out, {"kept": out, **dropped})
            rows = out
        drawn = copies.get(key, Copies(Count(), Count(), 0.0))
        extra = Count(
            rows.rows - drawn.passed_over.rows - drawn.drawn.rows,
            rows.words - drawn.passed_over.words - drawn.drawn.words,
        )
        parts = {"kept": drawn.drawn, "not_drawn_v1": drawn.passed_over, "copies": extra}
        lines += _group("resample", key, rows, drawn.drawn, parts)
    return lines


def _step(reason: str) -> str:
    """The step that leaves documents out for this reason."""
    if decontaminate.is_held_out(reason):
        return "decontaminate"
    return "deduplicate" if reason in DUPLICATES else "filter"


def _group(
    step: str, key: Key, rows_in: Count, rows_out: Count, reasons: Mapping[str, Count]
) -> list[dict[str, Any]]:
    lang, source = key
    return [
        {
            "step": step,
            "lang": lang,
            "source": source,
            "rows_in": rows_in.rows,
            "rows_out": rows_out.rows,
            "reason": reason,
            "rows": count.rows,
            "words": count.words,
        }
        for reason, count in reasons.items()
        if reason == "kept" or count.rows or count.words
    ]
