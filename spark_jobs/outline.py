"""What `corpus plan` prints: input bytes by source and language, and what would run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as Grid

from spark_jobs.deduplicate import DeduplicateConfig
from spark_jobs.plan import Plan
from spark_jobs.report import Figures

STORED_MB_PER_CORE_HOUR = 6_500
"""Compressed input a core gets through in an hour, all steps: 6 MB of text a CPU second, which is 1.8 MB of
gzip (bench/corpus.py)."""
_START_HOURS = 40 / 3600
"""What Spark and its first tasks cost whatever there is to do: the first build of a session takes so much
more than the second (bench/corpus.py)."""


def outline(plan: Plan) -> Figures:
    """The plan as plain values."""
    sizes: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    for file in plan.inputs:
        key = (file.source, file.lang or "by column")
        sizes[key] += file.size
        files[key] += 1
    new = sum(file.size for file in plan.missing)
    everything = sum(sizes.values())
    return {
        "release": plan.recipe.release,
        "warehouse": plan.warehouse,
        "run_id": plan.run_id,
        "inputs": [
            {"source": source, "lang": lang, "files": files[source, lang], "bytes": size}
            for (source, lang), size in sorted(sizes.items())
        ],
        "bytes": everything,
        "passed_over": plan.passed_over,
        "held_out_id": plan.held_out.id if plan.held_out else None,
        "steps": _steps(plan, new),
        "core_hours": 0.0
        if plan.published
        else round(_START_HOURS + everything / 1e6 / STORED_MB_PER_CORE_HOUR, 4),
    }


def _steps(plan: Plan, new: int) -> list[dict[str, Any]]:
    n = len(plan.missing)
    read = f"read {n:,} files, {new / 1e6:,.1f} MB" if n else "all files are ingested"
    steps = [{"step": "ingest", "does": read, "run": bool(n)}]
    todo = plan.published is None
    does = {
        "filter": "rules on scores"
        + (
            f", {len(plan.recipe.filters.languages)} languages of their own"
            if plan.recipe.filters.languages
            else ""
        ),
        "decontaminate": f"held out: {plan.recipe.decontaminate.held_out or 'nothing'}",
        "deduplicate": _deduplicate(plan.recipe.deduplicate),
        "resample": f"alpha {plan.recipe.resample.alpha} by {plan.recipe.resample.unit}, "
        f"budget {plan.recipe.resample.budget}",
        "forms": f"{plan.recipe.forms.spoken:.0%} spoken",
        "pack": f"up to {plan.recipe.pack.words} words",
        **_stage2(plan),
        "publish": "releases/" + plan.recipe.release,
    }
    return steps + [{"step": step, "does": text, "run": todo} for step, text in does.items()]


def _deduplicate(config: DeduplicateConfig) -> str:
    parts = ["exact, across sources"] if config.exact else []
    if config.near is not None:
        parts.append(f"near from {config.near.threshold:g} on")
    return "; ".join(parts) or "off"


def _stage2(plan: Plan) -> dict[str, str]:
    config = plan.recipe.utterances
    if config is None:
        return {}
    window, mix = config.window, config.mix
    return {
        "utterances": f"{len(plan.utterance_files):,} files, {window.first} to {window.last}, "
        f"{len(config.anonymise)} rules of anonymisation",
        "stage2": f"kept by {config.curve.kind}, {config.min_tokens} "
        f"{'tokens of ' + config.tokenizer if config.tokenizer else 'words'} or more, Stage 1 : utterances "
        f"{mix.stage1:g} : {mix.utterances:g} by {mix.unit}, {config.validation:.1%} for validation",
    }


def print_outline(figures: Figures, console: Console) -> None:
    """The plan in words."""
    where = figures["warehouse"] or "a new warehouse"
    console.print(f"release [bold]{figures['release']}[/] in {where}, run {figures['run_id']}")
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("source", "language"):
        grid.add_column(column)
    for column in ("files", "MB stored"):
        grid.add_column(column, justify="right")
    for row in figures["inputs"]:
        grid.add_row(row["source"], row["lang"], f"{row['files']:,}", f"{row['bytes'] / 1e6:,.2f}")
    grid.add_row(
        "all", "", f"{sum(r['files'] for r in figures['inputs']):,}", f"{figures['bytes'] / 1e6:,.2f}"
    )
    console.print(grid)
    if others := figures["passed_over"]:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        console.print(f"passed over, in other languages or scripts: {len(others):,} files ({shown})")
    for step in figures["steps"]:
        console.print(f"  {'will run' if step['run'] else 'done    '}  {step['step']:<14} {step['does']}")
    if any(step["run"] for step in figures["steps"]):
        console.print(f"about {_in_words(figures['core_hours'])}; nothing was written")
    else:
        console.print("nothing to do; nothing was written")


def _in_words(core_hours: float) -> str:
    if core_hours >= 1:
        return f"{core_hours:,.1f} core hours"
    minutes = max(1, round(60 * core_hours))
    return f"{minutes} core minute{'s' if minutes > 1 else ''}"
