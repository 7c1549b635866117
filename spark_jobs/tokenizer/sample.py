"""The sentences a vocabulary is trained on: a deterministic, nested sample of a release.

Every sentence has a draw, a hash of (seed, its row, its place in it). Of each language the sentences with the
smallest draws are taken until its budget of words is reached, so a larger budget holds all of a smaller one.
The budgets have the shares of the release's own words, which carries alpha = 0.5 and the 70/30 mix over to
the tokenizer (paper section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from spark_jobs.buffers import blocks, hash_spans
from spark_jobs.draw import hash64, mix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SAMPLED = "lang STRING, form STRING, draw BIGINT, seq_id BIGINT, n_words INT, text STRING"
_SCHEMA = pa.schema(
    [
        ("lang", pa.string()),
        ("form", pa.string()),
        ("draw", pa.int64()),
        ("seq_id", pa.int64()),
        ("n_words", pa.int32()),
        ("text", pa.string()),
    ]
)
_DRAW_BITS = 63
"""Draws are stored without a sign."""
_ROOM = 1.2
"""Sentences are first taken below this multiple of the expected limit, then cut at the budget exactly."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many words each language gives."""

    words: Mapping[str, float]
    """Language -> words asked."""
    available: Mapping[str, int]
    """Language -> words of the release."""

    def limits(self) -> dict[str, int]:
        """Language -> draws below which sentences are looked at; somewhat more than the budget takes."""
        share = {lang: self.words[lang] / max(self.available[lang], 1) for lang in self.words}
        # A few thousand words more than the share: small budgets scatter.
        room = {lang: 5_000 / max(self.available[lang], 1) for lang in self.words}
        return {lang: _limit(_ROOM * share[lang] + room[lang]) for lang in self.words}


def _limit(share: float) -> int:
    return min(int(share * 2.0**_DRAW_BITS), (1 << _DRAW_BITS) - 1)


def budget(words_by_language: Mapping[str, int], words: int) -> Budget:
    """Share `words` out over the languages as the release does; never more than there is."""
    total = sum(words_by_language.values())
    scale = min(1.0, words / total) if total else 0.0
    return Budget({lang: n * scale for lang, n in words_by_language.items()}, words_by_language)


def hashes_of(rows: DataFrame) -> npt.NDArray[np.uint64]:
    """Hashes of the different sentences of these rows (lang, text), ascending; 8 bytes a sentence."""

    def distinct(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for lang, texts in _by_language(batch):
                sentences, _ = _sentences(texts["text"], lang)
                found = np.unique(_hashes(sentences)).view(np.int64)
                yield pa.RecordBatch.from_arrays([pa.array(found)], ["hash"])

    found = rows.select("lang", "text").mapInArrow(distinct, "hash BIGINT").distinct().toArrow()
    return np.sort(found["hash"].to_numpy().view(np.uint64))


def candidates(
    rows: DataFrame, limits: Mapping[str, int], left_out: npt.NDArray[np.uint64], seed: int
) -> DataFrame:
    """Sentences (columns `SAMPLED`) of the rows of `stage1` whose draw is below the limit of their language.

    `left_out`: hashes of sentences that measure; they are not drawn, wherever they stand.
    """
    keyed = rows.select("lang", "form", "seq_id", "text", hash64(seed, "tokenizer", "seq_id").alias("row"))

    def take(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            for lang, of_lang in _by_language(batch):
                if lang in limits:
                    yield _taken(of_lang, lang, limits[lang], left_out)

    return keyed.mapInArrow(take, SAMPLED)


def _taken(rows: pa.Table, lang: str, limit: int, left_out: npt.NDArray[np.uint64]) -> pa.RecordBatch:
    sentences, (parents, place) = _sentences(rows["text"], lang)
    draws = (mix(rows["row"].to_numpy()[parents], place) >> np.uint64(1)).astype(np.int64)
    low = np.flatnonzero(draws < limit)
    kept = sentences.take(pa.array(low))
    n_words = normalizers.word_counts(kept, lang).to_numpy()
    good = n_words > 0
    if len(left_out):
        hashes = _hashes(kept)
        at = np.minimum(np.searchsorted(left_out, hashes), len(left_out) - 1)
        good &= left_out[at] != hashes
    chosen, mask = low[good], pa.array(good)
    of_row = rows.select(["lang", "form", "seq_id"]).take(pa.array(parents[chosen]))
    lang_column, form, seq_id = (of_row[name].combine_chunks() for name in ("lang", "form", "seq_id"))
    text = kept.filter(mask).cast(pa.string())
    columns = [lang_column, form, pa.array(draws[chosen]), seq_id, pa.array(n_words[good]), text]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _sentences(texts: pa.ChunkedArray, lang: str) -> tuple[pa.Array, tuple[npt.NDArray[np.int64], ...]]:
    """The trimmed sentences of some texts; of each, which text it is from and its place in it."""
    lists = normalizers.sentences(texts.combine_chunks().cast(pa.large_string()), lang)
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    offsets = np.asarray(lists.offsets).astype(np.int64)
    parents = np.repeat(np.arange(len(lists)), np.diff(offsets))
    place = np.arange(offsets[-1] - offsets[0]) - (offsets[:-1] - offsets[0])[parents]
    return pc.utf8_trim_whitespace(lists.flatten()), (parents, place)


def _hashes(sentences: pa.Array) -> npt.NDArray[np.uint64]:
    parts = [hash_spans(b.padded, b.starts[:-1], b.starts[1:] - 1) for b in blocks(sentences)]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _by_language(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Table]]:
    table = pa.Table.from_batches([batch])
    for lang in pc.unique(batch["lang"]).to_pylist():
        yield lang, table.filter(pc.equal(table["lang"], lang)).combine_chunks()


def cut(found: pa.Table, words: Mapping[str, float]) -> pa.Table:
    """The sentences within the budgets, in the order of their draws.

    Of each language the smallest draws first, up to and with the sentence that reaches the budget.
    """
    ordered = found.take(pa.array(np.lexsort((found["seq_id"].to_numpy(), found["draw"].to_numpy()))))
    langs = ordered["lang"].combine_chunks().dictionary_encode()
    n_words, keep = ordered["n_words"].to_numpy(), np.zeros(len(ordered), np.bool_)
    for code, lang in enumerate(langs.dictionary.to_pylist()):
        mine = np.flatnonzero(langs.indices.to_numpy() == code)
        before = np.cumsum(n_words[mine]) - n_words[mine]
        keep[mine[before < words.get(lang, 0)]] = True
    return ordered.filter(pa.array(keep))


def composition(sample: pa.Table, asked: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Language -> sentences, words, share of the words asked and realised, spoken share of the words."""
    total_asked, total = sum(asked.values()), pc.sum(sample["n_words"]).as_py() or 0
    figures = {}
    for lang in sorted(asked):
        mine = sample.filter(pc.equal(sample["lang"], lang))
        words = pc.sum(mine["n_words"]).as_py() or 0
        spoken = pc.sum(mine.filter(pc.equal(mine["form"], "spoken"))["n_words"]).as_py() or 0
        figures[lang] = {
            "sentences": mine.num_rows,
            "words": words,
            "share_asked": asked[lang] / total_asked,
            "share_realised": words / total if total else 0.0,
            "spoken_share": spoken / words if words else 0.0,
        }
    return figures
