"""What tokenize.py measures on: a published release of simple packs, and a vocabulary for them. Made once.

A build would do more than the measurement needs: here a pack is the next lines of a language up to 700 words,
all packs are mixed, and the table goes to Parquet without Spark, zstd and in row groups of the size that a
build writes. The text is that of inputs.py, every readable row of it.
"""

import gzip
import hashlib
import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from bench.inputs import make_inputs
from normalizers import word_counts
from schemas.sequences import POSITION_BITS, SEQUENCES
from schemas.tokenizer import FIRST_ORDINARY, SPECIAL, Tokenizer
from schemas.version import VERSION
from spark_jobs.manifest import Manifest, TableEntry, release_folder, write_manifest
from spark_jobs.tokenizer.required import required_characters
from spark_jobs.tokenizer.store import Card, write_tokenizer
from spark_jobs.tokenizer.vocabulary import Fitting, VocabularyConfig, options

NAME = "bench"
"""Of the release and of its tokenizer."""
PACK_WORDS = 700
VOCABULARY = 32_000
_FILE_BYTES = 28_000_000  # of text: one row group of 12 MB on disk, as a build writes them
_SAMPLE_BYTES = 700_000  # a language, to train on
_FORMAT = 1  # of what is made here: a change makes old caches stale

Pack = tuple[str, str, int]
"""Language, text, words."""


def make_release(source: Path, megabytes: int, cache: Path) -> Path:
    """A warehouse with the release `bench` and no tokens; about a minute for 100 MB, then kept.

    `source`, `megabytes`: as for `inputs.make_inputs`.
    """
    made = make_inputs(source, megabytes, cache)
    warehouse = made.with_name(f"{made.name}-packs-{_FORMAT}")
    if not warehouse.exists():
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        try:
            _write_release(_mixed_packs(made), unfinished)
            unfinished.rename(warehouse)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return warehouse


def packs_of(lang: str, lines: list[str]) -> Iterator[Pack]:
    """The lines in their order, as many in a pack as keep it within 700 words; a longer line stands alone."""
    held: list[str] = []
    words = 0
    counted = word_counts(pa.array(lines, pa.large_string()), lang).to_pylist()
    for line, n_words in zip(lines, counted, strict=True):
        if words and words + n_words > PACK_WORDS:
            yield lang, "\n".join(held), words
            held, words = [], 0
        held.append(line)
        words += n_words
    if words:
        yield lang, "\n".join(held), words


def _mixed_packs(made: Path) -> list[Pack]:
    packs: list[Pack] = []
    lines: dict[str, list[str]] = defaultdict(list)
    for file in sorted((made / "mc4").iterdir()):
        lines[file.name.partition("-")[0]] += [line for text in _texts(file) for line in text.split("\n")]
    for lang, its_lines in lines.items():
        packs += packs_of(lang, its_lines)
    random.Random("bench packs").shuffle(packs)  # as in a release, where every file holds every language
    return packs


def _texts(file: Path) -> Iterator[str]:
    with gzip.open(file, "rb") as rows:
        for row in rows:
            try:
                yield json.loads(row)["text"]
            except ValueError:  # a line that inputs.py cut in half, perhaps inside a character
                continue


def _write_release(packs: list[Pack], warehouse: Path) -> None:
    path = Path(release_folder(str(warehouse), NAME), SEQUENCES.name)
    for bucket, rows in enumerate(_in_files(packs)):
        table = _sequences(rows, bucket << POSITION_BITS)
        SEQUENCES.check(table)
        properties = WriterProperties(compression="ZSTD", max_row_group_size=len(rows))
        write_deltalake(
            str(path), table, mode="append", writer_properties=properties, target_file_size=1 << 30
        )
    held = DeltaTable(str(path))
    words: dict[str, dict[str, int]] = defaultdict(lambda: {"written": 0})
    for lang, _, n_words in packs:
        words[lang]["written"] += n_words
    files = list(path.glob("*.parquet"))
    entry = TableEntry(
        path=SEQUENCES.name,
        version=held.version(),
        rows=len(packs),
        bytes=sum(file.stat().st_size for file in files),
        files=len(files),
        words=dict(words),
        fingerprint=f"made-{len(packs)}",
        buckets=len(files),
    )
    write_manifest(str(warehouse), _manifest(entry))


def _manifest(stage1: TableEntry) -> Manifest:
    return Manifest(
        name=NAME,
        created="2000-01-01T00:00:00Z",
        run_id=NAME,
        software=VERSION,
        recipe_sha256="",
        recipe={},
        tables={SEQUENCES.name: stage1},
        inputs=[],
        documents_version=0,
        thresholds={},
    )


def _in_files(packs: Iterable[Pack]) -> Iterator[list[Pack]]:
    held: list[Pack] = []
    size = 0
    for pack in packs:
        held.append(pack)
        size += len(pack[1].encode())
        if size >= _FILE_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _sequences(packs: list[Pack], first: int) -> pa.Table:
    """Rows of `stage1`; a line counts as a sentence and a pack as a document."""
    langs, texts, words = (list(column) for column in zip(*packs, strict=True))
    n = len(packs)
    columns = {
        "seq_id": range(first, first + n),
        "stage": [1] * n,
        "lang": langs,
        "source": ["mc4"] * n,
        "form": ["written"] * n,
        "text": texts,
        "n_words": words,
        "n_sentences": [text.count("\n") + 1 for text in texts],
        "n_docs": [1] * n,
        "n_source_words": words,
    }
    return pa.table(columns, SEQUENCES.arrow_schema())


def make_vocabulary(source: Path, cache: Path) -> bytes:
    """A model of 32,000 pieces from the first 0.7 MB of each language; one to two minutes, then kept."""
    files = sorted(source.glob("*.jsonl.gz"))
    config = VocabularyConfig(vocab_size=VOCABULARY)
    settings = options(
        config, "".join(required_characters(file.name.partition(".")[0] for file in files).values())
    )
    facts = [_FORMAT, _SAMPLE_BYTES, settings, [(file.name, file.stat().st_size) for file in files]]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    kept = cache / f"vocabulary-{key}.model"
    if not kept.exists():
        lines = [line for file in files for line in _first_lines(file)]
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            sample = pa.table({"text": pa.array(lines, pa.string())})
            model, _ = Fitting().run(sample, settings, Path(folder))
            Path(folder, "whole").write_bytes(model)
            Path(folder, "whole").rename(kept)
    return kept.read_bytes()


def _first_lines(file: Path) -> Iterator[str]:
    size = 0
    for text in _texts(file):
        yield from filter(str.strip, text.split("\n"))
        size += len(text.encode())
        if size >= _SAMPLE_BYTES:
            return


def put_tokenizer(warehouse: Path, model: bytes) -> None:
    """The model as a tokenizer of the warehouse, so that the command finds it by name."""
    tokenizer = Tokenizer.from_bytes(model)
    card = Card(
        name=NAME,
        created="2000-01-01T00:00:00Z",
        sha256=tokenizer.sha256,
        vocab_size=tokenizer.vocab_size,
        release=NAME,
        release_fingerprint="",
        training={},
        special={piece: number for number, piece in enumerate(SPECIAL)},
        reserved=[len(SPECIAL), FIRST_ORDINARY],
        required={},
        sample={},
        metrics=[],
        sentencepiece="",
        software=VERSION,
        seconds={},
        peak_bytes=0,
    )
    write_tokenizer(str(warehouse), card, model)
