"""The release that tokenising is measured on is one: its rows keep the contract and hold all the text."""

import gzip
import io
import json

import pyarrow.parquet as pq
import pytest
import sentencepiece

from bench import packs
from bench.inputs import expected, make_inputs
from bench.packs import NAME, make_release, packs_of, put_tokenizer
from schemas.sequences import SEQUENCES
from schemas.tokenizer import FIRST_ORDINARY
from spark_jobs.manifest import read_manifest
from spark_jobs.tokenizer.apply import text_files
from spark_jobs.tokenizer.store import read_model
from spark_jobs.tokenizer.vocabulary import VocabularyConfig, options


@pytest.fixture
def source(tmp_path):
    """Two languages, 300 documents of three lines each."""
    folder = tmp_path / "text"
    folder.mkdir()
    for lang in ("de", "en"):
        texts = ["\n".join(f"{lang} {n} line {k} of a made text" for k in range(3)) for n in range(300)]
        with gzip.open(folder / f"{lang}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps({"text": text, "url": "u"}) + "\n" for text in texts)
    return folder


@pytest.mark.parametrize(
    ("lengths", "packed"),
    [
        ([300, 300, 100, 1], [700, 1]),  # 300 + 300 + 100 is just a pack
        ([699, 2, 2], [699, 4]),
        ([5, 900, 5], [5, 900, 5]),  # a longer line stands alone
        ([0, 900, 0], [900]),  # an empty line never is a pack of its own
        ([0, 0], []),
        ([], []),
    ],
)
def test_a_pack_is_as_many_lines_as_stay_within_700_words(lengths, packed):
    lines = [" ".join(["word"] * n) for n in lengths]
    made = list(packs_of("en", lines))
    assert [(lang, n) for lang, _, n in made] == [("en", n) for n in packed]
    assert [len(text.split()) for _, text, _ in made] == packed


def test_the_release_holds_all_the_text_in_files_of_ascending_rows(source, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "_FILE_BYTES", 400_000)
    warehouse = make_release(source, 1, tmp_path)
    manifest = read_manifest(str(warehouse), NAME)
    stage1 = manifest.tables[SEQUENCES.name]
    files = text_files(str(warehouse / "releases" / NAME / SEQUENCES.name), stage1.version)

    tables = [pq.read_table(file.uri) for file in files]
    assert len(files) == stage1.files >= 3
    assert [(t.num_rows, t["seq_id"][0].as_py()) for t in tables] == [(f.rows, f.first) for f in files]
    assert [f.first >> 32 for f in files] == list(range(len(files)))
    assert sum(t.num_rows for t in tables) == stage1.rows
    assert all(set(t["lang"].to_pylist()) == {"de", "en"} for t in tables)  # mixed, as in a build

    read = sum(len(text) + 1 for t in tables for text in t["text"].to_pylist())
    counts = expected(make_inputs(source, 1, tmp_path))
    assert read == counts.text_bytes + counts.documents  # a line break for each end of a line or a document


def test_the_release_is_made_once(source, tmp_path):
    warehouse = make_release(source, 1, tmp_path)
    stamp = warehouse.stat().st_mtime_ns
    assert make_release(source, 1, tmp_path) == warehouse
    assert warehouse.stat().st_mtime_ns == stamp


def test_a_put_tokenizer_is_one_that_the_command_finds(tmp_path):
    settings = options(VocabularyConfig(vocab_size=FIRST_ORDINARY + 30), "")
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([f"a made text of line {n}" for n in range(200)]),
        model_writer=made,
        minloglevel=2,
        **settings,
    )
    put_tokenizer(tmp_path, made.getvalue())
    model, tokenizer = read_model(str(tmp_path), NAME)
    assert model == made.getvalue()
    assert tokenizer.vocab_size == FIRST_ORDINARY + 30
