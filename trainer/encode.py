"""Arrow rows of a release, as text or as ids, to the arrays that are masked. No Python loop over rows but
SentencePiece's own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.sequences import FORMS
from schemas.tokenizer import Tokenizer
from trainer.arrays import Codes
from trainer.batches import Rows
from trainer.errors import SnapshotError


def encode(table: pa.Table, tokenizer: Tokenizer, languages: tuple[str, ...]) -> Rows:
    """Rows with `seq_id`, `lang`, `form` and `text` or `ids`; with the same tokenizer both give the same.

    SnapshotError for a language or a form that the release does not name.
    """
    ids = table["ids"].combine_chunks() if "ids" in table.column_names else tokenizer.encode(table["text"])
    if isinstance(ids, pa.ChunkedArray):  # of no rows
        ids = pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], pa.list_(pa.int32()))
    lengths = np.diff(np.asarray(ids.offsets)).astype(np.int64)
    return Rows(
        np.asarray(ids.flatten()).astype(np.int32, copy=False),
        lengths,
        np.asarray(table["seq_id"]).astype(np.int64, copy=False),
        places(table, "lang", languages).astype(np.int16),
        places(table, "form", FORMS).astype(np.int8),
    )


def places(table: pa.Table, column: str, known: tuple[str, ...]) -> Codes:
    """(R,) where each value stands among those that are known."""
    values = table[column].cast(pa.string())
    places = pc.index_in(values, value_set=pa.array(known, pa.string()))
    if places.null_count:
        unknown = values.filter(pc.is_null(places))[0].as_py()
        raise SnapshotError(f"{column} is {unknown!r}, release.json knows {', '.join(known)}")
    return np.asarray(places)
