"""The figures of a release: what was asked, what came out, by language, source and form."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.sequences import FORMS
from spark_jobs.decide import Copies, Count, Decision, Key
from spark_jobs.near import NearCounts
from spark_jobs.recipe import Recipe
from spark_jobs.resample import asked_shares

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILL_STEP = 100
"""Width of a class of pack lengths, in words."""
NEAR = "near_"
"""Before the name of a count of the search for near duplicates (near.NearCounts)."""


@dataclass(frozen=True, slots=True)
class PackCount:
    """Packs of one language, source, form and class of length."""

    lang: str
    source: str
    form: str
    fill: int
    packs: int
    words: int
    source_words: int
    sentences: int
    longest: int


def count_packs(stage1: DataFrame) -> list[PackCount]:
    """One scan of the small columns."""
    import pyspark.sql.functions as F

    fill = (F.floor(F.col("n_words") / FILL_STEP) * FILL_STEP).cast("int").alias("fill")
    rows = (
        stage1.groupBy("lang", "source", "form", fill)
        .agg(
            F.count("*").alias("packs"),
            F.sum("n_words").alias("words"),
            F.sum("n_source_words").alias("source_words"),
            F.sum("n_sentences").alias("sentences"),
            F.max("n_words").alias("longest"),
        )
        .collect()
    )
    return [PackCount(*row) for row in rows]


def words_by_form(packs: Sequence[PackCount]) -> dict[str, dict[str, int]]:
    """Language -> form -> words."""
    words = {lang: dict.fromkeys(FORMS, 0) for lang in sorted({p.lang for p in packs})}
    for pack in packs:
        words[pack.lang][pack.form] += pack.words
    return words


def packs_ledger(copies: Mapping[Key, Copies], packs: Sequence[PackCount]) -> list[dict[str, Any]]:
    """Ledger lines of packing, by language: a pack may hold documents of several sources."""
    lines = []
    for lang in sorted({lang for lang, _ in copies}):
        rows = sum(c.drawn.rows for (of, _), c in copies.items() if of == lang)
        mine = [p for p in packs if p.lang == lang]
        lines.append(
            {
                "step": "pack",
                "lang": lang,
                "source": "",
                "rows_in": rows,
                "rows_out": sum(p.packs for p in mine),
                "reason": "kept",
                "rows": rows,
                "words": sum(p.source_words for p in mine),
            }
        )
    return lines


def statistics_rows(
    recipe: Recipe,
    decision: Decision,
    copies: Mapping[Key, Copies],
    packs: Sequence[PackCount],
    seconds: Mapping[str, float],
    *,
    near: NearCounts | None = None,
) -> list[dict[str, Any]]:
    """All rows of `statistics` for this release."""
    rows = Rows(recipe.release)
    for (lang, source, reason), count in decision.by_reason.items():
        rows.add("documents", "rows", count.rows, lang=lang, source=source, bucket=reason or "kept")
        rows.add("documents", "words", count.words, lang=lang, source=source, bucket=reason or "kept")
    for name, count in dataclasses.asdict(near).items() if near else ():
        rows.add("documents", NEAR + name, count)
    _shares(rows, recipe, decision, copies)
    _forms(rows, recipe, copies, packs)
    _packs(rows, recipe, packs)
    for name, value in seconds.items():
        rows.add("stage1", "seconds", value, bucket=name)
    return rows.rows


def near_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    """What the search for near duplicates met, from rows of `statistics`; None where there was no search."""
    found = {row["metric"]: int(row["value"]) for row in rows if row["metric"].startswith(NEAR)}
    return {metric.removeprefix(NEAR): n for metric, n in sorted(found.items())} or None


class Rows:
    """Rows of `statistics` of one release, as they come."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        stage: str,
        metric: str,
        value: float,
        *,
        lang: str = "",
        source: str = "",
        form: str = "",
        bucket: str = "",
    ) -> None:
        """One figure and where it belongs."""
        self.rows.append(
            {
                "release": self.release,
                "stage": stage,
                "metric": metric,
                "lang": lang,
                "source": source,
                "form": form,
                "bucket": bucket,
                "value": float(value),
            }
        )


def _shares(rows: Rows, recipe: Recipe, decision: Decision, copies: Mapping[Key, Copies]) -> None:
    """Natural, asked and realised shares of the languages, in the recipe's unit, and the sampling error."""
    unit = recipe.resample.unit
    sizes = decision.sizes(unit)
    asked = asked_shares(sizes, recipe.resample.alpha)
    drawn: dict[str, Count] = defaultdict(Count)
    for (lang, _), copy in copies.items():
        drawn[lang] += copy.drawn
    amount = {lang: count.rows if unit == "documents" else count.words for lang, count in drawn.items()}
    total, available = sum(amount.values()), sum(sizes.values())
    for lang, share in asked.items():
        rows.add("stage1", "share_natural", sizes[lang] / available, lang=lang, bucket=unit)
        rows.add("stage1", "share_asked", share, lang=lang, bucket=unit)
        rows.add("stage1", "share_realised", amount[lang] / total, lang=lang, bucket=unit)
        rows.add(
            "stage1", "copies_factor", recipe.resample.budget * share * available / sizes[lang], lang=lang
        )
    for (lang, source), copy in copies.items():
        rows.add("stage1", "copies", copy.drawn.rows, lang=lang, source=source)
        rows.add("stage1", "copies_words", copy.drawn.words, lang=lang, source=source)


def _forms(rows: Rows, recipe: Recipe, copies: Mapping[Key, Copies], packs: Sequence[PackCount]) -> None:
    """Share of words in spoken form, counted before the change of form, with its standard deviation."""
    p = recipe.forms.spoken
    langs = sorted({lang for lang, _ in copies})
    for lang in [*langs, ""]:
        mine = [copy for (of, _), copy in copies.items() if lang in ("", of)]
        words = sum(copy.drawn.words for copy in mine)
        spoken = sum(k.source_words for k in packs if lang in ("", k.lang) and k.form == FORMS[0])
        rows.add("stage1", "spoken_share_asked", p, lang=lang)
        rows.add("stage1", "spoken_share_realised", spoken / words if words else 0.0, lang=lang)
        deviation = math.sqrt(p * (1 - p) * sum(copy.squares for copy in mine)) / words if words else 0.0
        rows.add("stage1", "spoken_share_deviation", deviation, lang=lang)


def _packs(rows: Rows, recipe: Recipe, packs: Sequence[PackCount]) -> None:
    groups: dict[tuple[str, str, str], list[PackCount]] = defaultdict(list)
    fills: dict[int, int] = defaultdict(int)
    for pack in packs:
        groups[pack.lang, pack.source, pack.form].append(pack)
        fills[pack.fill] += pack.packs
    for (lang, source, form), mine in sorted(groups.items()):
        where = {"lang": lang, "source": source, "form": form}
        n, words = sum(p.packs for p in mine), sum(p.words for p in mine)
        rows.add("stage1", "rows", n, **where)
        rows.add("stage1", "words", words, **where)
        rows.add("stage1", "source_words", sum(p.source_words for p in mine), **where)
        rows.add("stage1", "sentences", sum(p.sentences for p in mine), **where)
        rows.add("stage1", "fill", words / (n * recipe.pack.words), **where)
    for lower, n in sorted(fills.items()):
        rows.add("stage1", "pack_words_histogram", n, bucket=str(lower))
