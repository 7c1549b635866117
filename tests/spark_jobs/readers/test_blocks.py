"""Where records begin and end: any chunks, any splits, one answer."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spark_jobs.readers.blocks import LINES, PARAGRAPHS, TooLong, cut
from spark_jobs.readers.streams import Mark

pytestmark = pytest.mark.usefixtures("small_blocks")

# Short pieces that meet in every awkward way: line ends of all kinds, half characters, a mark, NUL.
PIECES = [
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"a",
    b"bb",
    b"ccc ddd",
    b" ",
    "é".encode(),
    b"\xc3",
    b"\0",
    b"x" * 40,
]
content = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
places = st.lists(st.integers(0, 60), max_size=6)


def records(cuts) -> list[bytes | tuple[bytes, int]]:
    """Blocks as one text, a record that was passed over as its start and length."""
    joined: list[bytes | tuple[bytes, int]] = []
    for one in cuts:
        if isinstance(one, TooLong):
            joined.append((one.raw, one.n_bytes))
        elif joined and isinstance(joined[-1], bytes):
            joined[-1] += one
        else:
            joined.append(one)
    return joined


def without_empty_lines(cuts) -> list[bytes | tuple[bytes, int]]:
    kept = [
        re.sub(rb"(^|\n)(\r?\n)+", rb"\1", one) if isinstance(one, bytes) else one for one in records(cuts)
    ]
    return [one for one in kept if one]


@settings(max_examples=300, deadline=None)
@given(content, places, st.sampled_from([LINES, PARAGRAPHS]), st.sampled_from([1, 5, 45, 10_000]))
@example(b"\n\n\n" + b"x" * 50 + b"\r\n\r\na", [3, 4, 53, 54, 55, 56], PARAGRAPHS, 5)
def test_blocks_do_not_depend_on_the_chunks_they_come_in(data, borders, border, limit):
    borders = sorted({0, len(data), *(min(place, len(data)) for place in borders)})
    chunks = [data[begin:end] for begin, end in pairwise(borders)]
    flat = records if border is LINES else without_empty_lines
    assert flat(cut(iter(chunks), border, limit)) == flat(cut(iter([data]), border, limit))


@settings(max_examples=300, deadline=None)
@given(content, st.integers(1, 50))
def test_exactly_the_lines_over_the_limit_are_passed_over(data, limit):
    *whole, last = data.split(b"\n")
    lines = [(line, line + b"\n") for line in whole] + ([(last, last)] if last else [])
    expected = [stored if len(line) <= limit else (line[:1000], len(line)) for line, stored in lines]
    seen: list[bytes | tuple[bytes, int]] = []
    for one in records(cut(iter([data]), LINES, limit)):
        seen += re.findall(rb"[^\n]*\n|[^\n]+$", one) if isinstance(one, bytes) else [one]
    assert seen == expected


def test_behind_the_split_only_the_record_that_began_in_it_is_read():
    def stream():
        yield b"one\ntw"
        yield Mark.SPLIT_END
        yield b"o\n"
        raise AssertionError("read on after its last record")

    assert records(cut(stream(), LINES, 100)) == [b"one\ntwo\n"]


def test_a_split_that_ends_with_a_record_reads_nothing_behind_it():
    def stream():
        yield b"one\n"
        yield Mark.SPLIT_END
        raise AssertionError("read on after its last record")

    assert records(cut(stream(), LINES, 100)) == [b"one\n"]


def in_splits(seen, format_name, path, borders, **options):
    """The records of all splits in order, checked to have ascending numbers that no two share."""
    parts = [seen(format_name, path, begin, end, **options) for begin, end in pairwise([*borders, None])]
    ordinals = [ordinal for part in parts for ordinal in part.ordinals]
    assert ordinals == sorted(set(ordinals))
    of_all = sorted(ordinals + [one.ordinal for part in parts for one in part.rejected])
    assert len(of_all) == len(set(of_all))
    texts = [text for part in parts for text in part.texts]
    return texts, [(one.reason, one.raw) for part in parts for one in part.rejected]


@pytest.mark.parametrize("format_name", ["text", "cc100", "jsonl"])
@pytest.mark.parametrize("limit", [7, 10_000])
def test_any_splits_of_a_file_give_the_records_of_the_whole_file(seen, tmp_path_factory, format_name, limit):
    path = tmp_path_factory.mktemp("splits") / "file"

    @settings(max_examples=300, deadline=None)
    @given(content, places)
    @example(b"\xef\xbb\xbf\n\nabc\n\ndef", [1, 2, 3, 4, 5, 6])
    @example(b"\n\n\rabc\n\n\r\ndef", [1, 2, 3, 4])
    def holds(data, borders):
        if format_name == "jsonl":
            data = re.sub(rb"([a-z]+)", rb'{"text":"\1"}', data)
        path.write_bytes(data)
        whole = seen(format_name, path, max_record_bytes=limit)
        splits = sorted({0, *borders})
        assert in_splits(seen, format_name, path, splits, max_record_bytes=limit) == (
            whole.texts,
            [(one.reason, one.raw) for one in whole.rejected],
        )

    holds()
