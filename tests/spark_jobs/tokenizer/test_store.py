"""`tokenizers/<name>`: there when its card is, refused when it is not what its card says."""

import dataclasses
import hashlib

import pytest

from schemas.table import ContractError
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.tokenizer.required import required_characters
from spark_jobs.tokenizer.store import (
    Card,
    find_model,
    read_card,
    read_model,
    tokenizers,
    write_tokenizer,
)
from tests.tiny_models import foreign_model, words_model


def card(model: bytes, name="t") -> Card:
    return Card(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        sha256=hashlib.sha256(model).hexdigest(),
        vocab_size=64,
        release="r",
        release_fingerprint="f",
        training={"words": 1},
        special={},
        reserved=[5, 32],
        required={},
        sample={},
        metrics=[],
        sentencepiece="0.2.3",
        software="0",
        seconds={},
        peak_bytes=1,
    )


def test_what_is_written_is_read(tmp_path):
    write_tokenizer(str(tmp_path), card(words_model()), words_model())
    assert read_card(str(tmp_path), "t") == card(words_model())
    assert read_model(str(tmp_path), "t")[0] == words_model()
    assert find_model(str(tmp_path), "t", "NAME").size == 64
    assert tokenizers(str(tmp_path)) == ["t"]


def test_a_model_without_its_card_is_not_there(tmp_path):
    write_tokenizer(str(tmp_path), card(words_model()), words_model())
    (tmp_path / "tokenizers/t/tokenizer.json").unlink()
    assert tokenizers(str(tmp_path)) == []
    assert read_card(str(tmp_path), "t") is None
    with pytest.raises(ConfigError, match="accepted: a trained tokenizer"):
        read_model(str(tmp_path), "t")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "t"}'])
def test_a_card_that_cannot_be_read_says_so(tmp_path, text):
    write_tokenizer(str(tmp_path), card(words_model()), words_model())
    (tmp_path / "tokenizers/t/tokenizer.json").write_text(text, "utf-8")
    with pytest.raises(CorpusError, match="tokenizer 't' has a card that cannot be read"):
        read_card(str(tmp_path), "t")


def test_a_model_that_breaks_the_contract_of_ids_is_not_applied(tmp_path):
    write_tokenizer(str(tmp_path), card(foreign_model()), foreign_model())
    with pytest.raises(ContractError, match="at id 0, accepted: <pad>"):
        read_model(str(tmp_path), "t")
    exchanged = dataclasses.replace(card(words_model()), name="u")
    write_tokenizer(str(tmp_path), exchanged, foreign_model())
    with pytest.raises(CorpusError, match="the file was changed after training"):
        read_model(str(tmp_path), "u")


def test_any_model_file_can_be_measured_under_a_name_that_tables_take(tmp_path):
    path = tmp_path / "it's mine.model"
    path.write_bytes(foreign_model())
    named = find_model(str(tmp_path), str(path), "NAME")
    assert (named.name, named.size) == ("it_s_mine.model", 30)
    path.write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"NAME is .*mine\.model.*, accepted: a SentencePiece model file"):
        find_model(str(tmp_path), str(path), "NAME")


def test_languages_without_required_characters_have_none():
    assert required_characters(["en", "ar"]) == {}
    [japanese] = required_characters(["ja"]).values()
    assert len(japanese) == len(set(japanese)) == 2140 + 86 + 2 + 90 + 3 + 16
