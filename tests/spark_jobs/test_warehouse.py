"""The tables of a warehouse: made with their contract, appended to once a run, replaced by release."""

import dataclasses
import json

import pytest
from deltalake import DeltaTable

from schemas.quarantine import QUARANTINE
from schemas.table import ContractError
from schemas.verdicts import VERDICTS
from spark_jobs import warehouse


def verdict(release, ordinal):
    place = {"lang": "en", "source": "web", "snapshot": "s", "origin": "o", "ordinal": ordinal}
    return place | {"release": release, "doc_id": b"d", "reason": "short_v1", "n_words": 1}


def damaged(ordinal, **values):
    place = {"source": "web", "snapshot": "s", "origin": "o", "ordinal": ordinal}
    return place | {"reason": "bad_json", "detail": "", "raw": b"", "lost_bytes": 0} | values


def held(path, *columns):
    return sorted(tuple(row.values()) for row in warehouse.read_arrow(path, columns).to_pylist())


def test_a_table_is_made_once_with_its_contract_and_its_promises(spark, tmp_path):
    path = warehouse.table_path(str(tmp_path), VERDICTS)
    assert not warehouse.is_table(path)
    for _ in range(2):
        warehouse.create(spark, path, VERDICTS)
    table = DeltaTable(path)
    assert table.version() == 0
    assert table.protocol().min_reader_version == 1
    fields = {field.name: field for field in table.schema().fields}
    assert {name: field.metadata["comment"] for name, field in fields.items()} == {
        field.name: field.meaning for field in VERDICTS.fields
    }
    assert not any(field.nullable for field in fields.values())
    assert table.metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 3650 days"


def test_a_run_appends_once(spark, tmp_path):
    for run, ordinals in (("a", [1, 2]), ("a", [1, 2]), ("b", [3]), ("a", [4])):
        rows = [damaged(n) for n in ordinals]
        warehouse.append_rows(spark, str(tmp_path), QUARANTINE, rows, run)
    path = warehouse.table_path(str(tmp_path), QUARANTINE)
    assert held(path, "ordinal") == [(1,), (2,), (3,)]
    metadata = [json.loads(entry["userMetadata"])["run"] for entry in DeltaTable(path).history(2)]
    assert metadata == ["b", "a"]


def test_a_table_of_before_gets_the_columns_that_its_contract_gained(spark, tmp_path):
    path = str(tmp_path / "quarantine")
    before = dataclasses.replace(QUARANTINE, fields=QUARANTINE.fields[:-1])
    warehouse.create(spark, path, before)
    place = {"source": "web", "snapshot": "s", "origin": "o", "reason": "r", "detail": "", "raw": b""}
    old = warehouse.few_rows(spark, before, [place | {"ordinal": 1}])
    warehouse.append(old, path, "a", {})
    warehouse.append(warehouse.few_rows(spark, QUARANTINE, [damaged(2)]), path, "b", {})
    assert held(path, "ordinal", "lost_bytes") == [(1, None), (2, 0)]
    assert DeltaTable(path, version=1).to_pyarrow_table().num_rows == 1  # what was pinned stays readable


def test_rows_that_break_the_contract_are_not_written(spark, tmp_path):
    with pytest.raises(ContractError, match=r"quarantine\.ordinal: -1, accepted: 0 or more"):
        warehouse.append_rows(spark, str(tmp_path), QUARANTINE, [damaged(0), damaged(-1)], "a")
    assert not (tmp_path / "quarantine").exists()


def test_nothing_to_append_makes_no_table(spark, tmp_path):
    warehouse.append_rows(spark, str(tmp_path), QUARANTINE, [], "a")
    assert not (tmp_path / "quarantine").exists()
    assert warehouse.read_table(str(tmp_path), QUARANTINE).num_rows == 0
    assert warehouse.read_table(str(tmp_path), QUARANTINE, columns=["raw"]).column_names == ["raw"]


def test_a_release_takes_the_place_of_its_earlier_try_and_of_nothing_else(spark, tmp_path):
    path = warehouse.table_path(str(tmp_path), VERDICTS)
    warehouse.create(spark, path, VERDICTS)

    def put(release, ordinals, run):
        rows = warehouse.few_rows(spark, VERDICTS, [verdict(release, n) for n in ordinals])
        warehouse.replace_release(rows, path, release, run)

    put("r", [1, 2], "one")
    put("s", [7], "other")
    put("r", [1, 2], "one")  # killed and run again
    assert held(path, "release", "ordinal") == [("r", 1), ("r", 2), ("s", 7)]
    put("r", [3], "two")  # the recipe was changed before anything was published
    assert held(path, "release", "ordinal") == [("r", 3), ("s", 7)]
    put("r", [1, 2], "one")  # and changed back
    assert held(path, "release", "ordinal") == [("r", 1), ("r", 2), ("s", 7)]
