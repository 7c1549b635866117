"""The recipe: one YAML file, typed, checked before anything starts (design.md section 6)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

import normalizers
from spark_jobs.config import build, plain
from spark_jobs.decontaminate import DecontaminateConfig
from spark_jobs.deduplicate import DeduplicateConfig
from spark_jobs.errors import ConfigError
from spark_jobs.filter import FilterConfig
from spark_jobs.forms import FormsConfig
from spark_jobs.pack import PackConfig
from spark_jobs.resample import ResampleConfig
from spark_jobs.utterances.config import UtterancesConfig

FormatName = Literal["mc4", "cc100", "wikipedia", "opensubtitles", "jsonl", "text", "parquet"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceConfig:
    """One corpus: where its files lie and how they are read."""

    name: str
    """What tables and reports call it."""
    format: FormatName
    """Which reader takes it."""
    path: str
    """A glob or a folder, relative to the recipe's root or with one of its own; `**` crosses folders."""
    lang: str | None = None
    """The language of all of it; without it the path tells, or `lang_column`."""
    lang_column: str | None = None
    """The column (jsonl, mc4, parquet) that holds the language of a row."""
    text_column: str = "text"
    """The column (jsonl, mc4, parquet) that holds the text."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.name):
            raise ConfigError("sources.name", self.name, accepted="letters, digits, '.', '_' and '-'")
        if not self.path.strip():
            raise ConfigError(f"sources.{self.name}.path", self.path, accepted="a glob or a folder")
        if self.lang is not None and self.lang not in normalizers.languages():
            raise ConfigError(
                f"sources.{self.name}.lang", self.lang, accepted=", ".join(normalizers.languages())
            )
        if self.lang_column is not None and self.format not in ("mc4", "jsonl", "parquet"):
            raise ConfigError(
                f"sources.{self.name}.lang_column",
                self.lang_column,
                accepted="only with mc4, jsonl or parquet",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class QuarantineConfig:
    """How much damage a build accepts."""

    max_share: float = 0.01
    """The share of damaged records, or of unread bytes, above which the build stops with exit 3."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ConfigError("quarantine.max_share", self.max_share, accepted="a number from 0 to 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a release is made of, in the order of its steps."""

    release: str
    """Its name, once and for all: another recipe under the same name is refused."""
    sources: tuple[SourceConfig, ...]
    """The corpora; of equal documents the one from the earliest source stays."""
    root: str = "."
    """The folder or s3:// prefix that `path` and `held_out` start from; relative to the recipe's own
    folder."""
    seed: int = 2022
    """Every draw is a hash of this number and the row."""
    languages: tuple[str, ...] = ()
    """Only these; without it all that normalizers.languages() knows. Files of other languages are passed
    over."""
    filters: FilterConfig = field(default_factory=FilterConfig)
    """Which documents are fit to train on."""
    deduplicate: DeduplicateConfig = field(default_factory=DeduplicateConfig)
    """Which documents count as the same."""
    decontaminate: DecontaminateConfig = field(default_factory=DecontaminateConfig)
    """Which texts must stay out because models are evaluated on them."""
    resample: ResampleConfig = field(default_factory=ResampleConfig)
    """How strongly small languages are lifted."""
    forms: FormsConfig = field(default_factory=FormsConfig)
    """The share of spoken form."""
    pack: PackConfig = field(default_factory=PackConfig)
    """The length of a training example, and the buckets."""
    quarantine: QuarantineConfig = field(default_factory=QuarantineConfig)
    """How much damage a build accepts."""
    utterances: UtterancesConfig | None = None
    """Stage 2, an assistant's utterances; none: the release has Stage 1 only."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.release):
            raise ConfigError("release", self.release, accepted="letters, digits, '.', '_' and '-'")
        if not self.sources:
            raise ConfigError("sources", [], accepted="at least one source")
        names = [source.name for source in self.sources]
        names += [source.name for source in self.utterances.sources] if self.utterances else []
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("sources.name", name, accepted="each source has a name of its own")
        for lang in self.languages:
            if lang not in normalizers.languages():
                raise ConfigError("languages", lang, accepted=", ".join(normalizers.languages()))

    def sha256(self) -> str:
        """The recipe as resolved, hashed; the root does not count, so a moved folder is the same recipe."""
        values = plain(replace(self, root="."))
        if self.deduplicate.near is None:  # as before there was the key: releases of then stay built
            del values["deduplicate"]["near"]
        if self.utterances is None:
            del values["utterances"]
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def load_recipe(path: str, *, root: str | None = None) -> Recipe:
    """The recipe in a YAML file, checked; `root` overrides the recipe's own."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError("RECIPE", path, accepted=f"a readable YAML file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError("RECIPE", path, accepted=f"YAML in UTF-8 (byte {error.start} is not)") from None
    recipe = build(Recipe, _parse(text, path))
    base = str(Path(path).absolute().parent)
    chosen = root if root is not None else recipe.root
    if "://" not in chosen and root is None:
        chosen = str((Path(base) / chosen).resolve())
    return replace(recipe, root=chosen if "://" in chosen else str(Path(chosen).resolve()))


def _parse(text: str, path: str) -> Mapping[str, Any]:
    try:
        values = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506  a SafeLoader underneath
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else "somewhere"
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError("RECIPE", path, accepted=f"valid YAML ({line}: {problem})") from None
    except RecursionError:
        raise ConfigError("RECIPE", path, accepted="valid YAML of a few levels") from None
    if not isinstance(values, Mapping):
        raise ConfigError(
            "RECIPE", path, accepted="a YAML file of keys and values, see conf/recipes/demo.yaml"
        )
    return values


class _UniqueKeys(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a recipe must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    problem="a key is no plain text", problem_mark=key_node.start_mark
                )
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key_node.value!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)
