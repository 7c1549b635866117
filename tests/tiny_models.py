"""Small SentencePiece models, trained once a run: real ones, with our options."""

import functools
import io

import sentencepiece

from spark_jobs.tokenizer.vocabulary import VocabularyConfig, options

WORDS = ("the ferry left with nine passengers and the old lamp on the quay went out again " * 3).split()


@functools.cache
def words_model(vocab_size: int = 64, *, byte_fallback: bool = False) -> bytes:
    """A model of some English words."""
    sentences = [" ".join(WORDS[n : n + 5]) for n in range(len(WORDS) - 5)]
    return _trained(sentences, vocab_size + 256 * byte_fallback, byte_fallback=byte_fallback)


@functools.cache
def letters_model() -> bytes:
    """A model that knows a, b, c and the space and no two of them together: every character is a token."""
    return _trained(["a b c", "c a b", "b c a"], 36)


@functools.cache
def foreign_model() -> bytes:
    """A model that somebody else trained: SentencePiece's own ids, `<unk>` at 0."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)]), model_writer=model, vocab_size=30, minloglevel=2
    )
    return model.getvalue()


def _trained(sentences: list[str], vocab_size: int, *, byte_fallback: bool = False) -> bytes:
    settings = options(VocabularyConfig(vocab_size=vocab_size, byte_fallback=byte_fallback), "")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, minloglevel=2, **settings
    )
    return model.getvalue()
