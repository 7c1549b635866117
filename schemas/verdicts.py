"""`verdicts`: why a release left a document out."""

import pyarrow as pa

from schemas.table import Field, Table

VERDICTS = Table(
    "verdicts",
    meaning="One document that a release left out, and the rule that did it.",
    unique=("release", "snapshot", "ordinal"),
    statistics=("release", "lang", "source", "reason"),
    fields=(
        Field("release", pa.string(), "name of the release"),
        Field("doc_id", pa.binary(), "content hash, as in documents"),
        Field("lang", pa.string(), "language of the document"),
        Field("source", pa.string(), "the recipe's name of the source"),
        Field("snapshot", pa.string(), "version of the input file, as in documents"),
        Field("origin", pa.string(), "input file, relative to the recipe's root"),
        Field("ordinal", pa.int64(), "position in that file, as in documents", at_least=0),
        Field("reason", pa.string(), "the versioned name of the rule that left it out"),
        Field(
            "n_words", pa.int32(), "its words, so that every word of the input is accounted for", at_least=0
        ),
    ),
)
