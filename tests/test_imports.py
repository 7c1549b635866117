"""Both commands answer --help at once: what costs seconds to import waits for the command that needs it."""

import subprocess
import sys
import time

import pytest

HEAVY = {"pyspark", "torch", "pandas", "transformers", "deltalake", "py3langid"}
COMMANDS = ["spark_jobs.cli", "trainer.cli"]


@pytest.mark.parametrize("module", COMMANDS)
def test_importing_a_command_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert module in loaded.split()
    assert {name.partition(".")[0] for name in loaded.split()} & HEAVY == set()


def test_settings_of_a_training_run_are_read_without_torch():
    code = "import sys, trainer.pretrain; print('torch' in sys.modules, 'deepspeed' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False False\n"


@pytest.mark.parametrize("module", COMMANDS)
def test_help_answers_within_a_second(module):
    command = [sys.executable, "-m", module, "--help"]
    seconds = []
    for _ in range(3):  # the best of three: the first one compiles, and other work may run beside
        start = time.perf_counter()
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds.append(time.perf_counter() - start)
    assert said.startswith("usage: ")
    assert min(seconds) < 1
