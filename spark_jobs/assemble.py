"""After the exchange: forms, sentences, packs and their order, in one Python pass over each bucket.

A bucket is held in memory once (25 to 80 MB of text, `pack.bucket_words`); its packs leave in hash order, so
a file holds whole buckets and the rows of a file show no trace of language or source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

import normalizers
from schemas.sequences import FORMS, POSITION_BITS, SEQUENCES
from spark_jobs.draw import mix
from spark_jobs.forms import FormsConfig, is_spoken, parts, speak
from spark_jobs.pack import PackConfig, Packs, Sentences, buffer_of, large_strings, pack_sentences

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BATCH_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Assembly:
    """What turns the documents of a bucket into packs."""

    forms: FormsConfig
    pack: PackConfig
    sources: tuple[str, ...]
    """Names of the sources; `source_index` counts in them."""
    seed: int
    stage: int = 1


def assemble(shuffled: DataFrame, assembly: Assembly) -> DataFrame:
    """Document copies from `shuffle.to_buckets` in, rows of the `stage1` table out, in their final order."""

    def packs_of_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        yield from pack_buckets(batches, assembly)

    return shuffled.mapInArrow(packs_of_partition, SEQUENCES.spark_ddl())


def pack_buckets(batches: Iterable[pa.RecordBatch], assembly: Assembly) -> Iterator[pa.RecordBatch]:
    """Batches sorted by bucket, language and place in; batches of packs out."""
    group = _Group()
    packs: list[pa.Table] = []
    for batch in batches:
        for bucket, lang, rows in _runs(batch):
            if (bucket, lang) != (group.bucket, group.lang):
                packs += group.packs(assembly)
                if bucket != group.bucket:
                    yield from _in_hash_order(packs, group.bucket)
                    packs = []
                group = _Group(bucket, lang)
            group.batches.append(rows)
    packs += group.packs(assembly)
    yield from _in_hash_order(packs, group.bucket)


@dataclass(slots=True)
class _Group:
    """The documents of one language in one bucket, as they arrive."""

    bucket: int = -1
    lang: str = ""
    batches: list[pa.RecordBatch] = field(default_factory=list)

    def packs(self, assembly: Assembly) -> list[pa.Table]:
        """The packs of both forms, each table with the draw that will order it."""
        if not self.batches:
            return []
        documents = pa.Table.from_batches(self.batches)
        self.batches = []
        spoken, written = sentences_by_form(documents, self.lang, assembly.forms)
        tables = []
        for form, sentences in zip(FORMS, (spoken, written), strict=True):
            packs = pack_sentences(sentences, self.lang, assembly.pack.words)
            if len(packs.texts):
                tables.append(_table(packs, self.bucket, self.lang, form, assembly))
        return tables


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[int, str, pa.RecordBatch]]:
    """The stretches of a sorted batch that share bucket and language."""
    if not batch.num_rows:
        return
    buckets = batch["bucket"].to_numpy()
    langs = batch["lang"].dictionary_encode()
    codes = langs.indices.to_numpy()
    new = np.flatnonzero((np.diff(buckets) != 0) | (np.diff(codes) != 0)) + 1
    for low, high in zip([0, *new], [*new, batch.num_rows], strict=True):
        lang = langs.dictionary[int(codes[low])].as_py()
        yield int(buckets[low]), lang, batch.slice(int(low), int(high - low))


def sentences_by_form(documents: pa.Table, lang: str, config: FormsConfig) -> tuple[Sentences, Sentences]:
    """The sentences of documents (text, form_draw, source_index) that are spoken, and those that are written.

    The text is split into sentences before it is put into spoken form: "a. m." would end one.
    """
    joined, doc_starts = _joined(documents["text"])
    utf8, _ = buffer_of(joined)
    ends = normalizers.sentence_ends(utf8, lang)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    doc = np.searchsorted(doc_starts, starts, "right") - 1
    units = normalizers.word_units(utf8, np.concatenate((starts, ends[-1:], doc_starts[1:] - 1)), lang)
    at, doc_ends = units[: len(starts) + 1], units[len(starts) + 1 :]
    first = np.searchsorted(doc, np.arange(len(doc_ends)))
    per_word = normalizers.units_per_word(lang)
    # The line break behind a document is ours, not a character of it.
    begin, end = at[:-1] - at[first][doc], np.minimum(at[1:], doc_ends[doc]) - at[first][doc]
    words_before, words_until = np.ceil(begin / per_word), np.ceil(end / per_word)
    doc_words = np.ceil((doc_ends - at[first]) / per_word).astype(np.int64)
    part = parts(words_before, doc_words[doc], config.part_words)
    draws = documents["form_draw"].to_numpy()
    spoken = is_spoken(draws[doc], part, config.spoken)
    everything = Sentences(
        texts=large_strings(utf8, np.append(starts, ends[-1:])),
        docs=doc,
        sources=documents["source_index"].to_numpy().astype(np.int64)[doc],
        source_words=(words_until - words_before).astype(np.int64),
    )
    by_form = []
    for rows in (spoken, ~spoken):
        chosen = everything.select(rows)
        texts = _closed(chosen.texts, chosen.docs, np.flatnonzero(rows))
        texts = speak(texts, lang) if rows is spoken else texts
        by_form.append(Sentences(texts, chosen.docs, chosen.sources, chosen.source_words))
    return by_form[0], by_form[1]


def _joined(texts: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """All texts as one large string, each with a line break behind it; where each begins, and the end."""
    lengths = pc.binary_length(texts).to_numpy().astype(np.int64)
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths + 1)))
    chunks = [chunk.cast(pa.large_string()) for chunk in texts.chunks]
    flat = pa.concat_arrays([*chunks, pa.array([""], pa.large_string())])  # for the last line break
    row = pa.LargeListArray.from_arrays(pa.array([0, len(flat)], pa.int64()), flat)
    return pc.binary_join(row, pa.scalar("\n", pa.large_string())), starts


def _closed(texts: pa.Array, docs: np.ndarray, places: np.ndarray) -> pa.Array:
    """A line break behind each sentence whose neighbour went into the other form, unless it ends in one."""
    torn = np.flatnonzero((np.diff(places) > 1) & (np.diff(docs) == 0))
    utf8, offsets = buffer_of(texts)
    torn = torn[utf8[offsets[torn + 1] - 1] != ord("\n")] if len(torn) else torn
    if not len(torn):
        return texts
    tails = np.zeros(len(texts), np.int64)
    tails[torn] = 1
    breaks = pa.array(["", "\n"], pa.large_string()).take(pa.array(tails))
    return pc.binary_join_element_wise(texts, breaks, pa.scalar("", pa.large_string()))


def _table(packs: Packs, bucket: int, lang: str, form: str, assembly: Assembly) -> pa.Table:
    n = len(packs.texts)
    key = xxhash.xxh64_intdigest(f"packs/{assembly.seed}/{bucket}/{lang}/{form}".encode())
    order = mix(np.array([key], np.uint64).view(np.int64), np.arange(n))
    names = pa.array(assembly.sources, pa.string())
    return pa.table(
        {
            "order": order,
            "stage": pa.array(np.full(n, assembly.stage, np.int8)),
            "lang": pa.repeat(pa.scalar(lang, pa.string()), n),
            "source": names.take(pa.array(packs.sources)),
            "form": pa.repeat(pa.scalar(form, pa.string()), n),
            "text": packs.texts,
            "n_words": packs.n_words.astype(np.int32),
            "n_sentences": packs.n_sentences.astype(np.int32),
            "n_docs": packs.n_docs.astype(np.int32),
            "n_source_words": packs.n_source_words.astype(np.int32),
        }
    )


def _in_hash_order(packs: list[pa.Table], bucket: int) -> Iterator[pa.RecordBatch]:
    """The packs of a whole bucket, ordered by their draws and numbered."""
    if not packs:
        return
    table = pa.concat_tables(packs)
    order = np.argsort(table["order"].to_numpy(), kind="stable")
    for low in range(0, len(order), BATCH_ROWS):
        rows = order[low : low + BATCH_ROWS]
        chosen = table.take(pa.array(rows))
        seq_id = (np.int64(bucket) << POSITION_BITS) + np.arange(low, low + len(rows), dtype=np.int64)
        columns = [chosen[name].combine_chunks() for name in SEQUENCES.columns[1:]]
        cast = [c.cast(f.type) for c, f in zip(columns, SEQUENCES.fields[1:], strict=True)]
        yield SEQUENCES.batch([pa.array(seq_id), *cast])
