"""JSON lines: what the fast path says is what a parser that takes one line at a time says."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st


def test_the_text_field_of_every_line(reading):
    rows = [{"text": f"text {n}", "url": "x", "more": {"deep": [n, None]}} for n in range(5)]
    seen = reading("jsonl", gzip.compress("\n".join(map(json.dumps, rows)).encode()), "a.jsonl.gz")
    assert seen.texts == ["text 0", "text 1", "text 2", "text 3", "text 4"]
    assert seen.ordinals == [0, 1, 2, 3, 4]


def test_mc4_reads_its_own_field_whatever_the_options_say(reading):
    line = b'{"text": "one", "timestamp": "2019-01-20T10:24:50Z", "url": "https://example.org/0"}\n'
    assert reading("mc4", line, text_column="body").texts == ["one"]


def test_field_names_are_options_and_the_language_comes_with_the_text(reading):
    seen = reading(
        "jsonl",
        b'{"body":"eins","l":"de"}\n{"body":"two"}\n{"body":"three","l":4}\n{"l":"fr","body":"quatre"}\n',
        text_column="body",
        lang_column="l",
    )
    assert list(zip(seen.texts, seen.langs, strict=True)) == [("eins", "de"), ("quatre", "fr")]
    assert seen.ordinals == [0, 3]
    assert seen.reasons == [(1, "no_lang"), (2, "no_lang")]
    assert [one.detail for one in seen.rejected] == [
        "field 'l' is missing or null",
        "field 'l' is '4', want a string",
    ]


def test_blank_lines_take_a_number_and_are_not_rejected(reading):
    seen = reading("jsonl", b'\n{"text":"a"}\r\n \t\r\n\n{"text":"b"}')
    assert (seen.texts, seen.ordinals, seen.rejected) == (["a", "b"], [1, 4], [])


BAD = {
    b'{"text":"a" oops}': "bad_json",
    b'{"text":"a"': "bad_json",
    b"[1, 2]": "bad_json",
    b'"text"': "bad_json",
    b'{"text":"a"} {"text":"b"}': "bad_json",
    b'{"text":"a"}{"text":"b"}': "bad_json",
    b'{"text":"tab\there"}': "bad_json",
    b'{"text":"nul\0here"}': "bad_json",
    b'{"text":"a"}\0': "bad_json",
    b'{"text":null}': "no_text",
    b'{"text":1}': "no_text",
    b'{"text":["a"]}': "no_text",
    b"{}": "no_text",
    b'{"text":""}': "empty",
    b'{"text":" \\n\\u00a0"}': "empty",
    b'{"text":"a\\u0000b"}': "nul_byte",
    b'{"text":"a\\ud800b"}': "not_utf8",
    b'{"text":"a\\udc00b"}': "not_utf8",
    b'{"text":"a\xffb"}': "not_utf8",
    b'{"text":"a","url":"\xff"}': "not_utf8",
    b'{"text":"\xed\xa0\x80"}': "not_utf8",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items())
@pytest.mark.parametrize("around", [0, 1, 50])
def test_a_bad_line_is_rejected_alone_with_its_reason(reading, line, reason, around):
    good = b'{"text":"good \xc3\xa9"}\n' * around
    seen = reading("jsonl", good + line + b"\n" + good)
    assert seen.texts == ["good é"] * (2 * around)
    assert seen.reasons == [(around, reason)]
    assert seen.rejected[0].raw == line
    assert seen.ordinals == [*range(around), *range(around + 1, 2 * around + 1)]


GOOD = {
    b' {"text":"a"} ': "a",
    b'{"text":"a","text":"b"}': "b",
    b'{"x":{"text":"inner"},"text":"outer"}': "outer",
    b'{"te\\u0078t":"a"}': "a",
    b'{"text":"\\ud83d\\ude00"}': "😀",
    b'{"text":"a\\r\\nb\\rc"}': "a\nb\nc",
    b'{"text":"a","n":NaN}': "a",
    b'{"text":"a","n":' + b"1" * 5000 + b"}": "a",
    b'{"text":"a","n":' + b"[" * 50_000 + b"]" * 50_000 + b"}": "a",
    '{"text":"one\u2028two\u0085three"}'.encode(): "one\u2028two\u0085three",
}


@pytest.mark.parametrize(("line", "text"), GOOD.items())
@pytest.mark.parametrize("around", [0, 50])
def test_odd_json_is_still_json(reading, line, text, around):
    good = b'{"text":"good"}\n' * around
    seen = reading("jsonl", good + line + b"\n" + good)
    assert seen.texts == ["good"] * around + [text] + ["good"] * around
    assert seen.rejected == []


def test_an_object_over_two_lines_is_two_bad_lines_even_if_the_counts_agree(reading):
    seen = reading("jsonl", b'{"text":"a","x":\n{"b":1}}\n{"text":"b"}{"text":"c"}\n{"text":"d"}\n')
    assert seen.texts == ["d"]
    assert seen.reasons == [(0, "bad_json"), (1, "bad_json"), (2, "bad_json")]


SOUND = [b'{"text":"a b"}', b'{"text":"\\u00e9"}', b'{"text":"x","y":{"z":[1,2]}}']
MARKS = [b"{", b"}", b'"', b"\n", b"\r\n", b" ", b"\\", b"\xc3", b"\xa9", b"\0", b",", b":", b"[", b"]"]
WORDS = [b'"text":', b"\\ud800", b"null", b"-1e5", b"\xef\xbb\xbf"]
line_pieces = st.sampled_from([*SOUND, *MARKS, *WORDS, *BAD])
lines = st.lists(st.lists(line_pieces, min_size=1, max_size=3).map(b"".join), max_size=12).map(b"\n".join)


def by_the_line(reading, data):
    """The same lines, each read from a file of its own; and what json.loads says of those without damage."""
    texts, reasons = [], []
    for n, line in enumerate(data.split(b"\n")):
        seen = reading(
            "jsonl", b"\n" + line, "one"
        )  # the line break: a mark at the start of a file is dropped
        texts += [(n, text) for text in seen.texts]
        reasons += [(n, reason) for _, reason in seen.reasons]
        try:
            text = json.loads(line)["text"]
            text.encode()
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        if text.strip() and "\0" not in text and line.isascii():
            assert seen.texts == [text.replace("\r\n", "\n").replace("\r", "\n")]
    return texts, reasons


def test_a_line_reads_the_same_alone_and_in_any_company(reading):
    @settings(max_examples=100, deadline=None)
    @given(lines)
    @example(b'{"text":"a"}\n{"text":"b"} {"text":"c"}\n{"text":\n"d"}')
    def holds(data):
        seen = reading("jsonl", b"\n" + data)
        texts, reasons = by_the_line(reading, data)
        assert [(n - 1, text) for n, text in zip(seen.ordinals, seen.texts, strict=True)] == texts
        assert [(n - 1, reason) for n, reason in seen.reasons] == reasons

    holds()


def test_random_bytes_in_a_real_file_never_cost_more_than_their_lines(reading):
    rows = [json.dumps({"text": f"text {n} é", "n": n}, ensure_ascii=False) for n in range(3000)]
    chance = random.Random(7)
    whole = bytearray("\n".join(rows).encode())
    for _ in range(20):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    damaged = [
        n for n, (a, b) in enumerate(zip(rows, bytes(whole).split(b"\n"), strict=False)) if a.encode() != b
    ]
    seen = reading("jsonl", bytes(whole))
    assert len(seen.texts) >= 3000 - 2 * 20
    assert set(seen.texts) >= {f"text {n} é" for n in range(3000)} - {
        f"text {n} é" for n in range(min(damaged), 3000)
    }
    assert len(seen.texts) + len(seen.rejected) == bytes(whole).count(b"\n") + 1
