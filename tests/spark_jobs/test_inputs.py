"""The files of a recipe: their language from their path, their order, their version."""

import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.inputs import file_language, resolve_inputs
from spark_jobs.recipe import Recipe, SourceConfig


def source(**values):
    return SourceConfig(**({"name": "web", "format": "text", "path": "**"} | values))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("mc4/c4-en.tfrecord-00000-of-11264.json.gz", "en"),
        ("mc4/c4-hi.tfrecord-00000-of-01024.json.gz", "hi"),
        ("multilingual/c4-mr-validation.tfrecord-00000-of-00001.json.gz", "mr"),
        ("mc4/ta.jsonl.gz", "ta"),
        ("cc100/te.txt.xz", "te"),
        ("cc100/en.00012.txt.zst", "en"),
        ("wikipedia/enwiki-20191120-pages-articles.xml.bz2", "en"),
        ("wikipedia/ptwiki-20191120-pages-articles-multistream3.xml-p1p2.bz2", "pt"),
        ("opensubtitles/xml/pt/1994/300000/4000000.xml", "pt"),
        ("opensubtitles/xml/ja/0/5.xml.gz", "ja"),
        ("opensubtitles/mono/ar.txt.gz", "ar"),
        ("OpenSubtitles/raw/DE/1.xml", "de"),
        ("en/raw-001.txt.gz", "en"),
        ("en/all.jsonl", "en"),
        ("raw_en.txt", "en"),
        ("fr/en.txt", "en"),  # the innermost tells
    ],
)
def test_the_path_tells_the_language(origin, expected):
    assert file_language(source(), origin) == (expected, True)


@pytest.mark.parametrize(
    "origin",
    [
        "mc4/c4-hi-Latn.tfrecord-00000-of-00064.json.gz",
        "mc4/c4-ja-Latn.tfrecord-00000-of-00008.json.gz",
        "cc100/hi_rom.txt.xz",
        "cc100/zh.txt.xz",
        "cc100/zh-Hans.txt.xz",
        "mc4/c4-ru.tfrecord-00000-of-04096.json.gz",
        "mc4/c4-ceb.tfrecord-00000-of-00008.json.gz",
        "wikipedia/cebwiki-20191120-pages-articles.xml.bz2",
        "opensubtitles/xml/zh/1994/1/1.xml",
        "zh/part-0001.jsonl",
    ],
)
def test_a_language_or_script_we_do_not_know_is_passed_over(origin):
    assert not file_language(source(), origin)[1]


@pytest.mark.parametrize(
    "origin", ["my-data/part-00000.txt", "data/part-00000.txt", "web.txt", "xml/1994/1.xml", "out/all.txt"]
)
def test_a_path_that_tells_nothing_asks_for_the_language(origin):
    with pytest.raises(ConfigError) as caught:
        file_language(source(), origin)
    assert "sources.web.lang is None, accepted: one of ar, de, en" in str(caught.value)
    assert caught.value.where == origin
    assert "`lang: xx` or `lang_column: name` to the source 'web'" in caught.value.do


def test_a_fixed_language_or_a_column_goes_before_the_path():
    assert file_language(source(lang="de"), "cc100/en.txt.xz") == ("de", True)
    assert file_language(source(format="jsonl", lang_column="l"), "cc100/en.txt.xz") == (None, True)


@pytest.fixture
def raw(tmp_path):
    for name in ("b/en.txt", "b/zh.txt", "b/de.txt", "a/en.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def resolve(raw, *, reading="v1", languages=(), sources=None):
    sources = sources or (source(name="b", path="b"), source(name="a", path="a"))
    recipe = Recipe(release="r", root=str(raw), sources=sources, languages=languages)
    return resolve_inputs(recipe, reading).files


def test_files_come_in_order_of_source_and_path(raw):
    found = resolve(raw)
    assert [(f.source, f.source_index, f.origin, f.lang, f.size) for f in found] == [
        ("b", 0, "b/de.txt", "de", 8),
        ("b", 0, "b/en.txt", "en", 8),
        ("a", 1, "a/en.txt", "en", 8),
    ]


def test_only_files_of_the_recipes_languages_are_taken(raw):
    assert [f.origin for f in resolve(raw, languages=("de",))] == ["b/de.txt"]


def test_a_snapshot_changes_with_content_place_source_and_reading_and_with_nothing_else(raw):
    def one(**how):
        return next(f.snapshot for f in resolve(raw, **how) if f.origin == "b/en.txt")

    first = one()
    (raw / "b/en.txt").touch()
    assert one() == first
    assert one(languages=("en",)) == first
    assert one(reading="v2") != first
    assert one(sources=(source(name="c", path="b"),)) != first
    (raw / "b/en.txt").write_text("b/em.txt")
    assert one() != first


def test_a_source_without_files_is_named(raw):
    with pytest.raises(ConfigError) as caught:
        resolve(raw, sources=(source(name="c", path="c/*.txt"),))
    assert caught.value.key == "sources.c.path"
    assert caught.value.where == f"{raw}/c/*.txt"


def test_a_language_that_no_file_has_is_named(raw):
    with pytest.raises(ConfigError, match=r"languages is \['ja'\], accepted: a language that"):
        resolve(raw, languages=("ja",))
