"""Characters that have a piece of their own whatever the sample says: the kana and joyo kanji of Japanese."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.tokenizer import Tokenizer, count_of

DATA = Path(__file__).parent.parent / "data" / "required_characters.toml"


def required_characters(langs: Iterable[str]) -> dict[str, str]:
    """Language -> its required characters, in the order of their code points; languages without any are
    left out."""
    listed = _tables()
    return {lang: _characters(listed[lang]) for lang in langs if lang in listed}


@functools.cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(DATA.read_text("utf-8"))


def _characters(table: dict[str, Any]) -> str:
    ranged = {chr(code) for low, high in table["ranges"] for code in range(low, high + 1)}
    listed = {c for key in ("kanji", "printed") for c in table.get(key, "") if not c.isspace()}
    return "".join(sorted(ranged | listed))


def without_piece(tokenizer: Tokenizer, characters: str) -> str:
    """Those of the characters that encode to an `<unk>` or to several tokens beside the leading space."""
    ids = tokenizer.encode(pa.array(list(characters), pa.string()))
    lengths = [len(row) for row in ids.to_pylist()]
    unknown = count_of(ids, tokenizer.unk)
    return "".join(c for c, n, u in zip(characters, lengths, unknown, strict=True) if u or n > 2)
