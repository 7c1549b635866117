"""`teacher pretrain` as a user runs it: processes of its own, real files."""

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml

pytest.importorskip("torch")

from tests.trainer.launch import ROOT, end, pretrain, start, start_pretrain, write_config
from trainer.checkpoints import Checkpoints
from trainer.claim import LOCK
from trainer.config import load_config
from trainer.logs import read_table

TIMES = ("seconds", "tokens_per_s", "tflops", "mfu", "data_wait_share")


def log_of(run):
    """The lines of log.csv by step, without what a clock says."""
    rows = read_table(run / "log.csv")
    return {int(row["step"]): {k: v for k, v in row.items() if k not in TIMES} for row in rows}


def losses(run):
    return {step: float(row["loss"]) for step, row in log_of(run).items()}


def wait_for_step(run, step, ranks):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (run / "log.csv").exists() and max(log_of(run), default=0) >= step:
            return
        assert all(one.poll() is None for one in ranks), end(ranks).err
        time.sleep(0.02)
    pytest.fail(f"no step {step}")


@pytest.fixture(scope="module")
def run(made, tmp_path_factory):
    """A run of one process to step 4, then resumed to step 8; (folder, first, second)."""
    folder = tmp_path_factory.mktemp("run")
    config = write_config(folder, model={"dropout": 0.1}, checkpoints={"every": 2, "keep": 1})
    first = pretrain(1, config, made, folder / "out", "--steps", "4")
    second = pretrain(1, config, made, folder / "out", "--resume", "--json")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    return folder / "out", first, second


def test_a_run_says_what_it_does_and_prints_the_loss_by_language(run):
    _, first, _ = run
    assert "tiny: " in first.err
    assert "stage1 of release r: 146 rows as tokens, 10 a step, to step 4" in first.err
    assert "step 4/4  loss " in first.err
    assert "ETA " in first.err
    lines = first.out.splitlines()
    assert lines[0] == "loss by language on rows of stage1, nats a hidden token"
    assert [line.split()[0] for line in lines[2:6]] == ["de", "en", "ja", "all"]
    assert "done at step 4: " in first.out
    assert "\r" not in first.err  # no bar where there is no terminal


def test_a_resumed_run_goes_on_where_it_stood_and_says_so(run):
    folder, _, second = run
    assert "going on from step 4: next loss " in second.err
    assert sorted(log_of(folder)) == list(range(1, 9))
    summary = json.loads(second.out)
    assert (summary["ended"], summary["step"], summary["resumed_at"]) == ("done", 8, 4)
    assert summary["measured_before"]["all"] > summary["measured_after"]["all"] + 0.1


def test_the_log_counts_every_token_by_language_and_form(run):
    folder, *_ = run
    for row in log_of(folder).values():
        by = {name: int(n) for name, n in row.items() if name.startswith("tokens/")}
        assert len(by) == 6
        assert sum(by.values()) == int(row["tokens"]) > 0
    assert json.loads((folder / "summary.json").read_text("utf-8"))["tokens"] == sum(
        int(row["tokens"]) for row in log_of(folder).values()
    )


def test_the_last_checkpoints_and_the_best_are_kept(run):
    folder, *_ = run
    held = Checkpoints(folder, 1).all()
    measured = {int(row["step"]): float(row["all"]) for row in read_table(folder / "measured.csv")}
    assert sorted(measured) == [0, 2, 4, 6, 8]
    best = min((step for step in measured if step), key=lambda step: measured[step])
    assert {one.state.step for one in held} == {8, best}
    assert not [path for path in (folder / "checkpoints").iterdir() if path.name.startswith(".")]


def test_a_run_leaves_its_settings_its_curve_and_its_summary(run):
    folder, *_ = run
    settings = load_config(str(folder / "config.yaml"))
    assert settings.model.vocab_size == 64  # the tokenizer's
    assert settings.checkpoints.every == 2
    assert (folder / "loss.svg").read_text("utf-8").lstrip().startswith("<?xml")
    assert json.loads((folder / "summary.json").read_text("utf-8"))["newest_checkpoint"].endswith(
        "step-00000008"
    )


def test_a_folder_that_holds_a_run_is_not_written_over(run, made, tmp_path, capsys):
    from trainer.cli import main

    folder, *_ = run
    config = str(write_config(tmp_path))
    assert main(["pretrain", config, "--data", str(made.release), "--out", str(folder)]) == 2
    assert "a run stands there at step 8" in capsys.readouterr().err


# ---- slow from here on: many starts of processes that import torch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ranks", "stage", "precision", "optimizer"),
    [(1, 1, "fp32", "adamw"), (2, 1, "bf16", "lamb"), (2, 2, "fp32", "adamw"), (2, 3, "bf16", "adamw")],
)
def test_a_killed_run_goes_on_as_if_it_had_not_been_killed(
    made, tmp_path, *, ranks, stage, precision, optimizer
):
    config = write_config(
        tmp_path,
        model={"dropout": 0.1, "attention_dropout": 0.1},
        zero={"stage": stage},
        precision=precision,
        optimizer={"name": optimizer, "lr": 0.01},
        schedule={"total_steps": 1000},
        checkpoints={"every": 3},
    )
    killed = start_pretrain(ranks, config, made, tmp_path / "killed", "--steps", "100000")
    wait_for_step(tmp_path / "killed", 7, killed)
    for one in killed:
        one.kill()
    end(killed)
    stands = Checkpoints(tmp_path / "killed", 2).newest().state.step
    steps = ("--steps", str(stands + 5))
    again = pretrain(ranks, config, made, tmp_path / "killed", "--resume", *steps)
    whole = pretrain(ranks, config, made, tmp_path / "whole", *steps)
    assert (again.code, whole.code) == (0, 0), again.err + whole.err
    assert stands >= 6
    assert log_of(tmp_path / "killed") == log_of(tmp_path / "whole")
    assert len(log_of(tmp_path / "whole")) == stands + 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "optimizer"),
    [(0, "adamw"), (1, "adamw"), (1, "lamb"), (2, "adamw"), (2, "lamb"), (3, "adamw")],
)
def test_a_run_of_two_ranks_goes_on_with_one_and_with_four(made, tmp_path, stage, optimizer):
    config = write_config(tmp_path, zero={"stage": stage}, optimizer={"name": optimizer})
    whole = pretrain(2, config, made, tmp_path / "whole")
    assert whole.code == 0, whole.err
    for ranks in (1, 4):
        out = tmp_path / str(ranks)
        first = pretrain(2, config, made, out, "--steps", "4")
        again = pretrain(ranks, config, made, out, "--resume")
        assert (first.code, again.code) == (0, 0), first.err + again.err
        assert ", saved by 2 ranks: next loss " in again.err
        here, there = log_of(out), log_of(tmp_path / "whole")
        assert losses(out) == pytest.approx(losses(tmp_path / "whole"), rel=2e-5)
        for name in ("tokens", "masked_tokens", "rows", "lr", "tokens/de/spoken"):
            assert [row[name] for row in here.values()] == [row[name] for row in there.values()]
        assert [float(row["grad_norm"]) for row in here.values()] == pytest.approx(
            [float(row["grad_norm"]) for row in there.values()], rel=1e-3
        )
        assert not list((out / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_offloading_changes_where_things_lie_and_no_loss(made, tmp_path):
    config = write_config(tmp_path)
    assert pretrain(1, config, made, tmp_path / "plain", "--steps", "4").code == 0
    for stage, what in ((1, "optimizer"), (2, "optimizer"), (3, "optimizer"), (3, "parameters")):
        out = tmp_path / f"{stage}-{what}"
        settings = ("--set", f"zero.stage={stage}", "--set", f"zero.offload={what}")
        ended = pretrain(2, config, made, out, "--steps", "4", *settings)
        assert ended.code == 0, ended.err
        assert losses(out) == pytest.approx(losses(tmp_path / "plain"), rel=1e-5)


@pytest.mark.slow
def test_sigterm_saves_and_ends_with_0_and_the_run_can_go_on(made, tmp_path):
    config = write_config(tmp_path, schedule={"total_steps": 100000})
    ranks = start_pretrain(2, config, made, tmp_path / "out")
    wait_for_step(tmp_path / "out", 3, ranks)
    ranks[1].send_signal(signal.SIGTERM)  # one rank is enough
    stopped = end(ranks)
    assert stopped.code == 0, stopped.err
    stands = Checkpoints(tmp_path / "out", 2).newest().state.step
    assert f"stopped at step {stands}" in stopped.out
    assert max(log_of(tmp_path / "out")) == stands
    again = pretrain(2, config, made, tmp_path / "out", "--resume", "--steps", str(stands + 2))
    assert again.code == 0, again.err
    assert sorted(log_of(tmp_path / "out")) == list(range(1, stands + 3))


@pytest.mark.slow
def test_ranks_that_see_different_folders_are_refused_before_they_train(made, tmp_path):
    config = write_config(tmp_path)
    for node in ("a", "b"):
        (tmp_path / node).mkdir()
    command = ["-m", "trainer.cli", "pretrain", str(config), "--data", str(made.release), "--out", "run"]
    ended = end(start(2, *command, folders=[tmp_path / "a", tmp_path / "b"]))
    assert ended.code == 2
    assert "rank 1 does not see what rank 0 writes there" in ended.err


@pytest.mark.slow
def test_two_nodes_train_as_one(made, tmp_path, monkeypatch):
    for name, value in {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"]
    command += ["--master_addr", "127.0.0.1", "--master_port", "29619"]
    run = ["-m", "trainer.cli", "pretrain", str(config), "--data", str(made.release), "--out"]
    nodes = [
        subprocess.Popen(
            [*command, "--node_rank", str(n), *run, str(tmp_path / "two")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    ended = end(nodes)
    assert ended.code == 0, ended.err
    assert pretrain(2, config, made, tmp_path / "one").code == 0
    assert log_of(tmp_path / "two") == log_of(tmp_path / "one")


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused_and_the_first_goes_on(made, tmp_path):
    config = write_config(tmp_path, schedule={"total_steps": 100000})
    first = start_pretrain(1, config, made, tmp_path / "out")
    wait_for_step(tmp_path / "out", 1, first)
    second = pretrain(2, config, made, tmp_path / "out", "--resume")
    assert second.code == 2
    assert f"process {first[0].pid} on " in second.err
    assert second.err.count("teacher: ") == 1
    first[0].send_signal(signal.SIGTERM)
    assert end(first).code == 0


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_stops_with_the_step_and_its_rows(made, tmp_path):
    config = write_config(tmp_path, optimizer={"lr": 1e30}, schedule={"warmup_steps": 0})
    ended = pretrain(2, config, made, tmp_path / "out")
    assert ended.code == 3
    assert ended.err.count("teacher: ") == 1
    assert "the loss of step " in ended.err
    assert "rows in hand: seq_id " in ended.err
    told = json.loads((tmp_path / "out/stopped.json").read_text("utf-8"))
    rows = sorted({n for one in told["microbatches"] for n in one["seq_ids"]})
    assert len(rows) == 10
    assert set(rows) <= set(made.seq_ids)
    assert {one["rank"] for one in told["microbatches"]} == {0, 1}


@pytest.mark.slow
def test_a_resume_whose_next_loss_is_another_is_stopped(made, tmp_path):
    config = write_config(tmp_path)
    assert pretrain(1, config, made, tmp_path / "out", "--steps", "2").code == 0
    state = Checkpoints(tmp_path / "out", 1).newest().path / "trainer.json"
    values = json.loads(state.read_text("utf-8"))
    state.write_text(json.dumps({**values, "next_loss": values["next_loss"] * 1.01}), "utf-8")

    def files():
        return {path: path.read_bytes() for path in (tmp_path / "out").glob("*.*") if path.name != LOCK}

    before = files()
    ended = pretrain(1, config, made, tmp_path / "out", "--resume")
    assert ended.code == 3
    assert "after the resume, and was" in ended.err
    other = pretrain(1, config, made, tmp_path / "out", "--resume", "--set", "seed=1")
    assert other.code == 3
    assert "seed was 2022 and is 1" in other.err
    assert files() == before
    assert len(before) == 5  # settings, log, measured losses, curve, summary


@pytest.mark.slow
def test_batch_and_length_may_change_on_purpose_at_a_resume(made, tmp_path):
    config = write_config(tmp_path)
    assert pretrain(1, config, made, tmp_path / "out", "--steps", "2").code == 0
    changes = ("--set", "batch.max_tokens=16", "--set", "batch.rows=12")
    named = ("--changed", "max_tokens", "--changed", "batch_rows")
    assert pretrain(1, config, made, tmp_path / "out", "--resume", *changes).code == 3
    ended = pretrain(1, config, made, tmp_path / "out", "--resume", *changes, *named)
    assert ended.code == 0, ended.err
    assert [int(row["rows"]) for row in log_of(tmp_path / "out").values()] == [10] * 2 + [12] * 6


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 2, 3])
def test_stage_2_begins_with_the_weights_of_stage_1(made, stage2, tmp_path, stage):
    config = write_config(tmp_path, zero={"stage": stage})
    one = pretrain(2, config, made, tmp_path / "one", "--json")
    assert one.code == 0, one.err
    two = pretrain(
        1, config, stage2, tmp_path / "two", "--stage", "2", "--init", str(tmp_path / "one"), "--json"
    )
    assert two.code == 0, two.err
    first, second = json.loads(one.out), json.loads(two.out)
    assert second["stage"] == "stage2"
    assert second["measured_on"] == "validation"
    assert second["first_loss"] < first["first_loss"] - 0.3
    assert second["measured_before"]["all"] < first["measured_before"]["all"] - 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29617", "-m"],
        ["-m", "deepspeed.launcher.runner", "--num_accelerators", "2", "--master_port", "29618", "--module"],
    ],
    ids=["torchrun", "deepspeed"],
)
def test_the_launchers_start_it(made, tmp_path, launcher, monkeypatch):
    for name, value in {"OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu", "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path)
    command = [*launcher, "trainer.cli", "pretrain", str(config), "--data", str(made.release)]
    command += ["--out", str(tmp_path / "out"), "--steps", "3"]
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "out/summary.json").read_text("utf-8"))["ranks"] == 2
    assert yaml.safe_load((tmp_path / "out/config.yaml").read_text("utf-8"))["model"]["vocab_size"] == 64
