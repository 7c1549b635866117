"""Which documents are fit to train on: rules over the small columns, never over the text.

A rule names a number of the document and a threshold. The first rule that a document fails, in the order of
RULES, becomes its `reason`; its row stays, so that every drop can be explained and counted. The numbers are
taken once (scores.py), so another threshold costs a look at a few bytes a document.

A threshold comes from the recipe's `filters.languages.<lang>`, else from its `filters`, else from
data/filters.toml for the language, else from there for all.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import normalizers
from spark_jobs.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DEFAULTS = Path(__file__).parent / "data" / "filters.toml"
UNSCORED = "unscored_v1"
"""The reason of a document that lacks one of the numbers. The readers make none: it shows a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """What a document has to keep; None leaves it to data/filters.toml."""

    min_words: int | None = None
    """Words at least."""
    max_words: int | None = None
    """Words at most."""
    max_boilerplate: int | None = None
    """Phrases of data/boilerplate.toml at most."""
    max_repeated_lines: float | None = None
    """Share of lines that repeat an earlier one, at most."""
    max_repeated_ngrams: float | None = None
    """Share of n-grams that repeat an earlier one, at most."""
    max_symbols: float | None = None
    """Share of symbols in the visible characters, at most."""
    max_digits: float | None = None
    """Share of digits in the visible characters, at most."""
    min_letters: float | None = None
    """Share of letters in the visible characters, at least."""
    min_line_chars: float | None = None
    """Mean characters a line, at least."""
    max_line_chars: float | None = None
    """Mean characters a line, at most."""
    min_terminal_punctuation: float | None = None
    """Share of lines that end a sentence, at least; 0 turns the rule off."""
    max_chars_per_word: float | None = None
    """Characters a word, at most, the space between words counted in."""
    max_word_bytes: int | None = None
    """Bytes of the longest word, at most."""


class Rule(NamedTuple):
    """One way to fail: the number on the left of a threshold."""

    name: str
    """The reason that is written down; a new meaning is a new version."""
    number: str
    """What is compared, as a Spark expression over the columns of `documents`."""
    fails: Literal["<", ">"]
    """A document fails whose number is below, or above, the threshold."""
    threshold: str
    """The field of Thresholds."""


RULES: tuple[Rule, ...] = (
    Rule("short_v1", "n_words", "<", "min_words"),
    Rule("long_v1", "n_words", ">", "max_words"),
    Rule("boilerplate_v1", "scores.boilerplate_v1", ">", "max_boilerplate"),
    Rule("repeated_lines_v1", "scores.repeated_line_share_v1", ">", "max_repeated_lines"),
    Rule("repeated_ngrams_v1", "scores.repeated_ngram_share_v1", ">", "max_repeated_ngrams"),
    Rule("symbols_v1", "scores.symbol_share_v1", ">", "max_symbols"),
    Rule("digits_v1", "scores.digit_share_v1", ">", "max_digits"),
    Rule("letters_v1", "scores.letter_share_v1", "<", "min_letters"),
    Rule("short_lines_v1", "scores.mean_line_chars_v1", "<", "min_line_chars"),
    Rule("long_lines_v1", "scores.mean_line_chars_v1", ">", "max_line_chars"),
    Rule("unpunctuated_v1", "scores.terminal_punctuation_share_v1", "<", "min_terminal_punctuation"),
    Rule("words_too_long_v1", "n_chars / greatest(n_words, 1)", ">", "max_chars_per_word"),
    Rule("word_too_long_v1", "scores.longest_word_bytes_v1", ">", "max_word_bytes"),
)
"""In the order they are asked: what is plainest comes first."""

LANGUAGE = "language_v1"
"""The reason of a document that the language identifier takes for another language; asked last."""

REASONS: tuple[str, ...] = (UNSCORED, *(rule.name for rule in RULES), LANGUAGE)
"""Every reason that the filter can give."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterConfig(Thresholds):
    """Which documents are fit to train on."""

    languages: Mapping[str, Thresholds] = field(default_factory=dict)
    """Thresholds of single languages, by code; they go before those that stand for all."""
    check_language: bool = False
    """Ask an identifier whether the text is in its language; reads the text, 10 to 30 MB a CPU second."""
    min_language_probability: float = 0.5
    """How sure the identifier has to be of the document's own language."""

    def __post_init__(self) -> None:
        _check("filters", self)
        for lang, own in self.languages.items():
            if lang not in normalizers.languages():
                raise ConfigError("filters.languages", lang, accepted=", ".join(normalizers.languages()))
            _check(f"filters.languages.{lang}", own)
        if not 0 <= self.min_language_probability <= 1:
            key = "filters.min_language_probability"
            raise ConfigError(key, self.min_language_probability, accepted="a number from 0 to 1")
        for lang in normalizers.languages():
            limits = self.thresholds(lang)
            for low, high in (("min_words", "max_words"), ("min_line_chars", "max_line_chars")):
                if limits[low] > limits[high]:
                    accepted = f"at most {high}, {limits[high]:g} ({lang})"
                    raise ConfigError(f"filters.{low}", limits[low], accepted=accepted)

    def thresholds(self, lang: str) -> dict[str, float]:
        """Every threshold of a language, by the name of its field."""
        tables = _defaults()
        found: dict[str, float] = {**tables["default"], **tables.get(lang, {})}
        for source in (self, self.languages.get(lang)):
            for name in found:
                value = getattr(source, name, None)
                if value is not None:
                    found[name] = value
        return found

    def resolved(self) -> dict[str, dict[str, float]]:
        """The thresholds of every language, as they stand beside a release and count in its identity."""
        return {lang: self.thresholds(lang) for lang in normalizers.languages()}


def filter_documents(documents: DataFrame, config: FilterConfig) -> DataFrame:
    """Documents in, the same rows out with `reason`: why one is left out, null where it is kept.

    Takes the columns lang, n_words, n_chars and scores; with `check_language` also identified, made from text
    where there is no such column. A reason that a row already has stays.
    """
    import pyspark.sql.functions as F

    if config.check_language and "identified" not in documents.columns:
        documents = identify_language(documents)
    earlier = [F.col("reason")] if "reason" in documents.columns else []
    return documents.withColumn("reason", F.coalesce(*earlier, filter_reason(config)))


def filter_reason(config: FilterConfig) -> Column:
    """The name of the first rule that a document fails, null where it keeps them all.

    An expression over lang, n_words, n_chars and scores, with `check_language` also identified; a document
    that lacks one of them gets UNSCORED and is not passed over in silence.
    """
    import pyspark.sql.functions as F

    failed = [F.when(_missing(config), UNSCORED)]
    for rule in RULES:
        limit = _limit(rule, config)
        if limit is None:
            continue
        # Scores are single precision: 3 of 10 lines has to equal a threshold of 0.3, not pass it by 1e-8.
        number = F.expr(rule.number).cast("float")
        failed.append(F.when(number < limit if rule.fails == "<" else number > limit, rule.name))
    if config.check_language:
        enough = F.lit(config.min_language_probability).cast("float")
        other = F.col("identified.lang") != F.col("lang")
        failed.append(F.when(other | (F.col("identified.probability") < enough), LANGUAGE))
    return F.coalesce(*failed)


def identify_language(documents: DataFrame) -> DataFrame:
    """Adds `identified`, struct<lang, probability>: the likeliest of our languages (identify.py)."""
    import pyspark.sql.functions as F
    from pyspark.sql.types import FloatType, StringType, StructField, StructType

    from spark_jobs.identify import language_of

    kind = StructType([StructField("lang", StringType()), StructField("probability", FloatType())])
    among = normalizers.languages()
    identify = F.arrow_udf(lambda texts: language_of(texts, among), kind)
    return documents.withColumn("identified", identify("text"))


def _missing(config: FilterConfig) -> Column:
    import pyspark.sql.functions as F

    needed = ["lang", *sorted({rule.number for rule in RULES})]
    if config.check_language:
        needed += ["identified.lang", "identified.probability"]
    return functools.reduce(lambda a, b: a | b, [F.expr(name).isNull() for name in needed])


def _limit(rule: Rule, config: FilterConfig) -> Column | None:
    """The threshold of a row's language: one number, or a map of the languages that differ from most."""
    import pyspark.sql.functions as F

    by_language = {lang: config.thresholds(lang)[rule.threshold] for lang in normalizers.languages()}
    values = list(by_language.values())
    usual = max(values, key=values.count)
    others = {lang: value for lang, value in by_language.items() if value != usual}
    if not others:
        never = math.inf if rule.fails == ">" else -math.inf
        return None if usual == never else F.lit(usual).cast("float")
    pairs = [F.lit(part) for lang, value in others.items() for part in (lang, float(value))]
    found = F.coalesce(F.try_element_at(F.create_map(*pairs), F.col("lang")), F.lit(float(usual)))
    return found.cast("float")


def _check(where: str, limits: Thresholds) -> None:
    for rule in RULES:
        value = getattr(limits, rule.threshold)
        if value is None:
            continue
        share = "share" in rule.number
        if math.isnan(value) or value < 0 or (share and value > 1):
            accepted = "a number from 0 to 1" if share else "a number of at least 0"
            raise ConfigError(f"{where}.{rule.threshold}", value, accepted=accepted)


@functools.cache
def _defaults() -> Mapping[str, Mapping[str, float]]:
    tables: Mapping[str, Mapping[str, float]] = tomllib.loads(DEFAULTS.read_text("utf8"))
    known = {item.name for item in fields(Thresholds)}
    assert set(tables["default"]) == known, "data/filters.toml has to give every threshold"
    return tables
