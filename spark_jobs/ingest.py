"""Ingest: raw files to `documents`, in one pass over the bytes.

A document leaves with its content hash, its words, its quality scores and its hits in the evaluation texts,
so that everything later decides from small columns. Nothing is dropped here. What cannot become a document
is written beside, one small file a damaged split, and goes to `quarantine` after the commit.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

import normalizers
from schemas.documents import DOCUMENTS
from schemas.quarantine import QUARANTINE
from spark_jobs import readers, storage
from spark_jobs.heldout import HeldOut
from spark_jobs.identify import IDENTIFIED, language_of
from spark_jobs.inputs import InputFile
from spark_jobs.readers.records import Documents, Rejected
from spark_jobs.scores import compute_scores

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TASK_BYTES = 64 << 20
"""Stored bytes a task reads at least: a Python task costs 0.1 to 0.3 CPU seconds before its first row."""
TASKS_A_CORE = 3
OTHER_LANGUAGE = "other_language"
STAGED = ".rejected.parquet"
MAX_STAGED = 10_000
"""Rejected records of a split that quarantine shows one by one, 12 MB at most; the ledger counts them all."""
_STAGED = pa.schema([*QUARANTINE.arrow_schema(), pa.field("lang", pa.string()), pa.field("rows", pa.int64())])


@dataclass(frozen=True, slots=True)
class Task:
    """One split of one input file."""

    file: InputFile
    format: str
    split: readers.Split


@dataclass(frozen=True, slots=True)
class Ingest:
    """How all files of a build are read."""

    options: dict[str, readers.ReaderOptions]
    """By source."""
    formats: dict[str, str]
    """By source."""
    staging: str
    """Folder for the rejected records of this run."""
    held_out: HeldOut | None = None
    """The evaluation texts; None: nothing is looked for."""
    check_language: bool = False


def tasks_of(files: Sequence[InputFile], ingest: Ingest) -> list[Task]:
    """Every split of every file."""
    return [
        Task(file, ingest.formats[file.source], split)
        for file in files
        for split in readers.splits(ingest.formats[file.source], file.uri, file.size)
    ]


def in_bins(tasks: Sequence[Task], cores: int) -> list[list[Task]]:
    """Tasks of about equal size, the longest first, each of several splits: the biggest file does not come
    last."""
    total = sum(_stored_bytes(task) for task in tasks)
    wanted = max(TASKS_A_CORE * cores, total // TASK_BYTES)
    bins: list[list[Task]] = [[] for _ in range(max(1, min(len(tasks), wanted)))]
    heap = [(0, n) for n in range(len(bins))]
    for task in sorted(tasks, key=lambda t: (-_stored_bytes(t), t.file.snapshot, t.split.start)):
        filled, n = heapq.heappop(heap)
        bins[n].append(task)
        heapq.heappush(heap, (filled + _stored_bytes(task) + 4096, n))
    return bins


def _stored_bytes(task: Task) -> int:
    return (task.split.end or task.file.size) - task.split.start


def read_documents(spark: SparkSession, files: Sequence[InputFile], ingest: Ingest, cores: int) -> DataFrame:
    """The `documents` rows of these files; one Spark task a bin of splits, nothing shuffled."""
    bins = in_bins(tasks_of(files, ingest), cores)

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            for number in batch["id"].to_pylist():
                for task in bins[number]:
                    yield from document_batches(task, ingest)

    return spark.range(0, len(bins), 1, len(bins)).mapInArrow(rows, DOCUMENTS.spark_ddl())


def document_batches(task: Task, ingest: Ingest) -> Iterator[pa.RecordBatch]:
    """The `documents` rows of one split; its rejected records are staged when it is read to the end."""
    rejected: list[dict[str, Any]] = []
    for item in readers.read(task.format, task.split, ingest.options[task.file.source]):
        if isinstance(item, Rejected):
            _stage(rejected, _staged(task.file, item))
            continue
        for lang, texts, ordinals in by_language(item, task.file, rejected):
            yield document_rows(task.file, lang, texts, ordinals, ingest)
    if rejected:
        name = f"{task.file.snapshot}-{task.split.start}"
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rejected, _STAGED), sink)
        storage.write_bytes(storage.join(ingest.staging, name + STAGED), sink.getvalue().to_pybytes())


def by_language(
    documents: Documents, file: InputFile, rejected: list[dict[str, Any]]
) -> Iterator[tuple[str, pa.Array, np.ndarray]]:
    """(language, texts, ordinals); rows of languages we do not know are counted, not kept."""
    if documents.langs is None:
        assert file.lang is not None  # resolve_inputs gives one unless a column does
        yield file.lang, documents.texts, documents.ordinals
        return
    for lang in documents.langs.unique().to_pylist():
        chosen = (
            pc.fill_null(pc.equal(documents.langs, lang), False)
            if lang is not None
            else documents.langs.is_null()
        )
        ordinals = documents.ordinals[chosen.to_numpy(zero_copy_only=False)]
        if lang in normalizers.languages():
            yield lang, documents.texts.filter(chosen), ordinals
        else:
            note = Rejected(int(ordinals[0]), OTHER_LANGUAGE, f"language {lang!r}", b"")
            rejected.append(_staged(file, note) | {"rows": len(ordinals), "lang": lang or ""})


def document_rows(
    file: InputFile, lang: str, texts: pa.Array, ordinals: np.ndarray, ingest: Ingest
) -> pa.RecordBatch:
    """One batch of `documents`."""
    texts = pc.utf8_trim_whitespace(texts)
    n = len(texts)
    hits, sets = pa.nulls(n, pa.int32()), pa.nulls(n, pa.string())
    if ingest.held_out:
        hits, sets = ingest.held_out.search(texts, lang)
    among = normalizers.languages()
    identified = language_of(texts, among) if ingest.check_language else pa.nulls(n, IDENTIFIED)
    return DOCUMENTS.batch(
        [
            content_ids(texts),
            *(
                pa.repeat(pa.scalar(value, pa.string()), n)
                for value in (lang, file.source, file.snapshot, file.origin)
            ),
            pa.array(ordinals, pa.int64()),
            texts,
            normalizers.word_counts(texts, lang),
            pc.utf8_length(texts).cast(pa.int32()),
            compute_scores(texts, lang),
            identified,
            hits,
            sets,
        ]
    )


def content_ids(texts: pa.Array) -> pa.Array:
    """The 128-bit xxh3 hash of each text's bytes: equal texts have equal ids wherever they stand."""
    digest = xxhash.xxh3_128_digest
    # One call a document, 0.3 microseconds: no Arrow kernel hashes rows to 128 bits.
    return pa.array([digest(text) for text in texts.cast(pa.binary()).to_pylist()], pa.binary())


def _stage(rejected: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """Add a rejection; beyond MAX_STAGED of a split only its number, on the last row of the same reason."""
    if len(rejected) >= MAX_STAGED:
        for last in reversed(rejected):
            if last["reason"] == row["reason"]:
                last["rows"] += row["rows"]
                last["lost_bytes"] += row["lost_bytes"]
                return
    rejected.append(row)


def _staged(file: InputFile, rejected: Rejected) -> dict[str, Any]:
    return {
        "source": file.source,
        "snapshot": file.snapshot,
        "origin": file.origin,
        "ordinal": rejected.ordinal,
        "reason": rejected.reason,
        "detail": rejected.detail,
        "raw": rejected.raw,
        "lost_bytes": rejected.lost_bytes,
        "lang": file.lang or "",
        "rows": 1,
    }


def staged_rejections(staging: str, snapshots: Collection[str]) -> pa.Table:
    """All records of these files that a run rejected: the quarantine's columns, `lang` and `rows`."""
    found = [storage.read_bytes(uri) for uri in _staged_of(staging, snapshots)]
    tables = [pq.read_table(pa.BufferReader(content), schema=_STAGED) for content in found]
    return pa.concat_tables(tables) if tables else _STAGED.empty_table()


def clear_staging(staging: str, snapshots: Collection[str]) -> None:
    """Remove what is staged of these files; another recipe's, whose build was killed, stays for it."""
    for uri in _staged_of(staging, snapshots):
        storage.delete_file(uri)
    if not any(True for _ in storage.find(staging, "*" + STAGED)):
        storage.delete_folder(staging)


def _staged_of(staging: str, snapshots: Collection[str]) -> list[str]:
    own = set(snapshots)
    return [file.uri for name, file in storage.find(staging, "*" + STAGED) if name.partition("-")[0] in own]
