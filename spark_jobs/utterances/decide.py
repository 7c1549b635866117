"""Which utterances a release takes, and how often: one row a distinct text, measured once and kept aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs import decontaminate
from spark_jobs.decide import Count
from spark_jobs.draw import uniform
from spark_jobs.heldout import HeldOut
from spark_jobs.utterances.config import UtterancesConfig
from spark_jobs.utterances.curve import kept

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FEW_TOKENS = "few_tokens_v1"
"""The reason of an utterance under `min_tokens`."""
REPEATS = "repeats_v1"
"""What counting makes one of several: occurrences beyond the first."""
Tokens = Callable[[pa.Array], pa.Array]
MEASURED_DDL = (
    "lang STRING, source_index INT, text STRING, seen BIGINT, n_words INT, n_tokens INT, reason STRING"
)


def in_window(utterances: DataFrame, config: UtterancesConfig, languages: Sequence[str] = ()) -> DataFrame:
    """The rows of the recipe's sources, window and languages (none: all); adds `source_index`, the source's
    place in the recipe."""
    import pyspark.sql.functions as F

    names = [source.name for source in config.sources]
    index = F.create_map(*[F.lit(part) for n, name in enumerate(names) for part in (name, n)])
    window = F.col("day").between(F.lit(config.window.first), F.lit(config.window.last))
    rows = utterances.where(F.col("source").isin(*names) & window)
    rows = rows.where(F.col("lang").isin(*languages)) if languages else rows
    return rows.withColumn("source_index", index[F.col("source")])


def distinct(utterances: DataFrame) -> DataFrame:
    """(lang, text, seen, source_index): each text of a language once, its counts added over locales, days and
    sources; of sources the first has it. One exchange; nothing but numbers is aggregated."""
    import pyspark.sql.functions as F

    return utterances.groupBy("lang", "text").agg(
        F.sum("count").alias("seen"), F.min("source_index").alias("source_index")
    )


@dataclass(frozen=True, slots=True)
class Measures:
    """How utterances are measured."""

    min_tokens: int
    tokens: Tokens | None = None
    """Tokens of each text; None: its words."""
    held_out: HeldOut | None = None


def measure(texts: DataFrame, measures: Measures) -> DataFrame:
    """Adds n_words, n_tokens, and `reason`: why an utterance is left out, null where it is not."""

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in in_big_batches(batches):
            for lang in batch["lang"].unique().to_pylist():
                own = batch.filter(pc.equal(batch["lang"], lang)).combine_chunks()
                yield from measured(own, lang, measures).to_batches()

    return texts.mapInArrow(rows, MEASURED_DDL)


def measured(rows: pa.Table, lang: str, measures: Measures) -> pa.Table:
    """`measure` of the rows of one language."""
    texts = rows["text"].combine_chunks()
    n_words = normalizers.word_counts(texts, lang)
    n_tokens = measures.tokens(texts).cast(pa.int32()) if measures.tokens else n_words
    none = pa.nulls(len(texts), pa.string())
    reason = pc.if_else(pc.less(n_tokens, measures.min_tokens), FEW_TOKENS, none)
    if measures.held_out is not None:
        hits, sets = measures.held_out.search(texts, lang, strict=True)
        named = pc.binary_join_element_wise(decontaminate.REASON, sets, ":")
        reason = pc.if_else(pc.greater(hits, 0), named, reason)
    columns = [rows["lang"], rows["source_index"], texts, rows["seen"], n_words, n_tokens, reason]
    names = ["lang", "source_index", "text", "seen", "n_words", "n_tokens", "reason"]
    return pa.table(columns, names=names)


BATCH_BYTES = 8 << 20


def in_big_batches(batches: Iterator[pa.RecordBatch], n_bytes: int = BATCH_BYTES) -> Iterator[pa.Table]:
    """Batches put together to some megabytes: 2,000 utterances of twelve languages are too few for a
    kernel."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= n_bytes:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)


Key = tuple[str, int]
"""(language, place of the source in the recipe)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Utterances of one language, source and reason."""

    texts: Count
    """Distinct ones, and their words."""
    seen: Count
    """All times they were seen."""
    damped: Count
    """Copies that the curve keeps."""


def count_reasons(
    utterances: DataFrame, config: UtterancesConfig
) -> dict[tuple[str, int, str | None], Group]:
    """(language, source, reason) -> utterances; reason None for those kept."""
    import pyspark.sql.functions as F

    words, seen, damped = F.col("n_words").cast("bigint"), F.col("seen"), kept("seen", config.curve)
    sums = [
        F.count("*"),
        F.sum(words),
        F.sum(seen),
        F.sum(seen * words),
        F.sum(damped),
        F.sum(damped * words),
    ]
    rows = utterances.groupBy("lang", "source_index", "reason").agg(*sums).collect()
    return {
        (lang, source, reason): Group(Count(*sizes[:2]), Count(*sizes[2:4]), Count(*sizes[4:]))
        for lang, source, reason, *sizes in map(tuple, rows)
    }


def sizes(groups: Mapping[tuple[str, int, str | None], Group], unit: str) -> dict[str, int]:
    """Language -> copies or words that stay after damping."""
    found: dict[str, int] = {}
    for (lang, _, reason), group in sorted(groups.items(), key=str):
        if reason is None:
            amount = group.damped.rows if unit == "documents" else group.damped.words
            found[lang] = found.get(lang, 0) + amount
    return found


def with_copies(
    utterances: DataFrame, config: UtterancesConfig, factors: Mapping[str, float], seed: int
) -> DataFrame:
    """Adds `n_copies`: floor(f * kept), and one more by hash with the probability of the rest: on average f
    copies of each that the curve keeps are taken, and exactly all where f is 1."""
    import pyspark.sql.functions as F

    by_language = F.create_map(*[F.lit(part) for item in factors.items() for part in item])
    damped = kept("seen", config.curve)
    # Rounded as the factors are: 4.999999999 copies are meant to be five.
    wanted = F.round(damped * by_language[F.col("lang")], 9)
    extra = uniform(seed, "utterances", "lang", "text") < wanted - F.floor(wanted)
    return utterances.withColumn("n_copies", (F.floor(wanted) + extra.cast("int")).cast("bigint"))


@dataclass(frozen=True, slots=True)
class Copies:
    """What resampling makes of the utterances of one language and source."""

    drawn: Count
    """All copies."""
    squares: float
    """Sum of the squared words of all copies: the variance of the spoken share."""


def count_copies(utterances: DataFrame) -> dict[Key, Copies]:
    """(language, source) -> copies, of `with_copies`."""
    import pyspark.sql.functions as F

    n, words = F.col("n_copies"), F.col("n_words").cast("double")
    sums = [F.sum(n), F.sum(n * F.col("n_words")), F.sum(n * words * words)]
    rows = utterances.groupBy("lang", "source_index").agg(*sums).collect()
    return {(lang, source): Copies(Count(n, words), sq) for lang, source, n, words, sq in map(tuple, rows)}
