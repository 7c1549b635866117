"""The `teacher` command. It answers only what exists; this version has no training in it yet."""

import argparse
import sys
from collections.abc import Sequence

from schemas.version import VERSION

_ABOUT = """\
Train, distil and evaluate teacher models on one pinned release of a corpus.

This version builds corpora only: see `corpus --help`. The commands to pretrain, distil, evaluate
and export come with later versions; none of them is here yet.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `teacher`. Exits 0 after --help and --version, 2 after anything else."""
    parser = argparse.ArgumentParser(
        prog="teacher",
        description=_ABOUT,
        epilog="exit: 0 done, 2 bad usage",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"teacher {VERSION}")
    _, rest = parser.parse_known_args(arguments)
    if rest:
        parser.error(f"{rest[0]!r} is not there: this version answers --help and --version only")
    parser.error("no training commands yet: this version answers --help and --version only")


if __name__ == "__main__":
    sys.exit(main())
