"""What a recipe says of Stage 2: its files, its window, and what becomes of what was counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from spark_jobs.errors import ConfigError
from spark_jobs.utterances.anonymise import Rule
from spark_jobs.utterances.curve import CurveConfig
from spark_jobs.utterances.locales import parse_locale

UtteranceFormat = Literal["jsonl", "tsv", "parquet"]


@dataclass(frozen=True, kw_only=True, slots=True)
class UtteranceSource:
    """One stream of utterances: where its files lie and which columns they have."""

    name: str
    """What tables and reports call it."""
    format: UtteranceFormat
    """JSON lines, tab-separated or Parquet; compressed or not."""
    path: str
    """A glob or a folder, relative to the recipe's root; `**` crosses folders."""
    text_column: str = "text"
    """Holds the utterance."""
    locale_column: str | None = None
    """Holds a tag such as en-US, or a language alone; without it `locale`, else `lang`."""
    locale: str | None = None
    """The tag of all of it, where no column tells."""
    day_column: str = "day"
    """Holds the day, 2026-11-26, or a time of that day; a row without one has the day in its file's path."""
    count_column: str = "count"
    """Holds how often the row was seen; a row without one was seen once."""
    columns: tuple[str, ...] = ("text", "locale", "day", "count")
    """Of tsv files without a header line, in order."""
    spoken: bool = False
    """The text is in spoken form already, as a speech recogniser writes it: it stays as it is."""

    def __post_init__(self) -> None:
        where = f"utterances.sources.{self.name}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.name):
            raise ConfigError("utterances.sources.name", self.name, accepted="letters, digits, '.', '_', '-'")
        if not self.path.strip():
            raise ConfigError(f"{where}.path", self.path, accepted="a glob or a folder")
        if self.locale is not None and parse_locale(self.locale) is None:
            raise ConfigError(
                f"{where}.locale", self.locale, accepted="a tag such as en-US of a known language"
            )
        if self.locale is not None and self.locale_column is not None:
            raise ConfigError(f"{where}.locale", self.locale, accepted="only without locale_column")
        if self.format == "tsv" and (self.text_column not in self.columns or len(set(self.columns)) < 2):
            accepted = f"two names or more, {self.text_column!r} among them"
            raise ConfigError(f"{where}.columns", list(self.columns), accepted=accepted)


@dataclass(frozen=True, kw_only=True, slots=True)
class MixConfig:
    """How much public data stands beside the utterances, against forgetting (paper section 2.5)."""

    stage1: float = 1.0
    """Parts of Stage 1."""
    utterances: float = 2.0
    """Parts of utterances."""
    unit: Literal["rows", "words"] = "rows"
    """What a part counts."""
    repeat: bool = False
    """Take rows of Stage 1 more than once where there are too few; else all of them are taken once."""

    def __post_init__(self) -> None:
        for name, least in (("stage1", 0.0), ("utterances", 1e-9)):
            if not least <= getattr(self, name) < 1e9:
                accepted = "a number above 0" if least else "0 or more"
                raise ConfigError(f"utterances.mix.{name}", getattr(self, name), accepted=accepted)

    @property
    def share(self) -> float:
        """Rows (or words) of Stage 1 for one of the utterances'."""
        return self.stage1 / self.utterances


@dataclass(frozen=True, kw_only=True, slots=True)
class UtterancesConfig:
    """Stage 2 of a release."""

    sources: tuple[UtteranceSource, ...]
    """Where utterances come from; what several have is the first one's."""
    as_of: date
    """The day after the last one of the window. No clock is read: the same recipe takes the same days."""
    window_days: int = 98
    """Days of the window; rows of other days are left out and counted."""
    anonymise: tuple[Rule, ...] = ()
    """What is replaced by placeholders, in this order, before anything is counted."""
    curve: CurveConfig = field(default_factory=CurveConfig)
    """How often what was seen c times is kept."""
    min_tokens: int = 5
    """Shorter utterances are left out (paper section 2.5)."""
    tokenizer: str | None = None
    """The tokenizer of the warehouse whose tokens `min_tokens` counts; without it words."""
    mix: MixConfig = field(default_factory=MixConfig)
    """How much of Stage 1 stands beside them."""
    validation: float = 0.01
    """Share of the texts that are kept for validation; by hash, so no text is on both sides."""
    expires: date | None = None
    """When the release is to be deleted whole, as it holds what customers said; noted in release.json."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError("utterances.sources", [], accepted="at least one source")
        for key, names in (
            ("sources.name", [source.name for source in self.sources]),
            ("anonymise.name", [rule.name for rule in self.anonymise]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ConfigError(f"utterances.{key}", name, accepted="each has a name of its own")
        if not 1 <= self.window_days <= 36_500:
            raise ConfigError("utterances.window_days", self.window_days, accepted="a number from 1 to 36500")
        if not 0 <= self.min_tokens <= 10_000:
            raise ConfigError("utterances.min_tokens", self.min_tokens, accepted="a number from 0 to 10000")
        if not 0 <= self.validation < 1:
            raise ConfigError("utterances.validation", self.validation, accepted="from 0 to below 1")

    @property
    def window(self) -> Window:
        """The days that a release takes."""
        return Window(self.as_of - timedelta(days=self.window_days), self.as_of - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Window:
    """Days from the first to the last, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last
