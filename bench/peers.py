"""Peers, each in an environment of its own that is made once, so that their pins do not touch ours."""

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

DATATROVE = ("datatrove[io]==0.10.1", "regex", "tokenizers", "xxhash<4")
"""The last three: its de-duplication imports them without asking for them."""

HF_DATASETS = ("datasets==5.2.0", "tokenizers==0.23.3")

NUM2WORDS2 = ("num2words2==1.0.20",)

AS_SCRIPT = "-P"
"""Keeps Python from looking for modules beside the script: tokenize.py here is not the standard library's."""


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
    command = [str(part) for part in (python, AS_SCRIPT, script, source, work, tasks)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a tokenising peer says of its run."""

    rows: int
    bytes: int
    """Of UTF-8 text."""
    tokens: int
    cpu_s: float
    """CPU seconds of its process and its children, start and loading left out."""

    @property
    def mb_per_cpu_s(self) -> float:
        """Megabytes of text a CPU second."""
        return self.bytes / 1e6 / self.cpu_s


def sentencepiece_loop(folder: Path, model: Path, given: str) -> Encoded:
    """SentencePiece alone over a folder of Parquet, in a process of our own Python; `given`: bytes or
    strings."""
    script = Path(__file__).with_name("sentencepiece_loop.py")
    return _encoded(sys.executable, AS_SCRIPT, script, folder, model, given)


def datatrove_tokens(python: Path, folder: Path, pieces: Path, work: Path, share: float) -> Encoded:
    """datatrove's tokenizer step over that share of a folder of Parquet."""
    script = Path(__file__).with_name("datatrove_tokens.py")
    return _encoded(python, AS_SCRIPT, script, folder, pieces, work, share)


def hf_datasets_stream(python: Path, folder: Path, pieces: Path, share: float) -> Encoded:
    """HF datasets streaming and HF tokenizers over that share of a folder of Parquet."""
    script = Path(__file__).with_name("hf_datasets_stream.py")
    return _encoded(python, AS_SCRIPT, script, folder, pieces, share)


def _encoded(*command: object) -> Encoded:
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    return Encoded(**json.loads(done.stdout))
