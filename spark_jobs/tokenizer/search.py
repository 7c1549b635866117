"""`corpus tokenizer search`: the paper's rule for the size of a vocabulary (section 2.3).

Grow until split-ratio and unk-token portion are both no worse than the baseline's. Each size is a tokenizer
of the warehouse, so a search that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from schemas.sequences import SEQUENCES
from spark_jobs.errors import ConfigError
from spark_jobs.manifest import Manifest
from spark_jobs.progress import Progress
from spark_jobs.tokenizer.evaluate import measure, measuring_rows
from spark_jobs.tokenizer.store import NamedModel
from spark_jobs.tokenizer.train import TrainConfig, Training, TrainPlan, plan_training

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULE = ("split_ratio", "unk_portion")
"""What must be no worse than the baseline's."""


@dataclass(frozen=True, slots=True)
class Point:
    """One size on the curve."""

    name: str
    size: int
    measures: dict[str, float]
    """Of everything in stage1."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What a search found."""

    baseline: Point
    points: list[Point]
    """By size."""
    choice: Point | None
    """The smallest size that is no worse than the baseline in both."""


def parse_sizes(text: str) -> list[int]:
    """ "32000,64000" as ascending numbers; ConfigError for anything else."""
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise ConfigError("--sizes", text, accepted="numbers with commas between, such as 32000,64000")
    return sorted({int(part) for part in parts})


def plan_search(
    config: TrainConfig, sizes: Sequence[int], warehouse: str, manifest: Manifest
) -> list[TrainPlan]:
    """One checked training a size, named `<name>-<size>`; errors as in `plan_training`."""
    return [
        plan_training(
            replace(
                config, name=f"{config.name}-{size}", vocabulary=replace(config.vocabulary, vocab_size=size)
            ),
            warehouse,
            manifest,
        )
        for size in sizes
    ]


def good_enough(measures: dict[str, float], baseline: dict[str, float]) -> bool:
    """The paper's rule: both measures no worse than the baseline's."""
    return all(measures[name] <= baseline[name] for name in RULE)


def search(
    plans: Sequence[TrainPlan], spark: SparkSession, progress: Progress, baseline: Point, *, every: bool
) -> Curve:
    """Train and measure size after size until the rule holds (`every`: all of them)."""
    points: list[Point] = []
    sample = rows = None
    for plan in plans:
        card = plan.trained
        if card is None:
            progress.line(f"training {plan.config.name!r}")
            training = Training(plan, spark, progress)
            if rows is None:
                rows = measuring_rows(spark, plan.warehouse, plan.manifest)
                sample = training.draw(rows)
            card = training.run(rows, sample)
        points.append(Point(card.name, card.vocab_size, whole_stage1(card.metrics)))
        if good_enough(points[-1].measures, baseline.measures) and not every:
            break
    choice = next((p for p in points if good_enough(p.measures, baseline.measures)), None)
    return Curve(baseline, points, choice)


def measure_baseline(spark: SparkSession, warehouse: str, manifest: Manifest, baseline: NamedModel) -> Point:
    """The baseline on the rows that measure the sizes."""
    lines = measure(spark, warehouse, measuring_rows(spark, warehouse, manifest), manifest, baseline.model)
    return Point(baseline.name, baseline.size, whole_stage1(lines))


def whole_stage1(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The measures of all languages and forms of stage1 out of a table of measures."""
    line = next(x for x in lines if (x["stage"], x["lang"], x["form"]) == (SEQUENCES.name, "", ""))
    return {key: value for key, value in line.items() if key not in ("stage", "lang", "form", "rows")}
