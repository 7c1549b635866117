"""A table is declared once; its views agree, and each kind of breach is named."""

import pyarrow as pa
import pytest

from schemas.documents import DOCUMENTS
from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.scores import SCORES
from schemas.sequences import SEQUENCES
from schemas.statistics import STATISTICS
from schemas.table import ContractError, Field, Table, spark_type
from schemas.verdicts import VERDICTS

TABLES = [DOCUMENTS, LEDGER, QUARANTINE, SEQUENCES, STATISTICS, VERDICTS]

T = Table(
    "t",
    meaning="For the tests.",
    unique=("id", "part"),
    statistics=("id",),
    fields=(
        Field("id", pa.int64(), "a number", at_least=0),
        Field("part", pa.int32(), "a number", at_least=1, at_most=3),
        Field("form", pa.string(), "a word", one_of=("spoken", "written")),
        Field("note", pa.string(), "it's what \\ anyone wants", nullable=True),
    ),
)
GOOD = {"id": [0, 0], "part": [1, 2], "form": ["spoken", "written"], "note": [None, "x"]}


def rows(**columns) -> pa.Table:
    return pa.table(GOOD | columns, schema=pa.schema([pa.field(f.name, f.type) for f in T.fields]))


def test_rows_that_keep_the_contract_pass_in_any_column_order():
    T.check(rows())
    T.check(rows().select(["note", "form", "id", "part"]))
    T.check(rows().slice(0, 0))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"id": [0, None]}, "t.id: 1 nulls, none allowed"),
        ({"id": [0, -1]}, "t.id: -1, accepted: 0 or more"),
        ({"part": [1, 4]}, "t.part: 4, accepted: 1 to 3"),
        ({"part": [0, 2]}, "t.part: 0, accepted: 1 to 3"),
        ({"form": ["spoken", "sung"]}, "t.form: 'sung', accepted: spoken, written"),
        ({"part": [2, 2]}, "t: 1 rows repeat id, part"),
    ],
)
def test_a_breach_names_column_value_and_what_is_accepted(columns, words):
    with pytest.raises(ContractError) as caught:
        T.check(rows(**columns))
    assert str(caught.value) == words


def test_missing_columns_are_named_with_those_that_are_there():
    with pytest.raises(ContractError, match="t: missing part, note; has id, form"):
        T.check(rows().select(["id", "form"]))


def test_a_column_of_another_type_is_named():
    text = pa.table({"id": ["0", "1"], "part": [1, 2], "form": ["spoken"] * 2, "note": ["x"] * 2})
    with pytest.raises(ContractError, match=r"t\.id: string, accepted: int64"):
        T.check(text)


def test_the_bounds_are_said_in_words():
    assert Field("x", pa.int32(), "x", at_most=5).accepted() == "up to 5"


def test_the_ddl_has_types_and_in_full_the_meaning():
    assert T.spark_ddl() == "id BIGINT, part INT, form STRING, note STRING"
    full = T.spark_ddl(full=True)
    assert "id BIGINT NOT NULL COMMENT 'a number'" in full
    assert full.endswith(r"note STRING COMMENT 'it\'s what \\ anyone wants'")


def test_types_are_named_to_any_depth():
    nested = pa.struct([pa.field("ids", pa.list_(pa.int32())), pa.field("p", pa.float32())])
    assert spark_type(nested) == "STRUCT<ids: ARRAY<INT>, p: FLOAT>"


def test_a_batch_takes_columns_in_order():
    batch = SEQUENCES.batch([pa.nulls(0, field.type) for field in SEQUENCES.fields])
    assert batch.schema == SEQUENCES.arrow_schema()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_spark_and_arrow_agree_on_every_table(spark, table):  # DDL is parsed by Spark's own parser
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType

    spoken = to_arrow_schema(StructType.fromDDL(table.spark_ddl()))
    assert spoken.names == list(table.columns)
    for seen, declared in zip(spoken, table.arrow_schema(), strict=True):
        assert seen.type == declared.type, declared.name
    full = StructType.fromDDL(table.spark_ddl(full=True))
    assert [f.metadata["comment"] for f in full] == [f.meaning for f in table.fields]
    assert [f.nullable for f in full] == [f.nullable for f in table.fields]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_every_field_has_a_meaning(table):
    assert table.meaning.endswith(".")
    assert all(len(field.meaning) >= 6 for field in table.fields)
    assert len(set(table.columns)) == len(table.columns)


def test_every_score_has_a_meaning_and_a_version_in_its_name():
    assert all(len(field.meaning) > 6 for field in SCORES)
    assert all(field.name.rpartition("_v")[2].isdigit() for field in SCORES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_statistics_and_keys_are_columns_and_statistics_never_texts_or_bytes(table):
    assert {*table.unique, *table.statistics} <= set(table.columns)
    assert not {"text", "raw", "detail", "doc_id", "scores"} & set(table.statistics)
