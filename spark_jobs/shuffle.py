"""The one exchange: document copies go to buckets, and lie there in hash order (design.md sections 3.3, 4.7).

The bucket of a copy is a hash modulo B, so what ends up together depends on B alone. Spark's partitions take
whole consecutive buckets: their number changes the number of files and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import normalizers
from spark_jobs.draw import hash64
from spark_jobs.forms import form_draw

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TARGET_FILE_BYTES = 256 << 20
"""Text a file aims at where there is much; a trainer opens one file a lane."""
BYTES_A_WORD = 6
"""Of UTF-8 text, about; sizes files only."""
BUCKET_BITS = 30
"""PackConfig allows no more buckets."""


def n_partitions(n_buckets: int, text_bytes: int, cores: int) -> int:
    """How many tasks (and files) share the buckets: enough for the cores, files near the target, none
    empty."""
    wanted = max(2 * cores, -(-text_bytes // TARGET_FILE_BYTES))
    return max(1, min(n_buckets, wanted))


def to_buckets(copies: DataFrame, n_buckets: int, partitions: int, seed: int) -> DataFrame:
    """Document copies (doc_id, copy, lang, source_index, text) in; the same, without ids, by bucket,
    language and hash. The text crosses the network here and nowhere else."""
    import pyspark.sql.functions as F

    bucket = F.pmod(hash64(seed, "bucket", "doc_id", "copy"), F.lit(n_buckets)).cast("int")
    keyed = copies.select(
        bucket.alias("bucket"),
        "lang",
        hash64(seed, "order", "doc_id", "copy").alias("place"),
        "source_index",
        form_draw(seed).alias("form_draw"),
        "text",
    )
    partition = F.floor(F.col("bucket").cast("bigint") * partitions / F.lit(n_buckets)).cast("int")
    spread = keyed.repartitionById(partitions, partition)
    return spread.sortWithinPartitions(_sort_key(), "place", "source_index")


def _sort_key() -> Column:
    """Bucket, language and the first bits of the place in one number.

    Spark compares the first 64 bits of a sort order and looks into the rows only where they are equal; a
    bucket number alone is equal everywhere.
    """
    import pyspark.sql.functions as F

    langs = normalizers.languages()
    numbers = F.create_map(*[F.lit(part) for n, lang in enumerate(langs) for part in (lang, n)])
    bits = len(langs).bit_length()
    left = 63 - BUCKET_BITS - bits
    first = F.shiftrightunsigned("place", 64 - left)
    bucket = F.shiftleft(F.col("bucket").cast("bigint"), bits + left)
    return bucket + F.shiftleft(numbers[F.col("lang")].cast("bigint"), left) + first
