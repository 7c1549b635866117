"""What the commands share: parsers with an example and the exit codes, options of Spark, and printing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.progress import Progress
    from spark_jobs.session import SessionConfig

WAREHOUSE = "local folder or s3:// prefix"
EXITS = "exit: 0 done, 1 failed (run again), 2 recipe or option wrong (nothing started), 3 a gate refused"


class Parser(argparse.ArgumentParser):
    """A parser whose errors look like all others of `corpus`: one line, and the way to the help."""

    def error(self, message: str) -> Any:
        """Exit 2 with what is wrong."""
        self.exit(2, f"corpus: {message}\n  do     {self.prog} --help\n")


def command_of(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str, example: str
) -> Any:
    """A command's parser: the first line of `text` for the list, all of it and the example for --help."""
    command = commands.add_parser(
        name,
        help=text.split("\n", 1)[0],
        description=f"{text}\n\n  {example}",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def add_json(command: Any) -> None:
    """The option that every command with figures has."""
    command.add_argument("--json", action="store_true", help="figures as one JSON object instead of tables")


def add_session(command: Any) -> None:
    """How Spark is started on this machine."""
    command.add_argument("--cores", type=int, metavar="N", help="tasks at a time (all cores, 8 at most)")
    command.add_argument("--driver-memory", metavar="SIZE", help="heap of the JVM, such as 3g (3g)")
    command.add_argument(
        "--scratch", metavar="PATH", help="folder for shuffle files (the system's temporary folder)"
    )
    command.add_argument("--log", metavar="FILE", help="keep Spark's own log")
    command.add_argument("--ui", action="store_true", help="serve Spark's pages on 127.0.0.1 while it runs")


def session_of(options: argparse.Namespace, name: str, stored_bytes: int) -> SessionConfig:
    """The session that the options ask for; `stored_bytes`: of what the job reads."""
    from pathlib import Path

    from spark_jobs.session import SHORT_JOB_BYTES, SessionConfig

    return SessionConfig(
        app_name=name,
        cores=options.cores,
        driver_memory=options.driver_memory,
        scratch=Path(options.scratch) if options.scratch else None,
        log_file=Path(options.log) if options.log else None,
        ui=options.ui,
        short_job=stored_bytes <= SHORT_JOB_BYTES,
    )


@contextmanager
def running_spark(
    config: SessionConfig, where: str, progress: Progress, doing: str
) -> Iterator[SparkSession]:
    """Spark, started and stopped, with its failures in one line that names what was done and `where`."""
    from spark_jobs.failures import spark_failures
    from spark_jobs.session import get_session

    with progress.running("start"):
        spark = get_session(config)
    try:
        with spark_failures(where, doing):
            yield spark
    finally:
        spark.stop()


def existing(path: str) -> str:
    """The warehouse, which must be there: a typo must not read as an empty one."""
    from spark_jobs import storage

    if not any(storage.exists(storage.join(path, name)) for name in ("documents", "ledger", "releases")):
        raise ConfigError("WAREHOUSE", path, accepted="a folder that `corpus build` has written to")
    return path


def open_console() -> Any:
    """rich's console, but that a closed pipe is for `main` to take; rich itself would exit with 1."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    # rich takes 80 columns where the output is no terminal; the tables want more.
    return Piped(width=None if sys.stdout.isatty() else 120)


def show(options: argparse.Namespace, figures: Any, in_words: Callable[[], Any]) -> None:
    """Print figures as JSON where that is asked for, else in words."""
    if options.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        in_words()
