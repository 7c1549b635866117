"""The contract of token ids: special tokens at fixed ids, one way from text to ids, no row that stops it."""

import dataclasses
import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.table import ContractError
from schemas.tokenizer import (
    BOS,
    EOS,
    FIRST_ORDINARY,
    MASK,
    MODEL_FILE,
    PAD,
    SPECIAL,
    UNK,
    Tokenizer,
    count_of,
    load_tokenizer,
    sums_of,
)
from tests.tiny_models import foreign_model, letters_model, words_model


def tokenizer() -> Tokenizer:
    return Tokenizer.from_bytes(words_model())


def pieces_of(text: str) -> list[str]:
    letters = Tokenizer.from_bytes(letters_model())
    named = letters.pieces()
    return [named[n] for n in letters.encode(pa.array([text]))[0].as_py()]


def test_the_special_tokens_have_the_ids_that_trainers_are_written_for():
    assert SPECIAL == ("<pad>", "<s>", "</s>", "<unk>", "<mask>")
    assert (PAD, BOS, EOS, UNK, MASK, FIRST_ORDINARY) == (0, 1, 2, 3, 4, 32)
    tokenizer().check_ids()
    assert tokenizer().pieces()[:6] == [*SPECIAL, "<reserved_0>"]


def test_a_text_is_its_pieces_and_nothing_around_them():
    assert pieces_of("ab c") == ["▁", "a", "b", "▁", "c"]
    assert pieces_of("a\nb") == ["▁", "a", "▁", "b"]
    assert pieces_of("axb") == ["▁", "a", "<unk>", "b"]


@pytest.mark.parametrize("text", [*SPECIAL, "<reserved_3>", "▁<mask>▁", "a <mask> b"])
def test_text_that_spells_a_special_token_is_text(text):
    ids = set(tokenizer().encode(pa.array([text]))[0].as_py())
    assert ids
    assert not ids & {PAD, BOS, EOS, MASK}
    assert all(n == UNK or n >= FIRST_ORDINARY for n in ids)


def test_nulls_and_empty_texts_are_rows_without_ids():
    ids = tokenizer().encode(pa.array(["the lamp", None, "", "the lamp"]))
    assert ids.type == pa.list_(pa.int32())
    assert [len(row) for row in ids.to_pylist()] == [len(ids[0]), 0, 0, len(ids[0])]
    assert tokenizer().encode(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_slices_and_chunks_have_the_ids_of_their_texts(kind):
    texts = ["the ferry", "old lamp", "quay", None, "went out"]
    whole = tokenizer().encode(pa.array(texts, kind)).to_pylist()
    assert tokenizer().encode(pa.array(texts, kind)[1:4]).to_pylist() == whole[1:4]
    chunked = pa.chunked_array([pa.array(texts[:2], kind), pa.array(texts[2:], kind)])
    assert tokenizer().encode(chunked).to_pylist() == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_encodes_and_the_rows_beside_it_do_not_matter(texts):
    encode = tokenizer().encode
    together = encode(pa.array(texts, pa.string()))
    apart = [encode(pa.array([text]))[0].as_py() for text in texts]
    assert together.to_pylist() == apart
    assert count_of(together, UNK).tolist() == [row.count(UNK) for row in apart]


def test_bytes_that_are_no_utf8_become_unknown_and_stop_nothing():
    torn = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 3, 7], np.int32)), pa.py_buffer(b"a\xff\xfelamp")]
    )
    first, second = Tokenizer.from_bytes(words_model()).encode(torn).to_pylist()
    assert UNK in first
    assert second == tokenizer().encode(pa.array(["lamp"]))[0].as_py()


def test_a_row_that_sentencepiece_refuses_is_one_unknown_token():
    real = tokenizer()

    class Refusing:
        def encode(self, texts, **options):
            if b"lamp" in texts:
                raise RuntimeError("no")
            return real.processor.encode(texts, **options)

    ids = dataclasses.replace(real, processor=Refusing()).encode(pa.array(["quay", "lamp", "ferry"]))
    good = real.encode(pa.array(["quay", "lamp", "ferry"])).to_pylist()
    assert ids.to_pylist() == [good[0], [UNK], good[2]]


def test_with_byte_fallback_nothing_is_unknown():
    ids = Tokenizer.from_bytes(words_model(byte_fallback=True)).encode(pa.array(["the 猫 ж 🙂"]))
    assert count_of(ids, UNK).tolist() == [0]


def test_flags_are_counted_row_by_row_also_in_a_slice():
    rows = pa.array([[1, 2], [], [3, 3, 3], [3]], pa.list_(pa.int32()))
    assert count_of(rows, 3).tolist() == [0, 0, 3, 1]
    assert count_of(rows[2:], 3).tolist() == [3, 1]
    assert sums_of(np.array([True, False, True, True, False, True]), rows).tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize("junk", [b"", b"no model", b"\x00" * 200, bytes(range(256)) * 8])
def test_what_is_no_model_is_refused_by_name(junk):
    with pytest.raises(ContractError, match="my model is not a SentencePiece model"):
        Tokenizer.from_bytes(junk, "my model")


def test_a_model_with_other_special_ids_is_measured_but_not_trained_with(tmp_path):
    foreign = Tokenizer.from_bytes(foreign_model())
    assert foreign.unk == 0
    with pytest.raises(ContractError, match="theirs has <unk> at id 0, accepted: <pad>"):
        foreign.check_ids("theirs")


def test_the_trainer_loads_what_the_release_was_tokenised_with_and_nothing_else(tmp_path):
    (tmp_path / MODEL_FILE).write_bytes(words_model())
    sha256 = hashlib.sha256(words_model()).hexdigest()
    loaded = load_tokenizer(str(tmp_path), sha256)
    assert loaded.encode(pa.array(["the old lamp"])) == tokenizer().encode(pa.array(["the old lamp"]))
    with pytest.raises(ContractError, match=f"has sha256 {sha256}, the release was tokenised with 00"):
        load_tokenizer(str(tmp_path), "00")
    (tmp_path / MODEL_FILE).write_bytes(foreign_model())
    with pytest.raises(ContractError, match="at id 0, accepted: <pad>"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        load_tokenizer(str(tmp_path / "none"))
