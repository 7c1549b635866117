"""What stops a run, on one rank that needs no others."""

import json
import math
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.trainer.launch import TINY
from trainer.config import PretrainConfig
from trainer.engine import EMPTY
from trainer.errors import DivergedError, StateError
from trainer.state import Position
from trainer.strict import build
from trainer.watch import StopWish, Watch, check_same

ALONE = SimpleNamespace(rank=0, first=True, gather=lambda value: [value])


def watch(run, **changes):
    config = build(PretrainConfig, {**TINY, **changes})
    return Watch(config, ALONE, run)


def rows(*seq_ids):
    """A microbatch of these rows; nothing else of it is looked at."""
    return EMPTY.__class__(*[getattr(EMPTY, n) for n in EMPTY.__slots__[:4]], np.array(seq_ids), *[None] * 3)


def check(one, *, loss=2.0, norm=1.0, skipped=False, step=4, losses=(2.0, 3.0)):
    microbatches = [rows(5, 7, 7), rows(9)]
    one.check(Position(step, 1, 20), loss, norm, skipped=skipped, rows=microbatches, losses=losses)


def test_a_good_step_passes(tmp_path):
    check(watch(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_with_the_rows_of_its_microbatch(tmp_path, loss):
    with pytest.raises(DivergedError) as error:
        check(watch(tmp_path), loss=loss, losses=(2.0, loss))
    assert f"the loss of step 5 is {loss}; rows in hand: seq_id 9" in str(error.value)
    told = json.loads((tmp_path / "stopped.json").read_text("utf-8"))
    assert (told["step"], told["epoch"], told["row"]) == (5, 1, 20)
    assert [one["seq_ids"] for one in told["microbatches"]] == [[5, 7], [9]]


def test_a_norm_that_is_no_number_stops_unless_the_step_was_left_out(tmp_path):
    check(watch(tmp_path), norm=math.inf, skipped=True)
    with pytest.raises(DivergedError, match=r"norm of step 5 is inf; rows in hand: seq_id 5, 7, 9"):
        check(watch(tmp_path), norm=math.inf)


def test_overflows_stop_when_they_come_in_a_row(tmp_path):
    one = watch(tmp_path, watch={"overflows": 3})
    for skipped in (True, True, False, True, True):
        check(one, skipped=skipped)
    with pytest.raises(DivergedError, match="overflowed in 3 steps in a row, the last was step 9"):
        check(one, skipped=True, step=8)


@pytest.mark.parametrize(("precision", "off"), [("fp32", 2e-4), ("bf16", 2e-2)])
def test_a_resume_that_does_not_come_back_is_stopped(tmp_path, precision, off):
    one = watch(tmp_path, precision=precision)
    one.check_resumed(5.0, 5.0 * (1 + off / 4))
    for wrong in (5.0 * (1 + off), math.nan):
        with pytest.raises(DivergedError, match=r"after the resume, and was 5\.000000"):
            one.check_resumed(5.0, wrong)
    watch(tmp_path, watch={"resume_tolerance": 0.5}).check_resumed(5.0, 7.0)


def test_a_run_goes_on_as_what_it_was():
    check_same({"zero_stage": 1}, {"zero_stage": 1})
    with pytest.raises(StateError, match="zero_stage was 1 and is 2"):
        check_same({"zero_stage": 1, "optimizer": "lamb"}, {"zero_stage": 2, "optimizer": "lamb"})


def test_a_wish_to_stop_is_noted_and_the_second_ctrl_c_does_not_wait():
    before = signal.getsignal(signal.SIGTERM)
    with StopWish() as wish:
        assert wish.came is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert wish.came == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
