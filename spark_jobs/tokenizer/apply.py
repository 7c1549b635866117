"""`corpus tokenize`: a release's text table as ids, a task a file.

Each task writes one file of `tokens` for one file of the text, the same rows in the same order, and leaves it
alone where an earlier run wrote it. When all are there, Spark makes a Delta table of them in one commit, and
`release.json` names it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from schemas.sequences import SEQUENCES
from schemas.tokenizer import Tokenizer
from schemas.tokens import TOKENS
from schemas.version import VERSION
from spark_jobs import storage, warehouse
from spark_jobs.config import plain
from spark_jobs.errors import CorpusError, GateError
from spark_jobs.manifest import Manifest, TableEntry, release_folder, write_manifest
from spark_jobs.progress import Progress
from spark_jobs.publish import fingerprint
from spark_jobs.tokenizer.files import Summary, TextFile, encode_file, merged, text_files
from spark_jobs.tokenizer.shipping import Shipped, ship

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
        do="encode on the fly (docs/tokenizer.md), or build the release under another name",
    )


@dataclass(slots=True)
class Application:
    """One release on its way to ids."""

    spark: SparkSession
    warehouse: str
    manifest: Manifest
    model: bytes
    progress: Progress

    def run(self) -> Manifest:
        """Encode what is not encoded, commit, check, and add the table to `release.json`."""
        files = text_files(self._folder(SEQUENCES.name), self._stage1.version)
        shipped = ship(self.spark, self.model)
        path, run = self._folder(TOKENS.name), self._run_id(shipped.sha256)
        targets = [storage.join(path, f"part-{n:05d}-{run}.zstd.parquet") for n in range(len(files))]
        warehouse.drop_torn_commit(path)
        _clear(path, run)
        with self.progress.running("tokenize", self.spark):
            summaries = encode_files(self.spark, files, targets, shipped, run)
        with self.progress.running("commit", self.spark):
            if not warehouse.is_table(path):
                self._commit(path, run)
            entry = self._entry(files, path, merged(summaries))
        tables = {**self.manifest.tables, TOKENS.name: entry}
        published = replace(self.manifest, tables=tables, tokenizer_sha256=shipped.sha256)
        write_manifest(self.warehouse, published)
        return published

    @property
    def _stage1(self) -> TableEntry:
        return self.manifest.tables[SEQUENCES.name]

    def _folder(self, table: str) -> str:
        return storage.join(release_folder(self.warehouse, self.manifest.name), table)

    def _run_id(self, model_sha256: str) -> str:
        facts = (self._stage1.fingerprint, str(self._stage1.version), model_sha256)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]

    def _commit(self, path: str, run: str) -> None:
        """A Delta table of the files that lie there, with the promises of a release."""
        prefix = "spark.databricks.delta.properties.defaults."
        settings = {
            prefix + key.removeprefix("delta."): value
            for key, value in warehouse.properties(TOKENS, append_only=True).items()
        }
        lineage = {"run": run, "release": self.manifest.name, "software": VERSION}
        settings["spark.databricks.delta.commitInfo.userMetadata"] = json.dumps(lineage, sort_keys=True)
        before = {key: self.spark.conf.get(key, None) for key in settings}
        try:
            for key, value in settings.items():
                self.spark.conf.set(key, value)
            self.spark.sql(f"CONVERT TO DELTA parquet.`{path}`")
        finally:
            for key, held in before.items():
                if held is None:
                    self.spark.conf.unset(key)
                else:
                    self.spark.conf.set(key, held)

    def _entry(self, files: Sequence[TextFile], path: str, whole: Summary) -> TableEntry:
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
        return TableEntry(
            path=TOKENS.name,
            version=held.version(),
            rows=whole.rows,
            bytes=pc.sum(pa.table(held.get_add_actions(flatten=True))["size_bytes"]).as_py(),
            files=len(made),
            words=self._stage1.words,
            fingerprint=fingerprint(whole.rows, whole.bits),
            buckets=self._stage1.buckets,
            tokens=whole.tokens,
        )


def encode_files(
    spark: SparkSession, files: Sequence[TextFile], targets: Sequence[str], shipped: Shipped, run: str
) -> list[Summary]:
    """Encode each file into its target, a task a file; what they hold, in the order of the files."""

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            for place in batch["id"].to_pylist():
                made = encode_file(files[place], targets[place], shipped.load(), run)
                yield pa.RecordBatch.from_pydict({"id": [place], "summary": [json.dumps(plain(made))]})

    # One number a partition: the task with number n takes file n.
    tasks = spark.range(0, len(files), 1, max(len(files), 1))
    rows = tasks.mapInArrow(encode, "id BIGINT, summary STRING").collect()
    return [Summary(**json.loads(row.summary)) for row in sorted(rows, key=lambda row: row.id)]


def _clear(path: str, run: str) -> None:
    """Remove what another run left there without publishing it: `release.json` does not name it."""
    if any(run not in name for name, _ in storage.find(path, "*.parquet")):
        storage.delete_folder(storage.join(path, "_delta_log"))  # the log first: no commit without its files
        storage.delete_folder(path)
