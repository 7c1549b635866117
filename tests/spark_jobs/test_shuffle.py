"""The one exchange: whole buckets, in hash order, and the text crosses the network once."""

import re
from collections import Counter

import pytest

from spark_jobs.assemble import Assembly, assemble
from spark_jobs.decide import with_duplicates, with_places
from spark_jobs.forms import FormsConfig
from spark_jobs.inputs import InputFile
from spark_jobs.pack import PackConfig
from spark_jobs.resample import resample
from spark_jobs.shuffle import TARGET_FILE_BYTES, n_partitions, to_buckets


def test_there_are_tasks_for_the_cores_but_never_more_than_buckets():
    assert n_partitions(n_buckets=100, text_bytes=0, cores=4) == 8
    assert n_partitions(n_buckets=3, text_bytes=0, cores=4) == 3
    assert n_partitions(n_buckets=1, text_bytes=1 << 40, cores=4) == 1


def test_files_of_much_text_aim_at_the_target_size():
    assert n_partitions(n_buckets=10_000, text_bytes=100 * TARGET_FILE_BYTES, cores=4) == 100
    assert n_partitions(n_buckets=10_000, text_bytes=100 * TARGET_FILE_BYTES + 1, cores=4) == 101


@pytest.fixture(scope="module")
def copies(spark):
    rows = spark.range(3000).selectExpr(
        "cast(cast(id as string) as binary) doc_id",
        "cast(id % 2 as int) copy",
        "element_at(array('en', 'hi', 'ja'), cast(id % 3 + 1 as int)) lang",
        "cast(id % 2 as int) source_index",
        "concat('Text ', id, '.') text",
    )
    return rows.persist()


def laid(frame):
    """(partition, bucket, lang, place, text) in the order of the rows."""
    import pyspark.sql.functions as F

    return [
        tuple(r) for r in frame.select(F.spark_partition_id(), "bucket", "lang", "place", "text").collect()
    ]


@pytest.mark.parametrize("partitions", [1, 3, 10, 40])
def test_a_partition_holds_whole_consecutive_buckets_in_hash_order(copies, partitions):
    rows = laid(to_buckets(copies, 10, partitions, seed=1))
    assert len(rows) == 3000
    assert {row[1] for row in rows} == set(range(10))
    homes = {(row[1], row[0]) for row in rows}
    assert len(homes) == 10  # no bucket in two partitions
    assert [bucket for bucket, _ in sorted(homes, key=lambda home: (home[1], home[0]))] == list(range(10))
    keys = [(home, bucket, lang, place % 2**64) for home, bucket, lang, place, _ in rows]  # unsigned
    assert keys == sorted(keys)


def test_buckets_are_about_equal_and_follow_the_seed(copies):
    sizes = Counter(row[1] for row in laid(to_buckets(copies, 10, 2, seed=1)))
    # binomial: 300 on average, deviation sqrt(3000 * 0.1 * 0.9) = 16.4
    assert all(abs(n - 300) < 4 * 16.4 for n in sizes.values())
    assert Counter(row[1] for row in laid(to_buckets(copies, 10, 2, seed=2))) != sizes


def test_the_order_of_rows_is_one_for_any_layout(copies, layouts):
    def order(frame):
        return [row[1:] for row in laid(to_buckets(frame, 7, 3, seed=5))]

    assert order(layouts(copies)) == order(copies)


def exchanges(frame) -> list[str]:
    """What each shuffle of a plan spreads by, read from the plan before it runs."""
    plan = frame._jdf.queryExecution().executedPlan().toString()
    return re.findall(r"(?<!Broadcast)Exchange ([^\n]*)", plan)


def test_the_text_is_exchanged_exactly_once_on_its_way_from_documents_into_packs(spark, tmp_path):
    row = [(b"a", "s", 0, "en", "t")]
    schema = "doc_id BINARY, snapshot STRING, ordinal BIGINT, lang STRING, text STRING"
    spark.createDataFrame(row, schema).write.format("delta").save(str(tmp_path / "documents"))
    documents = spark.read.format("delta").load(str(tmp_path / "documents"))
    files = [InputFile("web", 0, "en.txt", "en.txt", 1, "en", "c", "s")]
    placed = with_places(spark, documents, files).selectExpr("*", "cast(null as string) reason")
    duplicates = spark.createDataFrame([(b"a", 0)], "doc_id BINARY, keeper BIGINT")
    kept = with_duplicates(placed, duplicates).where("reason IS NULL")
    shuffled = to_buckets(resample(kept, {"en": 1.0}, 1), 4, 2, seed=1)
    packs = assemble(shuffled, Assembly(FormsConfig(), PackConfig(), ("web",), 1))
    found = exchanges(packs)
    assert len(found) == 1
    assert "bucket" in found[0]
    # beside it only broadcasts of the few repeated hashes and of the list of files
    plan = packs._jdf.queryExecution().executedPlan().toString()
    assert plan.count("BroadcastExchange") == 2
    assert plan.count("SortMergeJoin") == 0
    assert [row.text for row in packs.collect()] == ["t"]
