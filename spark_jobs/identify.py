"""Which language a text is most like, by a naive Bayes model over byte n-grams that comes inside py3langid.

Lui and Baldwin 2012 (langid.py). The model is 4.6 MB and takes 0.7 CPU seconds to load, once a process; it
passes 10 to 35 MB of text a CPU second, since it looks at the beginning only.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

HEAD_CHARS = 1000
"""Characters that are looked at: with all of them it is three times as slow, and right as often."""

IDENTIFIED = pa.struct([pa.field("lang", pa.string()), pa.field("probability", pa.float32())])
"""The type of `language_of`: the likeliest language, and how likely it is among those asked about."""


def language_of(texts: pa.Array | pa.ChunkedArray, among: Sequence[str]) -> pa.StructArray:
    """The likeliest language of each text among some (ISO 639-1); of type IDENTIFIED, null for null.

    A text without letters is as like one as another: its probability is 1 / len(among).
    """
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    classify = _identifier(tuple(sorted(among))).classify
    # A row at a time: the model walks an automaton over bytes in Python, rows share nothing.
    heads = pc.utf8_slice_codeunits(column, 0, HEAD_CHARS).to_pylist()
    found = [None if head is None else classify(head) for head in heads]
    rows = [None if pair is None else {"lang": pair[0], "probability": pair[1]} for pair in found]
    return pa.array(rows, IDENTIFIED)


@functools.lru_cache(maxsize=4)
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(among)
    return identifier
