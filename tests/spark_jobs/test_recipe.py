"""Recipes: every mistake is found before any work, and named with the key, the value and what is accepted."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from spark_jobs.config import plain
from spark_jobs.errors import ConfigError
from spark_jobs.near import NearConfig
from spark_jobs.recipe import load_recipe

GOOD = {"release": "r", "sources": [{"name": "web", "format": "text", "path": "*.txt", "lang": "en"}]}
CONF = Path(__file__).parents[2] / "conf/recipes"


@pytest.fixture
def load(tmp_path):
    def of(content, **options):
        text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
        (tmp_path / "recipe.yaml").write_text(text, "utf-8")
        return load_recipe(str(tmp_path / "recipe.yaml"), **options)

    return of


def source(**values):
    return GOOD | {"sources": [GOOD["sources"][0] | values]}


def test_a_minimal_recipe_has_the_values_of_the_paper(load):
    recipe = load(GOOD)
    assert (recipe.resample.alpha, recipe.resample.unit, recipe.resample.budget) == (0.5, "documents", 1.0)
    assert (recipe.forms.spoken, recipe.pack.words, recipe.seed) == (0.7, 700, 2022)
    assert recipe.deduplicate.exact
    assert recipe.decontaminate.held_out is None
    assert recipe.languages == ()


MISTAKES = {
    "a key that is near one": (GOOD | {"relase": "x"}, "relase is 'x', accepted: did you mean 'release'?"),
    "a key like no other": (GOOD | {"zzz": 1}, "zzz is 1, accepted: one of release, sources, root, seed"),
    "a key below": (
        GOOD | {"resample": {"alfa": 1}},
        "resample.alfa is 1, accepted: did you mean 'alpha'?",
    ),
    "a key of a source": (source(fromat="x"), r"sources[0].fromat is 'x', accepted: did you mean 'format'?"),
    "a missing key": ({"release": "r"}, "sources is None, accepted: a list; the key is required"),
    "a missing key of a source": (
        GOOD | {"sources": [{"name": "a", "format": "text"}]},
        "sources[0].path is None, accepted: a text; the key is required",
    ),
    "no source": (GOOD | {"sources": []}, "sources is [], accepted: at least one source"),
    "a source that is none": (GOOD | {"sources": ["web"]}, "sources[0] is 'web', accepted: keys and values"),
    "sources that are no list": (GOOD | {"sources": {"a": 1}}, "sources is {'a': 1}, accepted: a list"),
    "text for a number": (GOOD | {"seed": "1"}, "seed is '1', accepted: a whole number"),
    "a fraction for a whole number": (GOOD | {"seed": 1.5}, "seed is 1.5, accepted: a whole number"),
    "true for a number": (GOOD | {"seed": True}, "seed is True, accepted: a whole number"),
    "a number for text": (GOOD | {"release": 7}, "release is 7, accepted: a text"),
    "a number for a switch": (
        GOOD | {"deduplicate": {"exact": 1}},
        "deduplicate.exact is 1, accepted: true or false",
    ),
    "null": (GOOD | {"pack": {"words": None}}, "pack.words is None, accepted: a whole number"),
    "a list for keys and values": (GOOD | {"pack": [1]}, "pack is [1], accepted: keys and values"),
    "a format nobody reads": (
        source(format="pdf"),
        "sources[0].format is 'pdf', accepted: mc4, cc100, wikipedia, opensubtitles, jsonl, text, parquet",
    ),
    "an unknown language of a source": (source(lang="xx"), "sources.web.lang is 'xx', accepted: ar, de, en"),
    "an unknown language": (GOOD | {"languages": ["en", "xx"]}, "languages is 'xx', accepted: ar, de, en"),
    "YAML's Norway": (GOOD | {"languages": [False]}, "languages[0] is False, accepted: a text"),
    "alpha above one": (
        GOOD | {"resample": {"alpha": 1.01}},
        "resample.alpha is 1.01, accepted: a number from 0 to 1",
    ),
    "alpha below zero": (
        GOOD | {"resample": {"alpha": -0.1}},
        "resample.alpha is -0.1, accepted: a number from 0 to 1",
    ),
    "a share above one": (GOOD | {"forms": {"spoken": 70}}, "forms.spoken is 70.0, accepted: a number from"),
    "a unit of no kind": (
        GOOD | {"resample": {"unit": "tokens"}},
        "resample.unit is 'tokens', accepted: documents, words",
    ),
    "damage above one": (
        GOOD | {"quarantine": {"max_share": 2}},
        "quarantine.max_share is 2.0, accepted: a number from 0 to 1",
    ),
    "two sources of one name": (
        GOOD | {"sources": GOOD["sources"] * 2},
        "sources.name is 'web', accepted: each source has a name of its own",
    ),
    "a release that is a path": (
        GOOD | {"release": "../r"},
        "release is '../r', accepted: letters, digits, '.', '_' and '-'",
    ),
    "an empty path": (source(path=" "), "sources.web.path is ' ', accepted: a glob or a folder"),
    "a column of a format without columns": (
        source(lang_column="l"),
        "sources.web.lang_column is 'l', accepted: only with mc4, jsonl or parquet",
    ),
    "a threshold of an unknown language": (
        GOOD | {"filters": {"languages": {"xx": {"min_words": 1}}}},
        "filters.languages is 'xx', accepted: ar, de, en",
    ),
    "a threshold key of a language": (
        GOOD | {"filters": {"languages": {"hi": {"min_word": 1}}}},
        "filters.languages.hi.min_word is 1, accepted: did you mean 'min_words'?",
    ),
    "a number that no machine word holds": (
        GOOD | {"seed": 1 << 63},
        "seed is 9223372036854775808, accepted: ",
    ),
    "a number that no machine word holds, below": (
        GOOD | {"forms": {"part_words": 10**30}},
        "forms.part_words is 1000000000000000000000000000000, accepted: ",
    ),
    "a list": ("- release\n- r\n", "accepted: a YAML file of keys and values"),
    "nothing": ("", "accepted: a YAML file of keys and values"),
    "no YAML": ("release: [r\nsources: 1", "accepted: valid YAML (line 2: "),
    "a tab": ("release:\tr\n\tseed: 1", "accepted: valid YAML (line "),
    "a control character": ("release: \x07", "accepted: valid YAML (somewhere: "),
    "a tag that builds objects": ("release: !!python/object:os.system {}", "accepted: valid YAML (line 1: "),
    "a key twice": (
        "release: a\nseed: 1\nrelease: b",
        "accepted: valid YAML (line 3: the key 'release' stands twice)",
    ),
    "a key twice below": (
        "release: a\nresample:\n  alpha: 0.5\n  alpha: 1",
        "(line 4: the key 'alpha' stands twice)",
    ),
    "a list for a key": ("? [release]\n: r", "accepted: valid YAML (line 1: "),
    "a mapping for a key": ("? {release: x}\n: r", "accepted: valid YAML (line 1: "),
    "depth without end": ("[" * 5000, "accepted: valid YAML"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_key_its_value_and_what_is_accepted(load, mistake):
    recipe, words = MISTAKES[mistake]
    with pytest.raises(ConfigError) as caught:
        load(recipe)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"RECIPE is '.*/no\.yaml', accepted: a readable .* \(No such"):
        load_recipe(str(tmp_path / "no.yaml"))
    with pytest.raises(ConfigError, match=r"a readable YAML file \(Is a directory\)"):
        load_recipe(str(tmp_path))


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(b"release: \xff")
    with pytest.raises(ConfigError, match=r"YAML in UTF-8 \(byte 9 is not\)"):
        load_recipe(str(tmp_path / "recipe.yaml"))


def test_the_root_starts_at_the_folder_of_the_recipe_and_an_option_at_the_working_folder(
    load, tmp_path, monkeypatch
):
    assert load(GOOD).root == str(tmp_path)
    assert load(GOOD | {"root": "raw"}).root == str(tmp_path / "raw")
    assert load(GOOD | {"root": "s3://bucket/raw"}).root == "s3://bucket/raw"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load(GOOD | {"root": "raw"}, root="dumps").root == str(tmp_path / "here/dumps")


def test_the_hash_of_a_recipe_follows_its_values_and_not_its_place_or_spelling(load):
    recipe = load(GOOD)
    assert recipe.sha256() == load(GOOD | {"root": "/elsewhere"}).sha256()
    assert recipe.sha256() == load(GOOD | {"resample": {"alpha": 0.5}}).sha256()  # what is the default anyway
    assert recipe.sha256() != load(GOOD | {"resample": {"alpha": 0.6}}).sha256()
    assert recipe.sha256() != load(GOOD | {"release": "other"}).sha256()
    assert recipe.sha256() != load(source(path="*.text")).sha256()


def test_a_recipe_without_later_keys_has_the_hash_it_had_before_there_were_any(load):
    values = plain(replace(load(GOOD), root="."))
    assert values["deduplicate"].pop("near") is None
    assert values.pop("utterances") is None
    before = hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    assert load(GOOD).sha256() == before
    near = load(GOOD | {"deduplicate": {"near": {}}})
    assert near.deduplicate.near == NearConfig()
    assert near.sha256() != before
    assert near.sha256() == load(GOOD | {"deduplicate": {"near": {"threshold": 0.8}}}).sha256()


@pytest.mark.parametrize("name", ["demo", "atm12"])
def test_the_recipes_that_come_along_are_valid(name):
    recipe = load_recipe(str(CONF / f"{name}.yaml"))
    assert recipe.release == name
    assert [s.name for s in recipe.sources] == [s.format for s in recipe.sources]
    assert {s.format for s in recipe.sources} == {"mc4", "cc100", "wikipedia", "opensubtitles"}


def test_atm12_names_the_twelve_languages_and_a_bucket_and_touches_no_storage(monkeypatch):
    monkeypatch.setattr("spark_jobs.storage.open_filesystem", None)  # whoever calls it fails
    recipe = load_recipe(str(CONF / "atm12.yaml"))
    assert sorted(recipe.languages) == [
        "ar",
        "de",
        "en",
        "es",
        "fr",
        "hi",
        "it",
        "ja",
        "mr",
        "pt",
        "ta",
        "te",
    ]
    assert recipe.root.startswith("s3://")
