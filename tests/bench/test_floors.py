"""A run fails for a figure past its floor and for a wrong count, and for nothing else."""

import pytest

from bench.floors import judge, read_floors
from tests.markdown import ROOT, rows, section

FLOORS = {"speed": {"says": "how fast", "at_least": 6.0}, "memory": {"says": "how large", "at_most": 1.15}}


@pytest.mark.parametrize(
    ("speed", "memory", "missed"),
    [
        (6.0, 1.15, []),  # a floor itself is held
        (5.99, 1.15, ["how fast"]),
        (6.0, 1.16, ["how large"]),
        (0.0, 9.0, ["how fast", "how large"]),
    ],
)
def test_each_figure_is_held_to_its_floor(capsys, speed, memory, missed):
    assert judge({"speed": speed, "memory": memory}, FLOORS, []) == int(bool(missed))
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"bench: {says}" for says in missed]
    assert printed.out.count("MISSED") == len(missed)
    assert printed.out.count(" ok") == 2 - len(missed)


def test_a_wrong_count_fails_whatever_the_speed(capsys):
    assert judge({"speed": 60.0, "memory": 1.0}, FLOORS, ["rows: 9 instead of 10"]) == 1
    assert capsys.readouterr().err == "bench: rows: 9 instead of 10\n"


def test_what_was_not_measured_is_said_and_misses_nothing(capsys):
    assert judge({"memory": 1.0}, FLOORS, []) == 0
    assert "not measured" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize("name", ["floors.toml", "tokenize_floors.toml", "heldout_floors.toml"])
def test_every_floor_says_what_it_is_of_and_has_one_limit(name):
    floors = read_floors(name)
    assert floors
    for floor in floors.values():
        assert floor.keys() in ({"says", "at_least"}, {"says", "at_most"})


@pytest.mark.parametrize(
    ("name", "part"),
    [("tokenize_floors.toml", "## Tokenising"), ("heldout_floors.toml", "## Evaluation texts")],
)
def test_the_floors_on_the_performance_page_are_those_of_the_benchmark(name, part):
    floors = read_floors(name).values()
    shown = [(row[0], row[1]) for row in rows(section(ROOT / "docs/performance.md", part))]
    limits = [f">= {f['at_least']:g}" if "at_least" in f else f"<= {f['at_most']:g}" for f in floors]
    assert shown[: len(limits)] == [(f["says"], limit) for f, limit in zip(floors, limits, strict=True)]
