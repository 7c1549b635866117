"""The text of a release as ids: the same rows, files and ids as on the fly, whatever interrupts."""

import dataclasses
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import normalizers
from schemas.sequences import SEQUENCES
from schemas.tokenizer import FIRST_ORDINARY, UNK, load_tokenizer
from schemas.tokens import TOKENS
from spark_jobs.errors import CorpusError, GateError
from spark_jobs.manifest import TableEntry, write_manifest
from spark_jobs.publish import fingerprint, fingerprint_columns
from spark_jobs.tokenizer import apply
from spark_jobs.tokenizer.apply import Application, check_free
from spark_jobs.tokenizer.files import text_files
from spark_jobs.tokenizer.store import read_card, read_model
from tests.integration.tokenizers import SIZE, House, quiet
from tests.markdown import ROOT, fences
from tests.normalizers.test_cases import rows_of
from tests.tiny_models import words_model


@pytest.fixture
def untokenised(house, tmp_path) -> House:
    """A copy whose release has no tokens yet."""
    path = tmp_path / "a name with spaces"
    shutil.copytree(house.path, path, ignore=shutil.ignore_patterns("tokens"))
    copy = House(str(path), house.name)
    manifest = copy.manifest
    manifest.tables.pop("tokens", None)
    write_manifest(copy.path, dataclasses.replace(manifest, tokenizer_sha256=None))
    return copy


def application(spark, house, *, model=None) -> Application:
    bytes_ = read_model(house.path, "t")[0] if model is None else model
    return Application(spark, house.path, house.manifest, bytes_, quiet())


def without_tokens(manifest) -> dict[str, TableEntry]:
    return {name: entry for name, entry in manifest.tables.items() if name != "tokens"}


def table(path: str, *columns: str) -> list[dict]:
    return DeltaTable(path).to_pyarrow_table(columns=list(columns) or None).sort_by("seq_id").to_pylist()


def test_tokens_are_the_rows_of_the_text_in_the_same_files_and_order(spark, untokenised):
    manifest = application(spark, untokenised).run()
    entry = manifest.tables["tokens"]
    tokenizer = load_tokenizer(f"{untokenised.path}/tokenizers/t", manifest.tokenizer_sha256)
    text = text_files(f"{untokenised.release}/stage1", manifest.tables["stage1"].version)
    made = text_files(f"{untokenised.release}/tokens", entry.version)
    assert len(text) == len(made) == entry.files == 3
    for one, other in zip(text, made, strict=True):
        words = pa.parquet.read_table(one.uri, columns=["seq_id", "stage", "lang", "form", "text"])
        ids = pa.parquet.read_table(other.uri)
        for column in ("seq_id", "stage", "lang", "form"):
            assert ids[column].to_pylist() == words[column].to_pylist()
        on_the_fly = tokenizer.encode(words["text"]).to_pylist()
        assert ids["ids"].to_pylist() == on_the_fly
        assert ids["n_tokens"].to_pylist() == [len(row) for row in on_the_fly]
        assert ids["n_unk"].to_pylist() == [row.count(UNK) for row in on_the_fly]
    TOKENS.check(DeltaTable(f"{untokenised.release}/tokens").to_pyarrow_table().cast(TOKENS.arrow_schema()))


def test_the_manifest_names_the_table_and_the_model_and_changes_nothing_else(spark, untokenised):
    before = untokenised.manifest
    after = application(spark, untokenised).run()
    assert after == untokenised.manifest
    entry = after.tables["tokens"]
    tokens = table(f"{untokenised.release}/tokens")
    assert (entry.rows, entry.words) == (len(tokens), before.tables["stage1"].words)
    assert sum(n for forms in entry.tokens.values() for n in forms.values()) == sum(
        row["n_tokens"] for row in tokens
    )
    assert entry.tokens["hi"]["written"] == sum(
        row["n_tokens"] for row in tokens if (row["lang"], row["form"]) == ("hi", "written")
    )
    assert after.tokenizer_sha256 == read_card(untokenised.path, "t").sha256
    assert dataclasses.replace(after, tables=without_tokens(after), tokenizer_sha256=None) == before


class Killed(BaseException):
    """Ends a run where it stands, as a signal would."""


def test_a_run_that_is_killed_goes_on_behind_the_files_it_wrote(spark, untokenised, monkeypatch):
    whole = application(spark, untokenised).run()
    tokens = Path(untokenised.release, "tokens")
    kept, lost = sorted(tokens.glob("*.parquet"))[:2], sorted(tokens.glob("*.parquet"))[2]
    times = [file.stat().st_mtime_ns for file in kept]
    lost.write_bytes(lost.read_bytes()[:1000])  # torn: it is written anew
    shutil.rmtree(tokens / "_delta_log")
    write_manifest(
        untokenised.path, dataclasses.replace(whole, tables=without_tokens(whole), tokenizer_sha256=None)
    )
    resumed = application(spark, untokenised).run()
    assert [file.stat().st_mtime_ns for file in kept] == times
    assert lost.stat().st_size > 1000
    assert resumed == whole


@pytest.mark.parametrize("step", ["_commit", "_entry"])
def test_a_kill_before_and_after_the_commit_leaves_nothing_that_a_second_run_does_not_mend(
    spark, untokenised, monkeypatch, step
):
    def dies(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Application, step, dies)
        with pytest.raises(Killed):
            application(spark, untokenised).run()
    assert "tokens" not in untokenised.manifest.tables
    manifest = application(spark, untokenised).run()
    assert manifest.tables["tokens"].rows == manifest.tables["stage1"].rows
    assert DeltaTable(f"{untokenised.release}/tokens").version() == manifest.tables["tokens"].version == 0


def test_what_another_model_left_without_publishing_it_is_removed(spark, untokenised, monkeypatch):
    def dies(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Application, "_entry", dies)
        with pytest.raises(Killed):
            application(spark, untokenised, model=words_model()).run()
    entry = application(spark, untokenised).run().tables["tokens"]
    assert len(list(Path(untokenised.release, "tokens").glob("*.parquet"))) == entry.files == 3
    assert entry.rows == len(table(f"{untokenised.release}/tokens"))


def test_the_table_keeps_the_promises_of_a_release(spark, untokenised):
    entry = application(spark, untokenised).run().tables["tokens"]
    held = DeltaTable(f"{untokenised.release}/tokens", version=entry.version)
    assert held.protocol().min_reader_version == 1
    properties = held.metadata().configuration
    assert properties["delta.appendOnly"] == "true"
    assert properties["delta.deletedFileRetentionDuration"] == "interval 3650 days"
    frame = spark.read.format("delta").load(f"{untokenised.release}/tokens")
    rows, bits = fingerprint_columns(TOKENS)
    counted = frame.agg(rows, bits).first()
    assert entry.fingerprint == fingerprint(counted.rows, counted.bits)  # what anyone can take again
    kept = spark.conf.get("spark.databricks.delta.properties.defaults.appendOnly", None)
    assert kept is None  # the session's next table is its own


def test_foreign_rows_in_the_folder_are_noticed(spark, untokenised, monkeypatch):
    real = apply.text_files

    def with_one_more(path, version):
        files = real(path, version)
        return files + files[-1:] if path.endswith("tokens") else files

    monkeypatch.setattr(apply, "text_files", with_one_more)
    with pytest.raises(CorpusError, match="tokens do not match the text: 4 files of"):
        application(spark, untokenised).run()
    assert "tokens" not in untokenised.manifest.tables


def test_a_release_has_one_tokenizer(spark, untokenised):
    tokenizer = read_model(untokenised.path, "t")[1]
    assert not check_free(untokenised.path, untokenised.manifest, "t", tokenizer)
    manifest = application(spark, untokenised).run()
    assert check_free(untokenised.path, manifest, "t", tokenizer)
    other = dataclasses.replace(tokenizer, sha256="0" * 64)
    with pytest.raises(GateError, match="tokenised with another model"):
        check_free(untokenised.path, manifest, "u", other)


# ---- twelve languages


def test_ids_on_the_fly_and_ids_from_the_table_are_the_same_in_every_language(spark, house, tmp_path):
    rows = [
        {"lang": lang, "text": f"{written} {said[0]}"}
        for lang in normalizers.languages()
        for _, written, said in rows_of(lang)[:40]
    ]
    languages = {row["lang"] for row in rows}
    assert len(languages) >= 12
    texts = [row["text"] for row in rows]
    filled = {
        "stage": 1,
        "source": "s",
        "form": "written",
        "n_words": 1,
        "n_sentences": 1,
        "n_docs": 1,
        "n_source_words": 1,
    }
    whole = [{"seq_id": n, **filled, **row} for n, row in enumerate(rows)]
    frame = spark.createDataFrame(pa.Table.from_pylist(whole, SEQUENCES.arrow_schema()))
    path = tmp_path / "w/releases/cases/stage1"
    frame.repartitionByRange(3, "seq_id").sortWithinPartitions("seq_id").write.format("delta").save(str(path))
    entry = TableEntry(
        path="stage1", version=0, rows=len(rows), bytes=1, files=3, words={}, fingerprint="f", buckets=1
    )
    manifest = dataclasses.replace(
        house.manifest, name="cases", tables={"stage1": entry}, tokenizer_sha256=None
    )
    model, tokenizer = read_model(house.path, "t")
    Application(spark, str(tmp_path / "w"), manifest, model, quiet()).run()
    stored = table(str(path.with_name("tokens")), "seq_id", "ids")
    assert [row["ids"] for row in stored] == tokenizer.encode(pa.array(texts)).to_pylist()
    assert [row["seq_id"] for row in stored] == list(range(len(rows)))
    assert all(n == UNK or n >= FIRST_ORDINARY for row in stored for n in row["ids"])


def test_the_example_of_the_docs_encodes(house, capsys):
    [example] = fences(ROOT / "docs/tokenizer.md", "python")
    source = example.text.replace("out/demo/tokenizers/demo-8k", f"{house.path}/tokenizers/t")
    assert source != example.text
    exec(source, {})
    assert re.fullmatch(rf"{SIZE} \d+ True\n", capsys.readouterr().out)
