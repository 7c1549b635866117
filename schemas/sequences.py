"""`releases/<name>/stage1` and `stage2`: packed training examples."""

import pyarrow as pa

from schemas.table import Field, Table

FORMS = ("spoken", "written")
POSITION_BITS = 32
"""`seq_id` = bucket << POSITION_BITS | place in the bucket."""

SEQUENCES = Table(
    "stage1",
    meaning="One packed training example: whole sentences of one language and one form.",
    unique=("seq_id",),
    statistics=("seq_id", "stage", "lang", "source", "form", "n_words"),
    fields=(
        Field(
            "seq_id",
            pa.int64(),
            "place in the global order, ascending from file to file: bucket * 2^32 + place in the bucket",
            at_least=0,
        ),
        Field("stage", pa.int8(), "1 public data, 2 in-domain", one_of=(1, 2)),
        Field("lang", pa.string(), "ISO 639-1, one that normalizers.languages() knows"),
        Field("source", pa.string(), "the recipe's name of the source that gave most of the words"),
        Field("form", pa.string(), "how numbers and marks are written", one_of=FORMS),
        Field("text", pa.string(), "whole sentences; a line break between documents"),
        Field("n_words", pa.int32(), "normalizers.word_counts(text, lang)", at_least=1),
        Field("n_sentences", pa.int32(), "sentences, after the language's own terminators", at_least=1),
        Field("n_docs", pa.int32(), "source documents that gave text", at_least=1),
        Field(
            "n_source_words",
            pa.int32(),
            "words of the documents that start here, before the spoken form; over a release they add up "
            "to the words of the document copies",
            at_least=0,
        ),
    ),
)
