"""`statistics`: the figures of a release, one value a row."""

import pyarrow as pa

from schemas.table import Field, Table

STATISTICS = Table(
    "statistics",
    meaning="One figure of one release.",
    unique=("release", "stage", "metric", "lang", "source", "form", "bucket"),
    statistics=("release", "stage", "metric", "lang"),
    fields=(
        Field("release", pa.string(), "name of the release"),
        Field("stage", pa.string(), "documents, stage1 or stage2"),
        Field(
            "metric",
            pa.string(),
            "rows, words, share_asked, share_realised, spoken_share, fill, seconds, ...",
        ),
        Field("lang", pa.string(), "language; empty for all"),
        Field("source", pa.string(), "source; empty for all"),
        Field("form", pa.string(), "spoken, written; empty for both"),
        Field("bucket", pa.string(), "class of a histogram (lower edge), a reason or a step; else empty"),
        Field("value", pa.float64(), "the figure"),
    ),
)
