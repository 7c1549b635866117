"""`ledger`: every row of every step, accounted for (design.md section 4, guarantee 2)."""

import pyarrow as pa

from schemas.table import Field, Table

KEPT = "kept"
COPIES = "copies"
STEPS = (
    "ingest",
    "filter",
    "decontaminate",
    "deduplicate",
    "resample",
    "pack",
    "stage2/window",
    "stage2/count",
    "stage2/decontaminate",
    "stage2/filter",
    "stage2/damp",
    "stage2/resample",
    "stage2/mix",
)
"""In the order the data goes through them."""

LEDGER = Table(
    "ledger",
    meaning="How many rows one step took in from one language and source, and what became of them.",
    unique=("run_id", "step", "lang", "source", "reason"),
    statistics=("run_id", "step", "release", "lang", "source"),
    fields=(
        Field("run_id", pa.string(), "hash of the step's code version, parameters and input versions"),
        Field(
            "step",
            pa.string(),
            "ingest, filter, decontaminate, deduplicate, resample, pack; stage2/window, stage2/count, ...",
        ),
        Field(
            "release", pa.string(), "the release it was done for; empty for ingest, which all releases share"
        ),
        Field("lang", pa.string(), "language"),
        Field("source", pa.string(), "the recipe's name of the source"),
        Field("rows_in", pa.int64(), "rows the step took in, the same on each line of a group", at_least=0),
        Field("rows_out", pa.int64(), "rows it gave, the same on each line of a group", at_least=0),
        Field("reason", pa.string(), "kept, or why rows left; copies where rows came in"),
        Field(
            "rows",
            pa.int64(),
            "rows of this reason; copies count negative, so that rows_in is the sum of rows over a group",
        ),
        Field("words", pa.int64(), "their words, with the same sign"),
        Field("seconds", pa.float64(), "wall time of the whole step"),
        Field("finished", pa.timestamp("us", tz="UTC"), "when the step was committed"),
        Field("version", pa.string(), "version of this software"),
    ),
)
