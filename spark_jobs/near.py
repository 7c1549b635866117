"""Near de-duplication: of texts of one language that are nearly the same, the first one stays.

Signatures and band keys come of one pass over the text (minhash.py); from there on only numbers move, never
text: 16 bytes a band and document, then the sketches of what shares a band. In a band every document is
compared with the first one only, its hub, so a band of n costs n comparisons and not n^2. A comparison counts
where the similarity that the whole signature estimates reaches the threshold. What hangs together through
such pairs is a cluster (components.py), and the document of the smallest `place` stays.

The result follows from texts, languages and places alone: no step looks at partitions or the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.components import components
from spark_jobs.errors import ConfigError
from spark_jobs.minhash import Banding, Sketches, banding, signatures, similarity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REASON = "near_duplicate_v1"
"""Change the version where other signatures or another rule leave out other documents."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class NearConfig:
    """Which texts count as nearly the same."""

    threshold: float = 0.8
    """Jaccard similarity of the sets of shingles, as estimated, from which two texts do."""
    ngram: int = 5
    """Words that make a shingle; in languages without spaces two characters stand for a word."""
    permutations: int = 128
    """Values of a signature: the estimate's standard deviation is sqrt(s * (1 - s) / permutations)."""
    recall: float = 0.9
    """Share of the pairs at the threshold that are to be compared at all; sets bands and rows."""
    max_band: int = 1000
    """Documents that are compared with one hub; a bigger band is split."""

    def __post_init__(self) -> None:
        for name in ("threshold", "recall"):
            if not 0 < getattr(self, name) < 1:
                key = f"deduplicate.near.{name}"
                raise ConfigError(key, getattr(self, name), accepted="a number between 0 and 1")
        for name, least, most in (("ngram", 1, 100), ("permutations", 16, 1024), ("max_band", 2, 1 << 30)):
            if not least <= getattr(self, name) <= most:
                key, accepted = f"deduplicate.near.{name}", f"a whole number from {least:,} to {most:,}"
                raise ConfigError(key, getattr(self, name), accepted=accepted)

    @property
    def banding(self) -> Banding:
        """Bands and rows that find `recall` of the pairs at the threshold."""
        return banding(self.threshold, self.permutations, self.recall)


@dataclass(frozen=True, slots=True)
class NearCounts:
    """What a search met on its way."""

    compared: int = 0
    """Pairs that share a band, each once."""
    alike: int = 0
    """Those that reach the threshold."""
    split_bands: int = 0
    """Bands of more than `max_band` documents."""
    rounds: int = 0
    """Until every document knew the first one of its cluster."""


def near_duplicates(documents: DataFrame, config: NearConfig) -> tuple[DataFrame, NearCounts]:
    """(place, keeper) of each document (place, lang, text) that has a near duplicate before it.

    `keeper` is the smallest place of its cluster. Two numbers a round reach the driver, and no row. The
    result is persisted: unpersist it after use. 300 bytes a document are kept until then, on disk where
    memory is short.
    """
    import pyspark.sql.functions as F

    signed = sign(documents, config).persist()
    pairs = verify(candidates(signed, config.max_band), signed).persist()
    alike = pairs.where(F.col("similarity") >= config.threshold)
    sums = (
        F.count("*").alias("compared"),
        F.count_if(F.col("similarity") >= config.threshold).alias("alike"),
        F.coalesce(F.sum("splits"), F.lit(0)).alias("split"),
    )
    row = pairs.agg(*sums).first()
    assert row is not None  # an aggregate of everything has one row
    clusters, rounds = components(alike.selectExpr("place", "hub other"))
    for done in (pairs, signed):
        done.unpersist()
    counts = NearCounts(row.compared, row.alike, row.split, rounds)
    return clusters.withColumnRenamed("smallest", "keeper"), counts


def sign(documents: DataFrame, config: NearConfig) -> DataFrame:
    """(place, bands, sketch) of the documents that have a word, in one pass over their text."""
    chosen = config.banding

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        for batch in batches:
            for lang in batch["lang"].unique().drop_null().to_pylist():
                own = batch.filter(pc.equal(batch["lang"], lang))
                found = signatures(
                    own["text"],
                    lang,
                    ngram=config.ngram,
                    permutations=config.permutations,
                    chosen=chosen,
                )
                places = own["place"].take(pa.array(found.rows))
                columns = [places, _lists(found.bands), _binaries(found.sketches)]
                yield pa.RecordBatch.from_arrays(columns, ["place", "bands", "sketch"])

    read = documents.select("place", "lang", "text")
    return read.mapInArrow(rows, "place BIGINT, bands ARRAY<BIGINT>, sketch BINARY")


def _lists(rows: npt.NDArray[np.int64]) -> pa.Array:
    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.ravel()))


def _binaries(rows: Sketches) -> pa.Array:
    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(rows)]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


def candidates(signed: DataFrame, max_band: int) -> DataFrame:
    """(place, hub, splits) of the pairs that share a band, each once; `splits` counts the bands that were
    split there."""
    import pyspark.sql.functions as F
    from pyspark.sql import Window

    def pairs(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        band = Band()
        for batch in batches:
            band, found = stars(batch["band"].to_numpy(), batch["place"].to_numpy(), max_band, band)
            yield pa.RecordBatch.from_arrays([pa.array(c) for c in found], ["place", "hub", "split"])

    banded = signed.select(F.explode("bands").alias("band"), "place").repartition("band")
    # Most bands hold one document; counting in Java first spares nearly all rows the way to Python (a quarter
    # of this step's CPU on text where one document in two hundred has a near duplicate).
    whole = (
        Window.partitionBy("band")
        .orderBy("place")
        .rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    )
    shared = banded.withColumn("members", F.count("*").over(whole)).where("members > 1")
    lying = shared.select("band", "place").sortWithinPartitions("band", "place")
    met = lying.mapInArrow(pairs, "place BIGINT, hub BIGINT, split INT")
    return met.groupBy("place", "hub").agg(F.sum("split").alias("splits"))


@dataclass(frozen=True, slots=True)
class Band:
    """How far the band has come that the rows so far end in."""

    key: int = 0
    members: int = 0
    """None: nothing was seen yet."""
    hub: int = 0
    """The place that the next member is compared with."""


def stars(
    bands: Places, places: Places, max_band: int, before: Band
) -> tuple[Band, tuple[Places, Places, npt.NDArray[np.int32]]]:
    """Rows sorted by band and place in; (place, hub, split) of all but the first member of each band out.

    After `max_band` members the next becomes the hub, itself compared with the hub before: no document meets
    more than a cap's worth of others in a band, and a band that is alike throughout still hangs together.
    `split` is 1 where a band becomes longer than that for the first time.
    """
    if not len(bands):
        return before, (places, places, np.zeros(0, np.int32))
    index = np.arange(len(bands))
    new = np.ones(len(bands), np.bool_)
    new[1:] = bands[1:] != bands[:-1]
    new[0] = before.members == 0 or int(bands[0]) != before.key
    first = np.maximum.accumulate(np.where(new, index, -1))
    member = np.where(first >= 0, index - first, index + before.members)
    is_hub = member % max_band == 0
    at = np.maximum.accumulate(np.where(is_hub, index, -1))
    hub = np.where(at >= 0, places[np.maximum(at, 0)], before.hub)
    known = np.concatenate((np.array([before.hub]), hub[:-1]))  # before this row
    later = member > 0
    split = (member == max_band).astype(np.int32)
    after = Band(int(bands[-1]), int(member[-1]) + 1, int(hub[-1]))
    return after, (places[later], known[later], split[later])


def verify(pairs: DataFrame, signed: DataFrame) -> DataFrame:
    """Adds `similarity`, as both sketches estimate it, to pairs (place, hub, splits)."""
    import pyspark.sql.functions as F

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            estimate = similarity(_sketches(batch["one"]), _sketches(batch["other"]))
            columns = [batch["place"], batch["hub"], batch["splits"], pa.array(estimate)]
            yield pa.RecordBatch.from_arrays(columns, ["place", "hub", "splits", "similarity"])

    ones = signed.select("place", F.col("sketch").alias("one"))
    others = signed.select(F.col("place").alias("hub"), F.col("sketch").alias("other"))
    both = pairs.join(ones, "place").join(others, "hub").select("place", "hub", "splits", "one", "other")
    return both.mapInArrow(compare, "place BIGINT, hub BIGINT, splits BIGINT, similarity DOUBLE")


def _sketches(column: pa.Array) -> Sketches:
    """A binary column whose values are equally long, as rows of bytes."""
    offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset)
    if not len(column):
        return np.zeros((0, 1), np.uint8)
    flat = np.frombuffer(column.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return flat.reshape(len(column), -1)
