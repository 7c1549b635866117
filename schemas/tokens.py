"""`releases/<name>/tokens`: the packs of `stage1` as token ids."""

import pyarrow as pa

from schemas.sequences import FORMS
from schemas.table import Field, Table

TOKENS = Table(
    "tokens",
    meaning="One packed training example as the ids of the release's tokenizer: the row of `stage1` that has "
    "the same `seq_id`, in the same file order and the same place.",
    unique=("seq_id",),
    statistics=("seq_id", "stage", "lang", "form", "n_tokens"),
    fields=(
        Field("seq_id", pa.int64(), "the row of stage1 that this is", at_least=0),
        Field("stage", pa.int8(), "as there: 1 public data, 2 in-domain", one_of=(1, 2)),
        Field("lang", pa.string(), "as there: ISO 639-1"),
        Field("form", pa.string(), "as there", one_of=FORMS),
        Field(
            "ids",
            pa.list_(pa.int32()),
            "ids of the text alone: no <s>, no </s>, no padding; the trainer adds what it wants",
        ),
        Field("n_tokens", pa.int32(), "length of ids", at_least=0),
        Field("n_unk", pa.int32(), "how many of them are <unk>", at_least=0),
    ),
)
