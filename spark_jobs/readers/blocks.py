"""Cuts a stream into blocks of whole records, about 2 MB each, so that the formats work on whole buffers.

A record that begins in a split belongs to it, wherever it ends; one over the limit is passed over, not held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from spark_jobs.readers.records import RAW_BYTES, Split
from spark_jobs.readers.streams import Damage, Event, events

BLOCK_BYTES = 2 * 1024 * 1024
"""Text that is parsed at once: long enough that the cost of a call vanishes, short enough for the caches."""


@dataclass(frozen=True, slots=True)
class Border:
    """What stands between two records."""

    ends: tuple[bytes, ...]
    """A record ends with one of these."""
    lead: Callable[[bytes, int], int]
    """(data, at) to where the next record begins, the end of data if that is not in sight."""
    begin: bytes = b""
    """What every record begins with, where there is such a mark; it also ends the record before."""

    @property
    def width(self) -> int:
        """Bytes of the longest mark."""
        return max(map(len, (*self.ends, self.begin)))

    def first(self, data: bytes, start: int = 0, ends_at: int = 0) -> tuple[int, int]:
        """The first border from `start` that ends at `ends_at` or later: begin and end, or -1 and -1."""
        found = [
            (at, at + len(end))
            for end in self.ends
            if (at := data.find(end, max(start, ends_at - len(end)))) >= 0
        ]
        if self.begin and (at := data.find(self.begin, start + 1)) >= 0:
            found.append((at, at))
        return min(found, default=(-1, -1))

    def last(self, data: bytes) -> int:
        """End of the last border, 0 where there is none."""
        ends = [at + len(end) for end in self.ends if (at := data.rfind(end)) >= 0]
        return max(*ends, data.rfind(self.begin) if self.begin else 0, 0, 0)


def _behind_empty_lines(data: bytes, at: int) -> int:
    match = _EMPTY_LINES.match(data, at)
    assert match is not None
    return match.end()


def _at_page(data: bytes, at: int) -> int:
    found = data.find(PAGE, at)
    if found >= 0:
        return found
    # The beginning of a mark whose rest is still to come.
    return next(
        (k for k in range(max(at, len(data) - len(PAGE) + 1), len(data)) if PAGE.startswith(data[k:])),
        len(data),
    )


_EMPTY_LINES = re.compile(rb"(?:\r?\n)*")
PAGE, PAGE_END = b"<page>", b"</page>"
LINES = Border((b"\n",), lambda data, at: at)
"""Every line is a record, also an empty one. Only LF ends a line: JSON may hold other line separators."""
PARAGRAPHS = Border((b"\n\n", b"\n\r\n"), _behind_empty_lines)
"""Records are lines up to an empty one."""
PAGES = Border((PAGE_END,), _at_page, begin=PAGE)
"""Records are the pages of a MediaWiki export; text inside them cannot hold the marks, XML escapes it."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A record over the limit, passed over."""

    raw: bytes
    n_bytes: int


Cut = bytes | TooLong | Damage
"""A block of whole records; a record over the limit; damage, `raw` being the record that it cut."""


def blocks(split: Split, border: Border, max_record_bytes: int) -> Iterator[Cut]:
    """The records that begin in a split, in file order.

    A block ends with a border, except where the file ends without one.
    """
    if border.begin:  # nobody needs to look back for the beginning of a record
        return cut(events(split, archives_split=True), border, max_record_bytes)
    stream = events(split, lookbehind=border.width)
    return cut(stream, border, max_record_bytes, border.width if split.start else 0)


def cut(stream: Iterator[Event], border: Border, max_record_bytes: int, lookbehind: int = 0) -> Iterator[Cut]:
    """`blocks` of a stream that begins `lookbehind` bytes before its split; 0: with a record."""
    cutter = _Cutter(border, max_record_bytes, lookbehind)
    for event in stream:
        if isinstance(event, bytes):
            yield from cutter.feed(event)
        elif isinstance(event, Damage):
            yield from cutter.damaged(event)
        else:
            yield from cutter.split_end()
        if cutter.done:
            return
    yield from cutter.finish()


class _Cutter:
    """What is held of a stream between two events: less than a block, or one record up to the limit."""

    def __init__(self, border: Border, limit: int, lookbehind: int) -> None:
        self.done = False
        self._border = border
        self._limit = limit
        self._chunks: list[bytes] = []
        self._held = 0
        self._wanted = BLOCK_BYTES
        # Passing over bytes up to a border that ends at `_from` or later.
        self._passing = lookbehind > 0
        self._from = lookbehind
        self._long: TooLong | None = None  # what is passed over, where it is a record of ours
        self._owned: int | None = None  # behind the split: held bytes that belong to it

    def feed(self, data: bytes) -> Iterator[Cut]:
        self._chunks.append(data)
        self._held += len(data)
        if self._owned is not None:
            yield from self._last_record()
        elif self._held >= self._wanted:
            yield from self._whole_records()

    def damaged(self, damage: Damage) -> Iterator[Cut]:
        yield from self._whole_records()
        rest = b"" if self._passing else self._join()
        if self._long:
            yield self._long
        yield replace(damage, raw=damage.raw or rest[:RAW_BYTES])
        self._hold(b"")
        # Nobody knows where in a record the bytes behind begin, unless records have a mark of their own.
        self._passing, self._from, self._long = not self._border.begin, 0, None
        self.done = self._owned is not None

    def split_end(self) -> Iterator[Cut]:
        yield from self._whole_records()
        self._owned = self._held
        # Passed over, but not ours: no record of ours begins any more.
        self.done = self._passing and self._long is None
        if not self.done:
            yield from self._last_record()

    def finish(self) -> Iterator[Cut]:
        yield from self._whole_records()
        rest = self._join()
        if self._long:
            yield TooLong(self._long.raw, self._long.n_bytes + len(rest))
        elif rest and not self._passing:
            yield from self._sized(rest)

    def _join(self) -> bytes:
        data = b"".join(self._chunks)
        self._hold(data)
        return data

    def _hold(self, data: bytes) -> None:
        self._chunks = [data] if data else []
        self._held = len(data)
        # Doubled, so that a record of n bytes is not searched n / 2 MB times.
        self._wanted = max(BLOCK_BYTES, 2 * len(data))

    def _pass_over(self, data: bytes) -> Iterator[Cut]:
        """Hold what follows the border that ends the passing; without one, only what may begin a border."""
        begin, end = self._border.first(data, ends_at=self._from)
        if end < 0:
            kept = data[max(0, len(data) - self._border.width + 1) :] if self._from <= len(data) else data
            self._from = 0 if kept is not data else self._from
            if self._long:
                self._long = TooLong(self._long.raw, self._long.n_bytes + len(data) - len(kept))
            self._hold(kept)
            return
        if self._long:
            yield TooLong(self._long.raw, self._long.n_bytes + begin)
        self._passing, self._from, self._long = False, 0, None
        self._hold(data[end:])

    def _whole_records(self) -> Iterator[Cut]:
        if self._passing:
            yield from self._pass_over(self._join())
            if self._passing:
                return
        data = self._join()
        end = self._border.last(data)
        if end:
            yield from self._sized(data[:end])
            data = data[end:]
        data = data[self._border.lead(data, 0) :]
        self._hold(data)
        self._pass_if_long(data)

    def _pass_if_long(self, data: bytes) -> None:
        lead = self._border.lead(data, 0)
        # Some bytes more than the limit: the last ones may belong to a border. And enough to quote.
        if len(data) - lead > max(self._limit, RAW_BYTES) + self._border.width:
            self._passing = True
            kept = data[len(data) - self._border.width + 1 :]
            self._long = TooLong(data[lead : lead + RAW_BYTES], len(data) - lead - len(kept))
            self._hold(kept)

    def _last_record(self) -> Iterator[Cut]:
        """Behind the split: the record that began in it, then no more."""
        assert self._owned is not None
        data = self._join()
        if self._passing:
            yield from self._pass_over(data)
            self.done = not self._passing
            return
        lead = self._border.lead(data, 0)
        _, end = self._border.first(data, lead)
        if lead >= self._owned:
            self.done = True
        elif end < 0:
            self._pass_if_long(data)
        else:
            yield from self._sized(data[:end])
            self._hold(data[end:])
            self._owned -= end
            # A page that is not closed ends where the next begins, perhaps in this split as well.
            yield from self._last_record()

    def _sized(self, block: bytes) -> Iterator[Cut]:
        """The block, without the records in it that are over the limit."""
        if len(block) <= self._limit:
            yield block
            return
        good = at = 0
        while at < len(block):
            lead = self._border.lead(block, at)
            begin, end = self._border.first(block, lead)
            if end < 0:
                begin = end = len(block)
            if begin - lead > self._limit:
                if block[good:lead]:
                    yield block[good:lead]
                yield TooLong(block[lead : min(begin, lead + RAW_BYTES)], begin - lead)
                good = end
            at = end
        if block[good:]:
            yield block[good:]
