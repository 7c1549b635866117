"""The bare loop counts what the job counts: the exact values of tokenize.py are its figures."""

import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece

from bench.peers import Encoded, sentencepiece_loop
from schemas.tokenizer import Tokenizer

TEXTS = ["ein Text", "", "größer\nals Bytes", "a text of some more words"] * 200


@pytest.fixture(scope="module")
def model():
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=made, vocab_size=40, hard_vocab_limit=False, minloglevel=2
    )
    return made.getvalue()


@pytest.mark.parametrize("given", ["bytes", "strings"])
def test_it_counts_rows_bytes_and_tokens_of_every_file(tmp_path, model, given):
    (tmp_path / "model").write_bytes(model)
    for n, texts in enumerate((TEXTS[:700], TEXTS[700:])):
        pq.write_table(pa.table({"seq_id": range(len(texts)), "text": texts}), tmp_path / f"{n}.parquet")
    said = sentencepiece_loop(tmp_path, tmp_path / "model", given)
    ids = Tokenizer.from_bytes(model).encode(pa.array(TEXTS))
    assert said.tokens == len(ids.flatten()) > len(TEXTS)
    assert said.rows == 800
    assert said.bytes == 200 * sum(len(text.encode()) for text in TEXTS[:4])
    assert said.cpu_s > 0


def test_a_speed_is_megabytes_of_text_a_cpu_second():
    assert Encoded(rows=1, bytes=30_000_000, tokens=1, cpu_s=2.0).mb_per_cpu_s == 15.0


def test_a_script_beside_our_tokenize_still_finds_the_standard_librarys(tmp_path, model):
    # Without -P the folder of the script comes first, and `import inspect` would run the benchmark.
    (tmp_path / "model").write_bytes(model)
    pq.write_table(pa.table({"text": TEXTS}), tmp_path / "0.parquet")
    assert sentencepiece_loop(tmp_path, tmp_path / "model", "bytes").rows == len(TEXTS)
    assert not sys.modules["tokenize"].__file__.endswith("bench/tokenize.py")
