"""What comes out of a damaged or oddly packed file, and what is said about the rest."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random

import pytest
import zstandard

PACK = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    "": lambda plain: plain,
}
LINES = [f"line {n} {random.Random(n).random()}" for n in range(20_000)]
PLAIN = "".join(line + "\n" for line in LINES).encode()
packed = pytest.mark.parametrize("ending", [ending for ending in PACK if ending])


@pytest.mark.parametrize("ending", PACK)
def test_a_file_reads_the_same_however_it_is_packed(reading, ending):
    seen = reading("text", PACK[ending](PLAIN), "a.txt" + ending)
    assert seen.texts == LINES
    assert seen.ordinals == list(range(len(LINES)))
    assert seen.rejected == []


@packed
def test_the_magic_counts_and_not_the_extension(reading, ending):
    assert reading("text", PACK[ending](PLAIN), "a.txt").texts == LINES
    assert reading("text", PLAIN, "a.txt" + ending).texts == LINES


@packed
def test_several_archives_in_one_file_are_read_on(reading, ending):
    pack = PACK[ending]
    at = PLAIN.index(b"line 700 ") + 3  # a member need not end with a record
    seen = reading("text", pack(PLAIN[:at]) + pack(b"") + pack(PLAIN[at:]), "a" + ending)
    assert seen.texts == LINES
    assert seen.rejected == []


@packed
def test_a_cut_archive_gives_everything_before_the_cut_and_one_rejection(reading, ending):
    whole = PACK[ending](PLAIN)
    seen = reading("text", whole[: len(whole) * 2 // 3], "a" + ending)
    (cut,) = seen.rejected
    assert cut.reason == "truncated_archive"
    assert "the file ends within the stream that began at byte 0" in cut.detail
    assert cut.ordinal == len(seen.texts)
    assert seen.texts == LINES[: len(seen.texts)]
    # bzip2 has blocks of 900 kB: the cut one gives nothing.
    assert len(seen.texts) >= (0 if ending == ".bz2" else len(LINES) * 0.5)
    partial = cut.raw.decode()
    assert LINES[cut.ordinal].startswith(partial)
    assert partial != LINES[cut.ordinal]


@packed
def test_a_flipped_byte_costs_what_follows_and_is_told_with_its_loss(reading, ending):
    whole = bytearray(PACK[ending](PLAIN))
    at = len(whole) // 2
    whole[at : at + 8] = bytes(byte ^ 0xFF for byte in whole[at : at + 8])
    seen = reading("text", bytes(whole), "a" + ending)
    last = seen.rejected[-1]
    assert last.reason in {"corrupt_archive", "truncated_archive"}
    assert 0 <= last.lost_bytes <= len(whole) - at + 512
    sound = next((n for n, text in enumerate(seen.texts) if text != LINES[n]), len(seen.texts))
    # 512 bytes of gzip are about 25 of these lines.
    assert sound >= {".gz": len(LINES) * 0.49, ".zst": 2000, ".xz": len(LINES) * 0.45, ".bz2": 0}[ending]


def test_a_wrong_checksum_at_the_end_makes_the_records_suspect_but_keeps_them(reading):
    whole = bytearray(gzip.compress(PLAIN))
    whole[-8] ^= 1  # the CRC-32 stands before the length
    seen = reading("text", bytes(whole), "a.gz")
    assert seen.texts == LINES
    assert seen.reasons == [(len(LINES), "corrupt_archive")]
    assert f"records 0 to {len(LINES) - 1} are suspect" in seen.rejected[0].detail
    assert seen.rejected[0].lost_bytes == 0


def test_bzip2_goes_on_with_the_next_sound_stream(reading):
    streams = [bz2.compress(b"".join(b"%d %d\n" % (n, k) for k in range(3))) for n in range(3)]
    broken = bytearray(streams[1])
    broken[20] ^= 0xFF
    seen = reading("text", streams[0] + bytes(broken) + streams[2], "a.bz2")
    # Where bytes are missing nobody knows whether the next line is whole: the first one goes.
    assert seen.texts == ["0 0", "0 1", "0 2", "2 1", "2 2"]
    assert seen.reasons == [(3, "corrupt_archive")]
    assert seen.rejected[0].lost_bytes == len(broken)
    assert seen.ordinals == [0, 1, 2, 4, 5]


def test_bzip2_finds_a_stream_that_begins_inside_a_cut_one(reading):
    first, second = bz2.compress(PLAIN[:100_000]), bz2.compress(b"cut\n" + PLAIN[: PLAIN.index(b"line 3 ")])
    seen = reading("text", first[: len(first) // 2] + second, "a.bz2")
    assert seen.texts == LINES[:3]
    assert seen.reasons == [(0, "corrupt_archive")]


@packed
def test_bytes_behind_the_archive_are_not_passed_over_in_silence(reading, ending):
    seen = reading("text", PACK[ending](b"a\n") + b"something else", "a" + ending)
    assert seen.texts == ["a"]
    assert seen.reasons == [(1, "corrupt_archive")]
    assert seen.rejected[0].lost_bytes == len(b"something else")


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_zeros_that_pad_an_archive_are_no_damage(reading, ending):
    one, two = PACK[ending](b"a\n"), PACK[ending](b"b\n")
    seen = reading("text", one + bytes(512) + two + bytes(8), "a" + ending)
    assert (seen.texts, seen.rejected) == (["a", "b"], [])


@packed
def test_a_file_whose_first_bytes_are_wrong_is_one_rejection(reading, ending):
    whole = bytearray(PACK[ending](PLAIN))
    whole[0] ^= 0xFF
    seen = reading("text", bytes(whole), "a" + ending)
    assert (seen.texts, seen.reasons) == ([], [(0, "corrupt_archive")])
    assert seen.rejected[0].lost_bytes == len(whole)


@packed
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_file_cut_within_its_magic_is_a_truncated_archive(reading, ending, length):
    seen = reading("text", PACK[ending](PLAIN)[:length], "a" + ending)
    assert (seen.texts, seen.reasons) == ([], [(0, "truncated_archive")])


@pytest.mark.parametrize("ending", PACK)
def test_an_empty_file_holds_nothing(reading, ending):
    for content in (b"", PACK[ending](b"")):
        seen = reading("text", content, "a" + ending)
        assert (seen.texts, seen.rejected) == ([], [])


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_utf16_file_is_one_rejection_that_says_how_to_re_encode(reading, ending, encoding):
    content = PACK[ending]("\ufeffa\nb\n".encode(encoding))
    seen = reading("text", content, "a" + ending)
    assert (seen.texts, seen.reasons) == ([], [(0, "utf16")])
    assert "iconv -f UTF-16 -t UTF-8" in seen.rejected[0].detail
    assert seen.rejected[0].lost_bytes == len(content)


@pytest.mark.parametrize("ending", PACK)
def test_a_byte_order_mark_is_dropped_at_the_beginning_only(reading, ending):
    seen = reading("text", PACK[ending]("\ufeffa\n\ufeffb\n".encode()), "a" + ending)
    assert seen.texts == ["a", "\ufeffb"]
    assert reading("text", PACK[ending]("\ufeff".encode()), "b" + ending).texts == []


def test_an_archive_bomb_is_passed_over_piece_by_piece(reading):
    bomb = bz2.compress(bytes(200_000_000))
    assert len(bomb) < 1000
    seen = reading("text", bomb + bz2.compress(b"\nend\n"), "a.bz2")
    assert seen.texts == ["end"]
    assert seen.reasons == [(0, "too_long")]
    assert "200,000,000 bytes, limit 16,777,216" in seen.rejected[0].detail
    assert seen.rejected[0].raw == bytes(1000)


def test_a_file_packed_in_a_way_we_do_not_read_is_one_rejection_that_says_so(reading):
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", PLAIN)
    for name in ("a.txt", "a.jsonl.gz"):
        seen = reading("text", file.getvalue(), name)
        assert (seen.texts, seen.reasons) == ([], [(0, "other_archive")])
        assert "a zip file; unpack it" in seen.rejected[0].detail


def test_a_missing_file_is_an_error_and_not_damage(reading, tmp_path):
    from spark_jobs.readers import ReaderOptions, Split, read

    with pytest.raises(FileNotFoundError):
        list(read("text", Split(uri=str(tmp_path / "nothing.gz")), ReaderOptions()))
