"""The benchmark of training steps: its cases, its arithmetic, and that it runs without a GPU."""

import argparse
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from bench import trainer as bench  # noqa: E402

OPTIONS = argparse.Namespace(
    models=["700m", "2.3b"],
    lengths=[512, 1024],
    microbatch_tokens=16384,
    accumulate=4,
    stage=2,
    attention="auto",
    compile=False,
)


def test_every_size_is_measured_at_every_length_without_dropout_and_on_a_cpu_tiny_alone():
    found = bench.cases(OPTIONS, gpu=True)
    assert [(case.model, case.length, case.documents) for case in found] == [
        ("700m", 512, 32),
        ("700m", 1024, 16),
        ("2.3b", 512, 32),
        ("2.3b", 1024, 16),
    ]
    assert {case.tokens for case in found} == {16384}
    assert {(case.config.dropout, case.config.attention_dropout) for case in found} == {(0.0, 0.0)}
    assert [case.config.positions for case in found] == [1024, 1024, 512, 1024]  # 2.3b has 512 of its own
    assert {case.model for case in bench.cases(OPTIONS, gpu=False)} == {"tiny"}


def test_a_microbatch_has_documents_of_one_length_and_15_percent_to_predict(monkeypatch):
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    case = bench.cases(OPTIONS, gpu=False)[0]
    ids, cu_seqlens, longest, positions, labels = bench.microbatch(case, torch.device("cpu"))
    assert (len(ids), longest, cu_seqlens.tolist()) == (2048, 512, [0, 512, 1024, 1536, 2048])
    assert len(positions) == len(labels) == 4 * 76  # int(0.15 * 512)
    assert (positions.diff() > 0).all()


def test_a_line_of_the_table_has_the_figures_that_follow_from_the_speed():
    case = bench.cases(OPTIONS, gpu=True)[1]
    # 3.481 GFLOP a token (tests/trainer/test_sizes.py) at 100,000 tokens a second: 348.1 TFLOP/s of 989.4
    measured = bench.Measured(100_000.0, 61.5, 5.0)
    names = bench.COLUMNS.split(" | ")
    cells = bench.line(case, measured, 8, "NVIDIA H100", 989.4).split(" | ")
    shown = dict(zip(names, cells, strict=True))
    assert shown["MFU"] == "35.18%"
    assert shown["Model TFLOP"] == "348.1"
    assert shown["Throughput (T/s)"] == "800,000"
    assert shown["Throughput (S/s)"] == "781.2"  # 800,000 / 1,024
    assert shown["GlobalBatchSize"] == "512"  # 16 documents, 4 microbatches, 8 GPUs
    assert shown["GlobalBatchSize (T)"] == "524,288"
    assert shown["NumParams"] == "738,174,960"


class Engine:
    def destroy(self):
        pass


@pytest.mark.parametrize(("room", "fitting"), [(32, 32), (9, 8), (1, 1), (0, None)])
def test_microbatches_are_halved_until_they_fit(room, fitting, monkeypatch):
    def measure(_engine, case, _steps, _device):
        if case.documents > room:
            raise torch.cuda.OutOfMemoryError
        return bench.Measured(1.0, 1.0, 1.0)

    monkeypatch.setattr(bench, "build", lambda _case, _device: Engine())
    monkeypatch.setattr(bench, "measure", measure)
    fitted = bench.fit(bench.cases(OPTIONS, gpu=True)[0], 1, gpu=False)
    assert (fitted and fitted[0].documents) == fitting


def test_weights_that_do_not_fit_are_tried_once(monkeypatch):
    tried = []

    def build(case, _device):
        tried.append(case.documents)
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(bench, "build", build)
    assert bench.fit(bench.cases(OPTIONS, gpu=True)[0], 1, gpu=False) is None
    assert tried == [32]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="would measure the GPU")
def test_without_a_gpu_it_runs_on_tiny_and_says_so():
    pytest.importorskip("deepspeed")
    command = [sys.executable, "-m", "bench.trainer", "--steps", "1", "--lengths", "128"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": "29583"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == bench.NO_GPU
    assert [line.split(" | ")[0] for line in lines if " | " in line] == ["Model", "tiny"]
    assert done.stdout.count("not measured") == 3
