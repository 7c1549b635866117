"""`documents`: every text that could be read, with what later steps decide by. Nothing is dropped at
ingest."""

import pyarrow as pa

from schemas.scores import SCORES_TYPE
from schemas.table import Field, Table

DOCUMENTS = Table(
    "documents",
    meaning="One document of one input file, as read, with its measures.",
    unique=("snapshot", "ordinal"),
    statistics=("lang", "source", "snapshot", "ordinal", "n_words"),
    fields=(
        Field("doc_id", pa.binary(), "128-bit xxh3 hash of the text: equal texts have equal ids"),
        Field("lang", pa.string(), "ISO 639-1, one that normalizers.languages() knows"),
        Field("source", pa.string(), "the recipe's name of the source"),
        Field(
            "snapshot", pa.string(), "version of the input file: hash of its content and of how it was read"
        ),
        Field("origin", pa.string(), "input file, relative to the recipe's root"),
        Field(
            "ordinal",
            pa.int64(),
            "position in the file: number of the record; plus its split's first byte in files read in pieces",
            at_least=0,
        ),
        Field("text", pa.string(), "the text, white space cut off both ends"),
        Field("n_words", pa.int32(), "normalizers.word_counts(text, lang)", at_least=0),
        Field("n_chars", pa.int32(), "characters (code points)", at_least=0),
        Field("scores", SCORES_TYPE, "quality measures, one field each, with versioned names"),
        Field(
            "identified",
            pa.struct([pa.field("lang", pa.string()), pa.field("probability", pa.float32())]),
            "the language an identifier takes it for, and how surely (0 to 1); null where nobody asked",
            nullable=True,
        ),
        Field(
            "held_out",
            pa.int32(),
            "n-grams shared, as written or as said, with the evaluation texts of the recipe it was read for; "
            "null where that names none",
            nullable=True,
            at_least=0,
        ),
        Field(
            "held_out_set",
            pa.string(),
            "file of the first evaluation text among these, relative to the recipe's root; null without any",
            nullable=True,
        ),
    ),
)
