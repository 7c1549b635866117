"""How cards, measures and curves are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from spark_jobs.grids import grid_of
from spark_jobs.tokenizer.search import Curve
from spark_jobs.tokenizer.store import Card

_COLUMNS = ("rows", "split-ratio", "unk", "bytes/tok", "char/tok", "1 char", "> 512", "> 1,024")


def print_card(card: Card, console: Console) -> None:
    """What a training ends with: the model, its sample, its measures by language."""
    console.print(
        f"\n[bold]tokenizer {card.name}[/]  {card.created}  seed {card.training['seed']}\n"
        f"{card.vocab_size:,} pieces, unigram, trained on release {card.release}\nsha256 {card.sha256}\n"
    )
    table = grid_of("sample", "", "sentences", "words", "asked", "realised", "spoken")
    for lang, part in card.sample.items():
        shares = (f"{part[name]:.2%}" for name in ("share_asked", "share_realised", "spoken_share"))
        table.add_row(lang, f"{part['sentences']:,}", f"{part['words']:,}", *shares)
    console.print(table)
    print_measures([line for line in card.metrics if not line["form"]], console)
    console.print(
        "time: " + ", ".join(f"{name} {s:.1f} s" for name, s in card.seconds.items()) + "; "
        f"training took {card.peak_bytes / 1e9:.2f} GB"
    )


def print_measures(lines: Sequence[dict[str, Any]], console: Console) -> None:
    """A table of measures, one line a stage, language and form; the sums stand at the end."""
    table = grid_of("measured on rows that are not trained on", "", *_COLUMNS)
    for line in sorted(lines, key=lambda x: (x["stage"], x["lang"] or "~", x["form"])):
        stage = "" if line["stage"] == "stage1" else line["stage"]
        name = " ".join(part for part in (stage, line["lang"] or "all", line["form"]) if part)
        table.add_row(name, *_figures(line))
    console.print(table)


def _figures(line: dict[str, Any]) -> list[str]:
    return [
        f"{line['rows']:,}",
        f"{line['split_ratio']:.3f}",
        f"{line['unk_portion']:.4%}",
        f"{line['bytes_per_token']:.2f}",
        f"{line['characters_per_token']:.2f}",
        f"{line['single_character_share']:.1%}",
        f"{line['over_512_share']:.1%}",
        f"{line['over_1024_share']:.1%}",
    ]


def print_curve(curve: Curve, console: Console) -> None:
    """The curve of a search: baseline, sizes, choice."""
    table = grid_of("vocabulary size", "", "pieces", "split-ratio", "unk", "")
    for point in (curve.baseline, *curve.points):
        what = {id(curve.baseline): "baseline", id(curve.choice): "choice"}.get(id(point), "")
        split, unk = point.measures["split_ratio"], point.measures["unk_portion"]
        table.add_row(point.name, f"{point.size:,}", f"{split:.4f}", f"{unk:.5%}", what)
    console.print(table)
