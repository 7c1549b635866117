"""Two runs never write into one folder; a run that was killed leaves nothing that has to be removed."""

import subprocess
import sys

import pytest

from trainer.claim import claimed, shows
from trainer.errors import ConfigError

HOLD = "import sys; from pathlib import Path; from trainer.claim import claimed, shows\n"
HOLD += "with claimed(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """A process that holds a folder until its input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_holds_is_refused_and_the_process_named(holder, tmp_path):
    with (
        pytest.raises(ConfigError, match=f"process {holder.pid} on .* trains there"),
        claimed(tmp_path / "run"),
    ):
        pass
    with claimed(tmp_path / "another"):
        pass


def test_the_folder_is_free_when_its_process_ends(holder, tmp_path):
    holder.stdin.close()
    holder.wait()
    with claimed(tmp_path / "run"):
        pass


def test_and_when_it_is_killed(holder, tmp_path):
    holder.kill()
    holder.wait()
    with claimed(tmp_path / "run"):
        pass


def test_a_file_system_without_locks_is_trusted(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with claimed(tmp_path / "run"):
        pass


def test_only_the_folder_that_is_held_shows_its_holder(tmp_path):
    with claimed(tmp_path / "run") as holder:
        assert shows(tmp_path / "run", holder)
        assert not shows(tmp_path / "elsewhere", holder, 0.1)
        # With POSIX's own locks the one who looked would have let go of it.
        command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert "trains there" in tried.stderr
    with claimed(tmp_path / "elsewhere") as other:  # left by another run on a node's own disk
        pass
    assert not shows(tmp_path / "elsewhere", holder + other, 0.1)
