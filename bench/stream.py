"""The trainer's stream against its floors: `python -m bench.stream`, or `make bench-stream`. Two minutes.

One process, CPU seconds. An epoch of a release of simple packs, as text and as ids, to masked, split and
unpadded batches. Beside it, in the same run and on the same text: a bare SentencePiece loop (the fastest of
two), and HF `datasets` streaming with HF `tokenizers`, which only reads, shuffles and encodes. Exits 1 when a
figure misses its floor (stream_floors.toml), when rows or tokens are not those that the loop counted, or when
text and ids do not give the same batches.
"""

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, convert_to_deltalake

from bench.floors import judge, read_floors
from bench.inputs import SOURCE
from bench.packs import NAME, make_release, make_vocabulary, put_tokenizer
from bench.peers import HF_DATASETS, Encoded, hf_datasets_stream, peer_python, sentencepiece_loop
from schemas.sequences import SEQUENCES
from schemas.tokenizer import MODEL_FILE, Tokenizer
from schemas.tokens import TOKENS
from spark_jobs.manifest import published, release_folder, write_manifest
from spark_jobs.tokenizer.files import encode_file, text_files
from spark_jobs.tokenizer.store import tokenizer_folder
from trainer.batches import digest
from trainer.order import epoch_order
from trainer.reading import UnitReader
from trainer.share import StreamConfig, order_key
from trainer.snapshot import Reads, Snapshot, open_snapshot
from trainer.stream import Stream

Result = TypeVar("Result")

CONFIG = StreamConfig(batch_rows=512)
PEER_SHARE = 0.1
"""Of the rows for HF, which takes a second of CPU a megabyte."""
PEER_TOKENS = 0.05
"""HF may give so much more or fewer tokens a byte; beyond, it was not given the same model."""


@dataclass(slots=True)
class Bench:
    """One run: where things are, and what was found so far."""

    warehouse: Path
    scratch: Path
    model: bytes
    figures: dict[str, float]
    wrong: list[str]

    @property
    def release(self) -> str:
        """Folder of the release."""
        return release_folder(str(self.warehouse), NAME)

    @property
    def tokenizer(self) -> str:
        """Folder of the tokenizer."""
        return tokenizer_folder(str(self.warehouse), NAME)

    def must_be(self, what: str, found: object, wanted: object) -> None:
        """An exact value: a faster wrong result is no result."""
        if found != wanted:
            self.wrong.append(f"{what}: {found} instead of {wanted}")


def main() -> int:
    """Make the input, measure, judge."""
    options = _options()
    cache = options.cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    cache.mkdir(parents=True, exist_ok=True)
    made = make_release(options.source, options.megabytes, cache)
    model = make_vocabulary(options.source, cache)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    bench = Bench(scratch / "warehouse", scratch, model, {}, [])
    pa.set_cpu_count(1)
    try:
        shutil.copytree(made, bench.warehouse)
        put_tokenizer(bench.warehouse, model)
        add_tokens(bench)
        print(f"text of {made}, one process")
        measure_plan(bench)
        measure(bench, None if options.no_peer else peer_python("datasets-5.2.0", HF_DATASETS, cache))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return judge(bench.figures, read_floors("stream_floors.toml"), bench.wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.stream", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=None, help="where made input and peers are kept")
    parser.add_argument("--no-peer", action="store_true", help="leave HF out")
    return parser.parse_args()


def add_tokens(bench: Bench) -> None:
    """`tokens` as `corpus tokenize` writes it, file for file, and its entry in release.json."""
    manifest = published(str(bench.warehouse), NAME)
    tokenizer = Tokenizer.from_bytes(bench.model)
    path = Path(bench.release, TOKENS.name)
    stage1 = manifest.tables[SEQUENCES.name]
    for number, file in enumerate(text_files(str(path.with_name(SEQUENCES.name)), stage1.version)):
        encode_file(file, str(path / f"part-{number:05d}.zstd.parquet"), tokenizer, NAME)
    convert_to_deltalake(path)
    held = DeltaTable(path)
    size = pc.sum(pa.table(held.get_add_actions(flatten=True))["size_bytes"]).as_py()
    entry = dataclasses.replace(stage1, path=TOKENS.name, version=held.version(), bytes=size)
    tables = {**manifest.tables, TOKENS.name: entry}
    write_manifest(
        str(bench.warehouse), dataclasses.replace(manifest, tables=tables, tokenizer_sha256=tokenizer.sha256)
    )


def measure_plan(bench: Bench) -> None:
    """The order of a billion rows in a million units, and one batch found in the middle of it."""
    units = np.full(1_000_000, 1000, np.int64)

    def plan() -> int:
        order = epoch_order(units, key=1, epoch=0, lanes=256)
        return sum(span.stop - span.start for span in order.spans(500_000_000, 500_002_048))

    rows, cpu_s = _timed("plan of a billion rows, one seek", plan)
    bench.must_be("rows found by the seek", rows, 2048)
    bench.figures["plan_s"] = cpu_s


def measure(bench: Bench, peer_python_: Path | None) -> None:
    """Ours from text and from ids, reading alone, the loop before and after, and the peer."""
    model = Path(bench.tokenizer, MODEL_FILE)
    text_folder = Path(bench.release, SEQUENCES.name)
    loops = [_said("SentencePiece alone", sentencepiece_loop(text_folder, model, "bytes"))]
    text, ids = (_epoch(bench, reads, loops[0]) for reads in ("text", "tokens"))
    loops.append(_said("SentencePiece alone", sentencepiece_loop(text_folder, model, "bytes")))
    bench.must_be("hash of all batches, from ids", ids[1], text[1])
    _read_alone(bench, loops[0])
    bench.figures["text_mtok"], bench.figures["ids_mtok"] = text[0], ids[0]
    bench.figures["share_of_loop"] = text[0] / max(loop.tokens / 1e6 / loop.cpu_s for loop in loops)
    if peer_python_ is not None:
        pieces = bench.scratch / "pieces.json"
        tokenizer = Tokenizer.from_bytes(bench.model)
        scored = [[piece, tokenizer.processor.get_score(n)] for n, piece in enumerate(tokenizer.pieces())]
        pieces.write_text(json.dumps({"pieces": scored, "unk": tokenizer.unk}), "utf-8")
        peer = hf_datasets_stream(peer_python_, text_folder, pieces, PEER_SHARE)
        _said("HF datasets and tokenizers", peer)
        share = (peer.tokens / peer.bytes) / (loops[0].tokens / loops[0].bytes)
        if abs(share - 1) > PEER_TOKENS:
            bench.wrong.append(f"HF gave {share:.2f} times the tokens, so not those of this model")
        bench.figures["times_hf"] = text[0] / (peer.tokens / 1e6 / peer.cpu_s)


def _epoch(bench: Bench, reads: Reads, loop: Encoded) -> tuple[float, str]:
    """An epoch to batches: million text tokens a CPU second, and a hash of all batches."""
    snapshot = open_snapshot(bench.release, reads=reads)
    steps = snapshot.rows // CONFIG.batch_rows
    with Stream(snapshot, bench.tokenizer, CONFIG) as stream:
        batches, cpu_s = _timed(
            f"stream of {reads}, {steps} batches", lambda: [next(stream) for _ in range(steps)]
        )
        rest = next(stream)  # ends in the next epoch
        window = stream.window()
    text_tokens = sum(batch.counts.text_tokens for batch in batches)
    speed = text_tokens / 1e6 / cpu_s
    print(f"    {text_tokens:,} tokens of text, {speed:.2f} M a CPU second, fill {window['fill']:.1%}")
    first = snapshot.rows - steps * CONFIG.batch_rows
    bench.must_be("rows in an epoch", sum(batch.n_rows for batch in batches) + first, loop.rows)
    pieces = [part for batch in [*batches, rest] for part in batch.microbatches]
    in_epoch = _until_row(pieces, loop.rows)
    bench.must_be("tokens in an epoch", in_epoch, loop.tokens)
    return speed, digest(pieces)


def _until_row(pieces: list, rows: int) -> int:
    """Tokens of text in the first so many rows of what was given out."""
    first_pieces = np.concatenate([part.piece for part in pieces]) == 0
    sizes = np.concatenate([np.diff(part.cu_seqlens) - 2 for part in pieces])
    return int(sizes[np.cumsum(first_pieces) <= rows].sum())


def _read_alone(bench: Bench, loop: Encoded) -> None:
    """Every unit read and shuffled, nothing encoded."""
    snapshot: Snapshot = open_snapshot(bench.release)
    reader = UnitReader(snapshot, order_key(snapshot, CONFIG.seed))
    order = epoch_order(snapshot.unit_rows, key=1, epoch=0, lanes=CONFIG.lanes)

    def read() -> int:
        return sum(reader.rows(0, span).num_rows for span in order.spans(0, order.rows))

    rows, cpu_s = _timed("reading and shuffling alone", read)
    bench.must_be("rows read", rows, loop.rows)
    bench.figures["read_mb"] = loop.bytes / 1e6 / cpu_s


def _timed(name: str, work: Callable[[], Result]) -> tuple[Result, float]:
    began = time.process_time()
    result = work()
    cpu_s = time.process_time() - began
    print(f"  {name:<46}{cpu_s:8.2f} CPU s", flush=True)
    return result, cpu_s


def _said(name: str, said: Encoded) -> Encoded:
    speed = said.tokens / 1e6 / said.cpu_s
    print(f"  {name:<46}{said.cpu_s:8.2f} CPU s", flush=True)
    print(f"    {said.bytes / 1e6:.1f} MB, {said.tokens:,} tokens, {speed:.2f} M a CPU second")
    return said


if __name__ == "__main__":
    sys.exit(main())
