"""The report of a release, read from its tables without Spark."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from schemas.ledger import LEDGER
from schemas.statistics import STATISTICS
from schemas.tokens import TOKENS
from spark_jobs import warehouse
from spark_jobs.figures import near_figures
from spark_jobs.grids import grid_of
from spark_jobs.manifest import Manifest, published, release_folder
from spark_jobs.samples import read_samples
from spark_jobs.utterances.report import print_stage2, stage2_figures

Figures = dict[str, Any]


def release_figures(path: str, name: str) -> Figures:
    """All figures of one published release as plain values, the content of `corpus stats --json`."""
    manifest = published(path, name)
    rows = warehouse.read_table(path, STATISTICS, filters=[("release", "=", name)]).to_pylist()
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[row["stage"], row["metric"]].append(row)
    langs = sorted({row["lang"] for row in cells["documents", "rows"] if row["lang"]})
    sources = [source["name"] for source in manifest.recipe["sources"]]
    table = manifest.tables["stage1"]
    return {
        "release": name,
        "created": manifest.created,
        "software": manifest.software,
        "recipe_sha256": manifest.recipe_sha256,
        "seed": manifest.recipe["seed"],
        "stage1": {
            k: getattr(table, k) for k in ("rows", "bytes", "files", "buckets", "version", "fingerprint")
        },
        "ingest": _ingest_figures(path, manifest),
        "dropped": _dropped(cells),
        "near": near_figures(rows),
        "sources": {s: _side(cells, "source", s) for s in sources},
        "languages": {lang: _side(cells, "lang", lang) | _language(cells, lang) for lang in langs},
        "spoken": {k: _one(cells, f"spoken_share_{k}", lang="") for k in ("asked", "realised", "deviation")},
        "packs": _pack_figures(cells, manifest),
        "stage2": stage2_figures(rows, manifest),
        "tokens": token_figures(manifest) if TOKENS.name in manifest.tables else None,
        "samples": read_samples(release_folder(path, name)),
        "seconds": {r["bucket"]: r["value"] for r in cells["stage1", "seconds"]},
    }


def _sum(rows: list[dict[str, Any]], **where: str) -> float:
    return float(sum(r["value"] for r in rows if all(r[key] == value for key, value in where.items())))


def _one(cells: dict[tuple[str, str], list[dict[str, Any]]], metric: str, *, lang: str) -> float:
    return _sum(cells["stage1", metric], lang=lang)


def _side(cells: dict[tuple[str, str], list[dict[str, Any]]], side: str, value: str) -> Figures:
    """Documents in, out and their words, for one language or one source."""
    documents, words = cells["documents", "rows"], cells["documents", "words"]
    return {
        "documents": int(_sum(documents, **{side: value})),
        "words": int(_sum(words, **{side: value})),
        "kept_documents": int(_sum(documents, **{side: value}, bucket="kept")),
        "kept_words": int(_sum(words, **{side: value}, bucket="kept")),
        "copies": int(_sum(cells["stage1", "copies"], **{side: value})),
        "packs": int(_sum(cells["stage1", "rows"], **{side: value})),
        "packed_words": int(_sum(cells["stage1", "words"], **{side: value})),
    }


def _language(cells: dict[tuple[str, str], list[dict[str, Any]]], lang: str) -> Figures:
    shares = (
        "share_natural",
        "share_asked",
        "share_realised",
        "spoken_share_realised",
        "spoken_share_deviation",
    )
    return {name: _one(cells, name, lang=lang) for name in shares}


def _dropped(cells: dict[tuple[str, str], list[dict[str, Any]]]) -> Figures:
    documents, words = cells["documents", "rows"], cells["documents", "words"]
    reasons = sorted({row["bucket"] for row in documents} - {"kept"})
    return {
        r: {"documents": int(_sum(documents, bucket=r)), "words": int(_sum(words, bucket=r))} for r in reasons
    }


def _pack_figures(cells: dict[tuple[str, str], list[dict[str, Any]]], manifest: Manifest) -> Figures:
    rows, words = _sum(cells["stage1", "rows"]), _sum(cells["stage1", "words"])
    limit = manifest.recipe["pack"]["words"]
    histogram = {int(r["bucket"]): int(r["value"]) for r in cells["stage1", "pack_words_histogram"]}
    return {
        "rows": int(rows),
        "words": int(words),
        "words_before_forms": int(_sum(cells["stage1", "source_words"])),
        "mean_words": words / rows if rows else 0.0,
        "fill": words / (rows * limit) if rows else 0.0,
        "limit": limit,
        "histogram": dict(sorted(histogram.items())),
    }


def _ingest_figures(path: str, manifest: Manifest) -> Figures:
    snapshots = pa.array([entry["snapshot"] for entry in manifest.inputs], pa.string())
    ledger = warehouse.read_table(path, LEDGER, filters=[("step", "=", "ingest")])
    ledger = ledger.filter(pc.is_in(ledger["run_id"], value_set=snapshots))
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for row in ledger.select(["source", "reason", "rows"]).to_pylist():
        by_source[row["source"]][row["reason"]] += row["rows"]
    stored: Counter[str] = Counter()
    files: Counter[str] = Counter()
    documents = {source["name"] for source in manifest.recipe["sources"]}
    for entry in manifest.inputs:
        if entry["source"] not in documents:
            continue
        stored[entry["source"]] += entry["bytes"]
        files[entry["source"]] += 1
    return {
        source: {"files": files[source], "bytes": stored[source], "records": dict(by_source[source])}
        for source in files
    }


def print_release(figures: Figures, console: Console) -> None:
    """The report that ends a build."""
    stage1, packs = figures["stage1"], figures["packs"]
    console.print(
        f"\n[bold]release {figures['release']}[/]  {figures['created']}  seed {figures['seed']}\n"
        f"stage1: {stage1['rows']:,} packs, {packs['words']:,} words, {stage1['bytes'] / 1e6:,.1f} MB "
        f"in {stage1['files']} files, {stage1['buckets']} buckets\nfingerprint {stage1['fingerprint']}\n"
    )
    console.print(_sources_grid(figures))
    console.print(_dropped_grid(figures))
    if figures["near"]:
        console.print(
            "near duplicates: {compared:,} pairs compared, {alike:,} alike, {split_bands:,} bands split, "
            "rounds: {rounds}\n".format(**figures["near"])
        )
    console.print(_languages_grid(figures))
    console.print(_samples_grid(figures))
    spoken = figures["spoken"]
    console.print(
        f"spoken form: asked {spoken['asked']:.1%} of words, realised {spoken['realised']:.2%} "
        f"(standard deviation {spoken['deviation']:.2%}); it made {packs['words_before_forms']:,} words "
        f"{packs['words']:,}\npacks: {packs['mean_words']:.0f} words on average, {packs['fill']:.1%} of "
        f"{packs['limit']}; at least {_fullest(packs):,} hold over {packs['limit'] - 100} words"
    )
    if figures["stage2"]:
        print_stage2(figures["stage2"], console)
    console.print("time: " + ", ".join(f"{name} {s:.1f} s" for name, s in figures["seconds"].items()))
    if figures["tokens"]:
        print_tokens(figures["tokens"], console)


def _fullest(packs: Figures) -> int:
    return sum(n for lower, n in packs["histogram"].items() if lower >= packs["limit"] - 100)


def _sources_grid(figures: Figures) -> Grid:
    grid = grid_of("read", "source", "files", "MB stored", "documents", "words", "damaged", "kept", "copies")
    for name, side in figures["sources"].items():
        seen = figures["ingest"].get(name, {"files": 0, "bytes": 0, "records": {}})
        damaged = sum(n for reason, n in seen["records"].items() if reason not in ("kept", "other_language"))
        counts = (side["documents"], side["words"], damaged, side["kept_documents"], side["copies"])
        grid.add_row(name, f"{seen['files']:,}", f"{seen['bytes'] / 1e6:,.1f}", *(f"{n:,}" for n in counts))
    return grid


def _dropped_grid(figures: Figures) -> Grid:
    grid = grid_of("left out", "reason", "documents", "words")
    for reason, count in figures["dropped"].items():
        grid.add_row(escape(reason), f"{count['documents']:,}", f"{count['words']:,}")
    for source in figures["ingest"].values():
        for reason, n in source["records"].items():
            if reason not in ("kept",):
                grid.add_row(f"{reason} (quarantine)" if reason != "other_language" else reason, f"{n:,}", "")
    return grid


def _languages_grid(figures: Figures) -> Grid:
    grid = grid_of(
        "languages",
        "",
        "documents",
        "kept",
        "natural",
        "asked",
        "realised",
        "copies",
        "packs",
        "words",
        "spoken",
    )
    for lang, side in figures["languages"].items():
        shares = (f"{side[f'share_{kind}']:.2%}" for kind in ("natural", "asked", "realised"))
        counts = (f"{side[key]:,}" for key in ("copies", "packs", "packed_words"))
        spoken = f"{side['spoken_share_realised']:.1%} ± {3 * side['spoken_share_deviation']:.1%}"
        grid.add_row(lang, f"{side['documents']:,}", f"{side['kept_documents']:,}", *shares, *counts, spoken)
    return grid


def _samples_grid(figures: Figures) -> Grid:
    grid = Grid(
        title="written and spoken", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    grid.add_column("")
    grid.add_column("", overflow="fold")
    for lang, pairs in figures["samples"].items():
        for pair in pairs:
            grid.add_row(lang, escape(pair["written"]))
            grid.add_row("", f"[dim]{escape(pair['spoken'])}[/]")
    return grid


def token_figures(manifest: Manifest) -> Figures:
    """What a release has as token ids, the content of `corpus tokenize --json`."""
    entry = manifest.tables[TOKENS.name]
    names = ("rows", "bytes", "files", "version", "fingerprint", "words", "tokens")
    figures = {name: getattr(entry, name) for name in names}
    return {"release": manifest.name, "tokenizer_sha256": manifest.tokenizer_sha256, **figures}


def print_tokens(figures: Figures, console: Console) -> None:
    """What a release has as ids."""
    tokens = sum(n for forms in figures["tokens"].values() for n in forms.values())
    words = sum(n for forms in figures["words"].values() for n in forms.values())
    console.print(
        f"\n[bold]tokens of release {figures['release']}[/]  {figures['rows']:,} rows, {tokens:,} tokens, "
        f"{figures['bytes'] / 1e6:,.1f} MB in {figures['files']} files\n"
        f"{tokens / words if words else 0:.3f} tokens a word; fingerprint {figures['fingerprint']}\n"
        f"tokenizer sha256 {figures['tokenizer_sha256']}\n"
    )
    table = grid_of("", "", "words", "tokens", "tokens a word")
    for lang, forms in figures["tokens"].items():
        n, of = sum(forms.values()), sum(figures["words"].get(lang, {}).values())
        table.add_row(lang, f"{of:,}", f"{n:,}", f"{n / of if of else 0:.3f}")
    console.print(table)
