"""Same input, same recipe, same bytes: not the partitions, the cores, nor the order or the cut of the input
files decide what a release holds or in which order."""

import dataclasses
import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys

import pytest

from spark_jobs.plan import plan_build
from spark_jobs.progress import Progress
from spark_jobs.readers.splits import by_bytes
from spark_jobs.recipe import load_recipe
from spark_jobs.runner import Build
from spark_jobs.warehouse import read_arrow
from tests.integration.corpora import build
from tests.integration.texts import corpus_recipe, digest, write_corpus
from trainer.snapshot import open_snapshot


def packs(stage1) -> list[tuple]:
    """All columns of all packs, in the release's own order."""
    return sorted(tuple(row.values()) for row in read_arrow(str(stage1)).to_pylist())


def assert_same(release, warehouse, manifest) -> None:
    table, expected = manifest.tables["stage1"], release.manifest.tables["stage1"]
    assert (table.rows, table.words, table.buckets) == (expected.rows, expected.words, expected.buckets)
    found = packs(warehouse / "releases" / manifest.name / "stage1")
    assert digest(found) == digest(packs(release.stage1))
    assert table.fingerprint == expected.fingerprint


def test_the_corpus_fills_every_bucket_language_form_and_source(release):
    rows = read_arrow(str(release.stage1)).to_pylist()
    seen = {(r["seq_id"] >> 32, r["lang"], r["form"]) for r in rows}
    assert len(seen) == 5 * 4 * 2
    assert {r["source"] for r in rows} == {"mc4", "cc100"}
    assert len(rows) > 800
    assert release.manifest.tables["stage1"].files == 3


@pytest.mark.parametrize("partitions", [1, 4, 200])
def test_the_number_of_partitions_changes_the_files_and_nothing_else(spark, release, tmp_path, partitions):
    recipe = corpus_recipe(tmp_path / "recipe.yaml", release.raw, release=f"p{partitions}")
    manifest = build(spark, recipe, release.warehouse, partitions)
    assert_same(release, release.warehouse, manifest)
    assert manifest.tables["stage1"].files == min(partitions, 5)  # a file holds whole buckets


def test_files_written_and_planned_in_another_order_give_the_same_release(spark, release, tmp_path):
    write_corpus(tmp_path / "raw", backwards=True)
    recipe = corpus_recipe(tmp_path / "recipe.yaml", tmp_path / "raw")
    plan = plan_build(load_recipe(str(recipe)), str(tmp_path / "w"))
    assert plan.run_id == release.manifest.run_id
    files = list(plan.files)
    random.Random(7).shuffle(files)
    assert files != plan.files
    shuffled = dataclasses.replace(plan, files=files, missing=list(reversed(files)))
    manifest = Build(shuffled, spark, Progress(io.StringIO()), partitions=3).run()
    assert_same(release, tmp_path / "w", manifest)
    one, other = (f"{w}/releases/r" for w in (release.warehouse, tmp_path / "w"))
    assert (
        open_snapshot(one).fingerprint == open_snapshot(other).fingerprint
    )  # so it trains in the same order


def test_records_in_other_files_of_other_names_and_splits_give_the_same_release(
    spark, release, tmp_path, monkeypatch
):
    write_corpus(tmp_path / "raw", files=5, prefix="z")
    for path in sorted((tmp_path / "raw/mc4").iterdir())[::2]:  # plain files are cut into splits
        plain = path.with_name(path.name.removesuffix(".gz"))
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    monkeypatch.setattr(by_bytes, "__defaults__", (2000,))
    recipe = corpus_recipe(tmp_path / "recipe.yaml", tmp_path / "raw")
    manifest = build(spark, recipe, tmp_path / "w", partitions=4)
    assert len(manifest.inputs) == 5 * 4 + 4
    ordinals = read_arrow(str(tmp_path / "w/documents"), columns=["ordinal"])["ordinal"].to_pylist()
    assert max(ordinals) > 2000  # ordinals count from the first byte of a split
    assert_same(release, tmp_path / "w", manifest)


def test_a_process_of_its_own_with_one_core_builds_the_same_release(release, tmp_path):
    raw = tmp_path / "moved"
    shutil.copytree(release.raw, raw)
    command = [sys.executable, "-m", "spark_jobs.cli", "build", str(release.recipe), "--root", str(raw)]
    command += ["--warehouse", str(tmp_path / "w"), "--cores", "1", "--driver-memory", "1g"]
    command += ["--scratch", str(tmp_path), "--json"]
    light = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=os.environ | light
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["stage1"]["fingerprint"] == release.manifest.tables["stage1"].fingerprint
    assert digest(packs(tmp_path / "w/releases/r/stage1")) == digest(packs(release.stage1))
