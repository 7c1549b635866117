"""Locale tags: `en-US`, `hi_IN` and `pt` as tables write them, and the language of each."""

from __future__ import annotations

import functools
import re

import normalizers

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?")
_LATIN = "Latn"
_OTHER_SCRIPTS = frozenset({"ar", "hi", "ja", "mr", "ta", "te"})
"""Languages that are not written in Latin letters: in those they are a text of another kind."""


@functools.lru_cache(maxsize=4096)
def parse_locale(tag: str) -> tuple[str, str] | None:
    """(language, tag as BCP 47 writes it) of a tag; None where we do not know the language, or it is none."""
    found = _TAG.fullmatch(tag.strip())
    if not found:
        return None
    lang, script, region = found[1].lower(), (found[2] or "").title(), (found[3] or "").upper()
    if lang not in normalizers.languages() or (script == _LATIN and lang in _OTHER_SCRIPTS):
        return None
    return lang, "-".join(part for part in (lang, script, region) if part)
