"""Anonymisation: what rules find in an utterance becomes a placeholder before anything is counted.

So two customers' addresses are one text afterwards, and none of them reaches a table. A rule is a regular
expression (RE2: linear time whatever the text), or the recognisers of Presidio, an optional extra that looks
at each distinct text alone (some 300 a core second).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One kind of thing that must not stay."""

    name: str
    """What the report calls it."""
    pattern: str | None = None
    """A regular expression in RE2's syntax: no look-around, no back-references."""
    presidio: tuple[str, ...] = ()
    """Instead of a pattern: Presidio's recognisers by the entity they find, such as EMAIL_ADDRESS."""
    placeholder: str | None = None
    """What stands there afterwards; without it <name>."""
    languages: tuple[str, ...] = ()
    """Only in these; without it in all."""
    min_score: float = 0.5
    """Of Presidio: findings it is less sure of stay."""

    def __post_init__(self) -> None:
        where = f"utterances.anonymise.{self.name}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.name):
            raise ConfigError(
                "utterances.anonymise.name", self.name, accepted="letters, digits, '.', '_', '-'"
            )
        if (self.pattern is None) == (not self.presidio):
            raise ConfigError(f"{where}.pattern", self.pattern, accepted="either pattern or presidio")
        if self.pattern is not None:
            _check_pattern(f"{where}.pattern", self.pattern)
        for lang in self.languages:
            if lang not in normalizers.languages():
                raise ConfigError(f"{where}.languages", lang, accepted=", ".join(normalizers.languages()))
        if "\\" in self.written or not self.written or self.written != " ".join(self.written.split()):
            accepted = "a text without backslashes and spare blanks"
            raise ConfigError(f"{where}.placeholder", self.written, accepted=accepted)
        if self.presidio:
            recognisers(self)

    @property
    def written(self) -> str:
        """What stands where something was found."""
        return f"<{self.name}>" if self.placeholder is None else self.placeholder


def _check_pattern(key: str, pattern: str) -> None:
    try:
        matches_nothing = pc.match_substring_regex(pa.array([""]), pattern)[0].as_py()
    except pa.ArrowInvalid as error:
        raise ConfigError(key, pattern, accepted="a regular expression of RE2", why=str(error)) from None
    if matches_nothing:  # it would put a placeholder between any two letters
        raise ConfigError(key, pattern, accepted="a regular expression that does not match nothing")


def anonymise(texts: pa.Array, lang: str, rules: Sequence[Rule]) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Texts with placeholders, and by name of a rule how often it found something in each text (int32).

    `texts`: string without nulls. A later rule sees the placeholders of the earlier ones.
    """
    found: dict[str, pa.Array] = {}
    for rule in rules:
        if rule.languages and lang not in rule.languages:
            continue
        if rule.pattern is None:
            texts, found[rule.name] = _by_presidio(texts, rule)
            continue
        times = pc.count_substring_regex(texts, rule.pattern)
        found[rule.name] = times
        if pc.any(pc.greater(times, 0)).as_py():
            texts = pc.replace_substring_regex(texts, rule.pattern, rule.written)
    return texts, found


def _by_presidio(texts: pa.Array, rule: Rule) -> tuple[pa.Array, ...]:
    kinds = recognisers(rule)
    replaced, times = [], []
    encoded = texts.dictionary_encode()
    for text in encoded.dictionary.to_pylist():  # Presidio takes one text at a time: that is its price
        spans = _findings(text, kinds, rule.min_score)
        left = text
        for begin, end in reversed(spans):
            left = left[:begin] + rule.written + left[end:]
        replaced.append(left)
        times.append(len(spans))
    columns = (pa.array(replaced, pa.string()), pa.array(times, pa.int32()))
    return tuple(column.take(encoded.indices) for column in columns)


def _findings(text: str, kinds: Sequence[Any], min_score: float) -> list[tuple[int, int]]:
    """Begin and end of what is found, in order; of findings that overlap one stretch."""
    found = sorted(
        (result.start, result.end)
        for kind in kinds
        for result in kind.analyze(text, kind.supported_entities, None)
        if result.score >= min_score
    )
    spans: list[tuple[int, int]] = []
    for begin, end in found:
        if spans and begin < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((begin, end))
    return spans


@functools.lru_cache(maxsize=64)
def recognisers(rule: Rule) -> tuple[Any, ...]:
    """Presidio's recognisers of the rule's entities; ConfigError without them or without Presidio.

    Those that work by patterns, and telephone numbers: they need no language model, and nothing is fetched.
    """
    key = f"utterances.anonymise.{rule.name}.presidio"
    try:
        import presidio_analyzer
        from presidio_analyzer import predefined_recognizers as known
    except ImportError as error:
        raise ConfigError(
            key,
            list(rule.presidio),
            accepted="recognisers where Presidio is installed",
            why=str(error),
            do="pip install 'teacher-model[presidio]', or give a pattern",
        ) from None
    import tldextract

    # It brings a list of domains with it, and would look for a newer one on the net in every process.
    tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()
    patterns = presidio_analyzer.PatternRecognizer
    classes = [value for value in vars(known).values() if isinstance(value, type)]
    made = [
        kind()
        for kind in classes
        if (issubclass(kind, patterns) and kind is not patterns) or kind is known.PhoneRecognizer
    ]
    by_entity = {entity: one for one in made for entity in one.supported_entities}
    for entity in rule.presidio:
        if entity not in by_entity:
            raise ConfigError(key, entity, accepted=", ".join(sorted(by_entity)))
    return tuple(by_entity[entity] for entity in rule.presidio)
