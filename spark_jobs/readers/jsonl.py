"""JSON lines: an object a line with the text in one field, and perhaps its language in another.

Arrow's JSON reader parses a block at a time. Where it stumbles, the block is halved until the bad line stands
alone, so a broken line costs about three times the parsing of its block and not the speed of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from spark_jobs.readers.blocks import LINES, blocks
from spark_jobs.readers.records import RAW_BYTES, ReaderOptions, Record, Rejected, Split
from spark_jobs.readers.rows import Bytes, Places, checked, is_utf8, lines_of, rejected_cut

_OPEN, _CLOSE = ord("{"), ord("}")
_WHITE = b" \t\r"
_MISSING = ("no_text", "no_lang")


def read(split: Split, options: ReaderOptions) -> Iterator[Record]:
    """The text field of every line; a blank line takes a number, but is no record."""
    columns = [options.text_column, *([options.lang_column] if options.lang_column else [])]
    ordinal = split.start
    for block in blocks(split, LINES, options.max_record_bytes):
        if not isinstance(block, bytes):
            yield rejected_cut(block, ordinal, split.start, options.max_record_bytes)
            ordinal += 1
            continue
        data, breaks = lines_of(block)
        yield from _records(_Lines(data, breaks), ordinal, columns)
        ordinal += len(breaks)


class _Lines:
    """The lines of a block by number."""

    def __init__(self, data: Bytes, breaks: Places) -> None:
        self.data = data
        self.ends = breaks
        self.starts = np.concatenate(([0], breaks[:-1] + 1))

    def raw(self, line: int) -> bytes:
        """One line as stored."""
        return self.data[self.starts[line] : self.ends[line]].tobytes()

    def only(self, lines: Places) -> _Lines:
        """A block of some of the lines."""
        kept = [self.data[self.starts[line] : self.ends[line] + 1] for line in lines.tolist()]
        return _Lines(np.concatenate(kept), np.cumsum([len(line) for line in kept]) - 1)


def _records(lines: _Lines, ordinal: int, columns: list[str]) -> Iterator[Record]:
    parts, rejected = _parsed(lines, columns)
    found = [Rejected(ordinal + row, *why, lines.raw(row)[:RAW_BYTES]) for row, why in rejected]
    rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in parts)])
    schema = pa.schema([(name, pa.string()) for name in columns])
    table = pa.concat_tables([schema.empty_table(), *(table for _, table in parts)])
    if len(parts) > 1:
        order = np.argsort(rows)
        rows, table = rows[order], table.take(order)
    for column, reason in zip(columns, _MISSING, strict=False):
        present = table[column].is_valid().to_numpy()
        if not present.all():
            detail = f"field {column!r} is missing or null"
            found += [
                Rejected(ordinal + row, reason, detail, lines.raw(row)[:RAW_BYTES])
                for row in rows[~present].tolist()
            ]
            rows, table = rows[present], table.filter(present)
    texts, *langs = (table[column].combine_chunks() for column in columns)
    yield from checked(
        texts,
        ordinal + rows,
        raw_of=lambda row: lines.raw(rows[row]),
        langs=langs[0] if langs else None,
        rejected=found,
        is_valid=True,
    )


def _parsed(
    lines: _Lines, columns: list[str]
) -> tuple[list[tuple[Places, pa.Table]], list[tuple[int, tuple[str, str]]]]:
    """Line numbers and their columns, null where a field is missing; and the lines that are no object."""
    filled = lines.ends > lines.starts
    # Arrow takes two objects on one line, or one on two lines, without a word, so it only sees lines that are
    # {...}: no object holds a line break between } and {, and as many objects as lines are one object a line.
    shaped = filled & (lines.data[lines.starts] == _OPEN) & (lines.data[lines.ends - 1] == _CLOSE)
    rows = np.flatnonzero(shaped)
    alone = np.flatnonzero(filled & ~shaped).tolist()
    parts: list[tuple[Places, pa.Table]] = []
    if len(rows):
        shown = lines if shaped.all() else lines.only(rows)
        for begin, end, table in _tables(shown, 0, len(rows), columns):
            if table is None:
                alone.append(int(rows[begin]))
            else:
                parts.append((rows[begin:end], table))
    rejected: list[tuple[int, tuple[str, str]]] = []
    for row in alone:
        values = parse_alone(lines.raw(row), columns)
        if isinstance(values, tuple):
            rejected.append((row, values))
        elif values:
            parts.append((np.array([row]), pa.table([[value] for value in values], names=columns)))
    return parts, rejected


def _tables(
    lines: _Lines, begin: int, end: int, columns: list[str]
) -> Iterator[tuple[int, int, pa.Table | None]]:
    """The lines from `begin` to `end` in as few tables as parse; None for a line that does not even alone."""
    schema = pa.schema([(name, pa.string()) for name in columns])
    table = parse_block(lines.data[lines.starts[begin] : lines.ends[end - 1] + 1], end - begin, schema)
    if table is not None or end - begin == 1:
        yield begin, end, table
        return
    middle = (begin + end) // 2
    yield from _tables(lines, begin, middle, columns)
    yield from _tables(lines, middle, end, columns)


def parse_block(block: Bytes, n_lines: int, schema: pa.Schema) -> pa.Table | None:
    """The columns of whole lines, each {...}; None unless every line is one object, its columns of these
    types."""
    buffer = pa.py_buffer(block)
    # Arrow does not look at the encoding, and a byte outside the text would pass unseen.
    if not is_utf8(pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, len(block)], np.int32)), buffer)):
        return None
    try:
        table = pj.read_json(
            pa.BufferReader(buffer),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(block)),
            parse_options=pj.ParseOptions(
                explicit_schema=schema,
                newlines_in_values=False,
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == n_lines else None


def parse_alone(line: bytes, columns: list[str]) -> list[str] | tuple[str, str]:
    """The columns of one line, nothing if it is blank; reason and detail if it cannot be used.

    Python's parser takes what Arrow refuses and is still JSON: spaces around the object, a field twice (the
    last counts).
    """
    if not line.strip(_WHITE):
        return []
    try:
        fields = json.loads(line.decode())
        if not isinstance(fields, dict):
            raise ValueError(f"{line[:20]!r} is not an object")
        values = [fields[column] for column in columns if isinstance(fields.get(column), str)]
        "".join(values).encode()
    except UnicodeDecodeError as error:
        return "not_utf8", f"byte {error.start}: {error.reason}"
    except UnicodeEncodeError:
        return "not_utf8", "half of a surrogate pair (\\ud800 to \\udfff)"
    except (ValueError, RecursionError) as error:
        return "bad_json", str(error)
    for column, reason in zip(columns, _MISSING, strict=False):
        if not isinstance(value := fields.get(column), str):
            what = "missing or null" if value is None else f"{str(value)[:20]!r}, want a string"
            return reason, f"field {column!r} is {what}"
    return values
