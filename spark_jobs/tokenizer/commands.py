"""`corpus tokenizer train | evaluate | search` and `corpus tokenize`: options, calls, output."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spark_jobs.errors import GateError
from spark_jobs.options import (
    WAREHOUSE,
    Parser,
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
    from pyspark.sql import SparkSession

    from spark_jobs.manifest import Manifest
    from spark_jobs.progress import Progress
    from spark_jobs.tokenizer.train import TrainConfig


def add_tokenizer(commands: Any) -> None:
    """`corpus tokenizer` and what stands under it."""
    text = "Train, measure and choose a SentencePiece vocabulary."
    group = commands.add_parser("tokenizer", help=text, description=text)
    under = group.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_train(under)
    _add_evaluate(under)
    _add_search(under)


def _add_train(commands: Any) -> None:
    text = (
        "Train a vocabulary on a sample of a release and measure it.\n"
        "The same release and options give the same model. Run again: what is trained is only shown."
    )
    example = "corpus tokenizer train --warehouse out --release demo --vocab-size 8000 --name demo-8k"
    command = command_of(commands, "train", _train, text, example)
    _add_release(command)
    command.add_argument("--name", metavar="NAME", required=True, help="what the tokenizer will be called")
    command.add_argument(
        "--vocab-size", type=int, default=150_000, metavar="N", help="pieces, special ones included (150000)"
    )
    _add_sample(command)


def _add_search(commands: Any) -> None:
    text = (
        "Grow the vocabulary until split-ratio and unk-token portion are no worse than a baseline's.\n"
        "Prints and draws the curve. Each size stays in the warehouse as NAME-SIZE."
    )
    example = (
        "corpus tokenizer search --warehouse out --release demo --name demo --sizes 4000,8000 "
        "--baseline baseline.model"
    )
    command = command_of(commands, "search", _search, text, example)
    _add_release(command)
    command.add_argument(
        "--name", metavar="NAME", default="search", help="begin of the names of what is trained (search)"
    )
    command.add_argument("--sizes", metavar="N,N", required=True, help="vocabulary sizes to try")
    command.add_argument(
        "--baseline", metavar="MODEL", required=True, help="a SentencePiece .model, or a tokenizer's name"
    )
    command.add_argument("--every", action="store_true", help="train all sizes, also beyond the choice")
    command.add_argument(
        "--out", metavar="FILE", help="the picture, .svg or .png (NAME-search.svg beside the tokenizers)"
    )
    _add_sample(command)


def _add_sample(command: Any) -> None:
    command.add_argument(
        "--words", type=int, default=15_000_000, metavar="N", help="words of the sample (15000000)"
    )
    command.add_argument("--seed", type=int, default=2022, metavar="N", help="of the sample (2022)")
    command.add_argument("--languages", metavar="A,B", help="only these (all of the release)")
    command.add_argument(
        "--byte-fallback", action="store_true", help="bytes instead of <unk> for what has no piece"
    )
    command.add_argument(
        "--character-coverage",
        type=float,
        default=0.9995,
        metavar="X",
        help="share of the sample's characters that get a piece (0.9995)",
    )
    add_session(command)
    add_json(command)


def _add_evaluate(commands: Any) -> None:
    text = (
        "Measure a tokenizer on rows of a release that none is trained on.\n"
        "By stage, language and form; the figures also go into `statistics`."
    )
    example = "corpus tokenizer evaluate demo-8k --warehouse out --release demo"
    command = command_of(commands, "evaluate", _evaluate, text, example)
    command.add_argument("tokenizer", metavar="NAME", help="a tokenizer's name, or any SentencePiece .model")
    _add_release(command)
    add_session(command)
    add_json(command)


def add_tokenize(commands: Any) -> None:
    """`corpus tokenize`."""
    text = (
        "Write a release's rows as token ids, same rows in the same order, into its `tokens` table.\n"
        "Run it again after a failure: files that are done are skipped."
    )
    example = "corpus tokenize --warehouse out --release demo --tokenizer demo-8k"
    command = command_of(commands, "tokenize", _tokenize, text, example)
    _add_release(command)
    command.add_argument("--tokenizer", metavar="NAME", required=True, help="a trained tokenizer")
    add_session(command)
    add_json(command)


def _add_release(command: Any) -> None:
    command.add_argument("--warehouse", metavar="PATH", required=True, help=WAREHOUSE)
    command.add_argument("--release", metavar="NAME", required=True, help="a published release")


def _release(options: argparse.Namespace) -> tuple[str, Manifest]:
    """The warehouse's full path and the manifest; ConfigError where there is none."""
    from spark_jobs.manifest import published
    from spark_jobs.plan import full_path

    warehouse = full_path(existing(options.warehouse))
    return warehouse, published(warehouse, options.release)


def _config(options: argparse.Namespace, vocab_size: int) -> TrainConfig:
    from spark_jobs.tokenizer.train import TrainConfig
    from spark_jobs.tokenizer.vocabulary import VocabularyConfig

    languages = (options.languages or "").split(",")
    return TrainConfig(
        name=options.name,
        release=options.release,
        vocabulary=VocabularyConfig(
            vocab_size=vocab_size,
            byte_fallback=options.byte_fallback,
            character_coverage=options.character_coverage,
        ),
        words=options.words,
        seed=options.seed,
        languages=tuple(sorted({lang.strip() for lang in languages} - {""})),
    )


@contextmanager
def _session(
    options: argparse.Namespace, warehouse: str, manifest: Manifest, progress: Progress, doing: str
) -> Iterator[SparkSession]:
    """Spark for a job on a release."""
    stored = sum(entry.bytes for entry in manifest.tables.values())
    config = session_of(options, f"corpus {doing} {manifest.name}", stored)
    with running_spark(config, warehouse, progress, doing) as spark:
        yield spark


def _train(options: argparse.Namespace) -> int:
    from spark_jobs.config import plain
    from spark_jobs.progress import Progress
    from spark_jobs.tokenizer.printed import print_card
    from spark_jobs.tokenizer.train import Training, plan_training

    warehouse, manifest = _release(options)
    plan = plan_training(_config(options, options.vocab_size), warehouse, manifest)
    progress, card = Progress(), plan.trained
    if card is not None:
        progress.line(f"tokenizer {options.name!r} is trained already, nothing to do")
    else:
        progress.line(f"training {options.name!r} on release {manifest.name!r}")
        with _session(options, warehouse, manifest, progress, "tokenizer train") as spark:
            card = Training(plan, spark, progress).run()
    show(options, plain(card), lambda: print_card(card, open_console()))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from spark_jobs.progress import Progress
    from spark_jobs.tokenizer.evaluate import measure, measuring_rows, write_statistics
    from spark_jobs.tokenizer.printed import print_measures
    from spark_jobs.tokenizer.store import find_model

    warehouse, manifest = _release(options)
    named = find_model(warehouse, options.tokenizer, "NAME")
    progress = Progress()
    with (
        _session(options, warehouse, manifest, progress, "tokenizer evaluate") as spark,
        progress.running("measure", spark),
    ):
        lines = measure(spark, warehouse, measuring_rows(spark, warehouse, manifest), manifest, named.model)
        write_statistics(spark, warehouse, manifest.name, named.name, lines)
    figures = {"tokenizer": named.name, "release": manifest.name, "measures": lines}
    show(options, figures, lambda: print_measures(lines, open_console()))
    return 0


def _search(options: argparse.Namespace) -> int:
    from spark_jobs import storage
    from spark_jobs.config import plain
    from spark_jobs.progress import Progress
    from spark_jobs.tokenizer import curve as drawing
    from spark_jobs.tokenizer.printed import print_curve
    from spark_jobs.tokenizer.search import measure_baseline, parse_sizes, plan_search, search
    from spark_jobs.tokenizer.store import find_model

    warehouse, manifest = _release(options)
    sizes = parse_sizes(options.sizes)
    model = find_model(warehouse, options.baseline, "--baseline")
    out = options.out or storage.join(warehouse, "tokenizers", f"{options.name}-search.svg")
    kind = drawing.picture_format(out)
    drawing.require_matplotlib()
    plans = plan_search(_config(options, sizes[-1]), sizes, warehouse, manifest)
    progress = Progress()
    with _session(options, warehouse, manifest, progress, "tokenizer search") as spark:
        with progress.running("baseline", spark):
            baseline = measure_baseline(spark, warehouse, manifest, model)
        found = search(plans, spark, progress, baseline, every=options.every)
    storage.write_bytes(out, drawing.draw(found, kind))
    show(options, plain(found), lambda: print_curve(found, open_console()))
    progress.line(f"drawn in {out}")
    if found.choice is None:
        raise GateError(
            f"no size up to {found.points[-1].size:,} is as good as the baseline in both measures",
            do="larger --sizes; what is trained is kept, so only the new ones cost time",
        )
    return 0


def _tokenize(options: argparse.Namespace) -> int:
    from spark_jobs.progress import Progress
    from spark_jobs.report import print_tokens, token_figures
    from spark_jobs.tokenizer.apply import Application, check_free
    from spark_jobs.tokenizer.store import read_model

    warehouse, manifest = _release(options)
    model, tokenizer = read_model(warehouse, options.tokenizer, "--tokenizer")
    progress = Progress()
    if check_free(warehouse, manifest, options.tokenizer, tokenizer):
        progress.line(f"release {manifest.name!r} is tokenised already, nothing to do")
    else:
        progress.line(f"tokenising release {manifest.name!r} with {options.tokenizer!r}")
        with _session(options, warehouse, manifest, progress, "tokenize") as spark:
            manifest = Application(spark, warehouse, manifest, model, progress).run()
    figures = token_figures(manifest)
    show(options, figures, lambda: print_tokens(figures, open_console()))
    return 0
