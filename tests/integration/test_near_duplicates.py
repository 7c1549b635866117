"""A build that leaves near duplicates out: which documents, worked by hand, and where that is written."""

import dataclasses
import io

import pytest
from rich.console import Console

from spark_jobs import runner
from spark_jobs.plan import plan_build
from spark_jobs.progress import Progress
from spark_jobs.recipe import load_recipe
from spark_jobs.report import print_release, release_figures
from spark_jobs.runner import Build
from spark_jobs.warehouse import read_arrow
from tests.integration.corpora import LENIENT, build, cc100, mc4, write_recipe


def story(*numbers, then=""):
    return " ".join(f"lamp{n}" for n in numbers) + then


# 50 words have 49 shingles of two; a change of the last word is one shingle of 50, and of half of them 25
FIRST = story(*range(50))
MC4 = [  # ordinal, text, reason
    (0, story(*range(49), 99), None),  # the first of its cluster
    (1, story(*range(200, 250)), None),
    (2, FIRST, "near_duplicate_v1"),
    (3, FIRST, "duplicate_v1"),  # first an exact copy, whatever else it is
    (4, "too short", "short_v1"),
    (5, story(*range(25), *range(300, 325)), None),  # 24 of 74 shingles
]
CC100 = [
    (0, FIRST.upper() + "!", "near_duplicate_v1"),
    (1, story(*range(200, 249), 7), "near_duplicate_v1"),  # of mc4's second
    (2, story(*range(400, 450)), None),
]
GERMAN = [(0, FIRST + ".", None)]  # near duplicates are looked for within a language


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("near") / "raw"
    mc4(root / "mc4/en.jsonl.gz", [text for _, text, _ in MC4])
    cc100(root / "cc100/en.txt.xz", [[text] for _, text, _ in CC100])
    cc100(root / "cc100/de.txt.xz", [[text] for _, text, _ in GERMAN])
    return root


def recipe(raw, folder, **values):
    sources = [{"name": name, "format": name, "path": name} for name in ("mc4", "cc100")]
    defaults = {
        "filters": LENIENT | {"min_words": 3},
        "deduplicate": {"near": {"ngram": 2, "recall": 0.99}},
        "resample": {"alpha": 1.0},
        "forms": {"spoken": 0.0},
        "pack": {"words": 60, "buckets": 2},
    }
    return write_recipe(folder / "recipe.yaml", raw, sources, **(defaults | values))


@pytest.fixture(scope="module")
def built(spark, raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return folder / "w", build(spark, recipe(raw, folder), folder / "w", partitions=1)


def test_verdicts_name_near_duplicates_behind_every_other_reason(built):
    found = [
        (r["origin"], r["ordinal"], r["reason"]) for r in read_arrow(str(built[0] / "verdicts")).to_pylist()
    ]
    files = {"mc4/en.jsonl.gz": MC4, "cc100/en.txt.xz": CC100, "cc100/de.txt.xz": GERMAN}
    expected = [
        (origin, n, reason) for origin, rows in files.items() for n, _, reason in rows if reason is not None
    ]
    assert sorted(found) == sorted(expected)


def test_the_release_holds_the_others(built):
    packs = read_arrow(str(built[0] / "releases/r/stage1"))["text"].to_pylist()
    assert sorted(packs) == sorted(t for _, t, reason in MC4 + CC100 + GERMAN if reason is None)


def test_the_ledger_accounts_for_them_in_its_step(built):
    ledger = read_arrow(str(built[0] / "ledger")).to_pylist()
    lines = [r for r in ledger if r["step"] == "deduplicate"]
    found = [(r["lang"], r["source"], r["rows_in"], r["rows_out"], r["reason"], r["rows"]) for r in lines]
    assert sorted(found) == [
        ("de", "cc100", 1, 1, "kept", 1),
        ("en", "cc100", 3, 1, "kept", 1),
        ("en", "cc100", 3, 1, "near_duplicate_v1", 2),
        ("en", "mc4", 5, 3, "duplicate_v1", 1),
        ("en", "mc4", 5, 3, "kept", 3),
        ("en", "mc4", 5, 3, "near_duplicate_v1", 1),
    ]


def test_the_report_shows_reason_and_search(built):
    figures = release_figures(str(built[0]), "r")
    assert figures["dropped"]["near_duplicate_v1"] == {"documents": 3, "words": 150}
    # cc100's first is met by both of mc4 that it is alike to, the two clusters' other members by one hub each
    assert figures["near"]["alike"] == 4
    out = io.StringIO()
    print_release(figures, Console(file=out, width=120))
    said = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "near_duplicate_v1 3 150" in said
    search = next(line for line in said if line.startswith("near duplicates: "))
    assert " 4 alike, 0 bands split, " in search


def test_a_build_killed_in_the_search_gives_the_same_release_on_other_partitions_and_file_orders(
    spark, raw, built, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    path = str(recipe(raw, tmp_path))
    plan = plan_build(load_recipe(path), str(tmp_path / "w"))
    backwards = dataclasses.replace(plan, files=plan.files[::-1], missing=plan.missing[::-1])
    with monkeypatch.context() as patch:
        patch.setattr(runner, "near_duplicates", die)
        with pytest.raises(Killed):
            Build(backwards, spark, Progress(io.StringIO())).run()
    again = plan_build(load_recipe(path), str(tmp_path / "w"))
    assert again.missing == []  # reading is done, nothing else
    assert again.published is None
    manifest = Build(
        dataclasses.replace(again, files=again.files[::-1]), spark, Progress(io.StringIO()), 2
    ).run()
    assert manifest.run_id == built[1].run_id
    assert manifest.tables["stage1"].fingerprint == built[1].tables["stage1"].fingerprint


def test_a_split_band_is_said_while_it_runs(spark, raw, tmp_path):
    near = {"ngram": 2, "max_band": 2}
    plan = plan_build(
        load_recipe(str(recipe(raw, tmp_path, deduplicate={"near": near}))), str(tmp_path / "w")
    )
    said = io.StringIO()
    Build(plan, spark, Progress(said)).run()
    figures = release_figures(str(tmp_path / "w"), "r")
    assert figures["dropped"]["near_duplicate_v1"]["documents"] == 3
    assert figures["near"]["split_bands"] > 0  # three texts of one cluster, and a cap of two
    assert f"near: {figures['near']['split_bands']} bands of over 2 documents were split" in said.getvalue()
