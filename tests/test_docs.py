"""The README and docs/ say what the code does: commands parse, links resolve, keys and columns agree."""

import contextlib
import dataclasses
import io
import re
import shlex
import tomllib
import typing
from datetime import date

import pytest
import yaml

from schemas import page as tables_page
from spark_jobs import cli, recipe
from spark_jobs.errors import ConfigError
from spark_jobs.filter import DEFAULTS, LANGUAGE, RULES
from spark_jobs.inputs import file_language
from spark_jobs.manifest import Manifest, TableEntry
from spark_jobs.near import NearConfig
from spark_jobs.readers import FORMATS, REASONS
from spark_jobs.recipe import Recipe, SourceConfig, load_recipe
from spark_jobs.utterances.anonymise import Rule
from spark_jobs.utterances.config import MixConfig, UtterancesConfig, UtteranceSource
from spark_jobs.utterances.curve import CurveConfig
from spark_jobs.utterances.rows import REASONS as UTTERANCE_REASONS
from tests.markdown import PAGES, ROOT, anchors, code, fences, prose, rows, section
from trainer import cli as teacher

README = ROOT / "README.md"
RECIPE, TABLES = ROOT / "docs/recipe.md", ROOT / "docs/tables.md"
READERS = ROOT / "docs/readers.md"


def commands() -> list[str]:
    """Every `corpus …` with arguments: lines of shell blocks, and code in the prose."""
    return commands_of("corpus")


def commands_of(program: str) -> list[str]:
    """Those of `corpus` or `teacher`."""
    lines = [line for page in PAGES for fence in fences(page, "sh") for line in fence.text.splitlines()]
    inline = [line for page in PAGES for line in re.findall(rf"`({program} \w+ [^`]+)`", prose(page))]
    return [line for line in lines + inline if line.startswith(f"{program} ")]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_in_the_docs_parses(command):
    try:
        cli._parser().parse_args(shlex.split(command)[1:])
    except SystemExit:
        pytest.fail(f"{command}: not a command")


@pytest.mark.parametrize("command", sorted(set(commands_of("teacher"))))
def test_a_command_of_the_trainer_in_the_docs_parses(command):
    try:
        teacher._parser().parse_args(shlex.split(command)[1:])
    except SystemExit:
        pytest.fail(f"{command}: not a command")


def test_the_docs_show_every_command_and_no_other():
    shown = {shlex.split(command)[1] for command in commands()}
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:
        cli.main(["--help"])
    listed = set(re.findall(r"^    (\w+)\s", said.getvalue(), re.MULTILINE))
    assert shown == listed
    table = [code(row[0]).split() for row in rows(section(README, "## Commands"))]
    assert {words[1] for words in table if words[0] == "corpus"} == listed
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:
        teacher.main(["--help"])
    listed = set(re.findall(r"^    (\w+)\s", said.getvalue(), re.MULTILINE))
    assert {words[1] for words in table if words[0] == "teacher"} == listed


def test_every_target_of_make_that_the_docs_name_exists():
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert {"demo", "test", "bench"} <= named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name) if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_tests_that_a_page_names_exist(page):
    tops = "|".join(
        ("bench", "conf", "data", "docs", "normalizers", "schemas", "spark_jobs", "tests", "trainer")
    )
    for named in re.findall(rf"`((?:{tops})/[\w./-]+(?:::\w+)?)`", prose(page)):
        file, _, test = named.partition("::")
        assert (ROOT / file).exists(), named
        assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), named


def test_each_guarantee_names_what_it_promises_how_and_by_which_test_and_what_not():
    page = ROOT / "docs/guarantees.md"
    titles = re.findall(r"^## (\d)\. ", page.read_text("utf-8"), re.MULTILINE)
    assert titles == list("123456789")
    for part in re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)[2:11]:
        assert re.findall(r"^\*\*([\w ]+)\.\*\*", part, re.MULTILINE) == [
            "Promise",
            "How",
            "Tests",
            "Not promised",
        ]
        assert "::test_" in part


def test_the_readme_has_a_line_for_every_module_and_no_other():
    tree = fences(README, "text")[-1].text
    named = set(re.findall(r"[\w/]+\.py", tree))
    packages = ("schemas", "normalizers", "spark_jobs", "trainer", "bench")
    modules = {path.name for package in packages for path in (ROOT / package).rglob("*.py")} - {"__init__.py"}
    assert named == modules


def test_the_recipe_in_the_readme_is_the_demos():
    shown = yaml.safe_load(fences(README, "yaml")[0].text)
    assert shown == yaml.safe_load((ROOT / "conf/recipes/demo.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    "fence",
    [fence for page in PAGES for fence in fences(page, "yaml")],
    ids=lambda fence: f"{fence.page}:{fence.line}",
)
def test_a_recipe_in_the_docs_loads(fence, tmp_path):
    values = yaml.safe_load(fence.text)
    whole = {"release": "r", "sources": [{"name": "a", "format": "text", "path": "a", "lang": "en"}]} | values
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(whole), "utf-8")
    loaded = load_recipe(str(tmp_path / "recipe.yaml"))
    assert loaded.release == whole["release"]


# ---- docs/recipe.md


def parts_of_the_recipe() -> list[tuple[str, type]]:
    """(heading, dataclass) of the recipe and of everything in it."""
    hints = typing.get_type_hints(Recipe)
    inner = [(f"## {n}", kind) for n, kind in hints.items() if dataclasses.is_dataclass(kind)]
    near = ("## deduplicate.near", NearConfig)
    stage2 = {
        "": UtterancesConfig,
        ".sources": UtteranceSource,
        ".anonymise": Rule,
        ".curve": CurveConfig,
        ".mix": MixConfig,
    }
    return [
        ("## The recipe itself", Recipe),
        ("## sources", SourceConfig),
        *inner,
        near,
        *((f"## utterances{name}", kind) for name, kind in stage2.items()),
    ]


@pytest.mark.parametrize(("heading", "config"), parts_of_the_recipe())
def test_the_recipe_page_has_every_key_with_its_type_and_default(heading, config):
    shown = {code(row[0]): row for row in rows(section(RECIPE, heading)) if len(row) > 2}
    assert list(shown) == [field.name for field in dataclasses.fields(config)]
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        _, kind, default, *_, meaning = shown[field.name]
        assert kind == type_in_words(hints[field.name]), field.name
        assert code(default) == default_in_words(field), field.name
        assert meaning, field.name


def type_in_words(hint: object) -> str:
    """A type as the page writes it."""
    some = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) is tuple:
        return "list"
    if typing.get_origin(hint) is typing.Literal:
        return "text"
    if len(some) == 1:  # optional
        return type_in_words(some[0])
    words = {str: "text", int: "whole number", float: "number", bool: "true or false", date: "day"}
    return words.get(hint, "keys")


def default_in_words(field: dataclasses.Field) -> str:
    """A default as the page writes it; that of a threshold is the data file's."""
    if field.name in usual_thresholds():
        return repr(usual_thresholds()[field.name])
    if field.default_factory is not dataclasses.MISSING:
        return "{}" if field.default_factory is dict else "see below"
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default == ():
        return "[]"
    plain = {"None": "none", "True": "true", "False": "false"}
    return plain.get(str(field.default), str(field.default))


def usual_thresholds() -> dict[str, float]:
    return tomllib.loads(DEFAULTS.read_text("utf-8"))["default"]


def test_the_recipe_page_has_the_reason_of_every_threshold_in_the_order_they_are_asked():
    table = [row for row in rows(section(RECIPE, "## filters")) if len(row) == 5 and code(row[3])]
    shown = [(code(row[0]), code(row[3])) for row in table if code(row[3]) != LANGUAGE]
    assert shown == [(rule.threshold, rule.name) for rule in RULES]


def test_the_recipe_page_has_the_thresholds_of_every_language():
    table = [row for row in rows(section(RECIPE, "## filters")) if len(row) == 2]
    shown = {code(row[0]): dict(re.findall(r"`(\w+): ([^`]+)`", row[1])) for row in table}
    real = tomllib.loads(DEFAULTS.read_text("utf-8"))
    assert shown == {
        lang: {k: repr(v) for k, v in own.items()} for lang, own in real.items() if lang != "default"
    }


@pytest.mark.parametrize("page", [RECIPE, READERS], ids=lambda page: page.name)
def test_every_format_is_described(page):
    assert set(typing.get_args(recipe.FormatName)) == set(FORMATS)
    assert all(f"`{name}`" in page.read_text("utf-8") for name in FORMATS)


def test_the_error_on_the_recipe_page_is_the_real_one(tmp_path, capsys):
    (tmp_path / "r.yaml").write_text("{release: r, sources: [], resample: {alfa: 2}}", "utf-8")
    assert cli.main(["plan", str(tmp_path / "r.yaml"), "--warehouse", str(tmp_path / "w")]) == 2
    assert capsys.readouterr().err == fences(RECIPE, "text")[0].text


# ---- docs/tables.md, docs/readers.md, docs/performance.md


def test_the_tables_on_the_page_are_those_of_the_schemas():
    text = TABLES.read_text("utf-8")
    current = tables_page.page_with(tables_page.tables(), text)
    assert text == current, "write them anew: python -m schemas.page"
    assert text.count("### ") == 10


def test_a_page_without_marks_is_refused_and_not_overwritten():
    with pytest.raises(ValueError, match="no marks"):
        tables_page.page_with("tables", "a page of prose")


def test_every_field_of_release_json_is_explained():
    text = section(TABLES, "## release.json")
    manifest, _, entry = text.partition("An entry of `tables`")
    for part, kind in ((manifest, Manifest), (entry, TableEntry)):
        assert [code(row[0]) for row in rows(part)] == [field.name for field in dataclasses.fields(kind)]


def test_the_readers_page_has_every_reason_with_its_meaning():
    table = {code(row[0]): row[1] for row in rows(section(READERS, "## Damage")) if row[0].startswith("`")}
    assert {name: table[name] for name in REASONS} == REASONS
    assert set(table) - set(REASONS) == {"other_language"}


def test_the_page_of_stage_2_has_every_reason_with_its_meaning():
    table = {code(row[0]): row[1] for row in rows(section(ROOT / "docs/stage2.md", "## Files"))}
    assert {name: table[name] for name in UTTERANCE_REASONS} == UTTERANCE_REASONS


def test_the_formats_on_the_readers_page_are_those_there_are():
    assert {code(row[0]) for row in rows(section(READERS, "## Formats"))} == set(FORMATS)


@pytest.mark.parametrize("row", [row for row in rows(section(READERS, "## Language")) if "/" in row[0]])
def test_a_path_on_the_readers_page_has_the_language_it_says(row):
    source = SourceConfig(name="s", format="jsonl", path="x")
    if row[1].startswith("exit 2"):
        with pytest.raises(ConfigError):
            file_language(source, code(row[0]))
        return
    lang, known = file_language(source, code(row[0]))
    assert (lang if known else "passed over") == row[1].partition(":")[0]


@pytest.mark.parametrize(
    ("file", "heading"),
    [
        ("floors.toml", "## Figures"),
        ("stream_floors.toml", "## The stream"),
        ("near_floors.toml", "## Near duplicates"),
        ("trainer_floors.toml", "## Training steps"),
    ],
)
def test_the_floors_on_the_performance_page_are_those_of_the_benchmark(file, heading):
    floors = tomllib.loads((ROOT / "bench" / file).read_text("utf-8")).values()
    table = rows(section(ROOT / "docs/performance.md", heading))
    shown = [(row[0], row[1]) for row in table if row[1].startswith((">=", "<="))]
    limits = [f">= {f['at_least']:g}" if "at_least" in f else f"<= {f['at_most']:g}" for f in floors]
    assert shown == [(f["says"], limit) for f, limit in zip(floors, limits, strict=True)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_plain_text_with_short_lines_of_code(page):
    text = page.read_text("utf-8")
    assert "\u2014" not in text
    assert not re.search("[\U0001f300-\U0001faff\u2600-\u27bf]", text)
    assert all(len(line) <= 130 for fence in fences(page) for line in fence.text.splitlines())
