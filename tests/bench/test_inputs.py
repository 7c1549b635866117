"""Made input is what its counts say, of the size asked for, and made once."""

import gzip
import json

import pytest

from bench.inputs import expected, make_inputs


@pytest.fixture
def source(tmp_path):
    """Two languages, 200 documents of three lines each."""
    folder = tmp_path / "text"
    folder.mkdir()
    for lang in ("aa", "bb"):
        texts = ["\n".join(f"{lang} {n} line {k} of a made text" for k in range(3)) for n in range(200)]
        rows = [{"text": text, "url": "u"} for text in texts]
        with gzip.open(folder / f"{lang}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    return folder


def lines_of(made):
    for file in sorted((made / "mc4").iterdir()):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            yield from ((file.name.partition("-")[0], line) for line in lines)


def test_the_counts_are_those_of_the_files(source, tmp_path):
    made = make_inputs(source, 2, tmp_path / "cache")
    read, broken = [], 0
    for lang, line in lines_of(made):
        try:
            read.append((lang, json.loads(line)["text"]))
        except json.JSONDecodeError:
            broken += 1
    counts = expected(made)
    assert (counts.documents, counts.broken) == (len(read), broken)
    assert counts.distinct == len({text for _, text in read}) < len(read)
    assert counts.text_bytes == sum(len(text) for _, text in read)
    assert 2_000_000 <= counts.text_bytes < 2_020_000
    assert broken > 0


def test_it_is_made_once_and_the_same_everywhere(source, tmp_path):
    made = make_inputs(source, 1, tmp_path / "cache")
    stamp = made.stat().st_mtime_ns
    assert make_inputs(source, 1, tmp_path / "cache") == made
    assert made.stat().st_mtime_ns == stamp
    elsewhere = make_inputs(source, 1, tmp_path / "other")
    assert list(lines_of(elsewhere)) == list(lines_of(made))


def test_held_out_lines_occur_in_the_text(source, tmp_path):
    made = make_inputs(source, 1, tmp_path / "cache")
    lines = {
        part
        for _, line in lines_of(made)
        if line.endswith("}\n")
        for part in json.loads(line)["text"].split("\n")
    }
    held_out = (made / "held_out.txt").read_text().splitlines()
    assert len(held_out) == 300  # 150 a language
    assert set(held_out) <= lines


def test_a_folder_without_text_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        make_inputs(tmp_path, 1, tmp_path)
