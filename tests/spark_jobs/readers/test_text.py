from __future__ import annotations


def test_every_line_is_a_document_and_an_empty_one_only_counts(reading):
    seen = reading("text", b"one\n\ntwo\r\n\r\nthree")
    assert seen.texts == ["one", "two", "three"]
    assert seen.ordinals == [0, 2, 4]
    assert seen.rejected == []


def test_a_lone_carriage_return_is_a_line_break_within_the_text(reading):
    assert reading("text", b"one\rtwo\r\r\nthree\n").texts == ["one\ntwo\n", "three"]


def test_bad_lines_are_rejected_alone_with_their_reason_and_place(reading):
    seen = reading("text", "good\n\xe9t\xe9 \xe0\n".encode() + b"a\xffb\nnu\0l\n \t\xe3\x80\x80\nlast\n")
    assert seen.texts == ["good", "été à", "last"]
    assert seen.ordinals == [0, 1, 5]
    assert seen.reasons == [(2, "not_utf8"), (3, "nul_byte"), (4, "empty")]
    assert seen.rejected[0].detail == "byte 1: invalid start byte"
    assert seen.rejected[1].detail == "NUL at byte 2"
    assert [one.raw for one in seen.rejected] == [b"a\xffb", b"nu\0l", b" \t\xe3\x80\x80"]


def test_a_line_over_the_limit_is_rejected_and_its_first_thousand_bytes_kept(reading):
    seen = reading("text", b"a\n" + b"x" * 5000 + b"\nb\n", max_record_bytes=4999)
    assert seen.texts == ["a", "b"]
    assert seen.reasons == [(1, "too_long")]
    assert seen.rejected[0].detail == "5,000 bytes, limit 4,999 (max_record_bytes)"
    assert seen.rejected[0].raw == b"x" * 1000
    assert reading("text", b"x" * 5000, max_record_bytes=5000).rejected == []


def test_batches_hold_about_two_megabytes(tmp_path):
    from spark_jobs.readers import ReaderOptions, Split, read

    path = tmp_path / "a.txt"
    path.write_bytes(b"a line of twenty-one\n" * 500_000)
    sizes = [batch.texts.nbytes for batch in read("text", Split(uri=str(path)), ReaderOptions())]
    assert len(sizes) > 2
    assert all(1_000_000 < size < 5_000_000 for size in sizes[:-1])
