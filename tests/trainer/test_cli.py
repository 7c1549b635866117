"""`teacher` answers what exists and says plainly what does not."""

import pytest

from schemas.version import VERSION
from trainer.cli import main


def ends_with(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code, *capsys.readouterr()


def test_help_says_that_training_is_not_there_yet(capsys):
    code, out, err = ends_with(["--help"], capsys)
    assert (code, err) == (0, "")
    assert out.startswith("usage: teacher")
    assert "This version builds corpora only" in out


def test_the_version_is_that_of_the_distribution(capsys):
    assert ends_with(["--version"], capsys) == (0, f"teacher {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["pretrain", "model.yaml", "--data", "out"], ["--nodes", "2"]])
def test_a_command_that_does_not_exist_is_bad_usage_and_is_named(arguments, capsys):
    code, out, err = ends_with(arguments, capsys)
    assert (code, out) == (2, "")
    assert f"{arguments[0]!r} is not there" in err


def test_no_command_at_all_is_bad_usage(capsys):
    code, out, err = ends_with([], capsys)
    assert (code, out) == (2, "")
    assert "no training commands yet" in err
