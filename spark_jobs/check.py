"""`corpus check`: proof that no evaluation text is left in a published release.

What counts as left, and how packs are told from their documents: leaks.py.
"""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING, Any

from spark_jobs.errors import ConfigError, GateError
from spark_jobs.options import (
    WAREHOUSE,
    add_json,
    add_session,
    command_of,
    existing,
    open_console,
    running_spark,
    session_of,
    show,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.heldout import HeldOut
    from spark_jobs.manifest import Manifest

Figures = dict[str, Any]
TABLES = ("stage1", "stage2")
"""The tables of a release that hold text."""
SEQ_IDS = 5
"""Rows that are named of each line of what was found."""
_KEY = "--held-out"


def add_check(commands: Any) -> None:
    """The command's parser."""
    text = (
        "Prove that a release holds no evaluation text: exit 0 if none is left, exit 3 if any is.\n"
        "Searches the published tables in written and spoken form."
    )
    example = "corpus check --warehouse out --release demo --held-out 'data/demo/evaluation/*.txt'"
    command = command_of(commands, "check", _check, text, example)
    command.add_argument("--warehouse", metavar="PATH", required=True, help=WAREHOUSE)
    command.add_argument("--release", metavar="NAME", required=True, help="a published release")
    command.add_argument(
        _KEY,
        metavar="PATTERN",
        required=True,
        help="files of evaluation texts (.txt, .tsv, .jsonl), from here or under s3://",
    )
    command.add_argument(
        "--ngram", type=int, default=8, metavar="N", help="words in a row that give a text away (8)"
    )
    add_json(command)
    add_session(command)


def _check(options: argparse.Namespace) -> int:
    from spark_jobs.manifest import published
    from spark_jobs.plan import full_path
    from spark_jobs.progress import Progress

    warehouse = full_path(existing(options.warehouse))
    manifest = published(warehouse, options.release)
    tables = {name: entry for name, entry in manifest.tables.items() if name in TABLES}
    languages = sorted({lang for entry in tables.values() for lang in entry.words})
    held_out = read_held_out(options.held_out, options.ngram, languages)
    stored, progress = sum(entry.bytes for entry in tables.values()), Progress()
    config = session_of(options, f"corpus check {manifest.name}", stored)
    with running_spark(config, warehouse, progress, "check") as spark, progress.running("check", spark):
        found = search_release(spark, warehouse, manifest, held_out)
    figures = check_figures(manifest, held_out, found)
    show(options, figures, lambda: print_check(figures))
    if found:
        raise GateError(
            f"release {manifest.name!r} holds evaluation text of {len({line['set'] for line in found})} sets",
            where=f"{warehouse}/releases/{manifest.name}",
            do="name these files in `decontaminate.held_out` and build under a new name",
        )
    return 0


def read_held_out(pattern: str, ngram: int, languages: list[str]) -> HeldOut:
    """The evaluation texts that a pattern names, as the user wrote it; ConfigError where there are none."""
    from spark_jobs.decontaminate import DecontaminateConfig
    from spark_jobs.heldout import HeldOut
    from spark_jobs.heldout_files import EvaluationTexts

    try:
        DecontaminateConfig(ngram=ngram)
    except ConfigError as error:
        raise ConfigError("--ngram", ngram, accepted=error.accepted) from None
    return HeldOut.of(EvaluationTexts.from_glob(".", pattern, ngram, languages, key=_KEY))


def search_release(
    spark: SparkSession, warehouse: str, manifest: Manifest, held_out: HeldOut
) -> list[Figures]:
    """What is left in the pinned tables of a release, by table, set and language; empty: nothing."""
    from spark_jobs.leaks import confirmed, kept_documents

    leaks = _all_tables(spark, warehouse, manifest, held_out).persist()
    try:
        doubtful = sorted(
            row.lang for row in leaks.where("NOT is_certain").select("lang").distinct().collect()
        )
        left = leaks.where("is_certain") if doubtful else leaks
        documents = kept_documents(spark, warehouse, manifest, doubtful) if doubtful else None
        if documents is not None:
            held = confirmed(documents, held_out)
            left = left.unionByName(leaks.where("NOT is_certain").join(held, ["lang", "key"], "left_semi"))
        elif doubtful:  # nobody can tell any more: better a false alarm than a leak
            left = leaks
        return _counted(left)
    finally:
        leaks.unpersist()


def _all_tables(spark: SparkSession, warehouse: str, manifest: Manifest, held_out: HeldOut) -> DataFrame:
    """`leaks.find_leaks` of each table of the release that holds text; adds `table`."""
    import pyspark.sql.functions as F

    from spark_jobs import storage
    from spark_jobs.leaks import find_leaks
    from spark_jobs.manifest import release_folder

    folder = release_folder(warehouse, manifest.name)
    parts = []
    for name in TABLES:
        if name in manifest.tables:
            entry = manifest.tables[name]
            path = storage.join(folder, entry.path)
            packs = spark.read.format("delta").option("versionAsOf", entry.version).load(path)
            parts.append(find_leaks(packs, held_out).withColumn("table", F.lit(name)))
    return functools.reduce(lambda one, other: one.unionByName(other), parts)


def _counted(left: DataFrame) -> list[Figures]:
    """Rows, different n-grams and the first seq_ids of each table, set and language."""
    import pyspark.sql.functions as F

    rows = (
        left.groupBy("table", "held_out_set", "lang")
        .agg(
            F.count_distinct("seq_id").alias("rows"),
            F.count_distinct("key").alias("ngrams"),
            F.slice(F.sort_array(F.collect_set("seq_id")), 1, SEQ_IDS).alias("seq_ids"),
        )
        .orderBy("table", "held_out_set", "lang")
        .collect()
    )
    return [
        {
            "table": r["table"],
            "set": r["held_out_set"],
            "lang": r["lang"],
            "rows": r["rows"],
            "ngrams": r["ngrams"],
            "seq_ids": list(r["seq_ids"]),
        }
        for r in rows
    ]


def check_figures(manifest: Manifest, held_out: HeldOut, found: list[Figures]) -> Figures:
    """The content of `corpus check --json`; no text, only where it stands."""
    return {
        "release": manifest.name,
        "ngram": held_out.ngram,
        "texts": held_out.n_texts,
        "tables": {name: manifest.tables[name].rows for name in TABLES if name in manifest.tables},
        "sets": {
            name: {"rows": sum(line["rows"] for line in found if line["set"] == name)}
            for name in held_out.sets
        },
        "found": found,
    }


def print_check(figures: Figures) -> None:
    """The answer of `corpus check` in words."""
    from rich.markup import escape

    from spark_jobs.grids import grid_of

    console = open_console()
    searched = ", ".join(f"{rows:,} rows of {name}" for name, rows in figures["tables"].items())
    console.print(
        f"release {figures['release']}: {searched}, searched for {figures['texts']:,} evaluation texts by "
        f"{figures['ngram']} words in a row"
    )
    sets = grid_of("evaluation texts", "set", "rows that hold it")
    for name, counts in figures["sets"].items():
        sets.add_row(escape(name), f"{counts['rows']:,}")
    console.print(sets)
    if figures["found"]:
        found = grid_of("found", "set", "table", "lang", "rows", "n-grams", "first seq_ids")
        for line in figures["found"]:
            counts = (f"{line[key]:,}" for key in ("rows", "ngrams"))
            ids = ", ".join(map(str, line["seq_ids"]))
            found.add_row(escape(line["set"]), line["table"], line["lang"], *counts, ids)
        console.print(found)
