"""The `teacher` command: parse, call, print. Figures go to stdout, talk to stderr.

Heavy imports stand in the command that needs them, so that `teacher --help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from schemas.version import VERSION
from trainer.errors import TeacherError

_ABOUT = """\
Train, distil and evaluate teacher models on one pinned release of a corpus.

This version reads releases; it does not train yet. The commands to pretrain, distil, evaluate and
export come with later versions. Releases are built with `corpus`.
"""
_DATA = """\
Show what a training run would read from a release, and whether all of it is there.
Checks every file, counts rows by language and form, reads for a moment, hashes the first batches.

  teacher data out/demo/releases/demo
"""
EXITS = "exit: 0 done, 1 failed (run again), 2 option wrong (nothing started), 3 the release was refused"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `teacher`; returns the exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        code = run(options)
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return code
    except TeacherError as error:
        print(f"teacher: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("teacher: stopped", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `teacher data … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class Parser(argparse.ArgumentParser):
    """A parser whose errors look like all others of `teacher`: one line, and the way to the help."""

    def error(self, message: str) -> Any:
        """Exit 2 with what is wrong."""
        self.exit(2, f"teacher: {message}\n  do     {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="teacher",
        description=_ABOUT,
        epilog=f"look at a release:  teacher data out/demo/releases/demo\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"teacher {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_data(commands)
    return parser


def _add_data(commands: Any) -> None:
    command = commands.add_parser(
        "data",
        help=_DATA.partition("\n")[0],
        description=_DATA,
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("release", metavar="RELEASE", help="folder or s3:// prefix with a release.json")
    add("--stage", type=int, choices=(1, 2), default=1, help="which table of sequences (1)")
    add("--split", metavar="NAME", help="of a table with splits: train or validation (train)")
    add(
        "--reads",
        choices=("text", "tokens"),
        help="text, or the ids of `tokens` (ids if the release has them)",
    )
    add(
        "--tokenizer",
        metavar="PATH",
        help="folder of a tokenizer (the one of the ids, if it is in the warehouse)",
    )
    add("--seed", type=int, default=2022, metavar="N", help="of order and masks (2022)")
    add("--lanes", type=int, default=64, metavar="N", help="units that a batch is mixed from (64)")
    add("--batch-rows", type=int, default=256, metavar="N", help="rows of a global batch (256)")
    add(
        "--max-tokens",
        type=int,
        default=512,
        metavar="N",
        help="tokens of a piece; longer rows are split (512)",
    )
    add(
        "--world-size",
        type=int,
        default=1,
        metavar="N",
        help="ranks to put the first batches together from (1)",
    )
    add("--seconds", type=float, default=2.0, metavar="S", help="how long to read at least (2)")
    add("--json", action="store_true", help="figures as one JSON object instead of text")
    command.set_defaults(run=_data)


def _data(options: argparse.Namespace) -> int:
    from trainer.data_command import in_words, inspect

    figures = inspect(options)
    print(json.dumps(figures, ensure_ascii=False, indent=1) if options.json else in_words(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
