"""`tokenizers/<name>`: the model and what is known of it. A tokenizer without its `tokenizer.json` is not
there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from schemas.table import ContractError
from schemas.tokenizer import CARD_FILE, MODEL_FILE, Tokenizer
from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError, CorpusError


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """The contents of `tokenizer.json`."""

    name: str
    created: str
    sha256: str
    """Of `tokenizer.model`."""
    vocab_size: int
    release: str
    """Whose text it was trained on."""
    release_fingerprint: str
    """Of that release's stage1."""
    training: dict[str, Any]
    """What was asked: words, seed, languages, byte_fallback, character_coverage."""
    special: dict[str, int]
    """Piece -> id."""
    reserved: list[int]
    """The first reserved id and the first ordinary one."""
    required: dict[str, int]
    """Language -> characters that have a piece of their own whatever the sample says."""
    sample: dict[str, dict[str, float]]
    """Language -> sentences, words, share_asked, share_realised, spoken_share (all of words)."""
    metrics: list[dict[str, Any]]
    """The rows of `corpus tokenizer evaluate` for that release."""
    sentencepiece: str
    """Version of SentencePiece."""
    software: str
    """Version of this software."""
    seconds: dict[str, float]
    """Wall time of each pass."""
    peak_bytes: int
    """Most memory that training took, in a process of its own."""


def tokenizer_folder(warehouse: str, name: str) -> str:
    """Where a tokenizer lies."""
    return storage.join(warehouse, "tokenizers", name)


def tokenizers(warehouse: str) -> list[str]:
    """Names of the tokenizers that are complete."""
    return sorted(path.split("/")[1] for path, _ in storage.find(warehouse, f"tokenizers/*/{CARD_FILE}"))


def check_name(name: str) -> None:
    """ConfigError for a name that is no folder's."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ConfigError("--name", name, accepted="letters, digits, '.', '_' and '-'")


def read_card(warehouse: str, name: str) -> Card | None:
    """What is known of a tokenizer, or None."""
    uri = storage.join(tokenizer_folder(warehouse, name), CARD_FILE)
    if not storage.exists(uri):
        return None
    try:
        return Card(**json.loads(storage.read_bytes(uri)))
    except (ValueError, TypeError) as error:
        raise CorpusError(
            f"tokenizer {name!r} has a card that cannot be read: {error}",
            where=uri,
            why="something other than this software wrote it",
            do="restore the file, or delete the tokenizer's folder and train it again",
        ) from error


def write_tokenizer(warehouse: str, card: Card, model: bytes) -> None:
    """The model first, the card last: a tokenizer is there when its card is."""
    folder = tokenizer_folder(warehouse, card.name)
    storage.write_bytes(storage.join(folder, MODEL_FILE), model)
    text = json.dumps(plain(card), ensure_ascii=False, indent=1) + "\n"
    storage.write_bytes(storage.join(folder, CARD_FILE), text.encode())


def read_model(warehouse: str, name: str, key: str = "tokenizer") -> tuple[bytes, Tokenizer]:
    """A trained tokenizer of the warehouse, its file checked against its card and the contract of ids.

    ConfigError (`key`: the option that named it) where there is none.
    """
    card = read_card(warehouse, name)
    if card is None:
        known = ", ".join(tokenizers(warehouse)) or "none is trained"
        raise ConfigError(key, name, accepted=f"a trained tokenizer ({known})", where=warehouse)
    uri = storage.join(tokenizer_folder(warehouse, name), MODEL_FILE)
    model, tokenizer = read_model_file(uri)
    if tokenizer.sha256 != card.sha256:
        raise CorpusError(
            f"tokenizer {name!r} has sha256 {tokenizer.sha256[:12]}…, its card says {card.sha256[:12]}…",
            where=uri,
            why="the file was changed after training",
            do="restore it, or train it anew under another name",
        )
    tokenizer.check_ids(uri)
    return model, tokenizer


def read_model_file(uri: str, key: str = "tokenizer") -> tuple[bytes, Tokenizer]:
    """Any SentencePiece model; ConfigError (`key`: the option that named it) where the file is none."""
    try:
        model = storage.read_bytes(uri)
        return model, Tokenizer.from_bytes(model, uri)
    except (OSError, ContractError) as error:
        raise ConfigError(key, uri, accepted="a SentencePiece model file", why=str(error)) from None


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model to measure: of this warehouse, or any file."""

    name: str
    """What tables call it: letters, digits, '.', '_' and '-'."""
    model: bytes
    size: int
    """Pieces."""


def find_model(warehouse: str, named: str, key: str) -> NamedModel:
    """A tokenizer of the warehouse by its name, or a model file by its path (it ends in .model)."""
    if not named.endswith(".model"):
        model, tokenizer = read_model(warehouse, named, key)
        return NamedModel(named, model, tokenizer.vocab_size)
    model, tokenizer = read_model_file(named, key)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", named.rpartition("/")[2])
    return NamedModel(name, model, tokenizer.vocab_size)
