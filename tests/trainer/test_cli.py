"""`teacher` answers what exists and says plainly what does not."""

import json
import shutil

import pytest

from schemas.version import VERSION
from tests.trainer.releases import data_files, make_release
from trainer.cli import main


def ends_with(arguments, capsys):
    """Exit code, stdout, stderr."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def data(made, *options, capsys, seconds="0"):
    return ends_with(["data", str(made.release), "--seconds", seconds, *options], capsys)


def test_help_says_what_is_there_and_what_is_not_yet(capsys):
    code, out, err = ends_with(["--help"], capsys)
    assert (code, err) == (0, "")
    assert out.startswith("usage: teacher")
    assert "reads releases and pretrains" in out
    assert "distil, evaluate and export come with" in out


def test_the_help_of_data_has_an_example_and_the_exit_codes(capsys):
    code, out, _ = ends_with(["data", "--help"], capsys)
    assert code == 0
    assert "\n  teacher data out/demo/releases/demo\n" in out
    assert "exit: 0 done, 1 failed" in out


def test_the_help_of_pretrain_has_examples_for_one_process_and_for_launchers(capsys):
    code, out, _ = ends_with(["pretrain", "--help"], capsys)
    assert code == 0
    assert "\n  teacher pretrain conf/models/tiny.yaml --data out/demo/releases/demo " in out
    assert "\n  torchrun --nproc_per_node 8 -m trainer.cli pretrain " in out
    assert "\n  deepspeed --module trainer.cli pretrain " in out
    assert "exit: 0 done or stopped on a wish and saved" in out


def test_the_rank_that_the_deepspeed_launcher_passes_is_taken(capsys):
    code, _, err = ends_with(["--local_rank=1", "pretrain", "no.yaml", "--data", "out"], capsys)
    assert code == 2
    assert "CONFIG is 'no.yaml', accepted: a YAML file, such as conf/models/tiny.yaml" in err


def test_what_all_ranks_find_is_said_by_the_first_one(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert ends_with(["pretrain", "no.yaml", "--data", "out"], capsys) == (2, "", "")


def test_the_version_is_that_of_the_distribution(capsys):
    assert ends_with(["--version"], capsys) == (0, f"teacher {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["distill", "model.yaml", "--data", "out"], ["--nodes", "2"], []])
def test_a_command_that_does_not_exist_is_bad_usage(arguments, capsys):
    code, out, err = ends_with(arguments, capsys)
    assert (code, out) == (2, "")
    assert err.startswith("teacher: ")
    assert "teacher --help" in err
    assert not arguments or arguments[0] in err or "COMMAND" in err


def test_data_shows_what_a_run_would_read(made, capsys):
    code, out, err = data(made, "--world-size", "4", "--batch-rows", "32", capsys=capsys)
    assert (code, err) == (0, "")
    assert "tokens at version 2: 3 files" in out
    assert "146 rows in 6 units" in out
    assert "padding 0.0%, truncated 0.0%" in out
    assert "first global batches of 32 rows from 4 ranks: " in out


def test_data_counts_rows_by_language_and_form(made, capsys):
    code, out, _ = data(made, "--json", capsys=capsys)
    figures = json.loads(out)
    counted = {}
    for row in made.rows:
        of_lang = counted.setdefault(row["lang"], {"spoken": 0, "written": 0})
        of_lang[row["form"]] += 1
    assert code == 0
    assert figures["rows_by"] == counted
    assert (figures["rows"], figures["files"], figures["units_counted"]) == (146, 3, 6)
    assert figures["short_read"]["tokens_a_cpu_second"] > 0


def test_the_hashes_are_those_of_any_world_size_and_of_text_and_ids(made, capsys):
    said = [
        json.loads(
            data(made, "--json", "--batch-rows", "32", "--reads", reads, "--world-size", n, capsys=capsys)[1]
        )
        for reads, n in (("text", "1"), ("text", "3"), ("tokens", "8"))
    ]
    hashes = [figures["first_batches"]["hashes"] for figures in said]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(set(hashes[0])) == 2
    assert [figures["table"] for figures in said] == ["stage1", "stage1", "tokens"]


def test_data_of_stage_2_shows_a_split(stage2, capsys):
    options = ("--stage", "2", "--split", "validation", "--tokenizer", str(stage2.tokenizer), "--json")
    code, out, _ = data(stage2, *options, capsys=capsys)
    figures = json.loads(out)
    wanted = sum(row["split"] == "validation" for row in stage2.rows)
    assert (code, figures["rows"], figures["split"]) == (0, wanted, "validation")
    assert sum(n for forms in figures["rows_by"].values() for n in forms.values()) == wanted


def test_without_a_tokenizer_data_still_verifies(tmp_path, capsys):
    made = make_release(tmp_path)
    code, out, _ = data(made, capsys=capsys)
    assert code == 0
    assert out.endswith("nothing was read: no tokenizer is named (--tokenizer FOLDER)\n")


def test_a_broken_release_is_refused_with_exit_3_and_a_wrong_option_with_exit_2(made, tmp_path, capsys):
    shutil.copytree(made.release, tmp_path / "r")
    broken = type(made)(tmp_path / "r", made.tokenizer, made.rows)
    gone = data_files(broken)[0]
    gone.unlink()
    code, out, err = data(broken, capsys=capsys)
    assert (code, out) == (3, "")
    assert err.splitlines()[0] == f"teacher: {gone.name} is missing, the release needs it"
    assert [line.split()[0] for line in err.splitlines()[1:]] == ["where", "why", "do"]
    for options in (
        ["--world-size", "0"],
        ["--lanes", "0"],
        ["--tokenizer", str(tmp_path)],
        ["--stage", "2"],
    ):
        code, out, err = data(made, *options, capsys=capsys)
        assert (code, out) == (2, "")
        assert "accepted: " in err
    assert data(made, "--stage", "3", capsys=capsys)[0] == 2
    assert ends_with(["data", str(tmp_path / "nowhere")], capsys)[0] == 2
