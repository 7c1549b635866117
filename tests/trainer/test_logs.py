"""The files and lines of a run, from figures made by hand."""

import io
import sys

import pytest

pytest.importorskip("torch")

from trainer.errors import ConfigError
from trainer.logs import Log, Progress, Table, draw_curve, in_words, read_table
from trainer.speed import Figures


def figures(loss=5.0, **changes):
    made = {
        "loss": loss,
        "grad_norm": 0.5,
        "skipped": 0,
        "seconds": 2.0,
        "rows": 10,
        "tokens": 300,
        "masked_tokens": 45,
        "tokens_per_s": 150.0,
        "tflops": 0.25,
        "mfu": None,
        "data_wait_share": 0.125,
        "padding_share": 0.0,
        "truncated_share": 0.0,
        "fill": 0.5,
        "length": 20.0,
        "tokens_by": {"de": {"spoken": 200, "written": 100}},
    }
    return Figures(**{**made, **changes})


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def filled(run, after=0):
    log = Log(run, ("de", "en"), after)
    for step in range(after + 1, after + 5):
        log.window(step, 0, 1e-3, 1.0, figures(loss=6.0 - step / 8))
    log.measured(after + 4, {"all": 4.0, "de": 3.0})
    return log


def test_a_line_of_the_log_has_every_figure_and_the_tokens_by_language_and_form(tmp_path):
    filled(tmp_path).close()
    rows = read_table(tmp_path / "log.csv")
    assert len(rows) == 4
    assert {**rows[0], "loss": ""} == {
        **dict.fromkeys(("epoch", "skipped"), "0"),
        **{"step": "1", "lr": "0.001", "loss_scale": "1.0", "loss": "", "grad_norm": "0.5", "seconds": "2.0"},
        **{"rows": "10", "tokens": "300", "masked_tokens": "45", "tokens_per_s": "150.0", "tflops": "0.25"},
        **{"mfu": "", "data_wait_share": "0.125", "padding_share": "0.0", "truncated_share": "0.0"},
        **{"fill": "0.5", "length": "20.0", "tokens/de/spoken": "200", "tokens/de/written": "100"},
        **{"tokens/en/spoken": "0", "tokens/en/written": "0"},
    }
    assert read_table(tmp_path / "measured.csv") == [{"step": "4", "all": "4.0", "de": "3.0", "en": ""}]


def test_a_resumed_log_drops_what_came_after_the_checkpoint(tmp_path):
    filled(tmp_path)
    filled(tmp_path, after=2)
    assert [row["step"] for row in read_table(tmp_path / "log.csv")] == ["1", "2", "3", "4", "5", "6"]
    filled(tmp_path)  # and a new run begins anew
    assert len(read_table(tmp_path / "log.csv")) == 4


def test_a_loss_is_written_with_all_its_digits(tmp_path):
    table = Table(tmp_path / "t.csv", ["step", "loss"], 0)
    table.add({"step": 1, "loss": 0.1 + 0.2})
    assert float(read_table(table.path)[0]["loss"]) == 0.1 + 0.2


def test_away_from_a_terminal_there_are_plain_lines():
    out = io.StringIO()
    progress = Progress(0, 100, out)
    progress.step(10, 5.0)
    progress.window(10, 1e-3, figures(mfu=0.4125, skipped=1))
    assert "\r" not in out.getvalue()
    [line] = out.getvalue().splitlines()
    assert line.startswith(
        "step  10/100  loss 5.0000  lr 1.00e-03  norm 0.50  150 tokens/s  0.25 TFLOP/s  MFU 41.2%"
    )
    assert "wait 12%  ETA " in line
    assert line.endswith("1 steps left out")


def test_on_a_terminal_there_is_a_bar_that_makes_room_for_lines():
    out = Terminal()
    progress = Progress(0, 100, out)
    progress.step(50, 5.0)
    progress.say("saved")
    assert "[############------------] 50/100  loss 5.0000  ETA " in out.getvalue()
    assert out.getvalue().endswith("\rsaved\n")


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (3723, "1:02:03")])
def test_times_are_said_as_a_clock_does(seconds, said):
    assert in_words(seconds) == said


def test_the_curve_is_drawn_from_the_tables_and_the_same_each_time(tmp_path):
    filled(tmp_path)
    assert draw_curve(tmp_path)
    first = (tmp_path / "loss.svg").read_bytes()
    assert draw_curve(tmp_path)
    assert b"<svg" in first
    assert (tmp_path / "loss.svg").read_bytes() == first


def test_without_matplotlib_there_is_no_curve_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    filled(tmp_path)
    assert not draw_curve(tmp_path)


def test_tensorboard_gets_the_same_figures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = Log(tmp_path, ("de", "en"), 0, tensorboard=True)
    log.window(3, 0, 1e-3, 1.0, figures(loss=5.5))
    log.measured(3, {"all": 4.0})
    log.close()
    held = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in held.Scalars("loss")] == [(3, 5.5)]
    assert [event.value for event in held.Scalars("measured/all")] == [4.0]
    assert [event.value for event in held.Scalars("tokens/de/spoken")] == [200.0]


def test_tensorboard_that_is_not_there_is_refused_by_its_key(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"log\.tensorboard is True, accepted: false here"):
        Log(tmp_path, ("de",), 0, tensorboard=True)
