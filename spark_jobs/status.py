"""The status of a warehouse, read from its tables without Spark."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.console import Console

from schemas.ledger import LEDGER, STEPS
from schemas.quarantine import QUARANTINE
from schemas.sequences import FORMS
from spark_jobs import warehouse
from spark_jobs.grids import grid_of
from spark_jobs.manifest import read_manifest, releases
from spark_jobs.report import Figures
from spark_jobs.tokenizer.store import read_card, tokenizers


def warehouse_figures(path: str) -> Figures:
    """Steps, rows, time, versions and quarantine of a warehouse, the content of `corpus status --json`."""
    steps: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    facts: dict[tuple[str, str, str], Figures] = {}
    seen: set[tuple[str, ...]] = set()
    for row in warehouse.read_table(path, LEDGER).to_pylist():
        key = (row["release"], row["step"], row["run_id"] if row["step"] != "ingest" else "")
        group = (*key, row["run_id"], row["lang"], row["source"])
        if group not in seen:
            seen.add(group)
            steps[key].update(rows_in=row["rows_in"], rows_out=row["rows_out"])
        steps[key]["words_out"] += row["words"] if row["reason"] == "kept" else 0
        if key not in facts or facts[key]["finished"] < row["finished"].isoformat():
            facts[key] = {
                "seconds": row["seconds"],
                "finished": row["finished"].isoformat(),
                "version": row["version"],
            }
    quarantine = warehouse.read_table(path, QUARANTINE).select(
        ["source", "origin", "reason", "ordinal", "detail"]
    )
    damaged: dict[tuple[str, str], Figures] = {}
    for row in quarantine.to_pylist():
        entry = damaged.setdefault(
            (row["source"], row["reason"]),
            {"records": 0, "first": f"{row['origin']} at {row['ordinal']}", "detail": row["detail"]},
        )
        entry["records"] += 1
    return {
        "releases": {name: _release_line(path, name) for name in releases(path)},
        "steps": [
            {
                "release": release,
                "step": step,
                "run": run,
                **steps[release, step, run],
                **facts[release, step, run],
            }
            for release, step, run in sorted(
                steps, key=lambda k: (k[0], facts[k]["finished"], STEPS.index(k[1]))
            )
        ],
        "tokenizers": {name: _tokenizer_line(path, name) for name in tokenizers(path)},
        "quarantine": [
            {"source": source, "reason": reason, **entry}
            for (source, reason), entry in sorted(damaged.items())
        ],
    }


def _release_line(path: str, name: str) -> Figures:
    manifest = read_manifest(path, name)
    assert manifest is not None  # releases() lists what has one
    table = manifest.tables["stage1"]
    stage2 = manifest.tables.get("stage2")
    return {
        "created": manifest.created,
        "rows": table.rows,
        "stage2_rows": stage2.rows if stage2 else None,
        "words": sum(table.words[lang][form] for lang in table.words for form in FORMS),
        "bytes": table.bytes,
        "version": table.version,
        "fingerprint": table.fingerprint,
    }


def _tokenizer_line(path: str, name: str) -> Figures:
    card = read_card(path, name)
    assert card is not None  # tokenizers() lists what has one
    return {
        "created": card.created,
        "vocab_size": card.vocab_size,
        "release": card.release,
        "sha256": card.sha256,
    }


def print_warehouse(figures: Figures, console: Console) -> None:
    """The answer of `corpus status`."""
    grid = grid_of("releases", "name", "created", "packs", "words", "MB", "fingerprint", "stage2")
    for name, r in figures["releases"].items():
        size = f"{r['bytes'] / 1e6:,.1f}"
        stage2 = f"{r['stage2_rows']:,} rows" if r["stage2_rows"] is not None else ""
        grid.add_row(name, r["created"], f"{r['rows']:,}", f"{r['words']:,}", size, r["fingerprint"], stage2)
    console.print(grid if figures["releases"] else "no release is published here")
    if figures["tokenizers"]:
        trained = grid_of("tokenizers", "name", "created", "pieces", "release", "sha256")
        for name, t in figures["tokenizers"].items():
            trained.add_row(name, t["created"], f"{t['vocab_size']:,}", t["release"], t["sha256"][:12])
        console.print(trained)
    steps = grid_of("steps", "release", "step", "rows in", "rows out", "words", "s", "finished", "version")
    for row in figures["steps"]:
        counts = (f"{row[key]:,}" for key in ("rows_in", "rows_out", "words_out"))
        steps.add_row(
            row["release"] or "(all)",
            row["step"],
            *counts,
            f"{row['seconds']:.1f}",
            row["finished"][:19],
            row["version"],
        )
    console.print(steps)
    damaged = grid_of("quarantine", "source", "reason", "records", "first", "detail")
    for row in figures["quarantine"]:
        damaged.add_row(row["source"], row["reason"], f"{row['records']:,}", row["first"], row["detail"])
    console.print(damaged if figures["quarantine"] else "quarantine: empty")
