from __future__ import annotations

import lzma


def test_documents_are_the_lines_up_to_an_empty_one(reading):
    seen = reading("cc100", lzma.compress(b"one\ntwo\n\nthree\n\n\n\nfour\nfive"), "en.txt.xz")
    assert seen.texts == ["one\ntwo", "three", "four\nfive"]
    assert seen.ordinals == [0, 1, 2]
    assert seen.rejected == []


def test_windows_line_ends_change_nothing(reading):
    assert reading("cc100", b"\r\none\r\ntwo\r\n\r\nthree\r\n").texts == ["one\ntwo", "three"]


def test_a_line_of_spaces_is_text_and_no_border(reading):
    assert reading("cc100", b"one\n \ntwo\n\n").texts == ["one\n \ntwo"]


def test_a_bad_byte_costs_its_document_only(reading):
    seen = reading("cc100", b"one\n\ntw\xffo\nmore\n\n\0\n\n  \n\nlast\n")
    assert seen.texts == ["one", "last"]
    assert seen.ordinals == [0, 4]
    assert seen.reasons == [(1, "not_utf8"), (2, "nul_byte"), (3, "empty")]
    assert seen.rejected[0].raw == b"tw\xffo\nmore"


def test_a_document_over_the_limit_is_rejected(reading):
    seen = reading("cc100", b"one\n\n" + b"line\n" * 30 + b"\nlast\n", max_record_bytes=100)
    assert seen.texts == ["one", "last"]
    assert seen.reasons == [(1, "too_long")]


def test_a_cut_archive_keeps_the_part_of_its_last_document_out(reading):
    whole = lzma.compress(b"".join(b"document %d\nsecond line %d\n\n" % (n, n * n) for n in range(50_000)))
    seen = reading("cc100", whole[: len(whole) // 2], "en.txt.xz")
    n = len(seen.texts)
    assert n > 10_000
    assert seen.texts[-1] == f"document {n - 1}\nsecond line {(n - 1) ** 2}"
    assert seen.reasons == [(n, "truncated_archive")]
    assert f"document {n}\nsecond line {n * n}".encode().startswith(seen.rejected[0].raw.rstrip(b"\n"))
