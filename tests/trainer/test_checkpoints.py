"""A checkpoint has a name only when it is whole; the last and the best are kept."""

import dataclasses
import json
import math
from types import SimpleNamespace

import pytest

from trainer.checkpoints import Checkpoints, RunState, converts, find_checkpoint, read_checkpoint
from trainer.errors import ConfigError, StateError, TeacherError

STATE = RunState(
    step=1,
    stream="{}",
    next_loss=2.5,
    world_size=2,
    zero_stage=1,
    precision="fp32",
    model={"layers": 2},
    optimizer="adamw",
    score=math.inf,
)


class OneRank:
    """An engine of one rank that writes one file, or fails."""

    world = SimpleNamespace(first=True, barrier=lambda: None, size=1)

    def __init__(self, fails=False):
        self.fails = fails

    def save(self, folder, name):
        (folder / name).mkdir()
        (folder / name / "weights").write_text("w", "utf-8")
        if self.fails:
            raise OSError("no space left on device")


def save(run, step, score=math.inf, keep=2, **engine):
    held = Checkpoints(run, keep)
    held.save(OneRank(**engine), dataclasses.replace(STATE, step=step, score=score), "snapshot")
    return held


def steps(run):
    return [one.state.step for one in Checkpoints(run, 1).all()]


def test_what_is_saved_is_what_is_read(tmp_path):
    held = save(tmp_path, 7, score=1.5)
    newest = held.newest()
    assert newest.state == dataclasses.replace(STATE, step=7, score=1.5)
    assert newest.snapshot == "snapshot"
    assert (newest.path / "model/weights").read_text("utf-8") == "w"
    assert newest.path.name == "step-00000007"


def test_the_last_ones_and_the_best_stay(tmp_path):
    for step, score in enumerate([3.0, 1.0, 2.0, 2.5, 2.0], start=1):
        save(tmp_path, step, score)
    assert steps(tmp_path) == [2, 4, 5]
    assert Checkpoints(tmp_path, 2).best().state.step == 2
    save(tmp_path, 6, 0.5)
    assert steps(tmp_path) == [5, 6]


def test_of_equally_good_ones_the_newest_is_the_best(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, step, 1.0, keep=1)
    assert steps(tmp_path) == [3]


def test_a_save_that_fails_leaves_what_there_was_and_says_why(tmp_path):
    save(tmp_path, 1)
    with pytest.raises(TeacherError, match="step 2 could not be written: no space left"):
        save(tmp_path, 2, fails=True)
    assert steps(tmp_path) == [1]
    assert Checkpoints(tmp_path, 1).newest().state.step == 1


def test_an_interrupted_save_is_never_seen_and_is_cleaned_away(tmp_path):
    save(tmp_path, 1)
    with pytest.raises(TeacherError):
        save(tmp_path, 2, fails=True)
    (tmp_path / "checkpoints/.universal-00000001").mkdir()
    held = Checkpoints(tmp_path, 1)
    held.clean()
    assert [path.name for path in held.folder.iterdir()] == ["step-00000001"]
    save(tmp_path, 2)
    assert steps(tmp_path) == [1, 2]


def test_steps_are_ordered_by_number_and_other_folders_are_passed_over(tmp_path):
    for step in (99_999_999, 100_000_000, 3):
        save(tmp_path, step, keep=9)
    (tmp_path / "checkpoints/step-old").mkdir()
    assert steps(tmp_path) == [3, 99_999_999, 100_000_000]


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', '{"version": 1, "step": 3}', "[1]"])
def test_what_is_no_checkpoint_is_said_so(tmp_path, text):
    (tmp_path / "trainer.json").write_text(text, "utf-8")
    with pytest.raises(StateError):
        read_checkpoint(tmp_path)


def test_a_checkpoint_is_found_by_its_folder_and_by_its_runs(tmp_path):
    held = save(tmp_path, 4)
    assert find_checkpoint(str(tmp_path)) == find_checkpoint(str(held.newest().path)) == held.newest()
    with pytest.raises(ConfigError, match="--init"):
        find_checkpoint(str(tmp_path / "checkpoints"))


def test_only_another_number_of_ranks_under_zero_is_converted(tmp_path):
    one = save(tmp_path, 1).newest()
    assert not converts(one, 2)
    assert converts(one, 4)
    without = dataclasses.replace(one, state=dataclasses.replace(one.state, zero_stage=0))
    assert not converts(without, 4)


def test_the_state_is_three_whole_numbers_and_what_they_are_of(tmp_path):
    values = json.loads((save(tmp_path, 1).newest().path / "trainer.json").read_text("utf-8"))
    assert values["version"] == 1
    assert set(values) == {"version", *(f.name for f in dataclasses.fields(RunState))}
