"""A release is what it says it is before the first step, or the run does not start and names the file."""

import dataclasses
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.trainer.releases import data_files, make_release
from trainer import table
from trainer.errors import ConfigError, SnapshotError
from trainer.release import find_tokenizer, read_release
from trainer.snapshot import open_snapshot, snapshot_of


@pytest.fixture
def copy(made, tmp_path):
    """A release of one's own to damage."""
    shutil.copytree(made.release.parents[1], tmp_path / "w")
    return type(made)(tmp_path / "w/releases/r", tmp_path / "w/tokenizers/t", made.rows)


def edit_log(made, name: str, change) -> None:
    """Change each action of a table's first commit."""
    log = made.release / name / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    for action in actions:
        change(action)
    log.write_text("\n".join(map(json.dumps, actions)) + "\n", "utf-8")


def edit_manifest(made, change) -> None:
    file = made.release / "release.json"
    values = json.loads(file.read_text("utf-8"))
    change(values)
    file.write_text(json.dumps(values), "utf-8")


def refused(made, **options) -> SnapshotError:
    with pytest.raises(SnapshotError) as error:
        open_snapshot(str(made.release), **options)
    assert error.value.exit_code == 3
    return error.value


def test_files_are_in_the_order_of_their_rows_and_units_are_row_groups(made):
    snapshot = open_snapshot(str(made.release))
    assert [file.rows for file in snapshot.text] == [(40, 24), (17,), (30, 30, 5)]
    number, start, rows = snapshot.units
    assert number.tolist() == [0, 0, 1, 2, 2, 2]
    assert start.tolist() == [0, 40, 0, 0, 30, 60]
    assert rows.tolist() == snapshot.unit_rows.tolist() == [40, 24, 17, 30, 30, 5]
    assert (snapshot.rows, snapshot.languages) == (146, ("de", "en", "ja"))


def test_the_version_that_is_pinned_is_read_and_no_later_one(copy):
    before = open_snapshot(str(copy.release))
    first = data_files(copy)[0]
    DeltaTable(copy.release / "stage1").alter.set_table_properties({"delta.appendOnly": "false"})
    DeltaTable(copy.release / "stage1").delete()
    assert DeltaTable(copy.release / "stage1").file_uris() == []
    assert open_snapshot(str(copy.release)).fingerprint == before.fingerprint
    first.unlink()  # what a vacuum does
    assert first.name in str(refused(copy))


def test_a_missing_file_is_named_before_step_0(copy):
    file = data_files(copy)[1]
    file.unlink()
    said = refused(copy)
    assert f"{file.name} is missing" in said.message
    assert said.where.endswith(f"stage1/{file.name}")


def test_a_file_cut_short_is_named_with_both_sizes(copy):
    file = data_files(copy)[1]
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-100])
    assert f"{file.name} has {size - 100:,} bytes, the release pins {size:,}" in refused(copy).message


def test_a_file_of_the_right_size_without_a_footer_is_named(copy):
    file = data_files(copy)[1]
    file.write_bytes(bytes(file.stat().st_size))
    assert f"{file.name} has no Parquet footer" in refused(copy).message


def test_a_file_in_place_of_another_of_the_same_size_is_named(copy):
    first, second, _ = data_files(copy)
    whole = second.read_bytes()
    second.write_bytes(first.read_bytes())
    table_log = {second.name: second.stat().st_size}

    def resize(action):
        if action.get("add", {}).get("path") in table_log:
            action["add"]["size"] = table_log[action["add"]["path"]]

    for version in range(3):
        log = copy.release / "stage1/_delta_log" / f"{version:020}.json"
        actions = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        for action in actions:
            resize(action)
        log.write_text("\n".join(map(json.dumps, actions)) + "\n", "utf-8")
    assert f"{second.name} is another file" in refused(copy).message
    assert whole != second.read_bytes()


def test_other_counts_than_those_of_the_release_are_refused(copy):
    edit_manifest(copy, lambda values: values["tables"]["stage1"].update(rows=145))
    assert "stage1 has 146 rows, release.json says 145" in refused(copy).message


def with_feature(*features):
    def change(action):
        if "protocol" in action:
            writer = {"minWriterVersion": 7, "writerFeatures": ["appendOnly", *features]}
            action["protocol"] = {"minReaderVersion": 3, "readerFeatures": [*features], **writer}

    return change


@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping", "typeWidening", "aFeatureOf2030"])
def test_a_reader_feature_that_is_not_honoured_is_named(copy, feature):
    edit_log(copy, "stage1", with_feature(feature))
    said = str(refused(copy))
    assert feature in said


def test_a_feature_that_changes_nothing_for_a_reader_is_honoured(copy):
    before = open_snapshot(str(copy.release)).fingerprint
    edit_log(copy, "stage1", with_feature(*table.HONOURED))
    assert open_snapshot(str(copy.release)).fingerprint == before


def test_column_mapping_of_reader_version_2_is_named(copy):
    def change(action):
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in action:
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"

    edit_log(copy, "stage1", change)
    assert "columnMapping" in str(refused(copy))


def test_a_saved_snapshot_needs_no_delta_log_and_finds_what_changed(copy):
    snapshot = open_snapshot(str(copy.release))
    saved = snapshot.to_json()
    shutil.rmtree(copy.release / "stage1/_delta_log")
    again = snapshot_of(saved)
    again.verify()
    assert (again.fingerprint, again.rows) == (snapshot.fingerprint, snapshot.rows)
    file = data_files(copy)[2]
    rows = pq.read_table(file)
    changed = rows.set_column(1, "stage", rows["stage"].take(np.arange(len(rows))[::-1]))
    pq.write_table(changed, file, compression="none")
    with file.open("r+b") as stream:  # of the pinned size, with a footer at its end
        pinned = snapshot.text[2].size
        content = file.read_bytes()
        stream.truncate(pinned)
        stream.seek(pinned - 4000)
        stream.write(content[-4000:])
    with pytest.raises(SnapshotError, match=f"{file.name} was replaced"):
        again.verify()


def test_text_that_is_no_snapshot_is_refused():
    with pytest.raises(SnapshotError, match="no saved snapshot"):
        snapshot_of('{"software": "0.1.0"}')


def test_text_and_ids_have_one_fingerprint_wherever_the_release_lies(made, copy):
    one = open_snapshot(str(made.release))
    two = open_snapshot(str(copy.release), reads="tokens")
    assert one.fingerprint == two.fingerprint
    assert two.files != one.files


def test_a_saved_snapshot_can_be_read_where_the_release_lies_now(made, copy):
    moved = snapshot_of(open_snapshot(str(made.release)).to_json(), str(copy.release))
    assert moved.uri == f"{copy.release}/stage1"
    moved.verify()
    assert moved.fingerprint == open_snapshot(str(made.release)).fingerprint


def test_equal_rows_in_files_of_other_names_have_one_fingerprint(made, tmp_path):
    again = make_release(tmp_path)
    assert {file.name for file in data_files(again)}.isdisjoint(file.name for file in data_files(made))
    assert open_snapshot(str(again.release)).fingerprint == open_snapshot(str(made.release)).fingerprint


def test_files_without_statistics_are_ordered_by_name_and_the_name_counts(made):
    bare = dataclasses.replace(open_snapshot(str(made.release)).text[0], firsts=())
    snapshots = [
        dataclasses.replace(
            open_snapshot(str(made.release)), text=tuple(dataclasses.replace(bare, path=n) for n in names)
        )
        for names in (("a", "b"), ("a", "c"))
    ]
    assert snapshots[0].fingerprint != snapshots[1].fingerprint


def test_another_release_has_another_fingerprint(made, tmp_path):
    other = make_release(tmp_path, ((40, 24), (17,), (30, 35)))
    assert open_snapshot(str(other.release)).fingerprint != open_snapshot(str(made.release)).fingerprint


def test_of_stage_2_the_rows_of_a_split_are_counted_once_a_row_group(stage2):
    train = open_snapshot(str(stage2.release), stage=2)
    held_out = open_snapshot(str(stage2.release), stage=2, split="validation")
    expected = [sum(row["split"] == "train" for row in part) for part in parts(stage2.rows, 20, 10, 20, 40)]
    assert train.unit_rows.tolist() == expected
    assert expected[1] == 0
    assert (train.unit_rows + held_out.unit_rows).tolist() == [20, 10, 20, 40]
    assert train.fingerprint != held_out.fingerprint
    assert snapshot_of(train.to_json()).unit_rows.tolist() == expected


def parts(rows, *sizes):
    ends = np.cumsum(sizes)
    return [rows[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def test_a_split_that_is_not_there_is_refused(made, stage2):
    with pytest.raises(ConfigError, match="no column 'split'"):
        open_snapshot(str(made.release), split="train")
    with pytest.raises(SnapshotError, match="no rows to read in split 'test'"):
        open_snapshot(str(stage2.release), stage=2, split="test")


def test_what_a_release_does_not_have_is_named_with_what_it_has(made, stage2, tmp_path):
    with pytest.raises(ConfigError, match=r"'stage2', accepted: a table of the release \(stage1, tokens\)"):
        open_snapshot(str(made.release), stage=2)
    with pytest.raises(ConfigError, match="text in Stage 2"):
        open_snapshot(str(stage2.release), stage=2, reads="tokens")
    with pytest.raises(ConfigError, match=r"a folder with a release\.json"):
        open_snapshot(str(tmp_path))


def test_an_expired_release_is_refused(copy):
    edit_manifest(copy, lambda values: values.update(expires="2026-01-01T00:00:00+00:00"))
    assert "expired at 2026-01-01" in refused(copy).message


def test_a_release_json_of_something_else_is_refused(copy):
    (copy.release / "release.json").write_text("{}", "utf-8")
    assert "release.json cannot be read" in refused(copy).message


def test_the_tokenizer_of_the_ids_is_found_in_the_warehouse(made, tmp_path):
    release = read_release(str(made.release))
    assert find_tokenizer(release) == str(made.tokenizer)
    moved = shutil.copytree(made.release, tmp_path / "alone")
    assert find_tokenizer(read_release(str(moved))) is None


def test_row_groups_out_of_order_are_refused(copy):
    file = data_files(copy)[2]
    rows = pq.read_table(file)
    with pq.ParquetWriter(file, rows.schema, compression="zstd") as writer:
        for first, last in ((30, 65), (0, 30)):
            writer.write_table(rows.slice(first, last - first))
    size = file.stat().st_size
    log = copy.release / "stage1/_delta_log" / f"{2:020}.json"
    actions = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    before = next(action["add"]["size"] for action in actions if "add" in action)
    for action in actions:
        action.get("add", {}).update(size=size)
    log.write_text("\n".join(map(json.dumps, actions)) + "\n", "utf-8")
    edit_manifest(
        copy, lambda v: v["tables"]["stage1"].update(bytes=v["tables"]["stage1"]["bytes"] - before + size)
    )
    assert f"{file.name} does not hold its rows in the order of seq_id" in refused(copy).message
