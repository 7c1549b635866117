"""Ingest: bins of splits, rows of documents, and what is rejected on the way."""

import json

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from schemas.documents import DOCUMENTS
from spark_jobs import ingest as ingesting
from spark_jobs.ingest import (
    Ingest,
    Task,
    by_language,
    clear_staging,
    content_ids,
    document_batches,
    in_bins,
    read_documents,
    staged_rejections,
    tasks_of,
)
from spark_jobs.inputs import InputFile
from spark_jobs.readers import Documents, ReaderOptions, Split


def file(path, lang="en", snapshot="s1"):
    size = path.stat().st_size if hasattr(path, "stat") else 10
    return InputFile("web", 0, str(path).rpartition("/")[2], str(path), size, lang, "c", snapshot)


@pytest.fixture
def config(tmp_path):
    return Ingest({"web": ReaderOptions()}, {"web": "jsonl"}, str(tmp_path / "_staging"))


def task(size, snapshot="s", start=0):
    return Task(
        InputFile("web", 0, "o", "u", size, "en", "c", snapshot), "jsonl", Split(uri="u", start=start)
    )


def test_bins_are_about_equal_and_hold_every_task_once():
    sizes = [n << 12 for n in (900, 10, 20, 500, 30, 400, 300, 15)]
    made = in_bins([task(n, f"s{n}") for n in sizes], cores=1)
    assert sorted(t.file.size for one in made for t in one) == sorted(sizes)
    # the longest first, each into the emptiest: 900; 500 30 20 15 10; 400 300
    assert sorted(sum(t.file.size for t in one) >> 12 for one in made) == [575, 700, 900]


def test_bins_do_not_depend_on_the_order_of_the_tasks():
    tasks = [task(n % 5 * 100 + 1, f"s{n}") for n in range(40)]
    assert in_bins(tasks, 2) == in_bins(tasks[::-1], 2)


def test_there_are_no_more_bins_than_tasks_and_one_for_none():
    assert len(in_bins([task(1)], cores=8)) == 1
    assert in_bins([], cores=8) == [[]]


def test_equal_texts_have_equal_ids_of_sixteen_bytes():
    ids = content_ids(pa.array(["a", "b", "a", ""])).to_pylist()
    assert ids[0] == ids[2] == xxhash.xxh3_128_digest(b"a")
    assert len(set(ids)) == 3
    assert {len(one) for one in ids} == {16}


def test_the_rows_of_a_split_keep_the_contract_and_their_place(tmp_path, config):
    path = tmp_path / "en.jsonl"
    path.write_bytes(b'{"text": "  Two lamps burn.\\n"}\nbroken\n{"text": "No."}\n{"text": " "}\n')
    [one] = tasks_of([file(path)], config)
    rows = pa.Table.from_batches(document_batches(one, config), DOCUMENTS.arrow_schema())
    DOCUMENTS.check(rows)
    columns = ["text", "ordinal", "n_words", "n_chars", "lang", "source", "origin", "snapshot"]
    place = {"lang": "en", "source": "web", "origin": "en.jsonl", "snapshot": "s1"}
    assert rows.select(columns).to_pylist() == [
        {"text": "Two lamps burn.", "ordinal": 0, "n_words": 3, "n_chars": 15} | place,
        {"text": "No.", "ordinal": 2, "n_words": 1, "n_chars": 3} | place,
    ]
    found = staged_rejections(config.staging, ["s1"]).to_pylist()
    assert [(r["ordinal"], r["reason"], r["lang"], r["rows"]) for r in found] == [
        (1, "bad_json", "en", 1),
        (3, "empty", "en", 1),
    ]


def test_rejections_are_found_and_cleared_by_file(tmp_path, config):
    for name in ("s1", "s2"):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"broken\n")
        assert list(document_batches(tasks_of([file(path, snapshot=name)], config)[0], config)) == []
    assert staged_rejections(config.staging, ["s3"]).num_rows == 0
    assert staged_rejections(config.staging, ["s1", "s2"]).num_rows == 2
    clear_staging(config.staging, ["s1"])
    assert staged_rejections(config.staging, ["s1", "s2"])["snapshot"].to_pylist() == ["s2"]
    clear_staging(config.staging, ["s2"])
    assert not (tmp_path / "_staging").exists()
    clear_staging(config.staging, ["s2"])


def test_rows_go_to_their_language_and_others_are_counted(tmp_path):
    documents = Documents(
        texts=pa.array(["a", "b", "c", "d", "e"]),
        ordinals=np.arange(5, dtype=np.int64),
        langs=pa.array(["en", "xx", "hi", None, "en"]),
    )
    rejected = []
    found = [
        (lang, texts.to_pylist(), ordinals.tolist())
        for lang, texts, ordinals in by_language(documents, file("mixed.jsonl", lang=None), rejected)
    ]
    assert found == [("en", ["a", "e"], [0, 4]), ("hi", ["c"], [2])]
    assert [(r["ordinal"], r["detail"], r["rows"], r["lang"]) for r in rejected] == [
        (1, "language 'xx'", 1, "xx"),
        (3, "language None", 1, ""),
    ]


def test_of_very_many_rejections_of_a_split_the_first_are_kept_and_all_are_counted(
    tmp_path, config, monkeypatch
):
    monkeypatch.setattr(ingesting, "MAX_STAGED", 3)
    path = tmp_path / "en.jsonl"
    path.write_bytes(b"broken\n" * 10 + b'{"text": ""}\n' * 2)
    assert list(document_batches(tasks_of([file(path)], config)[0], config)) == []
    found = staged_rejections(config.staging, ["s1"]).to_pylist()
    assert [(r["ordinal"], r["reason"], r["rows"]) for r in found] == [
        (0, "bad_json", 1),
        (1, "bad_json", 1),
        (2, "bad_json", 8),
        (10, "empty", 2),
    ]


def test_the_documents_of_files_are_the_same_for_any_number_of_cores(spark, tmp_path, config):
    files = []
    for n in range(6):
        path = tmp_path / f"{n}.en.jsonl"
        lines = [json.dumps({"text": f"Lamp {n} of row {k} burns."}) for k in range(20)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        files.append(file(path, snapshot=f"s{n}"))

    def read(cores):
        frame = read_documents(spark, files, config, cores)
        assert "Exchange" not in frame._jdf.queryExecution().executedPlan().toString()
        return sorted((r.snapshot, r.ordinal, r.text, bytes(r.doc_id)) for r in frame.collect())

    assert len(read(1)) == 120
    assert read(1) == read(5)
