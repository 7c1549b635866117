"""Small releases as `corpus` publishes them, written with deltalake's own writer: no Spark, a few ms each."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, WriterProperties, write_deltalake

from schemas.sequences import FORMS, POSITION_BITS, SEQUENCES
from schemas.tokenizer import CARD_FILE, MODEL_FILE, UNK, Tokenizer, count_of
from schemas.tokens import TOKENS
from tests.tiny_models import WORDS, words_model

LANGUAGES = ("de", "en", "ja")
PROPERTIES = {
    "delta.appendOnly": "true",
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
    "delta.minReaderVersion": "1",
}


@dataclass(frozen=True)
class Made:
    """A release, and the tokenizer of its `tokens`."""

    release: Path
    tokenizer: Path
    rows: list[dict]

    @property
    def seq_ids(self) -> list[int]:
        return [row["seq_id"] for row in self.rows]


def make_release(
    folder: Path, files=((40, 24), (17,), (30, 30, 5)), *, tokens=False, stage=1, split=None, group_rows=13
) -> Made:
    """`files`: rows of each row group of each file; `group_rows`: row groups of `tokens`, which differ.

    `split`: gives the split of the row with a number.
    """
    release, table = folder / "releases" / "r", f"stage{stage}"
    tokenizer = put_tokenizer(folder)
    rows, written = [], []
    for bucket, groups in enumerate(files):
        part = [row_of(bucket, n, len(rows) + n, stage) for n in range(sum(groups))]
        columns = pa.Table.from_pylist(part, SEQUENCES.arrow_schema())
        if split is not None:
            named = [split(len(rows) + n) for n in range(len(part))]
            columns = columns.append_column("split", pa.array(named, pa.string()))
            part = [{**row, "split": name} for row, name in zip(part, named, strict=True)]
        written.append((columns, groups))
        rows += part
    tables = {table: write_table(release / table, written)}
    sha256 = None
    if tokens:
        model = Tokenizer.from_bytes(words_model())
        ids = [(ids_of(columns, model), cut(columns.num_rows, group_rows)) for columns, _ in written]
        tables["tokens"] = write_table(release / "tokens", ids)
        sha256 = model.sha256
    manifest = {"name": "r", "tables": tables, "tokenizer_sha256": sha256, "expires": None}
    (release / "release.json").write_text(json.dumps(manifest), "utf-8")
    return Made(release, tokenizer, rows)


def put_tokenizer(folder: Path, name="t") -> Path:
    """The words' model as a tokenizer of a warehouse."""
    path = folder / "tokenizers" / name
    path.mkdir(parents=True, exist_ok=True)
    (path / MODEL_FILE).write_bytes(words_model())
    card = {"sha256": Tokenizer.from_bytes(words_model()).sha256}
    (path / CARD_FILE).write_text(json.dumps(card), "utf-8")
    return path


def row_of(bucket: int, place: int, number: int, stage: int) -> dict:
    """A row; the lengths run from one word to some sixty, and some words have no piece."""
    chosen = np.random.default_rng(number)
    words = [WORDS[n] for n in chosen.integers(0, len(WORDS), int(chosen.integers(1, 60)))]
    words += ["鳥"] * (number % 5 == 0)
    return {
        "seq_id": (bucket << POSITION_BITS) + place,
        "stage": stage,
        "lang": LANGUAGES[number % 3],
        "source": "s",
        "form": FORMS[number % 10 // 7],
        "text": " ".join(words),
        "n_words": len(words),
        "n_sentences": 1,
        "n_docs": 1,
        "n_source_words": len(words),
    }


def ids_of(columns: pa.Table, model: Tokenizer) -> pa.Table:
    """The rows as `corpus tokenize` writes them."""
    ids = model.encode(columns["text"])
    n_tokens = pa.array(np.diff(ids.offsets.to_numpy()).astype(np.int32))
    kept = [columns[name].combine_chunks() for name in ("seq_id", "stage", "lang", "form")]
    return pa.Table.from_arrays(
        [*kept, ids, n_tokens, pa.array(count_of(ids, UNK))], schema=TOKENS.arrow_schema()
    )


def cut(rows: int, size: int) -> list[int]:
    """Row groups of a size, the last one shorter."""
    return [min(size, rows - n) for n in range(0, rows, size)]


def write_table(path: Path, files) -> dict:
    """A commit a file with row groups of these sizes; the table's entry of release.json."""
    for columns, groups in files:
        options = WriterProperties(compression="ZSTD", max_row_group_size=columns.num_rows)
        write_deltalake(path, columns, mode="append", writer_properties=options, configuration=PROPERTIES)
        regroup(DeltaTable(path), columns, groups)
    held = DeltaTable(path)
    added = pa.table(held.get_add_actions(flatten=True)).to_pylist()
    words = {lang: dict.fromkeys(FORMS, 1) for lang in LANGUAGES}
    return {
        "path": path.name,
        "version": held.version(),
        "rows": sum(row["num_records"] for row in added),
        "bytes": sum(row["size_bytes"] for row in added),
        "files": len(added),
        "fingerprint": f"made-{path.name}",
        "words": words,
        "buckets": len(added),
    }


def regroup(table: DeltaTable, columns: pa.Table, groups) -> None:
    """Write the last commit's file anew in row groups of these sizes, and its size into the log."""
    log = Path(table.table_uri.removeprefix("file://")) / "_delta_log" / f"{table.version():020}.json"
    actions = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    [added] = [action["add"] for action in actions if "add" in action]
    file = log.parent.parent / added["path"]
    with pq.ParquetWriter(file, columns.schema, compression="zstd") as writer:
        first = 0
        for rows in groups:
            writer.write_table(columns.slice(first, rows), row_group_size=rows)
            first += rows
    added["size"] = file.stat().st_size
    log.write_text("\n".join(map(json.dumps, actions)) + "\n", "utf-8")


def data_files(made: Made, table="stage1") -> list[Path]:
    """The data files in the order of their rows."""
    found = (made.release / table).glob("*.parquet")
    return sorted(found, key=lambda file: pq.read_table(file, columns=["seq_id"])["seq_id"][0].as_py())
