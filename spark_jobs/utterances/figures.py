"""The figures of Stage 2: what was asked, what came out, and every row accounted for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.ledger import COPIES
from schemas.sequences import FORMS
from schemas.stage2 import SPLITS, STAGE2
from schemas.utterance_files import KEPT, REPLACED
from spark_jobs import decontaminate
from spark_jobs.decide import LANGUAGE_REASON, Count
from spark_jobs.figures import Rows
from spark_jobs.resample import asked_shares
from spark_jobs.utterances.config import Window
from spark_jobs.utterances.decide import FEW_TOKENS, REPEATS, Copies, Group, Key
from spark_jobs.utterances.mix import Drawn

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.recipe import Recipe

OUTSIDE = "outside_window_v1"
UTTERANCES = "utterances"
"""Stage of the figures about what was read."""
Groups = Mapping[tuple[str, int, str | None], Group]


@dataclass(frozen=True, slots=True)
class Read:
    """What files held, by (language, source)."""

    in_window: dict[tuple[str, str], int]
    """Times seen, of the window's days."""
    outside: dict[tuple[str, str], int]
    """Times seen, of other days."""
    other_language: dict[tuple[str, str], int]
    """Times seen, of the window's days, in languages that the recipe leaves out."""
    rejected: dict[tuple[str, str], int]
    """(source, reason) -> records."""
    replaced: dict[tuple[str, str, str], int]
    """(language, source, rule) -> replacements in rows of the window."""
    files: int
    records: int

    @classmethod
    def of(cls, rows: pa.Table, window: Window, languages: Sequence[str] = ()) -> Read:
        """The sums of rows of `utterance_files`; `languages`: those of the recipe, none for all."""
        inside: Counter[tuple[str, str]] = Counter()
        outside: Counter[tuple[str, str]] = Counter()
        other: Counter[tuple[str, str]] = Counter()
        rejected: Counter[tuple[str, str]] = Counter()
        replaced: Counter[tuple[str, str, str]] = Counter()
        for row in rows.to_pylist():
            key = (row["lang"], row["source"])
            if row["day"] is None:
                if row["seen"]:
                    rejected[row["source"], row["reason"]] += row["seen"]
            elif row["reason"] == KEPT and row["day"] not in window:
                outside[key] += row["seen"]
            elif row["reason"] == KEPT:
                (inside if row["lang"] in (languages or (row["lang"],)) else other)[key] += row["seen"]
            elif row["day"] in window:
                replaced[(*key, row["reason"].removeprefix(REPLACED))] += row["seen"]
        files = len(set(rows["snapshot"].to_pylist()))
        records = sum(rows["records"].to_pylist())
        return cls(inside, outside, other, rejected, replaced, files, records)


@dataclass(frozen=True, slots=True)
class RowCount:
    """Rows of `stage2` of one kind."""

    stage: int
    lang: str
    source: str
    form: str
    split: str
    rows: int
    words: int
    source_words: int


def count_rows(stage2: DataFrame) -> list[RowCount]:
    """One scan of the small columns."""
    import pyspark.sql.functions as F

    sums = [F.count("*"), F.sum("n_words"), F.sum("n_source_words")]
    rows = stage2.groupBy("stage", "lang", "source", "form", "split").agg(*sums).collect()
    return [RowCount(*row) for row in rows]


def words_by_form(found: Sequence[RowCount]) -> dict[str, dict[str, int]]:
    """Language -> form -> words."""
    words = {lang: dict.fromkeys(FORMS, 0) for lang in sorted({row.lang for row in found})}
    for row in found:
        words[row.lang][row.form] += row.words
    return words


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of the utterances."""

    groups: Groups
    copies: Mapping[Key, Copies]


def check(copies: Mapping[Key, Copies], found: Sequence[RowCount]) -> None:
    """Guarantee 2: the copies drawn are the rows written, language by language."""
    for lang in sorted({lang for lang, _ in copies}):
        asked = sum((c.drawn for (of, _), c in copies.items() if of == lang), Count())
        own = [row for row in found if row.stage == 2 and row.lang == lang]
        made = Count(sum(row.rows for row in own), sum(row.source_words for row in own))
        if asked != made:
            raise AssertionError(f"utterances of {lang} do not add up: {asked} drawn, {made} written")


def ledger_groups(
    recipe: Recipe, read: Read, decided: Decided, stage1: Count, found: Sequence[RowCount]
) -> list[dict[str, Any]]:
    """Ledger lines (without run, time and version) of all steps from the files to `stage2`."""
    assert recipe.utterances is not None
    names = [source.name for source in recipe.utterances.sources]
    groups, copies = decided.groups, decided.copies
    lines: list[dict[str, Any]] = []
    for key in sorted(read.in_window.keys() | read.outside.keys() | read.other_language.keys()):
        parts = {
            KEPT: Count(read.in_window.get(key, 0)),
            OUTSIDE: Count(read.outside.get(key, 0)),
            LANGUAGE_REASON: Count(read.other_language.get(key, 0)),
        }
        lines += _group("window", key, sum(parts.values(), Count()), parts[KEPT], parts)
    # A text that several sources have counts for the first: from here on `source` is that one.
    for lang, place in sorted({(lang, place) for lang, place, _ in groups}):
        mine = {reason: g for (of, p, reason), g in groups.items() if (of, p) == (lang, place)}
        lines += _of_source((lang, names[place]), mine, copies.get((lang, place)))
    taken = [row for row in found if row.stage == 1]
    for_all = Count(sum(row.rows for row in taken), sum(row.words for row in taken))
    left = Count(max(0, stage1.rows - for_all.rows), max(0, stage1.words - for_all.words))
    again = Count(stage1.rows - left.rows - for_all.rows, stage1.words - left.words - for_all.words)
    parts = {KEPT: for_all, "not_drawn_v1": left, COPIES: again}
    return lines + _group("mix", ("", ""), stage1, for_all, parts)


def _of_source(
    key: tuple[str, str], mine: Mapping[str | None, Group], drawn: Copies | None
) -> list[dict[str, Any]]:
    seen = sum((g.seen for g in mine.values()), Count())
    rows = sum((g.texts for g in mine.values()), Count())
    lines = _group("count", key, seen, rows, {KEPT: rows, REPEATS: _less(seen, rows)})
    for step, belongs in (
        ("decontaminate", decontaminate.is_held_out),
        ("filter", lambda reason: reason == FEW_TOKENS),
    ):
        dropped = {reason: g.texts for reason, g in mine.items() if reason is not None and belongs(reason)}
        out = _less(rows, sum(dropped.values(), Count()))
        lines += _group(step, key, rows, out, {KEPT: out, **dropped})
        rows = out
    damped = mine[None].damped if None in mine else Count()
    lines += _group("damp", key, rows, damped, {KEPT: damped, COPIES: _less(rows, damped)})
    out = drawn.drawn if drawn else Count()
    parts = {KEPT: out, COPIES if out.rows > damped.rows else "not_drawn_v1": _less(damped, out)}
    return lines + _group("resample", key, damped, out, parts)


def _less(one: Count, other: Count) -> Count:
    return Count(one.rows - other.rows, one.words - other.words)


def _group(
    step: str, key: tuple[str, str], rows_in: Count, rows_out: Count, parts: Mapping[str, Count]
) -> list[dict[str, Any]]:
    lang, source = key
    return [
        {
            "step": f"{STAGE2.name}/{step}",
            "lang": lang,
            "source": source,
            "rows_in": rows_in.rows,
            "rows_out": rows_out.rows,
            "reason": reason,
            "rows": count.rows,
            "words": count.words,
        }
        for reason, count in parts.items()
        if reason == KEPT or count.rows or count.words
    ]


def statistics_rows(
    recipe: Recipe, read: Read, decided: Decided, draw: Drawn, found: Sequence[RowCount]
) -> list[dict[str, Any]]:
    """All rows of `statistics` about Stage 2."""
    assert recipe.utterances is not None
    names = [source.name for source in recipe.utterances.sources]
    groups, copies = decided.groups, decided.copies
    rows = Rows(recipe.release)
    _reading(rows, read)
    for (lang, place, reason), group in groups.items():
        where = {"lang": lang, "source": names[place], "bucket": reason or KEPT}
        rows.add(UTTERANCES, "texts", group.texts.rows, **where)
        rows.add(UTTERANCES, "texts_words", group.texts.words, **where)
        rows.add(UTTERANCES, "seen", group.seen.rows, **where)
        rows.add(UTTERANCES, "damped", group.damped.rows, **where)
    _shares(rows, recipe, groups, copies)
    _forms(rows, recipe, copies, found)
    for row in found:
        where = {
            "lang": row.lang,
            "source": row.source,
            "form": row.form,
            "bucket": f"{row.split}{row.stage}",
        }
        rows.add(STAGE2.name, "rows", row.rows, **where)
        rows.add(STAGE2.name, "words", row.words, **where)
    unit = recipe.utterances.mix.unit
    for stage in (1, 2):
        of = [row for row in found if row.stage == stage]
        # As plan_draw counts: utterances before their spoken form, rows of stage1 as they stand there.
        words = [row.words if stage == 1 else row.source_words for row in of]
        amount = sum(row.rows for row in of) if unit == "rows" else sum(words)
        rows.add(STAGE2.name, "mix_realised", amount, bucket=f"stage{stage}")
    rows.add(STAGE2.name, "mix_asked", draw.asked, bucket="stage1")
    rows.add(STAGE2.name, "validation_asked", recipe.utterances.validation)
    total = sum(row.rows for row in found)
    held = sum(row.rows for row in found if row.split == SPLITS[1])
    rows.add(STAGE2.name, "validation_realised", held / total)
    return rows.rows


def _reading(rows: Rows, read: Read) -> None:
    read_of = {"in_window": read.in_window, "outside_window": read.outside, "other": read.other_language}
    for name, counts in read_of.items():
        for (lang, source), n in counts.items():
            rows.add(UTTERANCES, name, n, lang=lang, source=source)
    for (source, reason), n in read.rejected.items():
        rows.add(UTTERANCES, "rejected", n, source=source, bucket=reason)
    for (lang, source, rule), n in read.replaced.items():
        rows.add(UTTERANCES, "replaced", n, lang=lang, source=source, bucket=rule)
    rows.add(UTTERANCES, "files", read.files)
    rows.add(UTTERANCES, "records", read.records)


def _shares(rows: Rows, recipe: Recipe, groups: Groups, copies: Mapping[Key, Copies]) -> None:
    """Natural, asked and realised shares of the languages among damped copies, in the recipe's unit."""
    unit = recipe.resample.unit

    def amount(count: Count) -> int:
        return count.rows if unit == "documents" else count.words

    there: Counter[str] = Counter()
    for (lang, _, reason), group in groups.items():
        there[lang] += amount(group.damped) if reason is None else 0
    drawn: Counter[str] = Counter()
    for (lang, _), copy in copies.items():
        drawn[lang] += amount(copy.drawn)
    for lang, share in asked_shares(there, recipe.resample.alpha).items():
        rows.add(STAGE2.name, "share_natural", there[lang] / there.total(), lang=lang, bucket=unit)
        rows.add(STAGE2.name, "share_asked", share, lang=lang, bucket=unit)
        rows.add(STAGE2.name, "share_realised", drawn[lang] / drawn.total(), lang=lang, bucket=unit)


def _forms(rows: Rows, recipe: Recipe, copies: Mapping[Key, Copies], found: Sequence[RowCount]) -> None:
    """Share of words in spoken form of the utterances whose source leaves it to the draw."""
    assert recipe.utterances is not None
    p = recipe.forms.spoken
    drawn = {n for n, source in enumerate(recipe.utterances.sources) if not source.spoken}
    names = {recipe.utterances.sources[n].name for n in drawn}
    mine = [row for row in found if row.stage == 2 and row.source in names]
    words = sum(row.source_words for row in mine)
    spoken = sum(row.source_words for row in mine if row.form == FORMS[0])
    squares = sum(copy.squares for (_, place), copy in copies.items() if place in drawn)
    rows.add(STAGE2.name, "spoken_share_asked", p)
    rows.add(STAGE2.name, "spoken_share_realised", spoken / words if words else 0.0)
    deviation = math.sqrt(p * (1 - p) * squares) / words if words else 0.0
    rows.add(STAGE2.name, "spoken_share_deviation", deviation)
