"""`utterance_files`: what each utterance file held, by language and day, whatever a release takes of it."""

import pyarrow as pa

from schemas.table import Field, Table

KEPT = "kept"
REPLACED = "replaced/"
"""Before the name of an anonymisation rule."""

UTTERANCE_FILES = Table(
    "utterance_files",
    meaning="What one version of one utterance file held.",
    unique=("snapshot", "lang", "day", "reason"),
    statistics=("snapshot", "source", "lang", "day"),
    fields=(
        Field("snapshot", pa.string(), "version of the file: hash of its content and of how it was read"),
        Field("source", pa.string(), "the recipe's name of the source"),
        Field("origin", pa.string(), "the file, relative to the recipe's root"),
        Field("lang", pa.string(), "language; empty for records that cannot be used"),
        Field("day", pa.date32(), "the day; null for records that cannot be used", nullable=True),
        Field("reason", pa.string(), "kept, why records cannot be used, or replaced/ and a rule's name"),
        Field("records", pa.int64(), "records; 0 on lines of rules", at_least=0),
        Field("seen", pa.int64(), "how often they were seen; of rules: replacements, so counted", at_least=0),
    ),
)
