"""Checkpoints of a run: written whole or not at all, the last few and the best kept, for any number of ranks.

    RUN/checkpoints/step-00001000/
        model/           DeepSpeed's own files: weights and optimizer state, in pieces by rank
        snapshot.json    which files of the release, by hash
        trainer.json     where the run stands, and the loss that has to come next

A checkpoint is written beside its place and renamed when all ranks have written and all is on disk: what has
a name can be loaded. Weights and optimizer are read by as many ranks as wrote them; for another
number they are rewritten once as DeepSpeed's universal checkpoint, which is deleted when it was read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError, StateError, TeacherError

if TYPE_CHECKING:
    from torch import Tensor

    from trainer.engine import Engine

FOLDER = "checkpoints"
STATE, SNAPSHOT, MODEL = "trainer.json", "snapshot.json", "model"
VERSION = 1
"""Of trainer.json."""
_NAME = re.compile(r"step-(\d{8,})")
_SMALL = 2 << 30  # bytes that are converted by one process


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """Where a run stands, and what it has to be compared with when it goes on."""

    step: int
    """Updates that were made."""
    stream: str
    """`StreamState.to_json()`: three whole numbers and fingerprints."""
    next_loss: float
    """Of the next batch before it is trained on, without dropout."""
    world_size: int
    zero_stage: int
    precision: str
    model: dict[str, Any]
    """`EncoderConfig`."""
    optimizer: str
    score: float
    """Measured loss, or that of the last window: the least is the best checkpoint."""
    tokens: int = 0
    """Of all steps so far."""
    seconds: float = 0.0
    """Of training so far, on all runs of it."""
    first_loss: float | None = None
    """Of the run's first step."""
    measured: dict[str, float] = field(default_factory=dict)
    """Loss by language now; `all` of all together."""
    measured_first: dict[str, float] = field(default_factory=dict)
    """And before the first step."""
    software: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was written to its end."""

    path: Path
    state: RunState

    @property
    def snapshot(self) -> str:
        """`Snapshot.to_json()` of the release."""
        return (self.path / SNAPSHOT).read_text("utf-8")


class Checkpoints:
    """Those of a run's folder; every rank has one, rank 0 makes and removes."""

    def __init__(self, run: Path, keep: int) -> None:
        self.folder = run / FOLDER
        self.keep = keep

    def all(self) -> list[Checkpoint]:
        """The complete ones, oldest first."""
        found = [path for path in self.folder.glob("step-*") if _NAME.fullmatch(path.name)]
        return sorted((read_checkpoint(path) for path in found), key=lambda one: one.state.step)

    def newest(self) -> Checkpoint | None:
        """The one to go on from."""
        held = self.all()
        return held[-1] if held else None

    def best(self) -> Checkpoint | None:
        """The one of the least score; of equals the newest."""
        return min(reversed(self.all()), key=lambda one: one.state.score, default=None)

    def clean(self) -> None:
        """Remove what an interrupted save or conversion left."""
        for left in [*self.folder.glob(".saving-*"), *self.folder.glob(".universal-*")]:
            shutil.rmtree(left)

    def save(self, engine: Engine, state: RunState, snapshot: str) -> Path:
        """Write a checkpoint on all ranks and remove those that are no longer kept; its folder."""
        path = self.folder / f"step-{state.step:08}"
        making = self.folder / f".saving-{state.step:08}"
        world = engine.world
        if world.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
        world.barrier()
        try:
            engine.save(making, MODEL)
        except (OSError, RuntimeError) as error:
            raise TeacherError(
                f"the checkpoint of step {state.step} could not be written: {error}",
                where=str(making),
                do="see that the disk has room; the checkpoints before it are whole",
            ) from error
        world.barrier()
        if world.first:
            (making / SNAPSHOT).write_text(snapshot, "utf-8")
            values = {"version": VERSION, **dataclasses.asdict(state)}
            (making / STATE).write_text(json.dumps(values, indent=1) + "\n", "utf-8")
            _to_disk(making)
            shutil.rmtree(path, ignore_errors=True)
            making.rename(path)
            _to_disk(self.folder, deep=False)
            self._remove_old()
        world.barrier()
        return path

    def load(self, engine: Engine, checkpoint: Checkpoint) -> None:
        """Weights and optimizer state into an engine, which was made `universal` where `converts` says so."""
        world = engine.world
        if not converts(checkpoint, world.size):
            engine.load(checkpoint.path, MODEL)
            return
        folder = self.folder / f".universal-{checkpoint.state.step:08}"
        world.agree(lambda: to_universal(checkpoint.path / MODEL, folder / MODEL))
        engine.load(folder, MODEL)
        world.barrier()
        if world.first:
            shutil.rmtree(folder)

    def _remove_old(self) -> None:
        held, best = self.all(), self.best()
        for one in held[: -self.keep]:
            if best is None or one.path != best.path:
                # A folder without its name is no checkpoint, and neither is a removal that was cut short.
                gone = one.path.with_name(f".saving-{one.state.step:08}")
                one.path.rename(gone)
                shutil.rmtree(gone)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a folder; StateError for anything else."""
    try:
        values = json.loads((path / STATE).read_text("utf-8"))
        version = values.pop("version")
        if version != VERSION:
            raise StateError(f"{STATE} has version {version!r}, accepted: {VERSION}", where=str(path))
        return Checkpoint(path, RunState(**values))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateError(f"this is no checkpoint: {error!r}", where=str(path)) from error


def find_checkpoint(path: str) -> Checkpoint:
    """A checkpoint by its folder, or the newest of a run by the run's; ConfigError without one."""
    folder = Path(path)
    if (folder / STATE).exists():
        return read_checkpoint(folder)
    newest = Checkpoints(folder, 1).newest()
    if newest is None:
        accepted = "a folder such as runs/tiny-stage1, or one of its checkpoints"
        raise ConfigError("--init", path, accepted=accepted)
    return newest


def converts(checkpoint: Checkpoint, world_size: int) -> bool:
    """Whether a checkpoint is rewritten for this number of ranks; without ZeRO each rank holds all anyway."""
    return checkpoint.state.world_size != world_size and checkpoint.state.zero_stage > 0


def read_weights(checkpoint: Checkpoint, *, lazy: bool = False) -> dict[str, Tensor]:
    """The weights in FP32, whole, on the CPU; of any ZeRO stage and number of ranks.

    `lazy`: of ZeRO 3 each is made whole by its `contiguous()` only. Files are mapped, so the ranks of a node
    share one copy of them, and none of them holds a second model beside its own.
    """
    import torch

    from trainer.world import quiet_deepspeed, quietly

    model = checkpoint.path / MODEL
    if checkpoint.state.zero_stage == 0:
        # weights_only would refuse DeepSpeed's own classes beside the weights: these files are our own.
        file = model / "mp_rank_00_model_states.pt"
        held = torch.load(file, map_location="cpu", weights_only=False, mmap=True)
        return {name: tensor.float() for name, tensor in held["module"].items()}
    quiet_deepspeed()
    from deepspeed.utils import zero_to_fp32

    with quietly(), contextlib.redirect_stderr(io.StringIO()):  # its bars
        found: dict[str, Tensor] = zero_to_fp32.get_fp32_state_dict_from_zero_checkpoint(
            str(checkpoint.path), MODEL, lazy_mode=lazy
        )
    return found


def to_universal(source: Path, target: Path) -> None:
    """Rewrite DeepSpeed's pieces by rank as one file a parameter; takes the checkpoint's room once more."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.mkdir(parents=True)
    options = {"input_folder": str(source), "output_folder": str(target)}
    if sum(file.stat().st_size for file in source.iterdir()) < _SMALL:
        from deepspeed.checkpoint import ds_to_universal

        from trainer.world import quietly

        with quietly(), contextlib.redirect_stderr(io.StringIO()):  # its bars
            ds_to_universal.main(
                Namespace(
                    **options,
                    num_extract_workers=1,
                    num_merge_workers=1,
                    keep_temp_folder=False,
                    strict=True,
                    inject_missing_state=True,
                )
            )
        return
    named = [part for name, value in options.items() for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", *named, "--inject_missing_state"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TeacherError(
            "the checkpoint could not be rewritten for another number of ranks",
            where=str(source),
            why=done.stderr.strip().rpartition("\n")[2],
            do="go on with as many ranks as wrote it, or see that the disk has room for it once more",
        )


def _to_disk(folder: Path, *, deep: bool = True) -> None:
    """Have the system write a folder and its files out; a rename before that could name an empty file."""
    paths = [*folder.rglob("*"), folder] if deep else [folder]
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
