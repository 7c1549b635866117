"""A table is declared once: one declaration gives the Arrow schema, the Spark DDL, the check and the page in
docs/.

Neither Spark nor Delta is imported here: the Spark view is a DDL string, so the trainer can read the same
contracts where no Java is installed (design.md section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_SPARK_TYPES = {
    pa.int8(): "TINYINT",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "STRING",
    pa.binary(): "BINARY",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
}


class ContractError(ValueError):
    """Rows do not keep what their table promises."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its type, what one value means (with its unit), and the values it may take."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    one_of: tuple[object, ...] = ()
    at_least: int | None = None
    at_most: int | None = None

    def check(self, column: pa.ChunkedArray, table: str) -> None:
        """Raise ContractError, naming the column and one offending value, where a value breaks the
        promise."""
        if column.type != self.type:
            raise ContractError(f"{table}.{self.name}: {column.type}, accepted: {self.type}")
        if not self.nullable and column.null_count:
            raise ContractError(f"{table}.{self.name}: {column.null_count} nulls, none allowed")
        bad = None
        if self.one_of:
            bad = pc.invert(pc.is_in(column, value_set=pa.array(self.one_of, self.type)))
        elif self.at_least is not None or self.at_most is not None:
            low = pc.less(column, self.at_least) if self.at_least is not None else pa.scalar(False)
            high = pc.greater(column, self.at_most) if self.at_most is not None else pa.scalar(False)
            bad = pc.or_(low, high)
        if bad is not None and pc.any(bad).as_py():
            value = column.filter(bad)[0].as_py()
            raise ContractError(f"{table}.{self.name}: {value!r}, accepted: {self.accepted()}")

    def accepted(self) -> str:
        """The accepted values in words."""
        if self.one_of:
            return ", ".join(map(str, self.one_of))
        if self.at_most is None:
            return f"{self.at_least} or more"
        return f"{self.at_least} to {self.at_most}" if self.at_least is not None else f"up to {self.at_most}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse (design.md section 3.1)."""

    name: str
    meaning: str
    fields: tuple[Field, ...]
    unique: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    """Columns whose minimum and maximum stand in the Delta log. Never a text: the log is read by everyone."""
    partitions: tuple[str, ...] = ()
    """Columns whose values are folders: a slice is replaced without a look at the others."""
    retention: str = "interval 3650 days"
    """How long replaced files and the log stay. Delta 4.1 and later refuse to read a version older than
    that."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(field.name for field in self.fields)

    def arrow_schema(self) -> pa.Schema:
        """The Arrow view."""
        return pa.schema([pa.field(f.name, f.type, nullable=f.nullable) for f in self.fields])

    def spark_ddl(self, *, full: bool = False) -> str:
        """The Spark view, for `mapInArrow` and for `CREATE TABLE` (`full`: with NOT NULL and comments)."""
        return ", ".join(_spark_column(field, full=full) for field in self.fields)

    def check(self, rows: pa.Table) -> None:
        """Raise ContractError where `rows` (any column order) break the contract."""
        missing = [name for name in self.columns if name not in rows.column_names]
        if missing:
            raise ContractError(
                f"{self.name}: missing {', '.join(missing)}; has {', '.join(rows.column_names)}"
            )
        for field in self.fields:
            field.check(rows[field.name], self.name)
        if self.unique and rows.num_rows:
            distinct = rows.group_by(list(self.unique)).aggregate([]).num_rows
            if distinct != rows.num_rows:
                raise ContractError(
                    f"{self.name}: {rows.num_rows - distinct} rows repeat {', '.join(self.unique)}"
                )

    def batch(self, columns: Sequence[pa.Array]) -> pa.RecordBatch:
        """A record batch of this table from its columns, in order."""
        return pa.RecordBatch.from_arrays(list(columns), schema=self.arrow_schema())


def spark_type(arrow: pa.DataType) -> str:
    """The Spark SQL name of an Arrow type."""
    if pa.types.is_struct(arrow):
        inner = ", ".join(f"{field.name}: {spark_type(field.type)}" for field in arrow)
        return f"STRUCT<{inner}>"
    if pa.types.is_list(arrow):
        return f"ARRAY<{spark_type(arrow.value_type)}>"
    return _SPARK_TYPES[arrow]


def _spark_column(field: Field, *, full: bool) -> str:
    ddl = f"{field.name} {spark_type(field.type)}"
    if full:
        comment = field.meaning.replace("\\", "\\\\").replace("'", "\\'")
        ddl += ("" if field.nullable else " NOT NULL") + f" COMMENT '{comment}'"
    return ddl
