"""The `corpus` command: parse, call, print. Figures go to stdout, talk to stderr.

Heavy imports stand in the command that needs them, so that `corpus --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from schemas.version import VERSION
from spark_jobs.check import add_check
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.options import (
    EXITS,
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
from spark_jobs.tokenizer.commands import add_tokenize, add_tokenizer


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `corpus`; returns the exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        code = run(options)
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return code
    except CorpusError as error:
        print(f"corpus: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("corpus: stopped; run the same command again to go on", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `corpus stats … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="corpus",
        description="Turn raw text dumps into versioned training releases on Spark and Delta.",
        epilog=f"a first release:  corpus build conf/recipes/demo.yaml --warehouse out\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"corpus {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_plan(commands)
    _add_build(commands)
    _add_status(commands)
    _add_stats(commands)
    add_check(commands)
    _add_split(commands)
    add_tokenizer(commands)
    add_tokenize(commands)
    return parser


def _add_recipe(command: Any, *, needs_warehouse: bool) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="a YAML file; docs/recipe.md has every key")
    command.add_argument("--warehouse", metavar="PATH", required=needs_warehouse, help=WAREHOUSE)
    command.add_argument(
        "--root", metavar="PATH", help="where the recipe's paths start, instead of its own `root`"
    )
    add_json(command)


def _add_plan(commands: Any) -> None:
    text = "Show what a build would read and do.\nWrites nothing and starts no Spark."
    command = command_of(commands, "plan", _plan, text, "corpus plan conf/recipes/demo.yaml")
    _add_recipe(command, needs_warehouse=False)


def _add_build(commands: Any) -> None:
    text = (
        "Build a release: read the raw dumps, run the recipe's steps, publish Delta tables.\n"
        "Run it again after a failure: what is done is skipped."
    )
    command = command_of(
        commands, "build", _build, text, "corpus build conf/recipes/demo.yaml --warehouse out"
    )
    _add_recipe(command, needs_warehouse=True)
    add_session(command)


def _add_status(commands: Any) -> None:
    text = "Show steps, rows, time, versions and quarantine of a warehouse."
    command = command_of(commands, "status", _status, text, "corpus status out")
    command.add_argument("warehouse", metavar="WAREHOUSE", help=WAREHOUSE)
    add_json(command)


def _add_stats(commands: Any) -> None:
    text = "Show the report of a release."
    command = command_of(commands, "stats", _stats, text, "corpus stats out --release demo")
    command.add_argument("warehouse", metavar="WAREHOUSE", help=WAREHOUSE)
    command.add_argument("--release", metavar="NAME", help="which one (all that are published)")
    add_json(command)


def _add_split(commands: Any) -> None:
    text = (
        "Rewrite one big gz, xz or bz2 file into zst shards at record borders.\n"
        "Such a file cannot be read by several tasks at once; its shards can."
    )
    command = command_of(
        commands, "split", _split, text, "corpus split en.txt.xz --format cc100 --out shards/"
    )
    command.add_argument("file", metavar="FILE", help="the file to split; it stays as it is")
    command.add_argument(
        "--format", required=True, metavar="FORMAT", help="mc4, cc100, wikipedia, jsonl or text"
    )
    command.add_argument("--out", required=True, metavar="DIR", help="folder for the shards")
    command.add_argument(
        "--keep-going",
        action="store_true",
        help="leave damaged records out and say which, instead of stopping",
    )
    command.add_argument(
        "--shard-mb", type=int, default=256, metavar="N", help="text a shard, before compression (256)"
    )


def _plan(options: argparse.Namespace) -> int:
    from spark_jobs.outline import outline, print_outline
    from spark_jobs.plan import plan_build
    from spark_jobs.recipe import load_recipe

    plan = plan_build(load_recipe(options.recipe, root=options.root), options.warehouse)
    figures = outline(plan)
    show(options, figures, lambda: print_outline(figures, open_console()))
    return 0


def _build(options: argparse.Namespace) -> int:
    from spark_jobs.plan import plan_build
    from spark_jobs.progress import Progress
    from spark_jobs.recipe import load_recipe

    recipe = load_recipe(options.recipe, root=options.root)
    plan = plan_build(recipe, options.warehouse)
    stored = sum(file.size for file in plan.inputs)
    session = session_of(options, f"corpus build {recipe.release}", stored)
    progress = Progress()
    if plan.done:
        progress.line(f"release {recipe.release!r} is built already, nothing to do")
    else:
        _run_build(plan, session, progress)
    return _print_release(options, plan.warehouse, recipe.release)


def _run_build(plan: Any, config: Any, progress: Any) -> None:
    from spark_jobs.runner import Build

    progress.line(f"building release {plan.recipe.release!r} from {len(plan.inputs):,} files")
    with running_spark(config, plan.warehouse, progress, "build") as spark:
        Build(plan, spark, progress).run()


def _print_release(options: argparse.Namespace, warehouse: str, name: str) -> int:
    from spark_jobs.report import print_release, release_figures

    figures = release_figures(warehouse, name)
    show(options, figures, lambda: print_release(figures, open_console()))
    return 0


def _status(options: argparse.Namespace) -> int:
    from spark_jobs.status import print_warehouse, warehouse_figures

    figures = warehouse_figures(existing(options.warehouse))
    show(options, figures, lambda: print_warehouse(figures, open_console()))
    return 0


def _stats(options: argparse.Namespace) -> int:
    from spark_jobs.manifest import releases
    from spark_jobs.report import print_release, release_figures

    path = existing(options.warehouse)
    names = [options.release] if options.release else releases(path)
    if not names:
        raise ConfigError(
            "WAREHOUSE", path, accepted="a warehouse with a published release", do="corpus build --help"
        )
    figures = {name: release_figures(path, name) for name in names}
    console = open_console()

    def in_words() -> None:
        for one in figures.values():
            print_release(one, console)

    show(options, figures[names[0]] if options.release else figures, in_words)
    return 0


def _split(options: argparse.Namespace) -> int:
    from spark_jobs.progress import Progress
    from spark_jobs.readers.records import ReaderError
    from spark_jobs.split import DamagedFileError, split_file

    if options.shard_mb < 1:
        raise ConfigError("--shard-mb", options.shard_mb, accepted="1 or more")
    progress = Progress()
    try:
        with progress.running("split"):
            shards = split_file(
                options.file,
                options.out,
                format=options.format,
                shard_bytes=options.shard_mb << 20,
                on_loss=progress.line if options.keep_going else None,
            )
    except DamagedFileError as error:
        raise CorpusError(str(error)) from None
    except (ReaderError, FileNotFoundError) as error:
        raise ConfigError("FILE", options.file, accepted="a file that can be split", why=str(error)) from None
    for shard in shards:
        print(shard)
    return 0


if __name__ == "__main__":
    sys.exit(main())
