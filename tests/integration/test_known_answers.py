"""A hand-made corpus in four formats, and every row of every table that comes of it, written out.

alpha 1 and budget 1 leave each document once; packs of eight words hold one document each, so their texts
are known. Where a row lands in the global order is a matter of its hash and not compared.
"""

import json
from pathlib import Path

import pytest

from schemas.documents import DOCUMENTS
from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.sequences import SEQUENCES
from schemas.statistics import STATISTICS
from schemas.verdicts import VERDICTS
from spark_jobs.warehouse import read_arrow
from tests.integration.corpora import LENIENT, build, cc100, mc4, rows, subtitles, wikipedia, write_recipe

SOURCES = [
    {"name": "mc4", "format": "mc4", "path": "mc4/*.jsonl.gz"},
    {"name": "cc100", "format": "cc100", "path": "cc100/*.txt.xz"},
    {"name": "wikipedia", "format": "wikipedia", "path": "wikipedia/*.xml.bz2"},
    {"name": "opensubtitles", "format": "opensubtitles", "path": "opensubtitles"},
]

# (lang, source, origin, ordinal, text, words)
READ = [
    ("en", "mc4", "mc4/en.jsonl.gz", 0, "The kettle sings at 7:30AM on Sunday mornings.", 8),
    ("en", "mc4", "mc4/en.jsonl.gz", 1, "Nobody answered the door twice that night.", 7),
    ("en", "mc4", "mc4/en.jsonl.gz", 2, "Too short", 2),
    ("en", "mc4", "mc4/en.jsonl.gz", 3, "Please turn the secret lamp off before you sleep", 9),
    ("en", "mc4", "mc4/en.jsonl.gz", 4, "Just wake me up at 7:30 on Monday", 8),
    ("de", "cc100", "cc100/de.txt.xz", 0, "Der Zug kommt heute sehr spät an.", 7),
    ("de", "cc100", "cc100/de.txt.xz", 1, "Wir warten.\nNiemand sagt ein Wort dazu.", 7),
    ("de", "cc100", "cc100/de.txt.xz", 2, "Der Zug kommt heute sehr spät an.", 7),
    ("en", "cc100", "cc100/en.txt.xz", 0, "Nobody answered the door twice that night.", 7),
    ("en", "cc100", "cc100/en.txt.xz", 1, "An old map shows another road there.", 7),
    (
        "en",
        "wikipedia",
        "wikipedia/enwiki-20191120-pages-articles.xml.bz2",
        0,
        "The lantern is a small lake town.",
        7,
    ),
    ("ja", "opensubtitles", "opensubtitles/xml/ja/1994/1/1.xml", 0, "今日は雨です。", 4),
]
DROPPED = [  # (source, origin, ordinal, reason, words)
    ("mc4", "mc4/en.jsonl.gz", 2, "short_v1", 2),
    ("mc4", "mc4/en.jsonl.gz", 3, "held_out_v1:evaluation/en.txt", 9),
    ("mc4", "mc4/en.jsonl.gz", 4, "held_out_v1:evaluation/clock.txt", 8),
    ("cc100", "cc100/de.txt.xz", 2, "duplicate_v1", 7),
    ("cc100", "cc100/en.txt.xz", 0, "duplicate_v1", 7),
]
DAMAGED = [
    ("mc4", "mc4/en.jsonl.gz", 5, "bad_json", b'{"text": "cut of'),
    ("mc4", "mc4/en.jsonl.gz", 6, "not_utf8", b'{"text": "\xff"}'),
]
PACKED = [  # written form: (lang, source, text, words, sentences, documents, source words)
    ("de", "cc100", "Der Zug kommt heute sehr spät an.", 7, 1, 1, 7),
    ("de", "cc100", "Wir warten.\nNiemand sagt ein Wort dazu.", 7, 2, 1, 7),
    ("en", "cc100", "An old map shows another road there.", 7, 1, 1, 7),
    ("en", "mc4", "Nobody answered the door twice that night.", 7, 1, 1, 7),
    ("en", "mc4", "The kettle sings at 7:30AM on Sunday mornings.", 8, 1, 1, 8),
    ("en", "wikipedia", "The lantern is a small lake town.", 7, 1, 1, 7),
    ("ja", "opensubtitles", "今日は雨です。", 4, 1, 1, 4),
]
LINES = [  # (step, lang, source, rows in, rows out, reason, rows, words)
    ("ingest", "en", "mc4", 7, 5, "kept", 5, 34),
    ("ingest", "en", "mc4", 7, 5, "bad_json", 1, 0),
    ("ingest", "en", "mc4", 7, 5, "not_utf8", 1, 0),
    ("ingest", "de", "cc100", 3, 3, "kept", 3, 21),
    ("ingest", "en", "cc100", 2, 2, "kept", 2, 14),
    ("ingest", "en", "wikipedia", 1, 1, "kept", 1, 7),
    ("ingest", "ja", "opensubtitles", 1, 1, "kept", 1, 4),
    ("filter", "en", "mc4", 5, 4, "kept", 4, 32),
    ("filter", "en", "mc4", 5, 4, "short_v1", 1, 2),
    ("decontaminate", "en", "mc4", 4, 2, "kept", 2, 15),
    ("decontaminate", "en", "mc4", 4, 2, "held_out_v1:evaluation/en.txt", 1, 9),
    ("decontaminate", "en", "mc4", 4, 2, "held_out_v1:evaluation/clock.txt", 1, 8),
    ("deduplicate", "en", "mc4", 2, 2, "kept", 2, 15),
    ("deduplicate", "de", "cc100", 3, 2, "kept", 2, 14),
    ("deduplicate", "de", "cc100", 3, 2, "duplicate_v1", 1, 7),
    ("deduplicate", "en", "cc100", 2, 1, "kept", 1, 7),
    ("deduplicate", "en", "cc100", 2, 1, "duplicate_v1", 1, 7),
    ("deduplicate", "en", "wikipedia", 1, 1, "kept", 1, 7),
    ("deduplicate", "ja", "opensubtitles", 1, 1, "kept", 1, 4),
    ("pack", "de", "", 2, 2, "kept", 2, 14),
    ("pack", "en", "", 4, 4, "kept", 4, 29),
    ("pack", "ja", "", 1, 1, "kept", 1, 4),
]
for lang, source, n, words in [
    ("en", "cc100", 2, 14),
    ("en", "wikipedia", 1, 7),
    ("ja", "opensubtitles", 1, 4),
    ("de", "cc100", 3, 21),
]:
    LINES += [(step, lang, source, n, n, "kept", n, words) for step in ("filter", "decontaminate")]
for lang, source, n, words in [
    ("en", "mc4", 2, 15),
    ("de", "cc100", 2, 14),
    ("en", "cc100", 1, 7),
    ("en", "wikipedia", 1, 7),
    ("ja", "opensubtitles", 1, 4),
]:
    LINES.append(("resample", lang, source, n, n, "kept", n, words))


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    mc4(
        root / "mc4/en.jsonl.gz",
        [text for lang, source, *_, text, _ in READ if (lang, source) == ("en", "mc4")],
        damaged=[b'{"text": "cut of', b'{"text": "\xff"}'],
    )
    cc100(
        root / "cc100/de.txt.xz",
        [
            ["Der Zug kommt heute sehr spät an."],
            ["Wir warten.", "Niemand sagt ein Wort dazu."],
            ["Der Zug kommt heute sehr spät an."],
        ],
    )
    cc100(
        root / "cc100/en.txt.xz",
        [["Nobody answered the door twice that night."], ["An old map shows another road there."]],
    )
    wikipedia(
        root / "wikipedia/enwiki-20191120-pages-articles.xml.bz2",
        [
            (
                0,
                "Lantern",
                "{{Infobox|x=1}}\nThe '''lantern''' is a [[small]] lake [[town|town]].<ref>A book</ref>",
            ),
            (0, "Lamp", "#REDIRECT [[Lantern]]"),
            (1, "Talk:Lantern", "Is it a town, and who says so really?"),
        ],
    )
    subtitles(root / "opensubtitles/xml/ja/1994/1/1.xml", [["今日", "は", "雨", "です", "。"]])
    (root / "evaluation").mkdir()
    (root / "evaluation/en.txt").write_text("please turn the secret lamp off, before you sleep\n", "utf-8")
    (root / "evaluation/clock.txt").write_text("just wake me up at seven thirty on Monday\n", "utf-8")
    return root


def recipe(raw: Path, folder: Path, spoken: float) -> Path:
    return write_recipe(
        folder / "recipe.yaml",
        raw,
        SOURCES,
        filters=LENIENT | {"min_words": 3},
        decontaminate={"held_out": "evaluation/*.txt", "ngram": 8},
        resample={"alpha": 1.0},
        forms={"spoken": spoken},
        pack={"words": 8},
    )


@pytest.fixture(scope="module")
def written(spark, raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    manifest = build(spark, recipe(raw, folder, 0.0), folder / "w")
    return folder / "w", manifest


def test_documents_hold_every_record_that_could_be_read(spark, written):
    found = rows(spark, written[0] / "documents", "lang", "source", "origin", "ordinal", "text", "n_words")
    assert found == sorted(READ)
    characters = rows(spark, written[0] / "documents", "text", "n_chars")
    assert all(len(text) == n for text, n in characters)


def test_equal_texts_have_equal_ids_and_others_do_not(spark, written):
    ids = rows(spark, written[0] / "documents", "text", "doc_id")
    assert len({bytes(i) for _, i in ids}) == len({t for t, _ in ids}) == 10
    assert all(len(i) == 16 for _, i in ids)


def test_quarantine_holds_what_could_not(spark, written):
    found = rows(spark, written[0] / "quarantine", "source", "origin", "ordinal", "reason", "raw")
    assert [(s, o, n, r, bytes(b)) for s, o, n, r, b in found] == DAMAGED


def test_verdicts_name_the_rule_that_left_a_document_out(spark, written):
    found = rows(spark, written[0] / "verdicts", "source", "origin", "ordinal", "reason", "n_words")
    assert found == sorted(DROPPED)


def test_the_ledger_accounts_for_every_row_of_every_step(spark, written):
    columns = ("step", "lang", "source", "rows_in", "rows_out", "reason", "rows", "words")
    assert rows(spark, written[0] / "ledger", *columns) == sorted(LINES)


def test_packs_hold_the_documents_that_are_left(spark, written):
    columns = ("lang", "source", "text", "n_words", "n_sentences", "n_docs", "n_source_words")
    assert rows(spark, written[0] / "releases/r/stage1", *columns) == PACKED
    fixed = rows(spark, written[0] / "releases/r/stage1", "seq_id", "stage", "form")
    assert fixed == [(n, 1, "written") for n in range(7)]  # one bucket: places 0 to 6


def test_spoken_form_changes_numbers_and_case_and_nothing_else(spark, raw, tmp_path):
    build(spark, recipe(raw, tmp_path, 1.0), tmp_path / "w")
    found = {
        (t, n, s)
        for t, n, s, form in rows(
            spark, tmp_path / "w/releases/r/stage1", "text", "n_words", "n_source_words", "form"
        )
        if form == "spoken"
    }
    # "7:30AM" is one word, "seven thirty a. m." four: eight words become eleven, too many for one pack.
    said = {"the kettle sings at seven thirty a. m.", "on sunday mornings."}
    plain = {t.lower() for lang, _, t, *_ in PACKED if "7:30" not in t}
    assert {t for t, _, _ in found} == plain | said
    assert {n for t, n, _ in found if t in said} == {8, 3}
    assert sum(s for _, _, s in found) == sum(row[-1] for row in PACKED)


def test_the_manifest_pins_what_was_read_and_written(written, raw):
    folder, manifest = written
    on_disk = json.loads((folder / "releases/r/release.json").read_text("utf-8"))
    table = on_disk["tables"]["stage1"]
    assert (table["path"], table["version"], table["rows"], table["buckets"]) == ("stage1", 0, 7, 1)
    assert table["fingerprint"] == manifest.tables["stage1"].fingerprint
    assert table["words"] == {
        "de": {"spoken": 0, "written": 14},
        "en": {"spoken": 0, "written": 29},
        "ja": {"spoken": 0, "written": 4},
    }
    assert [entry["origin"] for entry in on_disk["inputs"]] == [
        "mc4/en.jsonl.gz",
        "cc100/de.txt.xz",
        "cc100/en.txt.xz",
        "wikipedia/enwiki-20191120-pages-articles.xml.bz2",
        "opensubtitles/xml/ja/1994/1/1.xml",
    ]
    assert on_disk["recipe"]["pack"]["words"] == 8
    assert on_disk["thresholds"]["en"]["min_words"] == 3


def test_every_table_keeps_its_contract(written):
    folder, _ = written
    for table in (DOCUMENTS, QUARANTINE, VERDICTS, LEDGER, STATISTICS):
        table.check(read_arrow(str(folder / table.name)))
    SEQUENCES.check(read_arrow(str(folder / "releases/r/stage1")))
