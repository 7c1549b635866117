"""A release's table is written once a run, and a fingerprint anyone can take again."""

import pytest

from schemas.sequences import SEQUENCES
from spark_jobs import storage
from spark_jobs.publish import fingerprint, fingerprint_columns, write_once
from spark_jobs.warehouse import read_arrow


def test_a_fingerprint_is_sixteen_digits_and_the_number_of_rows():
    assert fingerprint(3, 255) == "00000000000000ff-3"
    assert fingerprint(3, -1) == "ffffffffffffffff-3"
    assert fingerprint(0, None) == "0000000000000000-0"


@pytest.fixture(scope="module")
def packs(spark):
    return spark.range(40).selectExpr(
        "id seq_id", "1Y stage", "'en' lang", "'web' source", "'spoken' form", "concat('text ', id) text",
        "2 n_words", "1 n_sentences", "1 n_docs", "2 n_source_words",
    )  # fmt: skip


def taken(frame):
    row = frame.agg(*fingerprint_columns(SEQUENCES)).first()
    return fingerprint(row.rows, row.bits)


def test_equal_rows_have_one_fingerprint_in_any_layout_and_others_another(packs, layouts):
    assert taken(layouts(packs)) == taken(packs)
    assert taken(packs.where("seq_id < 39")) != taken(packs)
    assert taken(packs.selectExpr("seq_id", "2Y stage", *packs.columns[2:])) != taken(packs)


def test_a_table_is_written_once_a_run_and_another_run_takes_the_place_of_what_was_never_published(
    spark, packs, tmp_path
):
    path = str(tmp_path / "r/stage1")

    def write(rows, run):
        return write_once(spark, rows, path, SEQUENCES, run=run, lineage={"run": run})

    first = write(packs, "one")
    assert (first.version, first.rows, first.fingerprint) == (0, 40, taken(packs))
    assert first.bytes == sum(file.stat().st_size for file in (tmp_path / "r/stage1").glob("*.parquet"))
    names = sorted(file.name for file in (tmp_path / "r/stage1").iterdir())

    # killed before release.json, and run again: found, not written; the rows are not even looked at
    again = write(packs.where("seq_id < 0"), "one")
    assert again == first
    assert sorted(file.name for file in (tmp_path / "r/stage1").iterdir()) == names

    other = write(packs.where("seq_id < 7"), "two")
    assert (other.version, other.rows) == (0, 7)
    assert sorted(read_arrow(path)["seq_id"].to_pylist()) == list(range(7))


def test_files_without_a_commit_are_swept_away(spark, packs, tmp_path):
    path = tmp_path / "r/stage1"
    (path / "_delta_log").mkdir(parents=True)
    (path / "part-00000-of-a-killed-try.parquet").write_bytes(b"PAR1")
    (path / "_delta_log/.00000000000000000000.json.0f.tmp").write_bytes(b"{")
    written = write_once(spark, packs, str(path), SEQUENCES, run="one", lineage={"run": "one"})
    assert written.rows == read_arrow(str(path)).num_rows == 40
    assert not (path / "part-00000-of-a-killed-try.parquet").exists()


def test_a_kill_while_another_runs_table_is_removed_never_leaves_a_commit_without_its_files(
    spark, packs, tmp_path, monkeypatch
):
    path = str(tmp_path / "r/stage1")
    first = write_once(spark, packs, path, SEQUENCES, run="one", lineage={"run": "one"})

    def killed_after(folder):
        delete(folder)
        raise KeyboardInterrupt

    delete = storage.delete_folder
    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete_folder", killed_after)
        with pytest.raises(KeyboardInterrupt):
            write_once(spark, packs.limit(3), path, SEQUENCES, run="two", lineage={"run": "two"})
    again = write_once(spark, packs, path, SEQUENCES, run="one", lineage={"run": "one"})
    assert again.fingerprint == first.fingerprint
    assert read_arrow(path).num_rows == 40
