"""Processes of a run as a launcher would start them, without one: two Pythons fewer import torch."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TINY = {
    "model": {
        "layers": 2,
        "hidden": 16,
        "inner": 32,
        "heads": 2,
        "head_size": 8,
        "positions": 32,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    "optimizer": {"name": "adamw", "lr": 0.01},
    "schedule": {"name": "linear", "warmup_steps": 2, "total_steps": 8, "floor": 0.001},
    "batch": {"rows": 10, "max_tokens": 32, "microbatch_tokens": 128},
    "precision": "fp32",
    "zero": {"stage": 1},
    "data": {"lanes": 3},
    "checkpoints": {"every": 100},
    "log": {"every": 1},
    "measure": {"rows": 60},
}
"""A model that trains in milliseconds on rows of `releases.make_release`."""


@dataclass(frozen=True)
class Ended:
    """All ranks of a run."""

    code: int
    out: str
    err: str


def start(
    n: int, *arguments: str, env: dict[str, str] | None = None, folders: list[Path] | None = None
) -> list[subprocess.Popen]:
    """n ranks of `python ARGUMENTS`; `folders`: where each runs."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        **(env or {}),
    }
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(n)}
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folders[rank] if folders else None,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(n)
    ]


def end(ranks: list[subprocess.Popen], timeout: float = 300) -> Ended:
    """Wait for all; what they said, one rank behind the other."""
    try:
        said = [one.communicate(timeout=timeout) for one in ranks]
    finally:
        for one in ranks:
            one.kill()
    codes = {one.returncode for one in ranks}
    return Ended(max(codes, key=abs), "".join(out for out, _ in said), "".join(err for _, err in said))


def pretrain(n: int, config: Path, made, out: Path, *options: str) -> Ended:
    """`teacher pretrain` on n ranks."""
    return end(start_pretrain(n, config, made, out, *options))


def start_pretrain(n: int, config: Path, made, out: Path, *options: str) -> list[subprocess.Popen]:
    """The same, still running."""
    command = ["-m", "trainer.cli", "pretrain", str(config), "--data", str(made.release), "--out", str(out)]
    return start(n, *command, *options)


def write_config(folder: Path, **changes) -> Path:
    """TINY with some sections changed, as a file."""
    values = {name: {**v, **changes.get(name, {})} if isinstance(v, dict) else v for name, v in TINY.items()}
    values |= {name: v for name, v in changes.items() if not isinstance(TINY.get(name), dict)}
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), "utf-8")
    return path
