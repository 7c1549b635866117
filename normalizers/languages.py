"""The languages the project knows: one file `data/<code>.toml` each, read when first asked for."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


class UnknownLanguageError(ValueError):
    """A language code without a data file; `code` is what was asked for."""

    def __init__(self, code: object) -> None:
        self.code = code
        known = ", ".join(languages())
        super().__init__(
            f"unknown language {code!r}; known are {known} (a new one: docs/adding-a-language.md)"
        )


@dataclass(frozen=True, slots=True)
class Language:
    """What a data file says about one language."""

    code: str
    """ISO 639-1, the name of the file."""
    name: str
    """English name."""
    characters_per_word: float
    """0 where words stand between white space; else how many characters count as one word."""
    spaced_terminators: str
    """Characters that end a sentence where white space follows."""
    unspaced_terminators: str
    """Characters that end a sentence wherever they stand."""
    closers: str
    """Quotation marks and brackets that still belong to the sentence before them."""
    tables: Mapping[str, Any]
    """The whole file, for the spoken form."""


def languages() -> tuple[str, ...]:
    """Codes of all known languages in alphabetical order."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml") if not path.stem.startswith("_")))


def language(code: str) -> Language:
    """The language of an ISO 639-1 code; raises UnknownLanguageError. Files are read once."""
    # Asked per call and not cached on failure: a list, None or "../en" is unknown too, never a TypeError.
    if not isinstance(code, str) or not code.isalpha() or not (DATA / f"{code}.toml").is_file():
        raise UnknownLanguageError(code)
    return _read(code)


@functools.cache
def common() -> Mapping[str, Any]:
    """The tables that every language shares, `data/_common.toml`."""
    return tomllib.loads((DATA / "_common.toml").read_text("utf8"))


@functools.cache
def _read(code: str) -> Language:
    tables = tomllib.loads((DATA / f"{code}.toml").read_text("utf8"))
    shared, own = common()["sentences"], tables.get("sentences", {})
    spaced, unspaced, closers = (shared[key] + own.get(key, "") for key in ("spaced", "unspaced", "closers"))
    return Language(
        code=code,
        name=tables["name"],
        characters_per_word=float(tables.get("words", {}).get("characters_per_word", 0)),
        spaced_terminators="".join(c for c in spaced if c not in own.get("unspaced", "")),
        unspaced_terminators=unspaced,
        closers=closers,
        tables=tables,
    )
