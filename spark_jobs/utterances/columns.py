"""The columns of utterance files as they are stored, format by format, and every record that has none.

A batch has the columns `text`, `locale`, `day`, `count`; all but the text are null where the file does not
have them. Nothing is judged here but whether a record can be read (rows.py does the rest). A rejection quotes
nothing of the record: it was not anonymised.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.readers.blocks import LINES, blocks
from spark_jobs.readers.jsonl import parse_block
from spark_jobs.readers.parquet import record_batches
from spark_jobs.readers.records import ReaderError, Rejected, Split
from spark_jobs.readers.rows import Bytes, Places, is_utf8, lines_of, rejected_cut
from spark_jobs.readers.splits import by_bytes, by_row_groups
from spark_jobs.readers.streams import events
from spark_jobs.utterances.config import UtteranceSource

MAX_RECORD_BYTES = 16 << 20
"""A longer record is rejected. More than a block: under that, each record of a block has to be looked at."""
TEXT, LOCALE, DAY, COUNT = NAMES = ("text", "locale", "day", "count")
TAB = 9


@dataclass(frozen=True, slots=True)
class Stored:
    """Records that could be read, in file order."""

    columns: pa.Table
    """`NAMES`; text is string without nulls, locale string, day string or a date or a time, count an integer
    or a string."""
    ordinals: Places


Record = Stored | Rejected


def read(split: Split, source: UtteranceSource) -> Iterator[Record]:
    """The records of a split."""
    for record in _READERS[source.format](split, source):
        yield replace(record, raw=b"") if isinstance(record, Rejected) else record


def splits_of(source: UtteranceSource, uri: str, size: int) -> list[Split]:
    """The pieces of a file that tasks can read side by side."""
    return by_row_groups(uri, size) if source.format == "parquet" else by_bytes(uri, size)


# ---- lines of JSON


def _jsonl(split: Split, source: UtteranceSource) -> Iterator[Record]:
    ordinal = split.start
    shapes = _Shapes(source)
    for block in blocks(split, LINES, MAX_RECORD_BYTES):
        if not isinstance(block, bytes):
            yield rejected_cut(block, ordinal, split.start, MAX_RECORD_BYTES)
            ordinal += 1
            continue
        data, breaks = lines_of(block)
        yield from shapes.records(data, breaks, ordinal)
        ordinal += len(breaks)


class _Shapes:
    """Arrow parses a block when it is told the types; they are tried until one fits, and kept."""

    def __init__(self, source: UtteranceSource) -> None:
        self._source = source
        kinds = (pa.int64(), pa.string())
        self._tried = list(itertools.product(kinds, (pa.string(), pa.int64())))

    def records(self, data: Bytes, breaks: Places, ordinal: int) -> Iterator[Record]:
        starts = np.concatenate(([0], breaks[:-1] + 1))
        lines = np.flatnonzero(breaks > starts)
        if not len(lines):
            return
        if len(lines) < len(breaks):  # blank lines take a number and are no records
            data = np.concatenate([data[starts[n] : breaks[n] + 1] for n in lines.tolist()])
        yield from self._parsed(data, ordinal + lines)

    def _parsed(self, data: Bytes, ordinals: Places) -> Iterator[Record]:
        table = self._block(data, len(ordinals))
        if table is not None:
            yield from _with_text(table, ordinals)
        elif len(ordinals) == 1:
            yield from _alone(data.tobytes(), int(ordinals[0]), self._source)
        else:  # halved until the bad line stands alone
            middle = len(ordinals) // 2
            end = int(np.flatnonzero(data == ord("\n"))[middle - 1]) + 1
            yield from self._parsed(data[:end], ordinals[:middle])
            yield from self._parsed(data[end:], ordinals[middle:])

    def _block(self, data: Bytes, n_lines: int) -> pa.Table | None:
        # Arrow takes two objects on one line without a word; each line has to be {...}.
        ends = np.flatnonzero(data == ord("\n"))
        shaped = (data[np.append(0, ends[:-1] + 1)] == ord("{")) & (data[ends - 1] == ord("}"))
        if not shaped.all():
            return None
        for n, (count, day) in enumerate(self._tried):
            table = parse_block(data, n_lines, _json_schema(self._source, count, day))
            if table is not None:
                self._tried.insert(0, self._tried.pop(n))
                return _named(table, self._source)
        return None


def _json_schema(source: UtteranceSource, count: pa.DataType, day: pa.DataType) -> pa.Schema:
    kinds = {source.day_column: day, source.count_column: count}
    names = dict.fromkeys(
        [source.text_column, *_locale_columns(source), source.day_column, source.count_column]
    )
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


def _alone(line: bytes, ordinal: int, source: UtteranceSource) -> Iterator[Record]:
    """One line by Python's parser, which takes what Arrow refuses and is still JSON."""
    if not line.strip():
        return
    try:
        fields = json.loads(line.decode())
        if not isinstance(fields, dict):
            raise ValueError("no object")
        text = fields.get(source.text_column)
        str(text).encode()
    except UnicodeError:
        yield Rejected(ordinal, "not_utf8", "a byte that is not UTF-8, or half of a surrogate pair", b"")
        return
    except (ValueError, RecursionError):
        yield Rejected(ordinal, "bad_json", "not a JSON object on one line", b"")
        return
    if not isinstance(text, str):
        yield Rejected(ordinal, "no_text", f"field {source.text_column!r} is missing or no string", b"")
        return
    tags = [fields[name] for name in _locale_columns(source) if fields.get(name) is not None]
    values = [text, tags[0] if tags else None, fields.get(source.day_column), fields.get(source.count_column)]
    # Whatever a value is, as a text it is a tag, a day or a number, or it is not.
    columns = [pa.array([None if value is None else _plain(value)], pa.string()) for value in values]
    yield Stored(pa.table(columns, names=list(NAMES)), np.array([ordinal], np.int64))


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _with_text(table: pa.Table, ordinals: Places) -> Iterator[Record]:
    """The rows with a text, and a rejection of each without."""
    if not table[TEXT].null_count:
        yield Stored(table, ordinals)
        return
    there = table[TEXT].is_valid()
    yield Stored(table.filter(there), ordinals[there.to_numpy()])
    for row in np.flatnonzero(~there.to_numpy()).tolist():
        yield Rejected(int(ordinals[row]), "no_text", "the text is missing or null", b"")


def _named(table: pa.Table, source: UtteranceSource) -> pa.Table:
    """The columns under our names; what the file does not have is null."""

    def column(name: str) -> Any:
        return table[name] if name in table.column_names else pa.nulls(table.num_rows, pa.string())

    tags = [column(name) for name in _locale_columns(source)]
    locale = pc.coalesce(*tags) if tags else pa.nulls(table.num_rows, pa.string())
    values = [column(source.text_column), locale, column(source.day_column), column(source.count_column)]
    return pa.table(values, names=list(NAMES))


def _locale_columns(source: UtteranceSource) -> list[str]:
    if source.locale is not None:
        return []
    return [source.locale_column] if source.locale_column else ["locale", "lang"]


# ---- tab-separated


def _tsv(split: Split, source: UtteranceSource) -> Iterator[Record]:
    names, header = _tsv_columns(split.uri, source)
    ordinal = split.start
    skipped = int(header and split.start == 0)
    for block in blocks(split, LINES, MAX_RECORD_BYTES):
        if not isinstance(block, bytes):
            yield rejected_cut(block, ordinal, split.start, MAX_RECORD_BYTES)
            ordinal += 1
            continue
        data, breaks = lines_of(block)
        if skipped:  # the header takes a number and is no record
            data, breaks = data[breaks[0] + 1 :], breaks[1:] - breaks[0] - 1
        yield from _cells(data, breaks, ordinal + skipped, names, source)
        ordinal += len(breaks) + skipped
        skipped = 0


def _tsv_columns(uri: str, source: UtteranceSource) -> tuple[list[str], bool]:
    """Names of the columns, and whether the file's first line gives them."""
    head = b""
    for event in events(Split(uri=uri)):
        if not isinstance(event, bytes):
            break
        head += event
        if b"\n" in head or len(head) > MAX_RECORD_BYTES:
            break
    names = head.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace").split("\t")
    if source.text_column in names and len(set(names)) == len(names) > 1:
        return names, True
    return list(source.columns), False


def _cells(
    data: Bytes, breaks: Places, ordinal: int, names: Sequence[str], source: UtteranceSource
) -> Iterator[Record]:
    """Rows of exactly as many cells as there are columns; other lines are rejected."""
    if not len(breaks):
        return
    starts = np.concatenate(([0], breaks[:-1] + 1))
    marks = np.flatnonzero((data == TAB) | (data == ord("\n")))
    cells = np.diff(np.searchsorted(marks, breaks, "right"), prepend=0)
    filled = breaks > starts
    # A count is optional: a line without one may lack its tab as well.
    fewer = len(names) - 1 if names[-1] == source.count_column and len(names) > 2 else len(names)
    good = filled & ((cells == len(names)) | (cells == fewer))
    for row in np.flatnonzero(filled & ~good).tolist():
        detail = f"{cells[row]} cells, want {len(names)}: {', '.join(names)}"
        yield Rejected(ordinal + row, "bad_tsv", detail, b"")
    offsets = np.concatenate(([0], marks + 1 - np.arange(1, len(marks) + 1))).astype(np.int32)
    kept = np.delete(data, marks)
    every = pa.StringArray.from_buffers(len(marks), pa.py_buffer(offsets), pa.py_buffer(kept))
    first_cell = np.cumsum(cells) - cells
    wanted = {source.text_column, source.day_column, source.count_column, *_locale_columns(source)}
    for size in {len(names), fewer}:
        rows = good & (cells == size)
        if rows.any():
            columns = {
                name: every.take(pa.array(first_cell[rows] + place))
                for place, name in enumerate(names[:size])
                if name in wanted
            }
            table = _named(_empty_as_null(pa.table(columns), source), source)
            yield from _valid(table, ordinal + np.flatnonzero(rows))


def _empty_as_null(table: pa.Table, source: UtteranceSource) -> pa.Table:
    for name in table.column_names:
        if name != source.text_column:
            values = table[name]
            empty = pc.equal(pc.binary_length(values), 0)
            values = pc.if_else(empty, pa.scalar(None, pa.string()), values)
            table = table.set_column(table.column_names.index(name), name, values)
    return table


def _valid(table: pa.Table, ordinals: Places) -> Iterator[Record]:
    """Rows whose columns are UTF-8; a whole batch is, nearly always."""

    def sound(rows: pa.Table) -> bool:
        strings = [column for column in rows.columns if pa.types.is_string(column.type)]
        return all(is_utf8(chunk) for column in strings for chunk in column.chunks)

    if sound(table):
        yield from _with_text(table, ordinals)
        return
    good = np.array([sound(table.slice(row, 1)) for row in range(table.num_rows)])
    yield from _with_text(table.filter(pa.array(good)), ordinals[good])
    for row in np.flatnonzero(~good).tolist():
        yield Rejected(int(ordinals[row]), "not_utf8", "a byte that is not UTF-8", b"")


# ---- Parquet


def _parquet(split: Split, source: UtteranceSource) -> Iterator[Record]:
    wanted = [source.text_column, *_locale_columns(source), source.day_column, source.count_column]

    def columns(file: pq.ParquetFile) -> list[str]:
        held = file.schema_arrow.names
        if source.text_column not in held:
            raise ReaderError(f"{split.uri} has no column {source.text_column!r}; it has {', '.join(held)}")
        return [name for name in dict.fromkeys(wanted) if name in held]

    for item in record_batches(split, columns):
        if isinstance(item, Rejected):
            yield item
            continue
        batch, ordinals = item
        table = pa.table([_readable(column) for column in batch.columns], names=batch.schema.names)
        named = _named(table, source)
        if not pa.types.is_string(named[TEXT].type):
            raise ReaderError(f"column {source.text_column!r} of {split.uri} is no string column")
        yield from _valid(named, ordinals)


def _readable(column: pa.Array) -> pa.Array:
    """Strings of any kind as string, not validated; other types as they are."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.type in {pa.string(), pa.large_string(), pa.binary(), pa.large_binary()}:
        return column.cast(pa.binary()).view(pa.string())
    return column


_READERS = {"jsonl": _jsonl, "tsv": _tsv, "parquet": _parquet}
