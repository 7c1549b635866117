"""`documents.scores`: the quality measures of a document, one field each.

The version is in the name: a measure whose meaning changes gets a new name, and a column never mixes two
meanings.
"""

import pyarrow as pa

from schemas.table import Field

SCORES: tuple[Field, ...] = (
    Field("n_lines_v1", pa.int32(), "lines with anything on them"),
    Field("mean_line_chars_v1", pa.float32(), "characters but line feeds, a line of n_lines_v1 (mC4)"),
    Field(
        "repeated_line_share_v1",
        pa.float32(),
        "share of lines that equal an earlier one of the document (Gopher)",
    ),
    Field(
        "repeated_ngram_share_v1", pa.float32(), "share of word 5-grams that equal an earlier one (Gopher)"
    ),
    Field(
        "symbol_share_v1",
        pa.float32(),
        "share of symbols in the characters that are not white space (Gopher)",
    ),
    Field("digit_share_v1", pa.float32(), "share of decimal digits of any script, same base (Curator)"),
    Field("letter_share_v1", pa.float32(), "share of letters and marks, same base (Gopher)"),
    Field(
        "terminal_punctuation_share_v1", pa.float32(), "share of lines that end in a sentence terminator (C4)"
    ),
    Field("boilerplate_v1", pa.int32(), "how often phrases of spark_jobs/data/boilerplate.toml occur (C4)"),
    Field("longest_word_bytes_v1", pa.int32(), "bytes of the longest run without white space (C4)"),
)
SCORES_TYPE = pa.struct([pa.field(field.name, field.type) for field in SCORES])
