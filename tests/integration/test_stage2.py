"""Stage 2 of a release, from utterances whose counts are known: every figure by hand or by arithmetic."""

import io
import itertools
import json
import math
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pytest
import yaml

from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.stage2 import STAGE2
from schemas.statistics import STATISTICS
from spark_jobs import cli
from spark_jobs.errors import GateError
from spark_jobs.report import print_release, release_figures
from spark_jobs.tokenizer.evaluate import release_words
from spark_jobs.tokenizer.rows import sequences
from spark_jobs.warehouse import read_arrow
from tests.integration.corpora import build, mc4, write_recipe
from tests.spark_jobs.utterances.files import jsonl

SEEN = {
    ("en", "play the next song please"): 100,
    ("en", "wake me at 7:30 AM tomorrow"): 99,
    ("en", "turn off all the lights"): 3,
    ("en", "dim"): 400,
    ("en", "Please turn the secret lamp off before you sleep now"): 25,
    ("de", "stelle den Wecker auf 7:30 Uhr"): 36,
    ("de", "wie wird das Wetter morgen früh"): 1,
}
SHORT = {("en", "dim")}
HELD_OUT = {("en", "Please turn the secret lamp off before you sleep now")}
KEPT = {
    key: math.isqrt(count) for key, count in SEEN.items() if key not in SHORT | HELD_OUT
}  # 10, 9, 1; 6, 1
CANARY = "ann.canary@example.org"


def heard() -> list[dict]:
    """Each utterance in several rows, days, locales and cases of white space that make its count."""
    rows = []
    for (lang, text), count in SEEN.items():
        for n in range(3):
            part = count // 3 + (n < count % 3)
            if part:
                locale = f"{lang}-{('US', 'GB', 'IN')[n]}" if lang == "en" else lang
                spaced = text.replace(" ", "  ") if n == 1 else text
                rows.append({"text": spaced, "locale": locale, "day": f"2026-11-0{n + 1}", "count": part})
    rows.append({"text": f"send a mail to {CANARY} now", "locale": "en-US", "day": "2026-11-03"})
    rows.append(
        {"text": "too early for the window today", "locale": "en-US", "day": "2026-07-01", "count": 5}
    )
    return rows


def recipe_of(folder: Path, root: Path, **values) -> Path:
    stream = {"name": "assistant", "format": "jsonl", "path": "utterances"}
    utterances = {
        "sources": [stream],
        "as_of": "2026-11-04",
        "anonymise": [{"name": "email", "pattern": r"[\w.]+@[\w.]+"}],
        "validation": 0.25,
    }
    return write_recipe(
        folder / "recipe.yaml",
        root,
        [{"name": "mc4", "format": "mc4", "path": "mc4"}],
        resample={"alpha": 1.0},
        decontaminate={"held_out": "evaluation/*.txt"},
        pack={"words": 12, "buckets": 3},
        utterances=utterances | values,
    )


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    mc4(root / "mc4/en.jsonl.gz", [f"Document number {n} tells of kettles and lanterns." for n in range(40)])
    rows = heard()
    jsonl(root / "utterances/a.jsonl.gz", [*rows[::2], b'{"text": "cut off by ' + CANARY.encode()])
    jsonl(root / "utterances/b.jsonl.gz", rows[1::2])
    (root / "evaluation").mkdir()
    (root / "evaluation/en.txt").write_text("please turn the secret lamp off before you sleep", "utf-8")
    return root


@pytest.fixture(scope="module")
def made(spark, raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage2")
    return folder / "w", build(spark, recipe_of(folder, raw), folder / "w")


def rows_of(warehouse, stage=None) -> list[dict]:
    table = read_arrow(str(warehouse / "releases/r/stage2"))
    STAGE2.check(table)
    return [row for row in table.to_pylist() if stage in (None, row["stage"])]


def test_each_utterance_is_kept_the_root_of_its_count_in_one_form_or_the_other(made):
    said = {
        "wake me at seven thirty a. m. tomorrow": "wake me at 7:30 AM tomorrow",
        "stelle den wecker auf sieben uhr dreißig": "stelle den Wecker auf 7:30 Uhr",
        "wie wird das wetter morgen früh": "wie wird das Wetter morgen früh",
    }
    found = Counter()
    for row in rows_of(made[0], stage=2):
        found[row["lang"], said.get(row["text"], row["text"])] += 1
        assert row["form"] == "written" or row["text"] == row["text"].lower()
    assert found == KEPT | {("en", "send a mail to <email> now"): 1}


def test_one_row_of_stage_1_stands_beside_two_utterances_and_none_twice(made):
    beside = rows_of(made[0], stage=1)
    assert len(beside) == (sum(KEPT.values()) + 1) // 2 == 14
    stage1 = {row["text"] for row in read_arrow(str(made[0] / "releases/r/stage1")).to_pylist()}
    assert len({row["text"] for row in beside}) == len(beside)
    assert {row["text"] for row in beside} < stage1


def test_no_text_is_on_both_sides(made):
    sides = {}
    for row in rows_of(made[0]):
        assert sides.setdefault(row["text"].lower(), row["split"]) == row["split"]
    assert set(sides.values()) == {"train", "validation"}


def test_the_order_is_one_of_all_rows_mixed(made):
    rows = sorted(rows_of(made[0]), key=lambda row: row["seq_id"])
    changes = sum(a["stage"] != b["stage"] for a, b in itertools.pairwise(rows))
    assert changes > 8
    assert {row["seq_id"] >> 32 for row in rows} == {0, 1, 2}


def test_every_row_is_accounted_for(made):
    ledger = read_arrow(str(made[0] / "ledger")).to_pylist()
    steps = [row for row in ledger if row["step"].startswith("stage2/")]
    groups = {}
    for row in steps:
        groups.setdefault((row["step"], row["lang"], row["source"]), []).append(row)
    for rows in groups.values():
        assert sum(row["rows"] for row in rows) == rows[0]["rows_in"], rows
        assert sum(row["rows"] for row in rows if row["reason"] == "kept") == rows[0]["rows_out"], rows

    def of(step, reason, lang="en"):
        return sum(r["rows"] for r in steps if (r["step"], r["reason"], r["lang"]) == (step, reason, lang))

    assert of("stage2/window", "kept") == 100 + 99 + 3 + 400 + 25 + 1
    assert of("stage2/window", "outside_window_v1") == 5
    assert of("stage2/count", "kept") == 6
    assert of("stage2/filter", "few_tokens_v1") == 1
    assert sum(r["rows"] for r in steps if r["reason"].startswith("held_out_v1")) == 1
    assert of("stage2/damp", "kept") == 10 + 9 + 1 + 1
    assert of("stage2/mix", "kept", "") == 14
    LEDGER.check(read_arrow(str(made[0] / "ledger")))


def test_the_report_says_what_was_asked_and_what_came_out(made):
    figures = release_figures(str(made[0]), "r")["stage2"]
    assert (figures["records"], figures["seen"], figures["outside_window"]) == (len(heard()) + 1, 665, 5)
    assert figures["rejected"] == {"bad_json": 1}
    assert figures["replaced"] == {"email": 1}
    assert figures["curve"]["examples"][100] == 10
    assert figures["mix"]["asked"] == 2
    assert figures["mix"]["realised"] == 2
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    print_release(release_figures(str(made[0]), "r"), console)
    said = console.export_text()
    assert "asked 1 : 2, realised 1 : 2.000 (14 and 28)" in said
    assert "100 -> 10" in said


def test_what_customers_said_stands_in_the_tables_of_text_and_nowhere_else(made):
    warehouse = made[0]
    for name, table in (("statistics", STATISTICS), ("ledger", LEDGER), ("quarantine", QUARANTINE)):
        held = repr(read_arrow(str(warehouse / name)).to_pylist())
        assert not [text for text in (CANARY, *(text for _, text in SEEN)) if text in held], table.name
    written = [path for path in warehouse.rglob("*") if path.suffix in (".json", ".crc") and path.is_file()]
    log = b"".join(path.read_bytes() for path in written if path.name != "samples.json").decode(
        "utf-8", "replace"
    )
    assert not [text for _, text in SEEN if text.lower() in log.lower()]
    everything = b"".join(path.read_bytes() for path in warehouse.rglob("*") if path.is_file())
    assert CANARY.encode() not in everything
    texts = repr(read_arrow(str(warehouse / "utterances")).to_pylist() + rows_of(warehouse))
    assert CANARY not in texts


def test_partitions_and_files_change_nothing(spark, made, raw, tmp_path):
    other = tmp_path / "raw"
    for name in ("mc4", "evaluation"):
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).symlink_to(raw / name)
    rows = list(reversed(heard()))
    for n in range(4):
        jsonl(other / f"utterances/x{n}.jsonl", [*rows[n::4], *([b"[]"] if n == 2 else [])])
    manifest = build(spark, recipe_of(tmp_path, other), tmp_path / "w", partitions=3)
    assert manifest.tables["stage2"].fingerprint == made[1].tables["stage2"].fingerprint
    assert (manifest.tables["stage2"].files, made[1].tables["stage2"].buckets) == (3, 3)
    assert sorted(map(repr, rows_of(tmp_path / "w"))) == sorted(map(repr, rows_of(made[0])))


def test_a_tokenizer_sees_stage_1_once_and_utterances_beside_it(spark, made):
    """The rows of Stage 1 in stage2 are those of stage1: trained on here, they must not measure there."""
    warehouse, manifest = made
    rows = (
        sequences(spark, str(warehouse), manifest)
        .select("stage", "seq_id", "lang", "form", "n_words")
        .collect()
    )
    assert len({(row.stage, row.seq_id) for row in rows}) == len(rows)
    assert Counter(row.stage for row in rows) == {1: manifest.tables["stage1"].rows, 2: 28}
    words = Counter()
    for row in rows:
        words[f"stage{row.stage}", row.lang, row.form] += row.n_words
    assert {k: n for k, n in release_words(str(warehouse), manifest).items() if n} == words


def test_a_later_dump_and_day_are_read_alone_and_a_later_release_sees_all(spark, made, raw, tmp_path):
    warehouse, root = made[0], tmp_path / "raw"
    shutil.copytree(raw, root)
    mc4(root / "mc4/2027.jsonl.gz", [f"Kettle number {n} sings in an inn, in en." for n in range(9)])
    (root / "mc4/2027.jsonl.gz").rename(root / "mc4/en-2027.jsonl.gz")
    jsonl(root / "utterances/c.jsonl.gz", [{"text": "play the next song please", "locale": "en-US"}
                                           | {"day": "2026-11-03", "count": 21}])  # fmt: skip
    recipe = recipe_of(tmp_path, root)
    recipe.write_text(recipe.read_text().replace("release: r\n", "release: later\n"))
    before = read_arrow(str(warehouse / "ledger")).filter(pc.field("step") == "ingest").num_rows
    manifest = build(spark, recipe, warehouse)
    ingest = read_arrow(str(warehouse / "ledger")).filter(pc.field("step") == "ingest")
    assert ingest.num_rows == before + 1  # of the new file; the old one is read no more
    origins = Counter(read_arrow(str(warehouse / "documents"), columns=["origin"])["origin"].to_pylist())
    assert origins == {"mc4/en.jsonl.gz": 40, "mc4/en-2027.jsonl.gz": 9}
    stage2 = read_arrow(str(warehouse / "releases/later/stage2")).to_pylist()
    assert sum(row["text"] == "play the next song please" for row in stage2) == 11  # 100 and 21 times
    assert len(manifest.inputs) == len(made[1].inputs) + 2
    assert len(rows_of(warehouse)) == made[1].tables["stage2"].rows  # the earlier release is as it was


def test_languages_that_the_recipe_leaves_out_are_counted_and_not_taken(spark, made, raw, tmp_path):
    recipe = recipe_of(tmp_path, raw, mix={"unit": "words"})
    whole = yaml.safe_load(recipe.read_text())
    recipe.write_text(yaml.safe_dump(whole | {"release": "en", "languages": ["en"]}))
    build(spark, recipe, made[0])
    rows = read_arrow(str(made[0] / "releases/en/stage2")).to_pylist()
    assert {row["lang"] for row in rows} == {"en"}
    figures = release_figures(str(made[0]), "en")["stage2"]
    assert (figures["seen"], figures["other_language"]) == (628, 37)
    words = {n: sum(r["n_words"] for r in rows if r["stage"] == n) for n in (1, 2)}
    source = sum(r["n_source_words"] for r in rows if r["stage"] == 2)
    assert figures["mix"]["stage1"] == words[1]
    assert figures["mix"]["utterances"] == source
    assert source / 2 - 12 < words[1] <= source / 2  # the last pack that fits ends the draw


def test_a_published_stage2_never_changes(made, raw, tmp_path):
    from spark_jobs.plan import plan_build
    from spark_jobs.recipe import load_recipe

    recipe = recipe_of(tmp_path, raw, validation=0.5)
    with pytest.raises(GateError, match="utterances differ"):
        plan_build(load_recipe(str(recipe)), str(made[0]))
    assert json.loads((made[0] / "releases/r/release.json").read_text())["utterances_version"] == 1


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"as_of": "soon"}, "a day, 2026-11-26"),
        ({"as_of": None}, "a day, 2026-11-26"),
        ({"window_days": 0}, "from 1 to 36500"),
        ({"curve": {"kind": "cube"}}, "sqrt, log, power, cap"),
        ({"tokenizer": "nope"}, "a tokenizer of the warehouse (none is there)"),
        ({"validation": 1.0}, "from 0 to below 1"),
        ({"sources": []}, "at least one source"),
        ({"sources": [{"name": "mc4", "format": "jsonl", "path": "utterances"}]}, "a name of its own"),
        ({"sources": [{"name": "a", "format": "jsonl", "path": "nowhere"}]}, "at least one file"),
        ({"sources": [{"name": "a", "format": "csv", "path": "utterances"}]}, "jsonl, tsv, parquet"),
        ({"mix": {"stage1": -1}}, "utterances.mix.stage1"),
    ],
)
def test_a_wrong_key_is_said_before_anything_starts(raw, tmp_path, capsys, values, says):
    recipe = recipe_of(tmp_path, raw, **values)
    assert cli.main(["build", str(recipe), "--warehouse", str(tmp_path / "w")]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert "start" not in said.err
