"""The contract of token ids, for both planes: special tokens at fixed ids, and the one way from text to ids.

The data plane writes `tokens` and the trainer encodes on the fly through the same function, so both see the
same ids. SentencePiece itself is the only encoder: a conversion to another library gives other ids (measured:
Tamil 12 of 25 rows, Telugu 5 of 25) at an eighth of the speed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from schemas.table import ContractError

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<mask>")
"""Pieces that no text encodes to (but `<unk>`), at the ids of their places here."""
PAD, BOS, EOS, UNK, MASK = range(len(SPECIAL))
N_RESERVED = 27
"""`<reserved_0>` and on, behind the special ones: a later use of one changes no other id."""
FIRST_ORDINARY = len(SPECIAL) + N_RESERVED
"""Lower ids are never drawn and never masked."""
MODEL_FILE, CARD_FILE = "tokenizer.model", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A loaded SentencePiece model."""

    processor: Any
    sha256: str
    """Of the model file."""
    unk: int
    """The id of what the model has no piece for; `UNK` in a model of ours."""

    @classmethod
    def from_bytes(cls, model: bytes, name: str = "the tokenizer") -> Tokenizer:
        """Any SentencePiece model; ContractError, naming `name`, where the bytes are none."""
        import sentencepiece

        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            pieces = processor.get_piece_size()
        except (RuntimeError, OSError, ValueError, TypeError) as error:
            raise ContractError(f"{name} is not a SentencePiece model ({len(model):,} bytes)") from error
        if not pieces:
            raise ContractError(f"{name} is not a SentencePiece model: it holds no pieces")
        return cls(processor, hashlib.sha256(model).hexdigest(), int(processor.unk_id()))

    @property
    def vocab_size(self) -> int:
        """Pieces, special and reserved ones included."""
        return int(self.processor.get_piece_size())

    def pieces(self) -> list[str]:
        """All pieces in the order of their ids; `▁` stands for a space."""
        return [str(piece) for piece in self.processor.id_to_piece(list(range(self.vocab_size)))]

    def check_ids(self, name: str = "the tokenizer") -> None:
        """ContractError where a special or a reserved token is not at its fixed id."""
        wanted = [*SPECIAL, *(f"<reserved_{n}>" for n in range(N_RESERVED))]
        held = self.pieces()[:FIRST_ORDINARY]
        wrong = [n for n, piece in enumerate(wanted) if n >= len(held) or held[n] != piece]
        if wrong:
            found = held[wrong[0]] if wrong[0] < len(held) else "nothing"
            raise ContractError(f"{name} has {found} at id {wrong[0]}, accepted: {wanted[wrong[0]]}")

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """Ids of each text, list<int32>, one entry a row; a null and an empty text have none.

        The text alone: no `<s>`, no `</s>`. Never raises for a row: what SentencePiece cannot encode is one
        `<unk>`.
        """
        rows = self._rows(texts)
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        if offsets[-1] > np.iinfo(np.int32).max:
            raise ContractError(f"{len(rows)} rows have {offsets[-1]:,} tokens, more than a batch holds")
        values = np.concatenate([np.zeros(0, np.int32), *rows])
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))

    def _rows(self, texts: pa.Array | pa.ChunkedArray) -> list[npt.NDArray[np.int32]]:
        # As bytes: SentencePiece takes them, and a byte that is no UTF-8 cannot stop the batch on the way.
        wide = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
        column = pc.fill_null(texts.cast(pa.large_binary() if wide else pa.binary()), b"")
        utf8 = column.to_pylist()
        try:
            encoded: list[npt.NDArray[np.int32]] = self.processor.encode(
                utf8, return_type="numpy", num_threads=1
            )
        except (RuntimeError, ValueError, MemoryError):
            encoded = [self._row(text) for text in utf8]
        return encoded

    def _row(self, text: bytes) -> npt.NDArray[np.int32]:
        try:
            row: npt.NDArray[np.int32] = self.processor.encode([text], return_type="numpy", num_threads=1)[0]
        except (RuntimeError, ValueError, MemoryError):
            row = np.array([self.unk], np.int32)
        return row


def load_tokenizer(folder: str, sha256: str | None = None) -> Tokenizer:
    """The tokenizer of `<warehouse>/tokenizers/<name>`, a local path or a URI, ready to train with.

    `sha256`: what `release.json` says (`tokenizer_sha256`); ContractError where the file is another one, is
    no SentencePiece model or breaks the contract of ids. FileNotFoundError where there is none.
    """
    uri = f"{folder.rstrip('/')}/{MODEL_FILE}"
    filesystem, path = fs.FileSystem.from_uri(uri) if "://" in uri else (fs.LocalFileSystem(), uri)
    with filesystem.open_input_stream(path) as stream:
        tokenizer = Tokenizer.from_bytes(stream.read(), uri)
    if sha256 is not None and tokenizer.sha256 != sha256:
        raise ContractError(f"{uri} has sha256 {tokenizer.sha256}, the release was tokenised with {sha256}")
    tokenizer.check_ids(uri)
    return tokenizer


def count_of(ids: pa.ListArray, wanted: int) -> npt.NDArray[np.int32]:
    """How often an id stands in each row."""
    return sums_of(np.asarray(ids.flatten()) == wanted, ids)


def sums_of(flags: npt.NDArray[np.bool_], ids: pa.ListArray) -> npt.NDArray[np.int32]:
    """Flags of the flattened ids, counted row by row."""
    offsets = ids.offsets.to_numpy() - (ids.offsets[0].as_py() if len(ids) else 0)
    before = np.searchsorted(np.flatnonzero(flags), offsets)
    counts: npt.NDArray[np.int32] = np.diff(before).astype(np.int32)
    return counts
