"""Measuring a model on the rows of a release that no tokenizer is trained on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.sequences import SEQUENCES
from schemas.stage2 import STAGE2
from schemas.statistics import STATISTICS
from spark_jobs import warehouse as tables
from spark_jobs.errors import CorpusError
from spark_jobs.manifest import Manifest
from spark_jobs.tokenizer.measures import COUNTED, Counts, Group, count_rows, single_pieces, table_of
from spark_jobs.tokenizer.rows import GROUP, measured_rows, sequences
from spark_jobs.tokenizer.shipping import Shipped, ship

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MEASURES = tuple(Counts().measures())
_COUNTS = "stage TINYINT, lang STRING, form STRING, " + ", ".join(f"{name} BIGINT" for name in COUNTED)


def measuring_rows(spark: SparkSession, warehouse: str, manifest: Manifest) -> DataFrame:
    """The rows of a release (stage, lang, form, seq_id, text) that measure; kept in memory, some MB."""
    from pyspark.sql import functions as F

    rows = sequences(spark, warehouse, manifest)
    chosen = F.broadcast(measured_rows(rows))
    return rows.join(chosen, ["stage", "seq_id"], "left_semi").select(*GROUP, "seq_id", "text").persist()


def measure(
    spark: SparkSession, warehouse: str, rows: DataFrame, manifest: Manifest, model: bytes
) -> list[dict[str, Any]]:
    """Rows of measures by stage, language and form, with their sums; `rows` from `measuring_rows`."""
    from pyspark.sql import functions as F

    shipped = ship(spark, model)
    counted = rows.select(*GROUP, "text").mapInArrow(_counter(shipped), _COUNTS)
    sums = counted.groupBy(*GROUP).agg(*[F.sum(name).alias(name) for name in COUNTED]).collect()
    groups = [
        Group(f"stage{row.stage}", row.lang, row.form, Counts(*(float(row[name]) for name in COUNTED)))
        for row in sums
    ]
    if not groups:
        raise CorpusError(
            f"release {manifest.name!r} has too few rows to measure a tokenizer on",
            why="one row in a hundred measures, of a language and form with a single row none",
            do="a larger release",
        )
    return table_of(
        sorted(groups, key=lambda g: (g.stage, g.lang, g.form)), release_words(warehouse, manifest)
    )


def release_words(warehouse: str, manifest: Manifest) -> dict[tuple[str, str, str], float]:
    """(stage, language, form) -> words of the release; of stage2 those of utterances."""
    words: dict[tuple[str, str, str], float] = defaultdict(float)
    for lang, forms in manifest.tables[SEQUENCES.name].words.items():
        for form, n in forms.items():
            words[SEQUENCES.name, lang, form] = n
    # The manifest's words of stage2 are of the whole table, rows of Stage 1 among them.
    mine = [("release", "=", manifest.name), ("stage", "=", STAGE2.name), ("metric", "=", "words")]
    for row in tables.read_table(warehouse, STATISTICS, filters=mine).to_pylist():
        if row["bucket"].endswith("2"):
            words[STAGE2.name, row["lang"], row["form"]] += row["value"]
    return dict(words)


def _counter(shipped: Shipped) -> Any:
    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)  # Spark already runs one task on each core
        tokenizer = shipped.load()
        single = single_pieces(tokenizer)
        for batch in batches:
            for lang in pc.unique(batch["lang"]).to_pylist():
                rows = batch.filter(pc.equal(batch["lang"], lang))
                counts = count_rows(rows["text"], lang, tokenizer, single)
                columns = [rows[name] for name in GROUP] + [pa.array(counts[name]) for name in COUNTED]
                yield pa.RecordBatch.from_arrays(columns, [*GROUP, *COUNTED])

    return count


def write_statistics(
    spark: SparkSession, warehouse: str, release: str, name: str, lines: Sequence[Mapping[str, Any]]
) -> None:
    """Put the measures of a tokenizer into `statistics` (bucket: its name), in place of earlier ones."""
    path = tables.table_path(warehouse, STATISTICS)
    tables.create(spark, path, STATISTICS)
    frame = tables.few_rows(spark, STATISTICS, statistics_rows(release, name, lines))
    assert frame is not None  # a table of measures has lines
    metrics = ", ".join(f"'{metric}'" for metric in MEASURES)
    condition = f"release = '{release}' AND bucket = '{name}' AND metric IN ({metrics})"
    (
        frame.write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", condition)
        .option("userMetadata", json.dumps({"tokenizer": name, "release": release}))
        .save(path)
    )


def statistics_rows(release: str, name: str, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The measures as rows of `statistics`."""
    return [
        {
            "release": release,
            "stage": line["stage"],
            "metric": metric,
            "lang": line["lang"],
            "source": "",
            "form": line["form"],
            "bucket": name,
            "value": float(line[metric]),
        }
        for line in lines
        for metric in MEASURES
    ]
