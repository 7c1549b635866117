"""Damaged input: counted in the ledger, kept in quarantine, and above a share a reason to stop."""

import dataclasses
import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.utterance_files import UTTERANCE_FILES
from spark_jobs import quarantine, runner
from spark_jobs.decide import Count
from spark_jobs.errors import GateError
from spark_jobs.inputs import InputFile
from spark_jobs.plan import Plan, plan_build
from spark_jobs.progress import Progress
from spark_jobs.quarantine import check_damage, ingest_ledger
from spark_jobs.recipe import QuarantineConfig, Recipe, SourceConfig
from spark_jobs.runner import Build
from spark_jobs.warehouse import read_table

WEB = SourceConfig(name="web", format="jsonl", path="*.jsonl")
FILES = [
    InputFile("web", 0, "en.jsonl", "", 1000, "en", "", "s1"),
    InputFile("web", 0, "mixed.jsonl", "", 1000, None, "", "s2"),
    InputFile("web", 0, "empty.jsonl", "", 0, "de", "", "s3"),
]
HEARD = InputFile("said", 0, "day.tsv", "", 0, None, "", "u1")


def rejected(*rows):
    names = ("snapshot", "lang", "reason", "rows")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows],
        pa.schema(
            [("snapshot", pa.string()), ("lang", pa.string()), ("reason", pa.string()), ("rows", pa.int64())]
        ),
    )


def test_the_ledger_has_a_group_for_each_file_and_language_and_one_for_a_file_of_nothing():
    documents = {("s1", "en"): Count(8, 80), ("s2", "hi"): Count(2, 9), ("s2", "en"): Count(1, 4)}
    lost = rejected(
        ("s1", "en", "bad_json", 2), ("s1", "en", "bad_json", 1), ("s2", "zh", "other_language", 7)
    )
    lines = ingest_ledger(FILES, documents, lost)
    found = [(r["run_id"], r["lang"], r["rows_in"], r["rows_out"], r["reason"], r["rows"]) for r in lines]
    assert found == [
        ("s1", "en", 11, 8, "kept", 8),
        ("s1", "en", 11, 8, "bad_json", 3),
        ("s2", "en", 1, 1, "kept", 1),
        ("s2", "hi", 2, 2, "kept", 2),
        ("s2", "zh", 7, 0, "kept", 0),
        ("s2", "zh", 7, 0, "other_language", 7),
        ("s3", "de", 0, 0, "kept", 0),
    ]


# ---- the gate, on tables made by hand


@pytest.fixture
def checked(monkeypatch):
    """Calls the gate on (snapshot, reason, rows) of the ledger and (snapshot, reason, lost bytes)."""

    def check(ledger, damaged=(), limit=0.01, heard=()):
        common = {"step": "ingest", "release": "", "lang": "en", "source": "web", "rows_in": 0, "rows_out": 0}
        common |= {"words": 0, "seconds": 0.0, "finished": datetime.now(UTC), "version": ""}
        lines = [common | {"run_id": s, "reason": r, "rows": n} for s, r, n in ledger]
        records = [
            {"source": "web", "snapshot": s, "origin": f"{s}.jsonl", "ordinal": n, "reason": r, "detail": "",
             "raw": b"", "lost_bytes": lost}
            for n, (s, r, lost) in enumerate(damaged)
        ]  # fmt: skip
        tables = {"ledger": pa.Table.from_pylist(lines, LEDGER.arrow_schema())}
        tables["quarantine"] = pa.Table.from_pylist(records, QUARANTINE.arrow_schema())
        seen = [
            {"snapshot": s, "source": "said", "origin": "", "lang": "", "day": None, "reason": r}
            | {"records": n, "seen": n}
            for s, r, n in heard
        ]
        tables["utterance_files"] = pa.Table.from_pylist(seen, UTTERANCE_FILES.arrow_schema())
        monkeypatch.setattr(quarantine, "read_table", lambda _, table, filters=None: tables[table.name])
        recipe = Recipe(release="r", sources=(WEB,), quarantine=QuarantineConfig(max_share=limit))
        check_damage(Plan(recipe, "/w", FILES, None, [], None, "", utterance_files=[HEARD]))

    return check


def test_a_share_at_the_limit_passes_and_one_record_more_does_not(checked):
    checked([("s1", "kept", 99), ("s1", "bad_json", 1)], [("s1", "bad_json", 0)])
    with pytest.raises(GateError) as caught:
        checked([("s1", "kept", 98), ("s1", "bad_json", 2)], [("s1", "bad_json", 0)] * 2)
    assert caught.value.message == "2 of 100 records damaged (2.00%), accepted: 1.00%"
    assert caught.value.where == "s1.jsonl: 2 bad_json (first at 0)"


def test_empty_records_and_other_languages_are_no_damage(checked):
    checked([("s1", "kept", 1), ("s1", "empty", 50), ("s2", "other_language", 50)], [("s1", "empty", 0)])


def test_files_of_other_builds_do_not_count(checked):
    checked([("s1", "kept", 1), ("other", "bad_json", 9)], [("other", "bad_json", 0)])


def test_bytes_that_were_never_read_count_against_the_stored_ones(checked):
    # one record of a thousand is little, but a fifth of the 2,000 bytes stored lies behind the damage
    with pytest.raises(GateError, match=r"400 of 2,000 bytes unread behind damage \(20.00%\)"):
        checked([("s1", "kept", 999), ("s1", "truncated", 1)], [("s1", "truncated", 400)])


def test_the_files_with_most_damage_are_named_first_and_not_all(checked):
    damage = [("s1", "bad_json", 0)] * 2 + [("s2", r, 0) for r in ("a", "b", "c") for _ in range(1)]
    damage += [("s2", "not_utf8", 0)] * 3
    with pytest.raises(GateError) as caught:
        checked([("s1", "kept", 1), ("s1", "bad_json", 8)], damage)
    assert caught.value.where.startswith(
        "s2.jsonl: 3 not_utf8 (first at 5); s1.jsonl: 2 bad_json (first at 0); "
    )
    assert caught.value.where.endswith("; and 2 more")


def test_no_damage_at_all_is_accepted_at_a_limit_of_none(checked):
    checked([("s1", "kept", 5)], limit=0.0)
    checked([("s1", "kept", 1), ("s1", "bad_json", 9)], [("s1", "bad_json", 0)], limit=1.0)


# ---- kills between the commits of ingest


def test_what_a_killed_build_rejected_waits_for_it_while_another_recipe_is_built(
    spark, tmp_path, monkeypatch
):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/en.jsonl").write_bytes(b'{"text": "Lamps burn by the sea."}\nbroken\n')
    (tmp_path / "raw/de.jsonl").write_bytes(b'{"text": "Lampen brennen."}\nkaputt\n')
    first = Recipe(release="first", root=str(tmp_path / "raw"), sources=(WEB,), languages=("en",))
    second = dataclasses.replace(first, release="second", languages=("de",))

    def ingest(recipe):
        Build(plan_build(recipe, str(tmp_path / "w")), spark, Progress(io.StringIO()))._ingest()

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runner.warehouse, "append_rows", kill)  # documents are committed, quarantine is not
        with pytest.raises(Killed):
            ingest(first)
    ingest(second)
    ingest(first)
    rows = read_table(str(tmp_path / "w"), QUARANTINE).select(["origin", "ordinal", "reason"]).to_pylist()
    assert sorted((r["origin"], r["ordinal"], r["reason"]) for r in rows) == [
        ("de.jsonl", 1, "bad_json"),
        ("en.jsonl", 1, "bad_json"),
    ]
    lines = read_table(str(tmp_path / "w"), LEDGER).to_pylist()
    assert sorted((r["lang"], r["reason"], r["rows_in"]) for r in lines) == [
        ("de", "bad_json", 2),
        ("de", "kept", 2),
        ("en", "bad_json", 2),
        ("en", "kept", 2),
    ]
    assert not (tmp_path / "w/_staging").exists()


def test_records_of_utterance_files_count_as_well(checked):
    kept = [("s1", "kept", 50)]
    checked(kept, heard=[("u1", "kept", 50), ("u1", "bad_day", 1), ("u2", "bad_day", 9)])
    with pytest.raises(GateError, match="2 of 102 records damaged"):
        checked(kept, heard=[("u1", "kept", 50), ("u1", "bad_day", 2)])
    checked(kept, heard=[("u1", "kept", 50), ("u1", "other_language", 9), ("u1", "replaced/email", 0)])
