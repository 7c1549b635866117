"""What the report of a release says of Stage 2: asked and realised, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from schemas.stage2 import SPLITS, STAGE2, VALIDATION
from schemas.utterance_files import KEPT
from spark_jobs.config import build
from spark_jobs.grids import grid_of
from spark_jobs.manifest import Manifest
from spark_jobs.utterances.curve import CurveConfig, kept_of
from spark_jobs.utterances.figures import UTTERANCES

Figures = dict[str, Any]
EXAMPLES = (1, 10, 100, 1_000, 10_000)
"""Times seen for which the report says what the curve keeps."""


def stage2_figures(rows: Sequence[Mapping[str, Any]], manifest: Manifest) -> Figures | None:
    """All figures of a release's Stage 2, from its rows of `statistics`; None where it has none."""
    if STAGE2.name not in manifest.tables:
        return None
    sums = _Sums(rows)
    table, config = manifest.tables[STAGE2.name], manifest.recipe["utterances"]
    langs = sorted({row["lang"] for row in rows if (row["stage"], row["metric"]) == (UTTERANCES, "texts")})
    curve = build(CurveConfig, config["curve"])
    return {
        **{k: getattr(table, k) for k in ("rows", "bytes", "files", "buckets", "version", "fingerprint")},
        "expires": manifest.expires,
        "window": {"as_of": config["as_of"], "days": config["window_days"]},
        "files": int(sums.of(UTTERANCES, "files")),
        "records": int(sums.of(UTTERANCES, "records")),
        "seen": int(sums.of(UTTERANCES, "in_window")),
        "outside_window": int(sums.of(UTTERANCES, "outside_window")),
        "other_language": int(sums.of(UTTERANCES, "other")),
        "rejected": sums.by("bucket", UTTERANCES, "rejected"),
        "replaced": {rule["name"]: 0 for rule in config["anonymise"]}
        | sums.by("bucket", UTTERANCES, "replaced"),
        "left_out": {r: n for r, n in sums.by("bucket", UTTERANCES, "texts").items() if r != KEPT},
        "curve": {"kind": curve.kind, "examples": {n: kept_of(n, curve) for n in EXAMPLES}},
        "texts": int(sums.of(UTTERANCES, "texts", bucket=KEPT)),
        "texts_seen": int(sums.of(UTTERANCES, "seen", bucket=KEPT)),
        "damped": int(sums.of(UTTERANCES, "damped", bucket=KEPT)),
        "short": {"min_tokens": config["min_tokens"], "tokenizer": config["tokenizer"]},
        "languages": {lang: _language(sums, lang) for lang in langs},
        "sources": {source["name"]: _source(sums, source["name"]) for source in config["sources"]},
        "mix": _mix(sums, config["mix"]),
        "spoken": {k: sums.of(STAGE2.name, f"spoken_share_{k}") for k in ("asked", "realised", "deviation")},
        "validation": {k: sums.of(STAGE2.name, f"validation_{k}") for k in ("asked", "realised")},
        "splits": {
            split: {f"stage{n}": int(sums.of(STAGE2.name, "rows", bucket=f"{split}{n}")) for n in (1, 2)}
            for split in SPLITS
        },
    }


class _Sums:
    """Sums over rows of `statistics`."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._cells: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            self._cells[row["stage"], row["metric"]].append(row)

    def of(self, stage: str, metric: str, **where: str) -> float:
        rows = self._cells[stage, metric]
        return float(sum(r["value"] for r in rows if all(r[key] == value for key, value in where.items())))

    def by(self, key: str, stage: str, metric: str) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for row in self._cells[stage, metric]:
            found[row[key]] += int(row["value"])
        return dict(sorted(found.items()))


def _language(sums: _Sums, lang: str) -> Figures:
    counts = {
        "seen": sums.of(UTTERANCES, "in_window", lang=lang),
        "texts": sums.of(UTTERANCES, "texts", lang=lang),
        "kept_texts": sums.of(UTTERANCES, "texts", lang=lang, bucket=KEPT),
        "damped": sums.of(UTTERANCES, "damped", lang=lang, bucket=KEPT),
        "rows": sum(sums.of(STAGE2.name, "rows", lang=lang, bucket=f"{split}2") for split in SPLITS),
    }
    shares = ("share_natural", "share_asked", "share_realised")
    return {name: int(n) for name, n in counts.items()} | {
        name: sums.of(STAGE2.name, name, lang=lang) for name in shares
    }


def _source(sums: _Sums, source: str) -> Figures:
    names = {"seen": "in_window", "outside_window": "outside_window", "rejected": "rejected"}
    return {name: int(sums.of(UTTERANCES, metric, source=source)) for name, metric in names.items()}


def _mix(sums: _Sums, config: Mapping[str, Any]) -> Figures:
    stage1, utterances = (sums.of(STAGE2.name, "mix_realised", bucket=f"stage{n}") for n in (1, 2))
    return {
        "unit": config["unit"],
        "asked": config["utterances"] / config["stage1"] if config["stage1"] else None,
        "realised": utterances / stage1 if stage1 else None,
        "stage1": int(stage1),
        "stage1_asked": sums.of(STAGE2.name, "mix_asked"),
        "utterances": int(utterances),
    }


def print_stage2(figures: Figures, console: Console) -> None:
    """The part of the report about Stage 2."""
    window, curve, short = figures["window"], figures["curve"], figures["short"]
    console.print(
        f"\n[bold]stage2[/]: {figures['rows']:,} rows, {figures['bytes'] / 1e6:,.1f} MB, "
        f"{figures['buckets']} buckets; fingerprint {figures['fingerprint']}"
    )
    left = ", ".join(f"{reason} {n:,}" for reason, n in figures["rejected"].items())
    other = f", {figures['other_language']:,} of other languages" if figures["other_language"] else ""
    console.print(
        f"read: {figures['files']:,} files, {figures['records']:,} records; "
        f"{figures['seen']:,} utterances in the {window['days']} days before {window['as_of']}, "
        f"{figures['outside_window']:,} of other days{other} left out"
        + (f"; not usable: {left}" if left else "")
    )
    if figures["replaced"]:
        replaced = ", ".join(f"{rule} {n:,}" for rule, n in figures["replaced"].items())
        console.print(f"anonymised: {replaced}")
    dropped = ", ".join(f"{reason} {n:,}" for reason, n in figures["left_out"].items()) or "none"
    tokens = f"tokens of {short['tokenizer']}" if short["tokenizer"] else "words"
    console.print(f"left out of the distinct texts: {dropped} (short: under {short['min_tokens']} {tokens})")
    examples = ", ".join(f"{int(n):,} -> {kept:,}" for n, kept in curve["examples"].items())
    console.print(
        f"repeats: {figures['texts_seen']:,} times seen, {figures['texts']:,} texts, kept "
        f"{figures['damped']:,} ({curve['kind']}: {examples})\n"
    )
    console.print(_languages_grid(figures))
    _print_mix(figures, console)


def _languages_grid(figures: Figures) -> Grid:
    grid: Grid = grid_of(
        "utterances", "", "seen", "texts", "kept", "damped", "natural", "asked", "realised", "rows"
    )
    for lang, side in figures["languages"].items():
        counts = [f"{side[key]:,}" for key in ("seen", "texts", "kept_texts", "damped")]
        shares = [f"{side[f'share_{kind}']:.2%}" for kind in ("natural", "asked", "realised")]
        grid.add_row(lang, *counts, *shares, f"{side['rows']:,}")
    return grid


def _print_mix(figures: Figures, console: Console) -> None:
    mix, spoken, validation = figures["mix"], figures["spoken"], figures["validation"]
    asked = f"1 : {mix['asked']:g}" if mix["asked"] is not None else "no Stage 1"
    realised = f"1 : {mix['realised']:.3f}" if mix["realised"] is not None else "no Stage 1"
    console.print(
        f"mix by {mix['unit']}, Stage 1 : utterances: asked {asked}, realised {realised} "
        f"({mix['stage1']:,} and {mix['utterances']:,})"
    )
    if mix["stage1"] + 1 < int(mix["stage1_asked"]) and mix["stage1"]:
        console.print(
            f"  Stage 1 has {mix['stage1']:,} {mix['unit']}, {mix['stage1_asked']:,.0f} were asked; "
            "`mix: {repeat: true}` takes them more than once"
        )
    console.print(
        f"spoken form of utterances: asked {spoken['asked']:.1%} of words, "
        f"realised {spoken['realised']:.2%} (standard deviation {spoken['deviation']:.2%})"
    )
    held = sum(figures["splits"][VALIDATION].values())
    console.print(
        f"validation: asked {validation['asked']:.1%} of texts, realised {validation['realised']:.2%} "
        f"of rows ({held:,}); no text is on both sides"
    )
    if figures["expires"]:
        console.print(f"to be deleted whole by {figures['expires']}: it holds what customers said")
