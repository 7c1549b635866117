"""Sentences of a release as they are written and as they are said, for the report.

They are said once, when the release is published, and kept in its folder: saying them again would load every
language (six seconds for twelve). A file of their own, because `release.json` is copied to where the text of
a release may not go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs import storage

FILE = "samples.json"
PER_LANGUAGE = 2
"""Pairs of one language."""
MOST_PACKS = 2_000
"""Written packs looked at; a release of any size is opened at its begin only."""
_CODE = frozenset("\n_/\\@=<>{}|`~")
"""Signs of program text, which says little about a language."""
_SIZES = range(20, 100)
"""Characters of a sentence that fits a line; half of that where words are not spaced."""


def write_samples(folder: str, stage1: str, version: int) -> None:
    """Say the samples of a release and put them into its folder."""
    text = json.dumps(sample_pairs(stage1, version), ensure_ascii=False, indent=1) + "\n"
    storage.write_bytes(storage.join(folder, FILE), text.encode())


def read_samples(folder: str) -> dict[str, list[dict[str, str]]]:
    """The samples of a release; none of one that was published without."""
    uri = storage.join(folder, FILE)
    return dict(json.loads(storage.read_bytes(uri))) if storage.exists(uri) else {}


def sample_pairs(stage1: str, version: int) -> dict[str, list[dict[str, str]]]:
    """By language the first sentences of the written packs that change by more than their case when said.

    `stage1`: the table's path; `version`: the one that the release pins. Reads without Spark.
    """
    pairs: dict[str, list[dict[str, str]]] = {}
    for lang, text in _written(stage1, version):
        known = pairs.setdefault(lang, [])
        if len(known) < PER_LANGUAGE:
            known += _changed(text, lang)[: PER_LANGUAGE - len(known)]
    return {lang: found for lang, found in sorted(pairs.items()) if found}


def _written(stage1: str, version: int) -> Iterator[tuple[str, str]]:
    from deltalake import DeltaTable

    dataset = DeltaTable(stage1, version=version).to_pyarrow_dataset()
    written = pc.field("form") == "written"
    table = dataset.head(MOST_PACKS, columns=["lang", "text"], filter=written, batch_size=256)
    for row in table.to_pylist():
        yield row["lang"], row["text"]


def _changed(text: str, lang: str) -> list[dict[str, str]]:
    """One sentence at most of a text: neighbours tell the same story."""
    if lang not in normalizers.languages():
        return []
    sentences: Any = normalizers.sentences(pa.array([text], pa.large_string()), lang).flatten()
    spoken = normalizers.to_spoken(sentences, lang)
    per_word = normalizers.units_per_word(lang)
    for before, after in zip(sentences.to_pylist(), spoken.to_pylist(), strict=True):
        written, said = before.strip(), after.strip()
        size = len(written) * (2 if per_word > 1 else 1)
        if size in _SIZES and _CODE.isdisjoint(written) and any(c.isdecimal() for c in written):
            return [{"written": written, "spoken": said}]
    return []
