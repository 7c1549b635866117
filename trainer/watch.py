"""What stops a run: a loss that is not a number, gradients that overflow again and again, a resume that did
not come back, and the wish of the user or the scheduler.

A stopped run names the step and the rows in hand (all of them in RUN/stopped.json), and saves nothing: the
checkpoints before it are good.
"""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from trainer.batches import Pieces
from trainer.config import PretrainConfig
from trainer.errors import DivergedError, StateError
from trainer.state import Position

if TYPE_CHECKING:
    from trainer.world import World

FILE = "stopped.json"
_FP32, _HALF = 1e-4, 1e-2
_SHOWN = 8


@dataclass(slots=True)
class Watch:
    """Looks at each step."""

    config: PretrainConfig
    world: World
    run: Path
    overflows: int = 0
    """In a row."""

    def check(
        self,
        position: Position,
        loss: float,
        grad_norm: float,
        *,
        skipped: bool,
        rows: Sequence[Pieces],
        losses: Sequence[float],
    ) -> None:
        """DivergedError on every rank, said by the first one, if this step must be the last.

        `rows`, `losses`: this rank's microbatches and the sum of each. All ranks see the same loss and norm.
        """
        self.overflows = self.overflows + 1 if skipped else 0
        number = position.step + 1
        if not math.isfinite(loss):
            self._stop(position, f"the loss of step {number} is {loss}", rows, losses)
        if self.overflows >= self.config.watch.overflows:
            what = f"gradients overflowed in {self.overflows} steps in a row, the last was step {number}"
            self._stop(position, what, rows, losses)
        if not skipped and not math.isfinite(grad_norm):
            what = f"the gradient's norm of step {number} is {grad_norm}"
            self._stop(position, what, rows, losses)

    def check_resumed(self, saved: float, now: float) -> None:
        """DivergedError unless the next loss is the one that was saved."""
        allowed = self.config.watch.resume_tolerance
        if allowed is None:
            allowed = _FP32 if self.config.precision == "fp32" else _HALF
        if not abs(now - saved) <= allowed * abs(saved):
            raise DivergedError(
                f"the next loss is {now:.6f} after the resume, and was {saved:.6f} when it was saved",
                why="weights, data or code are not those that were saved "
                f"(allowed: {allowed:g} of the loss, watch.resume_tolerance)",
                do="go on from another checkpoint (move the newest away), with the software that wrote it",
            )

    def _stop(self, position: Position, what: str, rows: Sequence[Pieces], losses: Sequence[float]) -> None:
        mine: list[dict[str, Any]] = [
            {"rank": self.world.rank, "loss_sum": loss, "seq_ids": sorted({int(n) for n in part.seq_ids})}
            for part, loss in zip(rows, losses, strict=True)
        ]
        everyones = [one for rank in self.world.gather(mine) for one in rank]
        bad = [one for one in everyones if not math.isfinite(one["loss_sum"])] or everyones
        file = self.run / FILE
        if self.world.first:
            told = {"what": what, "step": position.step + 1, "epoch": position.epoch, "row": position.row}
            told["microbatches"] = [{**one, "loss_sum": repr(one["loss_sum"])} for one in everyones]
            file.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
        ids = sorted({n for one in bad for n in one["seq_ids"]})
        shown = ", ".join(map(str, ids[:_SHOWN])) + (
            f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        )
        raise DivergedError(
            f"{what}; rows in hand: seq_id {shown}",
            where=str(file),
            why="nothing was saved at this step",
            do="look at these rows; then --resume, with --set optimizer.lr=X if it comes again",
        )


class StopWish:
    """Whether SIGTERM or Ctrl-C came; a second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.came: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopWish:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.came is not None:
            raise KeyboardInterrupt
        self.came = signal.Signals(number).name


def check_same(saved: dict[str, Any], here: dict[str, Any]) -> None:
    """StateError, naming all that differs, unless a run goes on as what it was."""
    wrong = [name for name in saved if saved[name] != here[name]]
    if wrong:
        told = "; ".join(f"{name} was {saved[name]!r} and is {here[name]!r}" for name in wrong)
        raise StateError(
            f"the checkpoint is of another run: {told}",
            why="its optimizer state would not fit",
            do="set them as they were, or begin a new run with its weights: --init CHECKPOINT --out NEW",
        )
