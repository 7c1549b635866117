"""A plan: what is there, what is done, what would run, and which changes make it another build."""

import dataclasses

import pytest
from rich.console import Console

from spark_jobs import plan as planning
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError, GateError
from spark_jobs.manifest import Manifest, write_manifest
from spark_jobs.near import NearConfig
from spark_jobs.outline import outline, print_outline
from spark_jobs.plan import plan_build, thresholds
from spark_jobs.recipe import Recipe, SourceConfig
from spark_jobs.resample import ResampleConfig


@pytest.fixture
def recipe(tmp_path):
    for name in ("en.txt", "de.txt"):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / name).write_text(name)
    source = SourceConfig(name="web", format="text", path="*.txt")
    return Recipe(release="r", root=str(tmp_path / "raw"), sources=(source,))


def publish(plan, **changes):
    facts = {
        "name": plan.recipe.release, "created": "now", "run_id": plan.run_id, "software": "0", "tables": {},
        "recipe_sha256": plan.recipe.sha256(), "recipe": plain(plan.recipe),
        "inputs": [{"source": f.source, "origin": f.origin, "content": f.content} for f in plan.files],
        "documents_version": 1, "thresholds": {},
    }  # fmt: skip
    write_manifest(plan.warehouse, Manifest(**(facts | changes)))


def test_a_first_plan_misses_every_file_and_writes_nothing(recipe, tmp_path):
    plan = plan_build(recipe, str(tmp_path / "w"))
    assert [file.origin for file in plan.files] == ["de.txt", "en.txt"]
    assert plan.missing == plan.files
    assert not plan.done
    assert not (tmp_path / "w").exists()


def test_the_run_follows_recipe_inputs_and_code_and_not_the_place_of_either(recipe, tmp_path, monkeypatch):
    def run(of=recipe, warehouse="w"):
        return plan_build(of, str(tmp_path / warehouse)).run_id

    first = run()
    assert run(warehouse="elsewhere") == first
    (tmp_path / "raw").rename(tmp_path / "moved")
    moved = dataclasses.replace(recipe, root=str(tmp_path / "moved"))
    assert run(moved) == first
    assert run(dataclasses.replace(moved, seed=1)) != first
    assert run(dataclasses.replace(moved, resample=ResampleConfig(alpha=1.0))) != first
    (tmp_path / "moved/en.txt").write_text("en.tx_")
    assert run(moved) != first
    (tmp_path / "moved/en.txt").write_text("en.txt")
    assert run(moved) == first
    monkeypatch.setattr(planning, "code_version", lambda *packages: "other code")
    assert run(moved) != first


def test_what_is_published_from_the_same_recipe_and_inputs_is_done(recipe, tmp_path):
    plan = plan_build(recipe, str(tmp_path / "w"))
    publish(plan, run_id="of an earlier software")
    again = plan_build(recipe, str(tmp_path / "w"))
    assert again.done
    assert again.missing == []
    assert [step["run"] for step in outline(again)["steps"]] == [False] * 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 7}, "another recipe (seed differ)"),
        ({"seed": 7, "resample": ResampleConfig(alpha=1.0)}, "another recipe (resample, seed differ)"),
    ],
)
def test_another_recipe_under_a_published_name_is_refused(recipe, tmp_path, change, words):
    publish(plan_build(recipe, str(tmp_path / "w")))
    with pytest.raises(GateError) as caught:
        plan_build(dataclasses.replace(recipe, **change), str(tmp_path / "w"))
    assert words in str(caught.value)
    assert caught.value.exit_code == 3
    assert caught.value.where.endswith("/w/releases/r")


@pytest.mark.parametrize("change", ["more", "less", "other"])
def test_other_inputs_under_a_published_name_are_refused(recipe, tmp_path, change):
    publish(plan_build(recipe, str(tmp_path / "w")))
    if change == "more":
        (tmp_path / "raw/fr.txt").write_text("fr")
    elif change == "less":
        (tmp_path / "raw/de.txt").unlink()
    else:
        (tmp_path / "raw/de.txt").write_text("other")
    name = "fr.txt" if change == "more" else "de.txt"
    with pytest.raises(GateError, match=rf"other inputs \(1 files differ, {name} first\)"):
        plan_build(recipe, str(tmp_path / "w"))


def test_evaluation_texts_that_are_named_and_not_there_stop_the_plan(recipe, tmp_path):
    from spark_jobs.decontaminate import DecontaminateConfig

    searching = dataclasses.replace(recipe, decontaminate=DecontaminateConfig(held_out="evaluation/*"))
    with pytest.raises(ConfigError, match=r"decontaminate\.held_out is 'evaluation/\*'"):
        plan_build(searching, str(tmp_path / "w"))


def test_evaluation_texts_count_in_the_version_of_what_was_read(recipe, tmp_path):
    from spark_jobs.decontaminate import DecontaminateConfig

    plain = plan_build(recipe, str(tmp_path / "w"))
    (tmp_path / "raw/evaluation").mkdir()
    (tmp_path / "raw/evaluation/en.txt").write_text("one two three four five six seven eight nine")
    held_out = dataclasses.replace(recipe, decontaminate=DecontaminateConfig(held_out="evaluation/*"))
    searched = plan_build(held_out, str(tmp_path / "w"))
    assert {f.snapshot for f in plain.files}.isdisjoint(f.snapshot for f in searched.files)


def test_thresholds_stand_for_the_languages_of_the_recipe(recipe):
    assert set(thresholds(dataclasses.replace(recipe, languages=("hi", "ja")))) == {"hi", "ja"}
    assert len(thresholds(recipe)) == 12


def test_the_outline_sums_bytes_by_source_and_language(recipe, tmp_path):
    figures = outline(plan_build(recipe, str(tmp_path / "w")))
    assert figures["inputs"] == [
        {"source": "web", "lang": "de", "files": 1, "bytes": 6},
        {"source": "web", "lang": "en", "files": 1, "bytes": 6},
    ]
    assert figures["bytes"] == 12
    assert figures["steps"][0] == {"step": "ingest", "does": "read 2 files, 0.0 MB", "run": True}


def test_the_outline_says_which_duplicates_go_and_what_a_small_build_costs(recipe, tmp_path, capsys):
    plan = plan_build(recipe, str(tmp_path / "w"))
    near = dataclasses.replace(plan.recipe.deduplicate, near=NearConfig(threshold=0.85))
    plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, deduplicate=near))
    print_outline(outline(plan), Console())
    said = capsys.readouterr().out
    assert "exact, across sources; near from 0.85 on" in said
    assert "about 1 core minute; nothing was written" in said


@pytest.mark.parametrize("name", ["w%20x", "w`x", "w\nx"])
def test_a_warehouse_whose_path_not_every_reader_takes_alike_is_refused(recipe, tmp_path, name):
    with pytest.raises(ConfigError, match=r"--warehouse is .*, accepted: a path without %"):
        plan_build(recipe, str(tmp_path / name))


def test_without_a_warehouse_the_plan_is_that_of_a_new_one(recipe):
    plan = plan_build(recipe, None)
    assert plan.missing == plan.files
    assert plan.published is None
    assert all(step["run"] for step in outline(plan)["steps"])
