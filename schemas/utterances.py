"""`utterances`: what an assistant heard, counted by day. A release sums the days of its window."""

import pyarrow as pa

from schemas.table import Field, Table

UTTERANCES = Table(
    "utterances",
    meaning="One text of one source, locale and day, and how often it was seen.",
    unique=("source", "locale", "day", "text"),
    statistics=("lang", "locale", "count"),
    partitions=("source", "day"),
    retention="interval 7 days",  # what customers said stays no longer than its window; VACUUM may take it
    fields=(
        Field("text", pa.string(), "the utterance, anonymised, white space squeezed"),
        Field("lang", pa.string(), "ISO 639-1, one that normalizers.languages() knows"),
        Field("locale", pa.string(), "BCP 47 tag such as en-US; a language alone where nothing else is said"),
        Field("source", pa.string(), "the recipe's name of the source"),
        Field("day", pa.date32(), "the day it was heard"),
        Field("count", pa.int64(), "times seen on that day", at_least=1),
    ),
)
