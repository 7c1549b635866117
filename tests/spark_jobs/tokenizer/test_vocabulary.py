"""Training in a process of its own: the model, what it says on the way, and what its refusals mean."""

import hashlib
import signal
import sys
import time

import pyarrow as pa
import pytest

from schemas.tokenizer import Tokenizer
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.tokenizer.vocabulary import (
    LONGEST_SENTENCE,
    Fitting,
    VocabularyConfig,
    in_words,
    least_size,
    options,
    refusal,
)
from tests.tiny_models import WORDS

SAMPLE = pa.table({"text": [" ".join(WORDS[n : n + 5]) for n in range(len(WORDS) - 5)]})


def settings(size=64, required="", **values):
    return options(VocabularyConfig(vocab_size=size, **values), required)


def test_the_same_sample_gives_the_same_bytes_in_any_folder(tmp_path):
    models = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        model, peak = Fitting().run(SAMPLE, settings(), tmp_path / name)
        models.append(hashlib.sha256(model).hexdigest())
        assert peak > 5_000_000
    assert models[0] == models[1]


def test_the_order_of_the_sample_and_nothing_of_this_machine_is_in_the_options(tmp_path):
    text = repr(settings())
    assert str(tmp_path) not in text
    assert settings()["num_threads"] == 8  # partial sums are added thread by thread


def test_required_characters_have_pieces_though_the_sample_has_none_of_them(tmp_path):
    model, _ = Fitting().run(SAMPLE, settings(68, "猫ゔ𠮟"), tmp_path)
    assert {"猫", "ゔ", "𠮟"} <= set(Tokenizer.from_bytes(model).pieces())


def test_byte_fallback_adds_a_piece_for_every_byte(tmp_path):
    assert least_size(VocabularyConfig(vocab_size=1, byte_fallback=True), "ab") == 32 + 2 + 256
    model, _ = Fitting().run(SAMPLE, settings(320, byte_fallback=True), tmp_path)
    assert {f"<0x{n:02X}>" for n in range(256)} <= set(Tokenizer.from_bytes(model).pieces())


def test_a_sentence_too_long_for_sentencepiece_is_passed_over(tmp_path):
    long = pa.table({"text": [*SAMPLE["text"].to_pylist(), "q" * (LONGEST_SENTENCE + 1)]})
    model, _ = Fitting().run(long, settings(), tmp_path)
    assert "q" not in set("".join(Tokenizer.from_bytes(model).pieces()[32:])) - set("quay")


def test_a_size_that_the_sample_does_not_support_is_refused_with_the_size_that_it_does(tmp_path):
    with pytest.raises(CorpusError, match="a vocabulary of 5,000 pieces, at most 66") as said:
        Fitting().run(SAMPLE, settings(5000), tmp_path)
    assert said.value.do.startswith("--vocab-size 66, or a larger sample")


def test_a_size_without_room_for_the_characters_is_refused_with_the_size_that_has(tmp_path):
    with pytest.raises(CorpusError, match="no room for the characters") as said:
        Fitting().run(SAMPLE, settings(40), tmp_path)
    assert "--vocab-size" in said.value.do


def test_a_child_that_the_system_ended_is_said_to_lack_memory():
    assert "want of memory" in refusal("", -9, 100).why
    assert refusal("error: INTERNAL: something else", 1, 100).why == "INTERNAL: something else"
    assert refusal("", 3, 100).why == "it ended with code 3"


def test_an_interrupted_training_leaves_no_process_behind():
    def interrupt(*_):
        raise KeyboardInterrupt

    began, before = time.monotonic(), signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            Fitting()._watch([sys.executable, "-c", "import time; time.sleep(60)"])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 20  # a minute, had the child been waited for


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("trainer_interface.cc(419) LOG(INFO) Loaded all 78778 sentences", "78,778 sentences read"),
        ("unigram_model_trainer.cc(265) LOG(INFO) Making suffix array...", "looking for candidates"),
        ("model_trainer.cc(312) LOG(INFO) Initialized 152431 seed sentencepieces", "152,431 candidates"),
        ("unigram_model_trainer.cc(602) LOG(INFO) EM sub_iter=0 size=60561 obj=12.1", "60,561 pieces left"),
        ("trainer_interface.cc(380) LOG(WARNING) something", ""),
    ],
)  # fmt: skip
def test_how_far_it_is_in_words(line, words):
    assert in_words(line) == words


@pytest.mark.parametrize(("key", "value"), [("vocab_size", 0), ("character_coverage", 0.5)])
def test_a_wrong_setting_is_refused(key, value):
    with pytest.raises(ConfigError):
        VocabularyConfig(**{key: value})
