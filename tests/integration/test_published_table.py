"""A published table: plain Delta that anyone can read, without a word of text in its log, never to change, in
an order that shows no trace of language, source or form."""

import json
import math
import re
from collections import Counter
from itertools import groupby

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from schemas.sequences import SEQUENCES
from spark_jobs.warehouse import TABLES


@pytest.fixture(scope="module")
def pinned(release) -> DeltaTable:
    """The table as a trainer opens it: by release.json and deltalake, without Spark."""
    on_disk = json.loads((release.stage1.parent / "release.json").read_text("utf-8"))
    entry = on_disk["tables"]["stage1"]
    return DeltaTable(str(release.stage1.parent / entry["path"]), version=entry["version"])


def test_it_asks_for_reader_version_1_and_no_reader_feature(pinned):
    protocol = pinned.protocol()
    assert protocol.min_reader_version == 1
    assert not protocol.reader_features


def test_it_keeps_files_and_log_for_ten_years_and_is_append_only(pinned):
    configuration = pinned.metadata().configuration
    assert configuration["delta.appendOnly"] == "true"
    assert configuration["delta.logRetentionDuration"] == "interval 3650 days"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 3650 days"
    assert "text" not in configuration["delta.dataSkippingStatsColumns"].split(",")


def test_deltalake_alone_reads_what_the_manifest_promises(release, pinned):
    rows = pinned.to_pyarrow_dataset().to_table()
    SEQUENCES.check(rows)
    entry = release.manifest.tables["stage1"]
    assert rows.num_rows == entry.rows
    words = rows.group_by(["lang", "form"]).aggregate([("n_words", "sum")]).to_pylist()
    for row in words:
        assert entry.words[row["lang"]][row["form"]] == row["n_words_sum"]
    sizes = pinned.get_add_actions(flatten=True)["size_bytes"]
    assert (len(sizes), sum(size.as_py() for size in sizes)) == (entry.files, entry.bytes)


STAGE1_TABLES = [name for name in TABLES if name not in ("utterances", "utterance_files")]
"""Of a release without Stage 2; test_utterance_counts.py looks at the other logs."""


@pytest.mark.parametrize("table", [*STAGE1_TABLES, "stage1"])
def test_no_word_of_a_text_is_in_the_log(release, pinned, table):
    texts = pinned.to_pyarrow_dataset().to_table(columns=["text"])["text"].to_pylist()
    texts += (
        DeltaTable(str(release.warehouse / "documents"))
        .to_pyarrow_table(columns=["text"])["text"]
        .to_pylist()
    )
    words = {word.lower() for text in texts for word in re.findall(r"\w+", text) if len(word) > 6}
    words -= {"counted"}  # a word of the tables' own descriptions
    assert {"passengers", "यात्री"} & words
    assert len(words) > 50
    folder = release.stage1 if table == "stage1" else release.warehouse / table
    logs = sorted((folder / "_delta_log").glob("*.json"))
    assert logs
    for log in logs:
        for line in log.read_text("utf-8").splitlines():
            said = json.dumps(json.loads(line), ensure_ascii=False).lower()  # \u escapes resolved
            found = words & set(re.findall(r"\w+", said))
            assert not found, (log.name, found)


@pytest.mark.parametrize("change", ["DELETE FROM {} WHERE lang = 'en'", "UPDATE {} SET lang = 'en'"])
def test_it_refuses_to_lose_or_change_a_row(spark, release, change):
    with pytest.raises(Exception, match=r"(?i)append.?only"):
        spark.sql(change.format(f"delta.`{release.stage1}`"))
    assert DeltaTable(str(release.stage1)).version() == release.manifest.tables["stage1"].version


def test_it_refuses_to_be_overwritten(spark, release):
    rows = spark.read.format("delta").load(str(release.stage1)).limit(1)
    with pytest.raises(Exception, match=r"(?i)append.?only"):
        rows.write.format("delta").mode("overwrite").save(str(release.stage1))
    assert DeltaTable(str(release.stage1)).version() == release.manifest.tables["stage1"].version


def files_of(release):
    """The rows of each data file, in the file's own order."""
    columns = ["seq_id", "lang", "source", "form"]
    return [pq.read_table(path, columns=columns) for path in sorted(release.stage1.glob("*.parquet"))]


def test_a_file_is_in_the_order_of_seq_id_and_files_follow_one_another(release):
    ids = [number for rows in files_of(release) for number in rows["seq_id"].to_pylist()]
    assert ids == sorted(ids)
    assert len(release.manifest.tables) == 1
    assert len(files_of(release)) == release.manifest.tables["stage1"].files == 3


def runs_deviation(values: list[str]) -> float:
    """How many standard deviations the number of runs lies from that of a random order (Wald and Wolfowitz,
    for several classes: Barton and David 1957)."""
    n, counts = len(values), Counter(values).values()
    runs = sum(1 for _ in groupby(values))
    squares, cubes = sum(c**2 for c in counts), sum(c**3 for c in counts)
    expected = (n * (n + 1) - squares) / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    return (runs - expected) / math.sqrt(variance)


def trend_deviation(values: list[str], of: str) -> float:
    """How many standard deviations the mean place of one class lies from the middle."""
    n, places = len(values), [place for place, value in enumerate(values) if value == of]
    m = len(places)
    return (sum(places) / m - (n - 1) / 2) / math.sqrt((n - m) * (n + 1) / (12 * m))


def test_the_two_measures_of_order_know_order_from_chance():
    # 2 runs of 3 each: expected (6 * 7 - 18) / 6 = 4, variance (18 * 60 - 12 * 54 - 216) / 180 = 1.2
    assert runs_deviation(list("aaabbb")) == pytest.approx((2 - 4) / math.sqrt(1.2))
    # mean place of a 1 against 2.5; variance 3 * 7 / 36
    assert trend_deviation(list("aaabbb"), "a") == pytest.approx(-1.5 / math.sqrt(21 / 36))
    assert runs_deviation(["ab"[n // 50 % 2] for n in range(400)]) < -15


@pytest.mark.parametrize("column", ["lang", "source", "form"])
def test_the_rows_of_a_file_show_no_trace_of_language_source_or_form(release, column):
    for rows in files_of(release):
        values = rows[column].to_pylist()
        assert len(values) > 100
        # 4 deviations: by chance once in 16,000 files
        assert abs(runs_deviation(values)) < 4
        for value in set(values):
            assert abs(trend_deviation(values, value)) < 4
