"""`releases/<name>/stage2`: utterances, and the rows of Stage 1 that stand beside them against forgetting."""

import pyarrow as pa

from schemas.sequences import SEQUENCES
from schemas.table import Field, Table

TRAIN, VALIDATION = SPLITS = ("train", "validation")

STAGE2 = Table(
    "stage2",
    meaning="One utterance of Stage 2 (stage 2), or one row of stage1 that stands beside them (stage 1).",
    unique=("seq_id",),
    statistics=(*SEQUENCES.statistics, "split"),
    fields=(
        *SEQUENCES.fields,
        Field(
            "split",
            pa.string(),
            "train, or kept for validation; a text, whatever its case, is on one side only",
            one_of=SPLITS,
        ),
    ),
)
