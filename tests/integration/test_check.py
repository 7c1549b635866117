"""`corpus check`: what is left of evaluation text in a published release, and what only looks like it."""

import itertools
import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs import check
from spark_jobs.check import search_release
from spark_jobs.heldout import HeldOut
from spark_jobs.leaks import leaks
from spark_jobs.warehouse import read_arrow
from tests.integration.tokenizers import House, run


@pytest.fixture
def packs(release):
    return read_arrow(str(release.stage1)).to_pylist()


@pytest.fixture
def borrowed(spark, monkeypatch):
    """The command in the tests' own session, which it must not stop."""

    class Borrowed:
        def __enter__(self):
            return spark

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(check, "running_spark", lambda *_: Borrowed())


def written(packs, lang):
    return [row for row in packs if (row["lang"], row["form"]) == (lang, "written")]


def searched(spark, release, texts, ngram=8):
    held_out = HeldOut.from_sets(texts, ngram, ["ar", "en", "hi", "ja"])
    return search_release(spark, str(release.warehouse), release.manifest, held_out)


def kept_texts(release, lang):
    documents = read_arrow(str(release.warehouse / "documents")).to_pylist()
    verdicts = read_arrow(str(release.warehouse / "verdicts")).to_pylist()
    out = {(row["snapshot"], row["ordinal"]) for row in verdicts}
    return [d["text"] for d in documents if d["lang"] == lang and (d["snapshot"], d["ordinal"]) not in out]


def test_a_release_holds_none_of_the_texts_it_was_cleaned_of(borrowed, release, capsys, monkeypatch):
    monkeypatch.chdir(release.raw)
    house = House(str(release.warehouse), "r")
    code, out, err = run(capsys, "check", house, "--held-out", "evaluation/*.txt")
    assert (code, "rows that hold it" in out) == (0, True), err
    line = next(line for line in out.splitlines() if "evaluation/en.txt" in line)
    assert line.split()[-1] == "0"


def test_a_planted_leak_is_said_by_set_language_and_row_and_never_its_text(
    borrowed, release, packs, tmp_path, capsys
):
    english, japanese = written(packs, "en")[3], written(packs, "ja")[1]
    sentence = max(english["text"].split("\n"), key=len)
    (tmp_path / "a.txt").write_text("nothing of this stands in there at all, does it\n", "utf-8")
    (tmp_path / "b.tsv").write_text(f"{sentence.upper()}\tlabel\n", "utf-8")
    letters = max(japanese["text"].split("\n"), key=len)
    (tmp_path / "c.jsonl").write_text(json.dumps({"text": letters}) + "\n", "utf-8")
    house = House(str(release.warehouse), "r")
    code, out, err = run(capsys, "check", house, "--held-out", f"{tmp_path}/*", "--json")
    figures = json.loads(out)
    names = [f"{tmp_path}/{name}"[1:] for name in ("a.txt", "b.tsv", "c.jsonl")]
    assert code == 3
    assert "holds evaluation text of 2 sets" in err
    assert list(figures["sets"]) == names
    assert figures["sets"][names[0]] == {"rows": 0}
    assert {(row["table"], row["set"], row["lang"]) for row in figures["found"]} == {
        ("stage1", names[1], "en"),
        ("stage1", names[2], "ja"),
    }
    by_lang = {row["lang"]: row for row in figures["found"]}
    assert len(by_lang["en"]["seq_ids"]) == min(5, by_lang["en"]["rows"])
    assert by_lang["en"]["seq_ids"] == sorted(by_lang["en"]["seq_ids"])
    code, words, err = run(capsys, "check", house, "--held-out", f"{tmp_path}/b.tsv")
    assert code == 3
    assert str(by_lang["en"]["seq_ids"][0]) in words
    for part in sentence.split("\n"):
        assert part.lower() not in (words + err + out).lower()


def test_the_other_form_of_a_sentence_is_found_as_well(spark, release, packs):
    # "The ferry left at 7:05 with 21 passengers." stands written in some packs and said in others.
    lines = [line for row in written(packs, "en") for line in row["text"].split("\n")]
    text = next(line for line in lines if "ferry" in line and "storm" in line)
    found = searched(spark, release, {"a": [text]})
    assert [(row["table"], row["set"], row["lang"]) for row in found] == [("stage1", "a", "en")]


def test_words_on_both_sides_of_a_line_break_count_only_where_they_are_one_documents(spark, release, packs):
    documents = pa.array(kept_texts(release, "en"))

    def in_a_document(text):
        return pc.sum(HeldOut.from_texts([text], 8, ["en"]).hits(documents, "en")).as_py() > 0

    pairs = [pair for row in written(packs, "en") for pair in itertools.pairwise(row["text"].split("\n"))]
    texts = [" ".join([*one.split()[-4:], *other.split()[:4]]) for one, other in pairs]
    texts = [text for text in texts if len(text.split()) == 8]
    inside = next(text for text in texts if in_a_document(text))
    across = next(text for text in texts if not in_a_document(text))
    # The packs themselves do not tell the two apart.
    for text in (inside, across):
        column = pa.array([row["text"] for row in written(packs, "en")])
        held_out = HeldOut.from_texts([text], 8, ["en"])
        assert len(leaks(column, "en", held_out, is_spoken=False, lines_are_texts=False).rows)
    found = searched(spark, release, {"inside": [inside], "across": [across]})
    assert {row["set"] for row in found} == {"inside"}


def test_a_short_text_is_left_only_where_a_document_is_nothing_else(spark, release, packs):
    texts = kept_texts(release, "en")
    packed = [f"\n{row['text']}\n" for row in written(packs, "en")]
    short = next(text for text in texts if "\n" in text and any(f"\n{text}\n" in pack for pack in packed))
    line = "Is the old bridge open today?"  # a line of many documents, and none of them is only that
    assert line not in texts
    found = searched(spark, release, {"line": [line], "short": [short.replace("\n", " ")]}, ngram=60)
    assert [row["set"] for row in found] == ["short"]


def test_without_the_documents_what_is_likely_counts(spark, release, tmp_path):
    shutil.copytree(release.warehouse / "releases", tmp_path / "w/releases")
    held_out = HeldOut.from_sets({"line": ["Is the old bridge open today?"]}, 60, ["en"])
    found = search_release(spark, str(tmp_path / "w"), release.manifest, held_out)
    assert [row["set"] for row in found] == ["line"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--held-out", "none/*.txt"], "--held-out is 'none/*.txt', accepted: a pattern that names files"),
        (["--held-out", "{}/x.csv"], "files that end in .txt, .tsv, .jsonl"),
        (["--held-out", "{}/blank.txt"], "files with at least one text"),
        (["--held-out", "{}/bad.jsonl"], "line 1 has none"),
        (
            ["--held-out", "{}/blank.txt", "--ngram", "1"],
            "--ngram is 1, accepted: a whole number from 2 to 100",
        ),
    ],
)
def test_bad_input_is_said_before_spark_starts(release, tmp_path, capsys, arguments, says):
    for name, content in (("x.csv", "a"), ("blank.txt", "...\n"), ("bad.jsonl", "{")):
        (tmp_path / name).write_text(content, "utf-8")
    house = House(str(release.warehouse), "r")
    code, out, err = run(capsys, "check", house, *(word.format(tmp_path) for word in arguments))
    assert (code, out) == (2, "")
    assert says in err
    assert "start" not in err


def test_a_release_or_a_warehouse_that_is_not_there_is_said(release, tmp_path, capsys):
    code, _, err = run(capsys, "check", House(str(release.warehouse), "nope"), "--held-out", "*.txt")
    assert code == 2
    assert "--release is 'nope', accepted: a published release (r)" in err
    code, _, err = run(capsys, "check", House(str(tmp_path), "r"), "--held-out", "*.txt")
    assert code == 2
    assert "WAREHOUSE is" in err
