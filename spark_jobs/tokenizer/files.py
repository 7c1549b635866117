"""One file of the text table to one file of `tokens`: what a task does, from storage to storage.

The worker reads and writes Parquet itself. Through Java the ids would cost more than SentencePiece (measured
for 112 MB of text: 17 CPU seconds of Java and 9 of Python, of which SentencePiece 8). The footer says what is
in the file, so nobody has to read it again: not the run that goes on after a kill, nor the one that counts.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.tokenizer import UNK, Tokenizer, count_of
from schemas.tokens import TOKENS
from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.spark_hash import row_hashes

GROUP_ROWS, GROUP_BYTES = 2048, 16 << 20
"""Rows, and bytes of text, that a row group holds at most: what a worker has in memory beside the model."""
_TEXT = ("seq_id", "stage", "lang", "form", "text")
_FOOTER = "teacher-model.tokens"


@dataclass(frozen=True, slots=True)
class TextFile:
    """One data file of a table of a release."""

    uri: str
    rows: int
    first: int
    """Its least seq_id, which orders the files."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file of `tokens` holds."""

    run: str
    rows: int
    bits: int
    """Its part of the table's fingerprint."""
    tokens: dict[str, dict[str, int]]
    """Language -> form -> tokens."""


def text_files(path: str, version: int) -> list[TextFile]:
    """The data files of a table with `seq_id` at a version, in the order of their rows."""
    from deltalake import DeltaTable

    added = pa.table(DeltaTable(path, version=version).get_add_actions(flatten=True))
    columns = (added[name].to_pylist() for name in ("path", "num_records", "min.seq_id"))
    files = [TextFile(storage.join(path, name), n, first) for name, n, first in zip(*columns, strict=True)]
    return sorted(files, key=lambda file: file.first)


def encode_file(file: TextFile, target: str, tokenizer: Tokenizer, run: str) -> Summary:
    """Write the file's rows as ids, unless `target` holds them already from this run."""
    done = read_summary(target)
    if done is not None and (done.run, done.rows) == (run, file.rows):
        return done
    filesystem, path = storage.open_filesystem(file.uri)
    with filesystem.open_input_file(path) as source, storage.writing(target) as sink:
        return _write(pq.ParquetFile(source), sink, tokenizer, run)


def read_summary(uri: str) -> Summary | None:
    """What the footer of a file says; None where there is none, or where it is torn."""
    filesystem, path = storage.open_filesystem(uri)
    with contextlib.suppress(OSError, pa.ArrowInvalid, ValueError, TypeError):
        with filesystem.open_input_file(path) as source:
            said = pq.ParquetFile(source).metadata.metadata or {}
        return Summary(**json.loads(said[_FOOTER.encode()])) if _FOOTER.encode() in said else None
    return None


def _write(text: pq.ParquetFile, sink: Any, tokenizer: Tokenizer, run: str) -> Summary:
    rows, bits, tokens = 0, 0, dict[str, dict[str, int]]()
    # Ids hardly repeat enough for a dictionary: without one the file is a tenth smaller.
    options = {"compression": "zstd", "compression_level": 3, "use_dictionary": ["lang", "form"]}
    with pq.ParquetWriter(sink, TOKENS.arrow_schema(), **options) as writer:
        for batch in _batches(text):
            encoded = encode_batch(batch, tokenizer)
            writer.write_batch(encoded, row_group_size=len(encoded))
            rows += len(encoded)
            bits ^= int(np.bitwise_xor.reduce(row_hashes(encoded.columns)))
            _count(encoded, tokens)
        summary = Summary(run, rows, bits, tokens)
        writer.add_key_value_metadata({_FOOTER: json.dumps(plain(summary))})
    return summary


def _batches(text: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    meta = text.metadata
    stored = sum(meta.row_group(n).total_byte_size for n in range(meta.num_row_groups))
    n_rows = max(1, min(GROUP_ROWS, GROUP_BYTES * meta.num_rows // max(stored, 1)))
    for batch in text.iter_batches(n_rows, columns=list(_TEXT), use_threads=False):
        if batch.num_rows:
            yield batch


def encode_batch(batch: pa.RecordBatch, tokenizer: Tokenizer) -> pa.RecordBatch:
    """Rows of `stage1` (columns seq_id, stage, lang, form, text) as rows of `tokens`."""
    ids = tokenizer.encode(batch["text"])
    n_tokens = np.diff(ids.offsets.to_numpy()).astype(np.int32)
    kept = [batch[name].cast(TOKENS.arrow_schema().field(name).type) for name in _TEXT[:4]]
    return TOKENS.batch([*kept, ids, pa.array(n_tokens), pa.array(count_of(ids, UNK))])


def _count(encoded: pa.RecordBatch, tokens: dict[str, dict[str, int]]) -> None:
    table = pa.Table.from_batches([encoded.select(["lang", "form", "n_tokens"])])
    for group in table.group_by(["lang", "form"]).aggregate([("n_tokens", "sum")]).to_pylist():
        forms = tokens.setdefault(group["lang"], {})
        forms[group["form"]] = forms.get(group["form"], 0) + group["n_tokens_sum"]


def merged(summaries: list[Summary]) -> Summary:
    """What files hold together; languages and forms in order."""
    bits, tokens = 0, dict[str, dict[str, int]]()
    for one in summaries:
        bits ^= one.bits
        for lang, forms in one.tokens.items():
            for form, n in forms.items():
                of_lang = tokens.setdefault(lang, {})
                of_lang[form] = of_lang.get(form, 0) + n
    in_order = {lang: dict(sorted(forms.items())) for lang, forms in sorted(tokens.items())}
    return Summary(summaries[0].run if summaries else "", sum(s.rows for s in summaries), bits, in_order)
