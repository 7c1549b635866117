"""`utterances` holds what its files say of its window, whatever came when, in which files and partitions."""

import dataclasses
import random
from collections import Counter
from datetime import date, timedelta

import pyarrow as pa
import pytest

from schemas.utterance_files import UTTERANCE_FILES
from schemas.utterances import UTTERANCES
from spark_jobs import warehouse
from spark_jobs.utterances.anonymise import Rule
from spark_jobs.utterances.config import UtterancesConfig, UtteranceSource
from spark_jobs.utterances.files import resolve
from spark_jobs.utterances.ingest import UtteranceIngest
from spark_jobs.utterances.slices import held_by
from tests.spark_jobs.utterances.files import jsonl

AS_OF = date(2026, 11, 8)
DAYS = [AS_OF - timedelta(n) for n in range(1, 6)]
SOURCE = UtteranceSource(name="assistant", format="jsonl", path="utterances/**/*.jsonl.gz")
CONFIG = UtterancesConfig(sources=(SOURCE,), as_of=AS_OF, window_days=4)
TEXTS = ["stop", "play jazz", "wake me at 7:30", "रुको", "止めて", "mail ann@example.org"]
LOCALES = {"रुको": "hi-IN", "止めて": "ja-JP"}


def random_rows(seed, n=400) -> list[dict]:
    """Rows of five days, one of them outside the window; some texts are hot."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        text = TEXTS[min(int(rng.expovariate(1.0)), len(TEXTS) - 1)]
        locale = LOCALES.get(text) or rng.choice(["en-US", "en-GB"])
        row = {"text": text, "locale": locale, "day": rng.choice(DAYS).isoformat()}
        rows.append(row | ({"count": rng.randint(1, 50)} if rng.random() < 0.5 else {}))
    return rows


def expected(rows, config=CONFIG) -> dict[tuple, int]:
    """The table by hand."""
    counts = Counter()
    for row in rows:
        if date.fromisoformat(row["day"]) in config.window:
            counts[row["locale"], row["day"], row["text"]] += row.get("count", 1)
    return dict(counts)


def ingest(spark, root, where, config=CONFIG, cores=2) -> None:
    (where).mkdir(exist_ok=True)
    UtteranceIngest(spark, str(where), config, resolve(config, str(root)), cores).run()


def table(where) -> dict[tuple, int]:
    held = warehouse.read_table(str(where), UTTERANCES)
    UTTERANCES.check(held)
    return {(r["locale"], str(r["day"]), r["text"]): r["count"] for r in held.to_pylist()}


def files_by_day(where) -> dict[str, set[str]]:
    from deltalake import DeltaTable

    actions = pa.table(DeltaTable(str(where / "utterances")).get_add_actions(flatten=True)).to_pydict()
    found: dict[str, set[str]] = {}
    for day, path in zip(actions["partition.day"], actions["path"], strict=True):
        found.setdefault(str(day), set()).add(path)
    return found


@pytest.fixture
def root(tmp_path):
    return tmp_path / "raw"


@pytest.fixture
def where(tmp_path):
    return tmp_path / "w"


def test_files_that_arrive_change_and_leave_give_the_table_of_a_build_from_scratch(spark, root, where):
    batches = {name: random_rows(name) for name in ("a", "b", "c")}
    steps = [
        {"a": batches["a"]},
        {"a": batches["a"], "b": batches["b"]},  # more of the same days: added to what is there
        {"a": batches["a"][:150], "b": batches["b"]},  # arrives again, with less in it
        {"b": batches["b"], "c": batches["c"]},  # one leaves, one comes
    ]
    for step in steps:
        for path in root.glob("**/*.gz"):
            path.unlink()
        for name, rows in step.items():
            jsonl(root / f"utterances/{name}.jsonl.gz", rows)
        ingest(spark, root, where)
        assert table(where) == expected([row for rows in step.values() for row in rows])
    everything = [row for rows in steps[-1].values() for row in rows]
    random.Random(1).shuffle(everything)
    for n in range(5):  # another layout of the same rows, from scratch
        jsonl(root.parent / f"other/utterances/x/{n}.jsonl.gz", everything[n::5])
    ingest(spark, root.parent / "other", where.parent / "w2", cores=7)
    assert table(where.parent / "w2") == table(where)


def test_a_new_day_touches_only_its_own_slice(spark, root, where):
    rows = random_rows(5)
    by_day = {day.isoformat(): [row for row in rows if row["day"] == day.isoformat()] for day in DAYS}
    early, last = DAYS[1:4], DAYS[0].isoformat()
    for day in early:
        jsonl(root / f"utterances/day={day}/part-0.jsonl.gz", by_day[day.isoformat()])
    ingest(spark, root, where)
    before = files_by_day(where)
    jsonl(root / f"utterances/day={last}/part-0.jsonl.gz", by_day[last])
    ingest(spark, root, where)
    after = files_by_day(where)
    assert after.pop(last)
    assert after == before
    version = warehouse.latest_version(str(where / "utterances"))
    ingest(spark, root, where)
    assert warehouse.latest_version(str(where / "utterances")) == version  # nothing to do, nothing written


def test_a_window_that_moves_takes_days_in_and_leaves_days_out(spark, root, where):
    rows = random_rows(6)
    jsonl(root / "utterances/a.jsonl.gz", rows)
    for as_of in (AS_OF, AS_OF - timedelta(2), AS_OF - timedelta(1)):
        config = dataclasses.replace(CONFIG, as_of=as_of)
        ingest(spark, root, where, config)
        assert table(where) == expected(rows, config)


def test_other_rules_of_anonymisation_read_everything_anew(spark, root, where):
    rows = random_rows(7)
    jsonl(root / "utterances/a.jsonl.gz", rows)
    ingest(spark, root, where)
    rule = Rule(name="email", pattern=r"[\w.]+@[\w.]+")
    ingest(spark, root, where, dataclasses.replace(CONFIG, anonymise=(rule,)))
    masked = [row | {"text": row["text"].replace("ann@example.org", "<email>")} for row in rows]
    assert table(where) == expected(masked)
    notes = warehouse.read_table(str(where), UTTERANCE_FILES).to_pylist()
    replaced = {row["day"]: row["seen"] for row in notes if row["reason"] == "replaced/email"}
    every = Counter()
    for row in rows:
        every[date.fromisoformat(row["day"])] += row.get("count", 1) if "@" in row["text"] else 0
    assert replaced == {day: n for day, n in every.items() if n}


def test_a_commit_that_is_none_of_ours_costs_time_and_nothing_else(spark, root, where):
    rows = random_rows(8)
    jsonl(root / "utterances/a.jsonl.gz", rows)
    ingest(spark, root, where)
    spark.sql(f"OPTIMIZE delta.`{where}/utterances`")
    spark.sql(f"DELETE FROM delta.`{where}/utterances` WHERE lang = 'hi'")
    ingest(spark, root, where)
    assert table(where) == expected(rows)


def test_a_kill_behind_the_commit_loses_nothing(spark, root, where, monkeypatch):
    first, second = random_rows(9), random_rows(10)
    jsonl(root / "utterances/a.jsonl.gz", first)
    ingest(spark, root, where)
    jsonl(root / "utterances/b.jsonl.gz", second)
    note, calls = UtteranceIngest._note, []

    def killed(self, snapshots):
        calls.append(snapshots)
        if len(calls) == 2:  # behind the commit
            raise KeyboardInterrupt
        note(self, snapshots)

    monkeypatch.setattr(UtteranceIngest, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest(spark, root, where)
    monkeypatch.setattr(UtteranceIngest, "_note", note)
    version = warehouse.latest_version(str(where / "utterances"))
    ingest(spark, root, where)
    assert warehouse.latest_version(str(where / "utterances")) == version  # what was committed stays
    assert table(where) == expected(first + second)
    notes = warehouse.read_table(str(where), UTTERANCE_FILES)
    assert len(set(notes["snapshot"].to_pylist())) == 2
    assert not (where / "_staging_utterances").exists()


def test_what_was_dropped_leaves_the_disk_when_its_week_is_over(spark, root, where):
    def on_disk():
        return {
            str(path.relative_to(where / "utterances")) for path in (where / "utterances").rglob("*.parquet")
        }

    def listed():
        return set().union(*files_by_day(where).values())

    jsonl(root / "utterances/a.jsonl.gz", random_rows(12))
    ingest(spark, root, where)
    ingest(spark, root, where, dataclasses.replace(CONFIG, window_days=3))
    assert on_disk() > listed()  # a reader of the version before may still be at it
    spark.sql(
        f"ALTER TABLE delta.`{where}/utterances` "
        "SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 0 hours')"
    )
    config = dataclasses.replace(CONFIG, window_days=2)
    ingest(spark, root, where, config)
    assert on_disk() == listed()
    assert table(where) == expected(random_rows(12), config)
    version = warehouse.latest_version(str(where / "utterances"))
    ingest(spark, root, where, config)
    assert warehouse.latest_version(str(where / "utterances")) == version


def test_commits_that_leave_the_rows_alone_cost_nothing(spark, root, where):
    jsonl(root / "utterances/a.jsonl.gz", random_rows(13))
    ingest(spark, root, where)
    spark.sql(f"OPTIMIZE delta.`{where}/utterances`")
    spark.sql(f"VACUUM delta.`{where}/utterances`")
    assert held_by(str(where / "utterances"))
    version = warehouse.latest_version(str(where / "utterances"))
    ingest(spark, root, where)
    assert warehouse.latest_version(str(where / "utterances")) == version


def test_files_without_rows_of_the_window_are_read_once(spark, root, where):
    jsonl(root / "utterances/a.jsonl.gz", [{"text": "stop", "locale": "en-US", "day": DAYS[0].isoformat()}])
    ingest(spark, root, where)
    jsonl(root / "utterances/empty.jsonl.gz", [])
    jsonl(root / "utterances/old.jsonl.gz", [{"text": "stop", "locale": "en-US", "day": "2020-01-01"}])
    ingest(spark, root, where)
    notes = warehouse.read_table(str(where), UTTERANCE_FILES)
    assert len(set(notes["origin"].to_pylist())) == 3
    files = resolve(CONFIG, str(root))
    again = UtteranceIngest(spark, str(where), CONFIG, files, 2)
    assert all(one.nothing for one in again._work(held_by(str(where / "utterances"))).values())


def test_no_text_stands_in_the_log_of_the_table(spark, root, where):
    jsonl(root / "utterances/a.jsonl.gz", random_rows(11))
    ingest(spark, root, where)
    log = b"".join(path.read_bytes() for path in (where / "utterances/_delta_log").glob("*.json")).decode()
    assert not [text for text in TEXTS if text in log]
