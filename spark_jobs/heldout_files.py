"""Evaluation texts from files: .txt (a text a line), .tsv (its first column) and .jsonl (its `text`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from spark_jobs import storage
from spark_jobs.errors import ConfigError

KEY = "decontaminate.held_out"
"""The key of a recipe that names the files: what is wrong with them is wrong with it."""


def read_sets(root: str, pattern: str, key: str = KEY) -> dict[str, list[str]]:
    """The texts of each file below `root` that a pattern names, by its path relative to `root`.

    Raises ConfigError, naming `key`, where there are no files or one cannot be read.
    """
    sets = {name: read_texts(file.uri, key) for name, file in storage.find(root, pattern)}
    if not sets:
        raise ConfigError(key, pattern, accepted="a pattern that names files", where=root)
    return sets


def read_texts(path: str, key: str = KEY) -> list[str]:
    """The texts of one file, blank ones left out; ConfigError where it cannot be read."""
    suffix = path[path.rfind(".") :].lower()
    if suffix not in _FORMATS:
        raise ConfigError(key, path, accepted=f"files that end in {', '.join(_FORMATS)}")
    try:
        text = storage.read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(key, path, accepted="files that can be read", why=str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(key, path, accepted=f"text in UTF-8 (byte {error.start} is not)") from None
    try:
        return [text for text in _FORMATS[suffix](text) if text.strip()]
    except _NoTextError as error:
        accepted = f"JSON objects with a `text` (line {error.line} has none)"
        raise ConfigError(key, path, accepted=accepted) from None


class _NoTextError(ValueError):
    """A line that should hold a text and does not."""

    def __init__(self, line: int) -> None:
        self.line = line


def _lines(text: str) -> list[str]:
    # Not splitlines(): it also cuts at form feeds and U+2028, which may stand inside a text.
    return text.replace("\r\n", "\n").split("\n")


def _txt(text: str) -> Iterator[str]:
    yield from _lines(text)


def _tsv(text: str) -> Iterator[str]:
    yield from (line.partition("\t")[0] for line in _lines(text))


def _jsonl(text: str) -> Iterator[str]:
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise _NoTextError(number)
        yield row["text"]


_FORMATS: dict[str, Callable[[str], Iterator[str]]] = {".txt": _txt, ".tsv": _tsv, ".jsonl": _jsonl}
