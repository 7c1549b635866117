"""`corpus tokenizer …` and `corpus tokenize`: exit codes, words, figures."""

import json
import shutil

import pytest

from spark_jobs import cli
from spark_jobs.tokenizer.store import read_card
from tests.integration.tokenizers import SIZE, House, run
from tests.tiny_models import words_model


def test_what_is_trained_is_shown_again_without_spark(house, capsys):
    code, out, err = run(capsys, "tokenizer", "train", house, "--name", "t", "--vocab-size", str(SIZE))
    assert code == 0
    assert err == "tokenizer 't' is trained already, nothing to do\n"
    assert f"{SIZE:,} pieces, unigram, trained on release r" in out
    assert "split-ratio" in out
    code, out, _ = run(
        capsys, "tokenizer", "train", house, "--name", "t", "--vocab-size", str(SIZE), "--json"
    )
    assert json.loads(out)["sha256"] == read_card(house.path, "t").sha256


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["tokenizer", "train", "--name", "t", "--vocab-size", "9000"], 3, "vocab_size differ"),
        (["tokenizer", "train", "--name", "n", "--vocab-size", "10"], 2, "accepted: more than 2,3"),
        (["tokenizer", "train", "--name", "n", "--languages", "xx"], 2, "has no text in it"),
        (["tokenizer", "train", "--name", "n", "--character-coverage", "3"], 2, "from 0.9 to 1"),
        (["tokenizer", "train", "--name", "../n"], 2, "letters, digits"),
        (["tokenizer", "evaluate", "nope"], 2, "accepted: a trained tokenizer (t"),
        (["tokenizer", "evaluate", "nope.model"], 2, "accepted: a SentencePiece model file"),
        (["tokenizer", "search", "--sizes", "1,x", "--baseline", "t"], 2, "numbers with commas"),
        (["tokenizer", "search", "--sizes", "3000", "--baseline", "b"], 2, "--baseline is 'b', accepted"),
        (["tokenizer", "search", "--sizes", "3000", "--baseline", "t", "--out", "a.gif"], 2, ".svg, .png"),
        (["tokenize", "--tokenizer", "nope"], 2, "accepted: a trained tokenizer (t"),
    ],
)  # fmt: skip
def test_bad_input_is_said_before_spark_starts(house, capsys, arguments, code, says):
    got, out, err = run(capsys, *arguments, house)
    assert (got, out) == (code, "")
    assert says in err
    assert "start" not in err


def test_a_release_that_is_not_there_is_said_with_those_that_are(house, capsys):
    for command in (["tokenize", "--tokenizer", "t"], ["tokenizer", "train", "--name", "t"]):
        code, _, err = run(capsys, *command, House(house.path, "nope"))
        assert code == 2
        assert "--release is 'nope', accepted: a published release (" in err
        # The house is shared: other tests publish releases of their own in it, before or after this one.
        assert house.name in err.partition("a published release (")[2].partition(")")[0].split(", ")


def test_a_model_that_was_changed_after_training_is_not_applied(house, tmp_path, capsys):
    shutil.copytree(house.path, tmp_path / "w")
    (tmp_path / "w/tokenizers/t/tokenizer.model").write_bytes(words_model())
    code, _, err = run(capsys, "tokenize", House(str(tmp_path / "w"), house.name), "--tokenizer", "t")
    assert code == 1
    assert "the file was changed after training" in err


def test_the_status_of_a_warehouse_lists_its_tokenizers(house, capsys):
    assert cli.main(["status", house.path, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["tokenizers"]["t"]
    assert (listed["vocab_size"], listed["release"]) == (SIZE, house.name)
    assert cli.main(["status", house.path]) == 0
    assert listed["sha256"][:12] in capsys.readouterr().out
