"""`quarantine`: input that could not become a document."""

import pyarrow as pa

from schemas.table import Field, Table

QUARANTINE = Table(
    "quarantine",
    meaning="One damaged or unusable record of an input file.",
    statistics=("source", "origin", "reason", "ordinal"),
    fields=(
        Field("source", pa.string(), "the recipe's name of the source"),
        Field("snapshot", pa.string(), "version of the input file, as in documents"),
        Field("origin", pa.string(), "input file, relative to the recipe's root"),
        Field("ordinal", pa.int64(), "position in that file, counted as in documents", at_least=0),
        Field("reason", pa.string(), "what is wrong: not_utf8, bad_json, truncated_archive, ..."),
        Field("detail", pa.string(), "where and how, in words"),
        Field("raw", pa.binary(), "first 1,000 bytes of the record"),
        Field("lost_bytes", pa.int64(), "stored bytes of the file left unread behind the damage", at_least=0),
    ),
)
