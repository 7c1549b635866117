"""Peers, each in an environment of its own that is made once, so that their pins do not touch ours."""

import subprocess
import sys
import venv
from pathlib import Path

DATATROVE = ("datatrove[io]==0.10.1", "regex", "tokenizers", "xxhash<4")
"""The last three: its de-duplication imports them without asking for them."""

NUM2WORDS2 = ("num2words2==1.0.20",)


def peer_python(name: str, requirements: tuple[str, ...], cache: Path) -> Path | None:
    """The Python of an environment with these requirements; None, said on stderr, when it cannot be made."""
    folder = cache / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        print(f"installing {name} (once)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *requirements,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name} is left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return None
        ready.touch()
    return python


def datatrove_dedup(python: Path, source: Path, work: Path, tasks: int) -> int:
    """Documents that datatrove's exact de-duplication leaves."""
    script = Path(__file__).with_name("datatrove_dedup.py")
    command = [str(part) for part in (python, script, source, work, tasks)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)
