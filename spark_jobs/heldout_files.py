"""Evaluation texts from files: .txt (a text a line), .tsv (its first column) and .jsonl (its `text`)."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs import storage
from spark_jobs.buffers import Hashes
from spark_jobs.errors import ConfigError
from spark_jobs.heldout_index import text_hashes

FORMAT = "heldout_v2"
"""Version of the units, the hashes and the index: what was found by another one is not compared with it."""

KEY = "decontaminate.held_out"
"""The key of a recipe that names the files: what is wrong with them is wrong with it."""


@dataclass(frozen=True)
class EvaluationTexts:
    """Evaluation texts as read: enough to tell them from others, without a language loaded."""

    sets: Mapping[str, Sequence[str]]
    """Name -> texts: a set is a file."""
    ngram: int
    """Words in a row that give a text away."""
    languages: tuple[str, ...]
    """Those that the texts are said in."""

    @classmethod
    def from_sets(
        cls, sets: Mapping[str, Sequence[str]], ngram: int = 8, languages: Sequence[str] | None = None
    ) -> EvaluationTexts:
        """Some texts, said in all languages that normalizers know if none is given."""
        return cls(sets, ngram, tuple(sorted(languages or normalizers.languages())))

    @classmethod
    def from_glob(
        cls,
        root: str,
        pattern: str,
        ngram: int = 8,
        languages: Sequence[str] | None = None,
        *,
        key: str = KEY,
    ) -> EvaluationTexts:
        """The files below `root` that a pattern names, a set each, named relative to `root`.

        ConfigError that names `key` where there are none, one cannot be read or none has a word.
        """
        texts = cls.from_sets(read_sets(root, pattern, key), ngram, languages)
        if not texts.n_texts:
            raise ConfigError(key, ", ".join(texts.sets), accepted="files with at least one text")
        return texts

    @functools.cached_property
    def _hashes(self) -> dict[str, Hashes]:
        columns = {name: pa.array(texts, pa.large_string()) for name, texts in sorted(self.sets.items())}
        return {name: text_hashes(pc.utf8_lower(column)) for name, column in columns.items()}

    @property
    def n_texts(self) -> int:
        """Texts that have a word, each once."""
        return len(np.unique(np.concatenate([np.zeros(0, np.uint64), *self._hashes.values()])))

    @property
    def id(self) -> str:
        """Hash of the words of the texts by set, of `ngram` and `languages`; equal ids, and equal language
        data, find the same."""
        digest = hashlib.sha256(json.dumps([FORMAT, self.ngram, self.languages, *self._hashes]).encode())
        for hashes in self._hashes.values():
            digest.update(len(hashes).to_bytes(8, "little") + hashes.astype("<u8").tobytes())
        return digest.hexdigest()[:32]


def read_sets(root: str, pattern: str, key: str = KEY) -> dict[str, list[str]]:
    """The texts of each file below `root` that a pattern names, by its path relative to `root`.

    Raises ConfigError, naming `key`, where there are no files or one cannot be read.
    """
    sets = {name: read_texts(file.uri, key) for name, file in storage.find(root, pattern)}
    if not sets:
        where = storage.full_pattern(root, pattern)
        raise ConfigError(key, pattern, accepted="a pattern that names files", where=where)
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
