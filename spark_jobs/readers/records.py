"""What goes into a reader and what comes out: a split and options in, good and rejected records out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

RAW_BYTES = 1000
"""How much of a rejected record is kept, in bytes."""

SPLIT_BYTES = 64 * 1024 * 1024
"""Stored bytes of a split. A constant: ordinals depend on where splits begin."""


class ReaderError(ValueError):
    """The configuration does not fit the input (unknown format, missing column): no record can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A piece of one input file that one task reads."""

    uri: str
    """A local path, or a URI that Arrow's file systems know (s3://, gs://, hdfs://, file://)."""
    start: int = 0
    """First byte of the stored (compressed) file."""
    end: int | None = None
    """Byte behind the last one, None to the end of the file. Records that start before it are read whole."""

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end < self.start):
            raise ReaderError(f"split {self.start}..{self.end} of {self.uri}: want 0 <= start <= end")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """How records are taken from a file; each format reads what it knows."""

    text_column: str = "text"
    """Field (jsonl) or column (parquet) that holds the text."""
    lang_column: str | None = None
    """Field or column that holds the language; None where it comes from the path or is fixed."""
    max_record_bytes: int = 16 * 1024 * 1024
    """A longer record is rejected as `too_long`; measured as stored (a JSON line, a page with its markup)."""
    block_lines: int = 100
    """Lines that make a document where a file knows no documents (OpenSubtitles mono)."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_record_bytes <= 2**30:
            raise ReaderError(f"max_record_bytes is {self.max_record_bytes}, want 1 to {2**30} (1 GiB)")
        if self.block_lines < 1:
            raise ReaderError(f"block_lines is {self.block_lines}, want at least 1")


@dataclass(frozen=True, slots=True)
class Documents:
    """A batch of good records, in file order: about 1 to 4 MB of text, over 64 MB only if one record is."""

    texts: pa.Array
    """string: valid UTF-8, not blank, no null, no NUL character, line ends are LF."""
    ordinals: npt.NDArray[np.int64]
    """Place of each record in its file, ascending; see `Split`: start plus number within the split."""
    langs: pa.Array | None = None
    """string, without nulls; only where the language comes from a column."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be used, or a stretch of a damaged archive."""

    ordinal: int
    reason: str
    """A short name; the readers use those of `REASONS`."""
    detail: str
    raw: bytes
    """The first `RAW_BYTES` bytes of the record as stored."""
    lost_bytes: int = 0
    """Stored bytes of the file left unread behind damage."""


REASONS: dict[str, str] = {
    "not_utf8": "a byte that is not UTF-8, or half of a surrogate pair as a JSON escape",
    "nul_byte": "a NUL character in the text",
    "bad_json": "not a JSON object on one line",
    "no_text": "the text field is missing, null or not a string",
    "no_lang": "the language field is missing, null or not a string",
    "empty": "nothing but white space",
    "too_long": "more than max_record_bytes",
    "utf16": "a UTF-16 or UTF-32 file",
    "truncated_archive": "a compressed file that ends early",
    "corrupt_archive": "a compressed or Parquet file that cannot be decoded further",
    "other_archive": "a file packed in a way that is not read",
    "bad_xml": "not well-formed XML",
    "bad_wikitext": "markup that the wikitext parser gives up on, or a page that is not wikitext",
}
"""Reasons and their meaning."""

Record = Documents | Rejected


@dataclass(frozen=True, slots=True)
class Reader:
    """One format: how a split is read, and how a file is cut into splits."""

    module: str
    """Holds `read(split, options)`; imported when it is first needed."""
    splits: Callable[[str, int], list[Split]]
    """(uri, stored bytes) to splits that cover the file."""

    def read(self, split: Split, options: ReaderOptions) -> Iterator[Record]:
        """The records of a split."""
        records: Iterator[Record] = import_module(self.module).read(split, options)
        return records
