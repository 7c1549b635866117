"""The input files of a recipe: which there are, their language, and which version of each."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import xxhash

import normalizers
from spark_jobs import storage
from spark_jobs.errors import ConfigError
from spark_jobs.recipe import Recipe, SourceConfig

CODES = Path(__file__).parent / "data" / "language_codes.toml"
_OTHER_SCRIPT = ("latn", "rom", "translit")
"""mC4 has c4-hi-Latn, CC-100 has hi_rom: the language in another script, which no Hindi model should read
as Hindi."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of one source."""

    source: str
    source_index: int
    """The place of the source in the recipe: its priority when texts are equal."""
    origin: str
    """Its path relative to the recipe's root."""
    uri: str
    size: int
    lang: str | None
    """Its language; None where a column tells."""
    content: str
    """Hash of its content alone, 16 hexadecimal digits."""
    snapshot: str
    """Hash of its content and of how it is read, 16 hexadecimal digits: what is ingested once is never
    read again."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files that a recipe's paths match."""

    files: list[InputFile]
    """Those that are read, in order of source priority and origin."""
    passed_over: list[str]
    """Origins of those in other languages or scripts."""


def resolve_inputs(recipe: Recipe, reading: str) -> Inputs:
    """The files of all sources; `reading` identifies how they will be read.

    Raises ConfigError where a path matches nothing or the language of a file cannot be told.
    """
    found: list[InputFile] = []
    passed_over: list[str] = []
    for index, source in enumerate(recipe.sources):
        files = list(storage.find(recipe.root, source.path))
        if not files:
            raise ConfigError(
                f"sources.{source.name}.path",
                source.path,
                accepted="a glob or folder that holds at least one file",
                where=storage.full_pattern(recipe.root, source.path),
            )
        with ThreadPoolExecutor(8) as pool:
            contents = list(pool.map(lambda item: storage.content_id(item[1]), files))
        for (origin, file), content in zip(files, contents, strict=True):
            lang, known = file_language(source, origin)
            if not known or (recipe.languages and lang is not None and lang not in recipe.languages):
                passed_over.append(origin)
                continue
            read_as = (source.name, source.format, lang, source.lang_column, source.text_column)
            snapshot = xxhash.xxh3_64_hexdigest(f"{reading}|{read_as}|{origin}|{content}".encode())
            found.append(InputFile(source.name, index, origin, file.uri, file.size, lang, content, snapshot))
    if not found:
        raise ConfigError("languages", list(recipe.languages), accepted="a language that the sources have")
    return Inputs(found, passed_over)


def file_language(source: SourceConfig, origin: str) -> tuple[str | None, bool]:
    """The language of a file, and whether it is one we know; (None, True) where a column tells.

    The file's name is read first, then its folders from the innermost out: `en.txt.xz`,
    `c4-en.tfrecord-00001.json.gz`, `enwiki-20191120-pages-articles.xml.bz2`,
    `xml/en/1994/300000/4000000.xml`.
    """
    if source.lang_column is not None:
        return None, True
    if source.lang is not None:
        return source.lang, True
    *folders, file_name = origin.split("/")
    for part in (file_name, *reversed(folders)):
        names = re.split(r"[._-]", part.lower())
        for name, following in zip(names, [*names[1:], ""], strict=True):
            code = name.removesuffix("wiki") if re.fullmatch(r"[a-z]{2,3}wiki", name) else name
            if code in normalizers.languages():
                return code, following not in _OTHER_SCRIPT
            # "my-data" is no Burmese: a folder names a language of others by its whole name only.
            leads = _leads(names, name) if part is file_name else len(names) == 1
            if re.fullmatch(r"[a-z]{2,3}wiki", name) or (leads and name in _other_languages()):
                return code, False
    raise ConfigError(
        f"sources.{source.name}.lang",
        None,
        accepted=f"one of {', '.join(normalizers.languages())}, as the path does not tell",
        where=origin,
        do=f"add `lang: xx` or `lang_column: name` to the source {source.name!r}",
    )


def _leads(names: Sequence[str], name: str) -> bool:
    """Whether a name stands where dumps put the language: first, or behind "c4"."""
    place = names.index(name)
    return place == 0 or names[place - 1] == "c4"


@functools.cache
def _other_languages() -> frozenset[str]:
    """Codes that name a language, whether we know it or not: `ru.txt.xz` is Russian, `raw.txt.xz` nothing."""
    codes = tomllib.loads(CODES.read_text("utf8"))
    return frozenset(" ".join(codes.values()).split())
