"""Line filter: `python -m normalizers --lang en` reads written text and writes its spoken form."""

from __future__ import annotations

import argparse
import sys
from itertools import islice

import pyarrow as pa

from normalizers.columns import string_array
from normalizers.languages import UnknownLanguageError, language, languages
from normalizers.spoken import to_spoken

_LINES = 10_000


def main(arguments: list[str] | None = None) -> int:
    """Run the filter; 0 when done, 2 for a language that is not known."""
    parser = argparse.ArgumentParser(
        prog="python -m normalizers",
        description="Written text on standard input to its spoken form on standard output, one text a line.",
        epilog="example: echo 'It cost $5 on 3 May.' | python -m normalizers --lang en",
    )
    parser.add_argument("--lang", required=True, help=f"one of {', '.join(languages())}")
    lang = parser.parse_args(arguments).lang
    try:
        language(lang)
    except UnknownLanguageError as error:
        print(f"python -m normalizers: {error}", file=sys.stderr)
        return 2
    # Bytes that are no UTF-8 become U+FFFD; only \n ends a line, so that lines in and lines out stay level.
    lines = iter(sys.stdin.buffer)
    while batch := [line.decode("utf8", "replace").removesuffix("\n") for line in islice(lines, _LINES)]:
        for spoken in to_spoken(string_array(batch, pa.large_string()), lang).to_pylist():
            sys.stdout.buffer.write(spoken.encode() + b"\n")
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
