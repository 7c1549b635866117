"""Every word of the input is in a pack or has a reason why not, to the last one; shares are what was asked,
within the error of sampling. All of it is counted from the tables, as anyone could."""

import itertools
import math
import unicodedata
from collections import Counter, defaultdict

import pyarrow as pa
import pytest

import normalizers
from schemas.sequences import FORMS
from spark_jobs.manifest import release_folder
from spark_jobs.recipe import load_recipe
from spark_jobs.resample import n_copies
from spark_jobs.warehouse import read_arrow
from tests.integration.corpora import build
from tests.integration.texts import SIZES, corpus_recipe, corpus_texts

SCRIPTS = {"en": ("LATIN",), "hi": ("DEVANAGARI",), "ja": ("CJK", "HIRAGANA", "KATAKANA"), "ar": ("ARABIC",)}


def table(of, name: str, **where: str) -> list[dict]:
    rows = read_arrow(str(of.warehouse / name)).to_pylist()
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


@pytest.fixture(scope="module")
def documents(release):
    return table(release, "documents")


@pytest.fixture(scope="module")
def kept(release, documents):
    """The documents without those that a verdict leaves out."""
    dropped = {(row["snapshot"], row["ordinal"]) for row in table(release, "verdicts", release="r")}
    return [row for row in documents if (row["snapshot"], row["ordinal"]) not in dropped]


@pytest.fixture(scope="module")
def ledger(release):
    return table(release, "ledger")


@pytest.fixture(scope="module")
def packs(release):
    return read_arrow(str(release.stage1)).to_pylist()


def sums(rows, value: str, *keys: str) -> dict[tuple, int]:
    found: dict[tuple, int] = defaultdict(int)
    for row in rows:
        found[tuple(row[key] for key in keys)] += row[value]
    return dict(found)


def test_the_raw_files_hold_the_documents_and_the_quarantine_and_nothing_else(release, documents, ledger):
    texts = corpus_texts()
    expected = Counter(
        text.strip() for source in (texts.mc4, texts.cc100) for t in source.values() for text in t
    )
    assert Counter(row["text"] for row in documents) == expected
    damaged = table(release, "quarantine")
    assert sorted(row["reason"] for row in damaged) == ["bad_json", "no_text"]
    lines = [row for row in ledger if row["step"] == "ingest"]
    assert sum(row["rows"] for row in lines) == len(documents) + len(damaged)


def test_the_ledger_adds_up_in_each_group_and_from_step_to_step(release, ledger):
    mine = [row for row in ledger if row["release"] in ("", "r")]
    groups = defaultdict(list)
    for row in mine:
        groups[row["run_id"], row["step"], row["lang"], row["source"]].append(row)
    for group, rows in groups.items():
        assert {row["rows_in"] for row in rows} == {sum(row["rows"] for row in rows)}, group
        kept = [row["rows"] for row in rows if row["reason"] == "kept"]
        if group[1] != "pack":  # whose rows out are packs
            assert {row["rows_out"] for row in rows} == set(kept), group
    order = ["ingest", "filter", "decontaminate", "deduplicate", "resample"]
    for before, after in itertools.pairwise(order):
        out = sums(
            [r for r in mine if (r["step"], r["reason"]) == (before, "kept")], "rows", "lang", "source"
        )
        into = sums(
            [r for r in mine if (r["step"], r["reason"]) == (after, "kept")], "rows_in", "lang", "source"
        )
        assert out == into, (before, after)


def test_words_in_are_words_packed_and_words_dropped_by_reason_give_or_take_copies(
    release, documents, kept, ledger, packs
):
    verdicts = table(release, "verdicts", release="r")
    reasons = {row["reason"] for row in verdicts}
    assert reasons == {"short_v1", "held_out_v1:evaluation/en.txt", "duplicate_v1"}
    for lang in SIZES:
        words = sum(row["n_words"] for row in documents if row["lang"] == lang)
        dropped = sum(row["n_words"] for row in verdicts if row["lang"] == lang)
        lines = [row for row in ledger if (row["release"], row["lang"]) == ("r", lang)]
        mine = [row for row in lines if row["step"] == "resample"]
        not_drawn = sum(row["words"] for row in mine if row["reason"] == "not_drawn_v1")
        copies = -sum(row["words"] for row in mine if row["reason"] == "copies")
        packed = sum(row["n_source_words"] for row in packs if row["lang"] == lang)
        assert packed == words - dropped - not_drawn + copies
        assert words - dropped == sum(row["n_words"] for row in kept if row["lang"] == lang)
        for reason in reasons:
            said = [row for row in lines if row["reason"] == reason]
            named = [row for row in verdicts if (row["lang"], row["reason"]) == (lang, reason)]
            assert sum(row["rows"] for row in said) == len(named)
            assert sum(row["words"] for row in said) == sum(row["n_words"] for row in named)


def test_every_character_of_two_copies_of_each_document_is_in_a_written_pack(spark, release, kept, tmp_path):
    recipe = corpus_recipe(
        tmp_path / "recipe.yaml",
        release.raw,
        release="twice",
        resample={"alpha": 1.0, "budget": 2.0},
        forms={"spoken": 0.0},
        pack={"words": 700, "buckets": 3},
    )
    build(spark, recipe, release.warehouse, partitions=2)
    packs = read_arrow(release_folder(str(release.warehouse), "twice") + "/stage1").to_pylist()
    for lang in SIZES:
        whole, packed = Counter(), Counter()
        for row in kept:
            if row["lang"] == lang:
                whole.update(row["text"])
        for row in packs:
            if row["lang"] == lang:
                packed.update(row["text"])
        visible = {c: 2 * n for c, n in whole.items() if not c.isspace()}
        assert {c: n for c, n in packed.items() if not c.isspace()} == visible
    check_packs(packs, 700)
    assert max(row["n_words"] for row in packs) > 650


def check_packs(packs, limit: int) -> None:
    for lang in SIZES:
        mine = [row for row in packs if row["lang"] == lang]
        counts = normalizers.word_counts(pa.array([row["text"] for row in mine]), lang).to_pylist()
        assert [row["n_words"] for row in mine] == counts
        assert all(0 < n <= limit for n in counts)


def test_no_pack_passes_the_limit_and_its_words_are_those_of_its_text(packs):
    check_packs(packs, 40)


def test_no_pack_has_two_languages(packs):
    for row in packs:
        letters = {unicodedata.name(c).split()[0].split("-")[0] for c in row["text"] if c.isalpha()}
        assert letters <= set(SCRIPTS[row["lang"]]), (row["lang"], row["text"])


def test_no_pack_has_two_forms(packs, kept):
    sentences = defaultdict(set)
    for row in kept:
        sentences[row["lang"]] |= set(split(row["text"], row["lang"]))
    for row in packs:
        if row["form"] == "written":
            assert set(split(row["text"], row["lang"])) <= sentences[row["lang"]], row["text"]
        else:
            assert not any(c.isdecimal() or c.isupper() for c in row["text"]), row["text"]


def split(text: str, lang: str) -> list[str]:
    return [s.strip() for s in normalizers.sentences(pa.array([text]), lang)[0].as_py()]


def test_languages_have_the_shares_that_were_asked_within_the_error_of_the_draws(release, kept, ledger):
    n = Counter(row["lang"] for row in kept)
    roots = {lang: math.sqrt(count / len(kept)) for lang, count in n.items()}
    factors = {lang: roots[lang] / sum(roots.values()) * len(kept) / n[lang] for lang in n}
    assert factors["en"] < 1 < factors["ar"]  # the small are lifted
    mine = [r for r in ledger if (r["release"], r["step"], r["reason"]) == ("r", "resample", "kept")]
    drawn = sums(mine, "rows", "lang")
    for lang, factor in factors.items():
        fraction = factor - math.floor(factor)
        deviation = math.sqrt(n[lang] * fraction * (1 - fraction))
        assert abs(drawn[lang,] - n[lang] * factor) < 4 * deviation


def test_seven_of_ten_words_are_spoken_within_three_deviations(spark, release, kept, packs):
    recipe = load_recipe(str(release.recipe))
    n = Counter(row["lang"] for row in kept)
    roots = {lang: math.sqrt(count / len(kept)) for lang, count in n.items()}
    factors = {lang: round(roots[lang] / sum(roots.values()) * len(kept) / n[lang], 12) for lang in n}
    frame = spark.createDataFrame(
        [(r["doc_id"], r["lang"], r["n_words"]) for r in kept], "doc_id BINARY, lang STRING, n INT"
    )
    copies = frame.withColumn("copies", n_copies(factors, recipe.seed)).collect()
    words, squares = Counter(), Counter()
    for row in copies:
        parts = max(1, math.ceil(row.n / recipe.forms.part_words))
        words[row.lang] += row.n * row.copies
        squares[row.lang] += row.copies * parts * (row.n / parts) ** 2
    spoken = sums(packs, "n_source_words", "lang", "form")
    for lang in SIZES:
        assert spoken[lang, FORMS[0]] + spoken[lang, FORMS[1]] == words[lang]
        deviation = math.sqrt(0.7 * 0.3 * squares[lang]) / words[lang]
        assert abs(spoken[lang, FORMS[0]] / words[lang] - 0.7) < 3 * deviation
        assert deviation < 0.06
