"""`corpus tokenize`: a release's text table as ids, file by file.

A task takes one file of the text table and writes one file of `tokens`, the same rows in the same order: the
text goes from storage into the worker that encodes it and never through Java. Files are committed in groups,
so a run that was killed goes on behind the last group. `release.json` names the table when all of it stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.sequences import SEQUENCES
from schemas.tokenizer import UNK, Tokenizer, count_of
from schemas.tokens import TOKENS
from schemas.version import VERSION
from spark_jobs import storage, warehouse
from spark_jobs.errors import CorpusError, GateError
from spark_jobs.manifest import Manifest, TableEntry, release_folder, write_manifest
from spark_jobs.progress import Progress
from spark_jobs.publish import fingerprint, fingerprint_columns
from spark_jobs.tokenizer.shipping import Shipped, ship

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILES_A_COMMIT = 64
"""Files that a killed run may have to do again; at the usual size of a file some 16 GB of text."""
BATCH_ROWS = 512
"""Some 2 MB of text: what a worker holds beside the model."""
_TEXT = ("seq_id", "stage", "lang", "form", "text")


@dataclass(frozen=True, slots=True)
class TextFile:
    """One data file of the text table."""

    uri: str
    rows: int
    first: int
    """Its least seq_id, which orders the files."""


def check_free(warehouse_path: str, manifest: Manifest, name: str, tokenizer: Tokenizer) -> bool:
    """Whether the release is tokenised with this model already; GateError where it is with another."""
    if TOKENS.name not in manifest.tables:
        return False
    if manifest.tokenizer_sha256 == tokenizer.sha256:
        return True
    raise GateError(
        f"release {manifest.name!r} is tokenised with another model ({str(manifest.tokenizer_sha256)[:12]}…, "
        f"{name!r} is {tokenizer.sha256[:12]}…)",
        where=storage.join(release_folder(warehouse_path, manifest.name), TOKENS.name),
        why="a published table never changes, trainers pin it",
        do="train with text and --tokenizer on the fly, or build the release under another name",
    )


def text_files(path: str, version: int) -> list[TextFile]:
    """The data files of a text table at a version, in the order of their rows."""
    from deltalake import DeltaTable

    added = pa.table(DeltaTable(path, version=version).get_add_actions(flatten=True))
    names = ("path", "num_records", "min.seq_id")
    columns = (added[name].to_pylist() for name in names)
    files = [
        TextFile(storage.join(path, name), rows, first) for name, rows, first in zip(*columns, strict=True)
    ]
    return sorted(files, key=lambda file: file.first)


def encode_batch(batch: pa.RecordBatch, tokenizer: Tokenizer) -> pa.RecordBatch:
    """Rows of `stage1` (columns `_TEXT`) as rows of `tokens`."""
    ids = tokenizer.encode(batch["text"])
    n_tokens = np.diff(ids.offsets.to_numpy()).astype(np.int32)
    kept = [batch[name].cast(TOKENS.arrow_schema().field(name).type) for name in _TEXT[:4]]
    return TOKENS.batch([*kept, ids, pa.array(n_tokens), pa.array(count_of(ids, UNK))])


def encode_files(spark: SparkSession, files: Sequence[TextFile], shipped: Shipped) -> DataFrame:
    """Rows of `tokens` in one partition a file, in the order of the files and of their rows."""
    uris = [file.uri for file in files]

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        tokenizer = shipped.load()
        for batch in batches:
            for place in batch["id"].to_pylist():
                yield from _encode_file(uris[place], tokenizer)

    # One number a partition: the task with number n takes file n, so files stay apart and in order.
    return spark.range(0, len(uris), 1, len(uris)).mapInArrow(encode, TOKENS.spark_ddl())


def _encode_file(uri: str, tokenizer: Tokenizer) -> Iterator[pa.RecordBatch]:
    filesystem, path = storage.open_filesystem(uri)
    with filesystem.open_input_file(path) as source:
        for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS, columns=list(_TEXT), use_threads=False):
            yield encode_batch(batch, tokenizer)


@dataclass(slots=True)
class Application:
    """One release on its way to ids."""

    spark: SparkSession
    warehouse: str
    manifest: Manifest
    model: bytes
    progress: Progress
    files_a_commit: int = FILES_A_COMMIT

    def run(self) -> Manifest:
        """Encode what is not encoded, check, and add the table to `release.json`."""
        files = text_files(self._folder(SEQUENCES.name), self._stage1.version)
        path, run = self._folder(TOKENS.name), self._run_id()
        warehouse.drop_torn_commit(path)
        if warehouse.is_table(path) and _run_of(path) != run:
            # Of another model, never published: release.json does not name it. The log goes first.
            storage.delete_folder(storage.join(path, "_delta_log"))
            storage.delete_folder(path)
        with self.progress.running("tokenize", self.spark):
            self._encode(files, path, run)
        with self.progress.running("check", self.spark):
            entry = self._check(files, path)
        tables = {**self.manifest.tables, TOKENS.name: entry}
        sha256 = hashlib.sha256(self.model).hexdigest()
        published = replace(self.manifest, tables=tables, tokenizer_sha256=sha256)
        write_manifest(self.warehouse, published)
        return published

    @property
    def _stage1(self) -> TableEntry:
        return self.manifest.tables[SEQUENCES.name]

    def _folder(self, table: str) -> str:
        return storage.join(release_folder(self.warehouse, self.manifest.name), table)

    def _run_id(self) -> str:
        stage1, model = self._stage1, hashlib.sha256(self.model).hexdigest()
        facts = (stage1.fingerprint, str(stage1.version), model, str(self.files_a_commit))
        return "tokens/" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]

    def _encode(self, files: Sequence[TextFile], path: str, run: str) -> None:
        shipped = ship(self.spark, self.model)
        done = _groups_of(path)
        for group, low in enumerate(range(0, len(files), self.files_a_commit)):
            if group in done:
                continue
            rows = encode_files(self.spark, files[low : low + self.files_a_commit], shipped)
            lineage = {"run": run, "group": group, "release": self.manifest.name, "software": VERSION}
            (
                rows.write.format("delta")
                .mode("append")
                .option("txnAppId", f"{run}/{group}")
                .option("txnVersion", 1)
                .option("userMetadata", json.dumps(lineage, sort_keys=True))
                .options(**warehouse.properties(TOKENS, append_only=True))
                .save(path)
            )

    def _check(self, files: Sequence[TextFile], path: str) -> TableEntry:
        """The table as it will be pinned: file for file the rows of the text table."""
        from deltalake import DeltaTable

        held = DeltaTable(path)
        made = text_files(path, held.version())
        if [(f.rows, f.first) for f in made] != [(f.rows, f.first) for f in files]:
            raise CorpusError(
                f"tokens do not match the text: {len(made)} files of {sum(f.rows for f in made):,} rows for "
                f"{len(files)} files of {sum(f.rows for f in files):,}",
                where=path,
                why="something else wrote into the folder",
                do="delete the folder and run the same command again",
            )
        tokens, mark = self._count(path, held.version())
        size = pc.sum(pa.table(held.get_add_actions(flatten=True))["size_bytes"]).as_py()
        return TableEntry(
            path=TOKENS.name,
            version=held.version(),
            rows=sum(f.rows for f in made),
            bytes=size,
            files=len(made),
            words=self._stage1.words,
            fingerprint=mark,
            buckets=self._stage1.buckets,
            tokens=tokens,
        )

    def _count(self, path: str, version: int) -> tuple[dict[str, dict[str, int]], str]:
        """Tokens by language and form, and the fingerprint: one scan."""
        import pyspark.sql.functions as F

        rows = self.spark.read.format("delta").option("versionAsOf", version).load(path)
        count, bits = fingerprint_columns(TOKENS)
        groups = rows.groupBy("lang", "form").agg(F.sum("n_tokens").alias("tokens"), count, bits).collect()
        tokens: dict[str, dict[str, int]] = {lang: {} for lang in sorted({g.lang for g in groups})}
        all_bits = 0
        for g in sorted(groups, key=lambda g: (g.lang, g.form)):
            tokens[g.lang][g.form] = int(g.tokens)
            all_bits ^= g.bits
        return tokens, fingerprint(sum(g.rows for g in groups), all_bits)


def _history(path: str) -> list[dict[str, Any]]:
    """What the commits of a table say of themselves (`userMetadata`), the last first."""
    from deltalake import DeltaTable

    if not warehouse.is_table(path):
        return []
    said = (commit.get("userMetadata") for commit in DeltaTable(path).history())
    return [json.loads(words) for words in said if words]


def _run_of(path: str) -> str | None:
    return next((str(commit["run"]) for commit in _history(path)), None)


def _groups_of(path: str) -> set[int]:
    return {int(commit["group"]) for commit in _history(path)}
