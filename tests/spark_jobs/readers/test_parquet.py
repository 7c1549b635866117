from __future__ import annotations

import io
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.readers import ReaderError


def stored(table: pa.Table, **options) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


NUMBERED = pa.table({"text": [f"text {n}" for n in range(1000)], "n": range(1000)})


def test_texts_and_languages_come_from_columns_by_name(reading):
    table = pa.table({"n": [1, 2], "body": ["one", "zwei"], "l": ["en", "de"]})
    seen = reading("parquet", stored(table), text_column="body", lang_column="l")
    assert (seen.texts, seen.langs, seen.ordinals) == (["one", "zwei"], ["en", "de"], [0, 1])


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_any_kind_of_string_will_do(reading, kind):
    table = pa.table({"text": pa.array(["one", "zwei", "one"]).cast(kind)})
    assert reading("parquet", stored(table)).texts == ["one", "zwei", "one"]


def test_bad_rows_are_rejected_alone_with_their_reason(reading):
    texts = pa.array([b"good", None, b"bad \xff", b"nul \0", b" \n", b"x" * 50, b"a\r\nb"], pa.binary()).view(
        pa.string()
    )
    seen = reading("parquet", stored(pa.table({"text": texts})), max_record_bytes=40)
    assert (seen.texts, seen.ordinals) == (["good", "a\nb"], [0, 6])
    assert seen.reasons == [(1, "no_text"), (2, "not_utf8"), (3, "nul_byte"), (4, "empty"), (5, "too_long")]


def test_a_null_language_is_a_rejection(reading):
    table = pa.table({"text": ["a", "b"], "l": pa.array(["en", None])})
    seen = reading("parquet", stored(table), lang_column="l")
    assert (seen.texts, seen.langs, seen.reasons) == (["a"], ["en"], [(1, "no_lang")])


def test_a_missing_or_wrong_column_is_a_configuration_error_that_names_those_there_are(reading):
    with pytest.raises(ReaderError, match="has no column 'body'; it has text, n"):
        reading("parquet", stored(NUMBERED), text_column="body")
    with pytest.raises(ReaderError, match=r"column 'n' of .* is int64; want a string column"):
        reading("parquet", stored(NUMBERED), text_column="n")


def test_any_splits_give_the_rows_of_the_file_with_the_same_numbers(seen, tmp_path):
    path = tmp_path / "a.parquet"
    content = stored(NUMBERED, row_group_size=90)
    path.write_bytes(content)
    whole = seen("parquet", path)
    assert whole.texts == NUMBERED["text"].to_pylist()
    for step in (1000, 3001, 7000):
        parts = [seen("parquet", path, *pair) for pair in pairwise([*range(0, len(content), step), None])]
        assert [text for part in parts for text in part.texts] == whole.texts
        assert [n for part in parts for n in part.ordinals] == list(range(1000))


def test_a_damaged_row_group_costs_itself_only(reading):
    content = bytearray(stored(NUMBERED, row_group_size=100, compression="none", use_dictionary=False))
    at = content.index(b"text 250")
    page = content.rindex(b"text 200", 0, at) - 40
    content[page : page + 36] = b"\xff" * 36
    seen = reading("parquet", bytes(content))
    assert seen.ordinals == [*range(200), *range(300, 1000)]
    assert seen.reasons == [(200, "corrupt_archive")]
    assert "row group 2, rows 200 to 299" in seen.rejected[0].detail
    assert seen.rejected[0].lost_bytes > 1000


def test_a_file_that_is_cut_or_no_parquet_is_one_rejection(reading):
    content = stored(NUMBERED)
    for bad, reason in {
        content[:-100]: "truncated_archive",
        content[:3000] + b"\xff" * 60 + content[-50:]: "corrupt_archive",
        b"a,b\n" * 100: "corrupt_archive",
    }.items():
        seen = reading("parquet", bad)
        assert (seen.texts, seen.reasons) == ([], [(0, reason)])
        assert seen.rejected[0].lost_bytes == len(bad)
    assert reading("parquet", b"").rejected == []


def test_an_error_of_the_storage_is_raised_and_never_taken_for_damage(reading, monkeypatch):
    from spark_jobs.readers import parquet

    def broken(self, n: int = -1) -> bytes:
        self._error = OSError("connection reset")
        raise self._error

    monkeypatch.setattr(parquet._Watched, "read", broken)
    with pytest.raises(OSError, match="connection reset"):
        reading("parquet", stored(NUMBERED))


def test_batches_hold_about_two_megabytes(tmp_path):
    from spark_jobs.readers import ReaderOptions, Split, read

    table = pa.table({"text": [f"{n} " + "word " * 400 for n in range(5000)]})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    batches = list(read("parquet", Split(uri=str(tmp_path / "a.parquet")), ReaderOptions()))
    assert sum(len(batch.texts) for batch in batches) == 5000
    assert all(1_000_000 < batch.texts.nbytes < 4_000_000 for batch in batches[:-1])
