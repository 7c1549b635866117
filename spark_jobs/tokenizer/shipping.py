"""A model on its way to the workers: once to each executor (a broadcast), loaded once in each worker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOADED: dict[str, Tokenizer] = {}
"""Of this worker: the one it used last."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a task holds of a model: how to get it."""

    sha256: str
    broadcast: Any

    def load(self) -> Tokenizer:
        """The tokenizer, in a task; the model is read and parsed only by a worker's first."""
        if self.sha256 not in _LOADED:
            _LOADED.clear()
            _LOADED[self.sha256] = Tokenizer.from_bytes(self.broadcast.value)
        return _LOADED[self.sha256]


def ship(spark: SparkSession, model: bytes) -> Shipped:
    """Send a model to the executors."""
    return Shipped(hashlib.sha256(model).hexdigest(), spark.sparkContext.broadcast(model))
