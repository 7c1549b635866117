"""A stretch of a file is read whatever row groups it lies in."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer.parquet import open_parquet, read_rows
from trainer.table import look_at


@pytest.mark.parametrize(("start", "rows"), [(0, 25), (0, 10), (10, 10), (9, 2), (19, 6), (24, 1), (3, 20)])
def test_a_stretch_of_rows(tmp_path, start, rows):
    table = pa.table({"seq_id": range(25), "text": [str(n) for n in range(25)]})
    pq.write_table(table, tmp_path / "f.parquet", row_group_size=10)
    [file] = look_at(str(tmp_path), [("f.parquet", (tmp_path / "f.parquet").stat().st_size)])
    assert (file.rows, file.firsts) == ((10, 10, 5), (0, 10, 20))
    with open_parquet(str(tmp_path), file) as parquet:
        got = read_rows(parquet, file, start, rows, ["seq_id"])
    assert got["seq_id"].to_pylist() == list(range(start, start + rows))
    assert got.column_names == ["seq_id"]
