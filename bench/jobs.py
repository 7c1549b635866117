"""What bench/corpus.py measures: the bare copy, de-duplication alone, and the whole build."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

import normalizers
from spark_jobs import readers
from spark_jobs.deduplicate import DeduplicateConfig, deduplicate
from spark_jobs.ingest import Ingest, content_ids, in_bins, tasks_of
from spark_jobs.manifest import Manifest
from spark_jobs.plan import plan_build
from spark_jobs.progress import Progress
from spark_jobs.recipe import load_recipe
from spark_jobs.runner import Build

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RECIPE = Path(__file__).parent / "recipes" / "stage1.yaml"


def bare_copy(spark: "SparkSession", made: Path, out: Path) -> None:
    """JSON lines gz to Delta zstd by Spark's own reader and writer, nothing else done to them."""
    shutil.rmtree(out, ignore_errors=True)
    rows = spark.read.schema("text string, timestamp string, url string").json(str(made / "mc4"))
    rows.write.format("delta").save(str(out))


def whole_build(spark: "SparkSession", made: Path, warehouse: Path) -> tuple[Manifest, dict[str, float]]:
    """Raw files to a published release, every step on; its manifest and the seconds of each pass."""
    shutil.rmtree(warehouse, ignore_errors=True)
    plan = plan_build(load_recipe(str(RECIPE), root=str(made)), str(warehouse))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        build = Build(plan, spark, Progress(nowhere))
        return build.run(), build.seconds


def dedup_only(spark: "SparkSession", made: Path, out: Path) -> None:
    """Readers, exact de-duplication and a Delta table of the survivors: what datatrove is measured on."""
    shutil.rmtree(out, ignore_errors=True)
    plan = plan_build(load_recipe(str(RECIPE), root=str(made)), str(out / "none"))
    ingest = Ingest({"mc4": readers.ReaderOptions()}, {"mc4": "mc4"}, str(out / "rejected"))
    bins = in_bins(tasks_of(plan.files, ingest), spark.sparkContext.defaultParallelism)
    numbers = {file.snapshot: number for number, file in enumerate(plan.files)}

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)
        for task in (
            task for batch in batches for number in batch["id"].to_pylist() for task in bins[number]
        ):
            for item in readers.read(task.format, task.split, ingest.options["mc4"]):
                if not isinstance(item, readers.Rejected):
                    place = pc.add(pa.array(item.ordinals), numbers[task.file.snapshot] << 40)
                    yield pa.RecordBatch.from_arrays(
                        [content_ids(item.texts), place, item.texts], ["doc_id", "place", "text"]
                    )

    documents = spark.range(0, len(bins), 1, len(bins)).mapInArrow(
        rows, "doc_id binary, place long, text string"
    )
    documents.write.format("delta").save(str(out / "documents"))
    documents = spark.read.format("delta").load(str(out / "documents"))
    survivors = deduplicate(documents, DeduplicateConfig())
    survivors.write.format("delta").save(str(out / "survivors"))


def tenth_of_texts(made: Path) -> list[tuple[str, pa.Array]]:
    """(language, texts): one document in ten of every file."""
    plan = plan_build(load_recipe(str(RECIPE), root=str(made)), str(made / "none"))
    tasks = [(file, split) for file in plan.files for split in readers.splits("mc4", file.uri, file.size)]
    return [
        (file.lang or "", item.texts.take(pa.array(range(0, len(item.texts), 10))))
        for file, split in tasks
        for item in readers.read("mc4", split, readers.ReaderOptions())
        if not isinstance(item, readers.Rejected)
    ]


def speak(texts: list[tuple[str, pa.Array]]) -> None:
    """The normalizers' spoken form in this process on one thread: their share of a build, without Spark."""
    pa.set_cpu_count(1)
    for lang, rows in texts:
        normalizers.to_spoken(rows, lang)


def rows_of(table: Path) -> int:
    """Rows of a Delta table; none where nothing was ever written."""
    if not DeltaTable.is_deltatable(str(table)):
        return 0
    return int(DeltaTable(str(table)).to_pyarrow_dataset().count_rows())


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes that Spark moved since its start, over all finished stages."""

    shuffled: int
    written: int

    def __sub__(self, before: "Moved") -> "Moved":
        return Moved(self.shuffled - before.shuffled, self.written - before.written)


def moved(spark: "SparkSession") -> Moved:
    """From the status pages of the session, which must have been started with `ui`."""
    context = spark.sparkContext
    port = (context.uiWebUrl or "").rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/api/v1/applications/{context.applicationId}/stages?status=complete"
    with urllib.request.urlopen(url) as answer:
        stages = json.load(answer)
    return Moved(
        sum(stage["shuffleWriteBytes"] for stage in stages), sum(stage["outputBytes"] for stage in stages)
    )
