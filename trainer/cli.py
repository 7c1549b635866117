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
from trainer.errors import ConfigError, DivergedError, StateError, TeacherError

_ABOUT = """\
Train, distil and evaluate teacher models on one pinned release of a corpus.

This version reads releases and pretrains. The commands to distil, evaluate and export come with
later versions. Releases are built with `corpus`.
"""
_DATA = """\
Show what a training run would read from a release, and whether all of it is there.
Checks every file, counts rows by language and form, reads for a moment, hashes the first batches.

  teacher data out/demo/releases/demo
"""
_PRETRAIN = """\
Train a masked language model on a release; Stage 2 goes on from a Stage 1 checkpoint.
Run again with --resume after a stop: it goes on from the newest checkpoint, on any number of ranks.

  teacher pretrain conf/models/tiny.yaml --data out/demo/releases/demo --out out/demo/runs/stage1
  teacher pretrain conf/models/tiny.yaml --data out/demo/releases/demo --stage 2 \\
      --init out/demo/runs/stage1 --out out/demo/runs/stage2
  torchrun --nproc_per_node 8 -m trainer.cli pretrain conf/models/700m.yaml --data s3://corpus/releases/r
  deepspeed --module trainer.cli pretrain conf/models/9.3b.yaml --data s3://corpus/releases/r
"""
_PRETRAIN_EXITS = """\
exit: 0 done or stopped on a wish and saved, 1 failed (run again with --resume), 2 settings or option wrong
(nothing started), 3 the release, the checkpoint or the course of the run was refused"""
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
        # What all ranks find alike is said once.
        alike = isinstance(error, ConfigError | StateError | DivergedError)
        if not alike or os.environ.get("RANK", "0") == "0":
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
    # The deepspeed launcher puts it before everything else; the environment says the same.
    parser.add_argument("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"teacher {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_data(commands)
    _add_pretrain(commands)
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


def _add_pretrain(commands: Any) -> None:
    command = commands.add_parser(
        "pretrain",
        help=_PRETRAIN.partition("\n")[0],
        description=_PRETRAIN,
        epilog=_PRETRAIN_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add(
        "config", metavar="CONFIG", help="a YAML file with model, optimizer, schedule and batch (conf/models)"
    )
    add("--data", required=True, metavar="RELEASE", help="folder or s3:// prefix with a release.json")
    add("--stage", type=int, choices=(1, 2), default=1, help="which table of sequences (1)")
    add("--init", metavar="CHECKPOINT", help="begin with the weights of a checkpoint, or of a run's newest")
    add("--out", metavar="RUN", help="folder of the run, shared by all ranks (runs/CONFIG-stageN)")
    add("--resume", action="store_true", help="go on from the newest checkpoint of RUN; begin without one")
    add("--steps", type=int, metavar="N", help="where the run ends (steps or schedule.total_steps of CONFIG)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="in place of what CONFIG says, such as zero.stage=2",
    )
    add(
        "--changed",
        action="append",
        default=[],
        metavar="NAME",
        help="batch_rows, max_tokens or masking: changed on purpose at this resume",
    )
    add(
        "--reads",
        choices=("text", "tokens"),
        help="text, or the ids of `tokens` (ids if the release has them)",
    )
    add("--tokenizer", metavar="PATH", help="folder of a tokenizer (that of the release's own warehouse)")
    add("--json", action="store_true", help="the summary as one JSON object instead of text")
    command.set_defaults(run=_pretrain)


def _pretrain(options: argparse.Namespace) -> int:
    from trainer.pretrain import in_text, pretrain

    summary = pretrain(options)
    if summary is not None:
        print(json.dumps(summary, indent=1) if options.json else in_text(summary))
    return 0


def _data(options: argparse.Namespace) -> int:
    from trainer.data_command import in_words, inspect

    figures = inspect(options)
    print(json.dumps(figures, ensure_ascii=False, indent=1) if options.json else in_words(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
