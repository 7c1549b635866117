"""From stored columns to counted rows: white space, locale, day and count, over whole Arrow columns.

Tags, days and their like are few: each distinct value is judged once and its rows take the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.readers.records import Rejected
from spark_jobs.readers.rows import text_bytes
from spark_jobs.utterances.columns import COUNT, DAY, LOCALE, TEXT, Stored
from spark_jobs.utterances.locales import parse_locale

OTHER_LANGUAGE = "other_language"
"""Not damage: a language that we do not know."""
REASONS = {
    "no_locale": "no locale or language",
    "no_day": "no day, neither in a column nor in the file's path",
    "bad_day": "not a day such as 2026-11-26",
    "bad_count": "not a whole number of 1 or more",
    "bad_tsv": "a line with more or fewer cells than columns",
}
"""Reasons that only utterances have, and their meaning."""
_SPACES = r"[\t-\r\x{1c}-\x{1f}\x{85}]|[^\P{Z} ]|\p{Z}\p{Z}"
"""White space that is no single blank. RE2 knows no \\s beyond ASCII."""
_RUN = r"[\t-\r\x{1c}-\x{1f}\x{85}\p{Z}]+"
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:$|[T ].*)", re.DOTALL)
_IN_PATH = re.compile(r"(?<!\d)(\d{4})[-_]?(\d\d)[-_]?(\d\d)(?!\d)")
_MISSING, _BAD = -1, -2
EPOCH = date(1970, 1, 1).toordinal()
"""Days are counted from 1970, as Arrow does."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Utterances of one file that can be counted."""

    texts: pa.Array
    """string: trimmed, white space squeezed, not empty."""
    langs: pa.Array
    locales: pa.Array
    days: pa.Array
    """date32."""
    counts: pa.Array
    """int64, 1 or more."""

    def only(self, mask: pa.Array) -> Rows:
        """Those of a mask."""
        if pc.all(mask).as_py():
            return self
        return Rows(*(getattr(self, name).filter(mask) for name in self.__slots__))


def clean(stored: Stored, locale: str | None, path_day: date | None) -> Iterator[Rows | Rejected]:
    """The rows of a batch that can be counted, and a rejection of each other one.

    `locale`: of all of them where no column tells; `path_day`: of rows without a day.
    """
    table, n = stored.columns, stored.columns.num_rows
    texts = squeezed(_array(table[TEXT]))
    reasons = np.full(n, "", object)
    tags, lang_of, locale_of = _locales(_array(table[LOCALE]), locale)
    days = _days(_array(table[DAY]), path_day)
    counts = _counts(_array(table[COUNT]))
    for failed, reason in (
        (counts < 1, "bad_count"),
        (days == _BAD, "bad_day"),
        (days == _MISSING, "no_day"),
        (tags == _BAD, OTHER_LANGUAGE),
        (tags == _MISSING, "no_locale"),
        (_empty(texts), "empty"),
        (_with_nul(texts), "nul_byte"),
    ):
        reasons[failed] = reason
    good = reasons == ""
    for row in np.flatnonzero(~good).tolist():
        reason = reasons[row]
        yield Rejected(int(stored.ordinals[row]), reason, REASONS.get(reason, ""), b"")
    if not good.any():
        return
    mask = pa.array(good)
    chosen = pa.array(tags[good])
    yield Rows(
        texts if good.all() else texts.filter(mask),
        lang_of.take(chosen),
        locale_of.take(chosen),
        pa.array(days[good].astype(np.int32)).cast(pa.date32()),
        pa.array(counts[good]),
    )


def squeezed(texts: pa.Array) -> pa.Array:
    """Texts without white space at both ends, every run of it inside as one blank."""
    texts = pc.utf8_trim_whitespace(texts)
    odd = pc.match_substring_regex(texts, _SPACES)
    if not pc.any(odd).as_py():
        return texts
    mended = pc.replace_substring_regex(texts.filter(odd), _RUN, " ")
    return pc.utf8_trim_whitespace(pc.replace_with_mask(texts, odd, mended))


def day_in_path(origin: str) -> date | None:
    """The day that a path names, `day=2026-11-26/part-0.jsonl` or `20261126.tsv.gz`: the last one in it."""
    for year, month, day in reversed(_IN_PATH.findall(origin)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def _array(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _empty(texts: pa.Array) -> npt.NDArray[np.bool_]:
    empty: npt.NDArray[np.bool_] = pc.equal(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    return empty


def _with_nul(texts: pa.Array) -> npt.NDArray[np.bool_]:
    if text_bytes(texts).all():
        return np.zeros(len(texts), np.bool_)
    found: npt.NDArray[np.bool_] = pc.match_substring(texts, "\0").to_numpy(zero_copy_only=False)
    return found


def _judged(column: pa.Array, judge: Callable[[Any], int]) -> Codes:
    """A number for each row: `_MISSING` for null, else what is said of its value, once a distinct value."""
    encoded = column.dictionary_encode()
    answers = np.array([*map(judge, encoded.dictionary.to_pylist()), _MISSING], np.int64)
    indices = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    chosen: Codes = answers[indices]
    return chosen


def _locales(column: pa.Array, constant: str | None) -> tuple[Codes, pa.Array, pa.Array]:
    """For each row a place in the two arrays that follow, languages and locales."""
    if constant is not None:
        column = pa.repeat(pa.scalar(constant, pa.string()), len(column))
    places: dict[tuple[str, str], int] = {}

    def judge(tag: str) -> int:
        known = parse_locale(tag)
        return _BAD if known is None else places.setdefault(known, len(places))

    codes = _judged(column.cast(pa.string()), judge)
    langs, tags = zip(*places, strict=True) if places else ((), ())
    return codes, pa.array(langs, pa.string()), pa.array(tags, pa.string())


def _days(column: pa.Array, path_day: date | None) -> Codes:
    """Days since 1970, or why there is none."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz))
        column = pc.floor_temporal(column, unit="day").cast(pa.date32())
    if pa.types.is_date(column.type):
        days = pc.fill_null(column.cast(pa.date32()).cast(pa.int32()), _MISSING)
        codes: Codes = days.to_numpy(zero_copy_only=False).astype(np.int64)
        codes[(codes < 0) & column.is_valid().to_numpy(zero_copy_only=False)] = _BAD  # before 1970
    else:
        codes = _judged(column.cast(pa.string()), _day_number)
    if path_day is not None:
        codes[codes == _MISSING] = _number(path_day)
    return codes


def _day_number(value: str) -> int:
    found = _DAY.fullmatch(value.strip())
    if not found:
        return _BAD
    try:
        number = _number(date(*map(int, found.groups())))
    except ValueError:
        return _BAD
    return number if number >= 0 else _BAD


def _number(day: date) -> int:
    return day.toordinal() - EPOCH


def _counts(column: pa.Array) -> Codes:
    """How often each row was seen, 1 where nothing is said, 0 where it is no number."""
    if pa.types.is_integer(column.type):
        values: Codes = pc.fill_null(column.cast(pa.int64(), safe=False), 1).to_numpy(zero_copy_only=False)
        return values
    if pa.types.is_floating(column.type):
        floats = pc.fill_null(column, 1).to_numpy(zero_copy_only=False)
        whole = np.isfinite(floats) & (np.abs(floats) < 2**53) & (np.floor(floats) == floats)
        return np.where(whole, floats, 0).astype(np.int64)
    codes = _judged(column.cast(pa.string()), _count)
    codes[codes == _MISSING] = 1
    return codes


def _count(value: str) -> int:
    # isascii: int() also takes the digits of other scripts, and blanks and underscores between them.
    text = value.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
