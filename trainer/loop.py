"""The loop: batch, step, look at it, log it, save it; until the last step or a wish to stop."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from schemas.version import VERSION
from trainer.checkpoints import Checkpoints, RunState
from trainer.config import PretrainConfig
from trainer.encoder_config import EncoderConfig
from trainer.engine import Engine, seed_of
from trainer.logs import Log, Progress
from trainer.measure import ALL, Measure
from trainer.schedules import learning_rate
from trainer.speed import WindowSums, figures, peak_tflops
from trainer.state import StreamState
from trainer.stream import Batch, Stream
from trainer.strict import plain
from trainer.watch import StopWish, Watch
from trainer.world import World

Ended = Literal["done", "stopped"]


@dataclass(slots=True)
class Totals:
    """Of a run on all its ranks and resumes."""

    tokens: int = 0
    seconds: float = 0.0
    first_loss: float | None = None
    last_loss: float | None = None


class Run:
    """A run from where it stands; `train` does the work, the attributes are what is left to report."""

    def __init__(
        self,
        config: PretrainConfig,
        model: EncoderConfig,
        world: World,
        engine: Engine,
        *,
        stream: Stream,
        folder: Path,
        measure: Measure | None,
        progress: Progress,
        log: Log | None,
    ) -> None:
        """`log`: of rank 0 alone; `measure`: None where nothing is measured."""
        self.config, self.model, self.world = config, model, world
        self.engine, self.stream, self.folder = engine, stream, folder
        self.measure, self.progress, self.log = measure, progress, log
        self.checkpoints = Checkpoints(folder, config.checkpoints.keep)
        self.watch = Watch(config, world, folder)
        self.step = 0
        self.totals = Totals()
        self.measured: dict[str, float] = {}
        self.measured_first: dict[str, float] = {}
        self.wish: str | None = None
        self._sums = WindowSums()
        self._pending: tuple[StreamState, Batch] | None = None
        self._saved_step = -1
        self._window_loss = float("inf")
        self._peak = config.log.peak_tflops or peak_tflops(world.device, config.precision)

    def go_on_from(self, state: RunState) -> None:
        """Take over the figures of a checkpoint; weights and stream are the caller's."""
        self.step = self._saved_step = state.step
        self.totals = Totals(state.tokens, state.seconds, state.first_loss)
        self.measured, self.measured_first = state.measured, state.measured_first

    def train(self) -> Ended:
        """Train to the last step; DivergedError if the numbers go wrong. Saves at the end, whichever."""
        if not self.measured_first and self.step == 0:
            self.measured_first = self._measure()
        with StopWish() as wish:
            while self.step < self.config.last_step:
                stop = self._one_step(wish)
                if self.step % self.config.log.every == 0 or self.step == self.config.last_step:
                    self._end_window()
                if self.step % self.config.checkpoints.every == 0 or self.step == self.config.last_step:
                    self._save()
                elif stop:
                    self._save()
                    return "stopped"
        return "done"

    def next_loss(self) -> float:
        """Of the next batch, without dropout and before it is trained on."""
        _, batch = self._peek()
        return loss_without_dropout(self.engine, batch)

    def _one_step(self, wish: StopWish) -> bool:
        """One update; whether any rank is to stop after it."""
        began = time.perf_counter()
        _, batch = self._peek()
        self._pending = None
        told = self.world.gather_ints([batch.n_masked, len(batch.microbatches)])
        n_masked, passes = sum(n for n, _ in told), max(1, *(n for _, n in told))
        rate = self.learning_rate(self.step)
        torch.manual_seed(seed_of(self.config.seed, "dropout", self.step, self.world.rank))
        parts = self.engine.step(batch.microbatches, n_masked, passes, rate).tolist()
        loss, wishes = self.world.sums([sum(parts), float(wish.came is not None)])
        loss /= max(n_masked, 1)
        norm, skipped = self.engine.grad_norm, self.engine.skipped
        self.watch.check(batch.position, loss, norm, skipped=skipped, rows=batch.microbatches, losses=parts)
        self.step += 1
        self._sums.add(batch.microbatches, time.perf_counter() - began, loss, norm, skipped)
        self.totals.last_loss = loss
        if self.totals.first_loss is None:
            self.totals.first_loss = loss
        if self.world.first:
            self.progress.step(self.step, loss)
        if wishes:
            self.wish = wish.came or "the wish of another rank"
        return wishes > 0

    def learning_rate(self, step: int) -> float:
        """That of the update after `step` updates."""
        return learning_rate(self.config.schedule, self.config.optimizer.lr, step, self.model.hidden)

    def _peek(self) -> tuple[StreamState, Batch]:
        """The next batch, and the stream's state before it."""
        if self._pending is None:
            state = self.stream.state()
            self._pending = state, next(self.stream)
        return self._pending

    def _end_window(self) -> None:
        everyones = self.world.gather((self._sums, self.stream.window()))
        found = figures([s for s, _ in everyones], [w for _, w in everyones], self.model, self._peak)
        self._sums = WindowSums()
        self.totals.tokens += found.tokens
        self.totals.seconds += found.seconds
        self._window_loss = found.loss
        if self.log is not None:
            rate = self.learning_rate(self.step - 1)
            epoch = self.stream.state().position.epoch
            self.log.window(self.step, epoch, rate, self.engine.loss_scale, found)
            self.progress.window(self.step, rate, found)

    def _measure(self) -> dict[str, float]:
        if self.measure is None:
            return {}
        losses = self.measure.losses(self.engine)
        if self.log is not None:
            self.log.measured(self.step, losses)
            self.progress.say(f"step {self.step:,}: measured loss {losses[ALL]:.4f}")
        self.measured = losses
        return losses

    def _save(self) -> None:
        if self.step == self._saved_step:
            return
        if self._sums.steps:
            self._end_window()
        measured = self._measure()
        stream, _ = self._peek()
        state = RunState(
            step=self.step,
            stream=stream.to_json(),
            next_loss=self.next_loss(),
            world_size=self.world.size,
            zero_stage=self.config.zero.stage,
            precision=self.config.precision,
            model=plain(self.model),
            optimizer=self.config.optimizer.name,
            score=measured.get(ALL, self._window_loss),
            tokens=self.totals.tokens,
            seconds=self.totals.seconds,
            first_loss=self.totals.first_loss,
            measured=measured,
            measured_first=self.measured_first,
            software=VERSION,
        )
        path = self.checkpoints.save(self.engine, state, self.stream.snapshot.to_json())
        self._saved_step = self.step
        if self.world.first:
            self.progress.say(f"saved {path}")


def loss_without_dropout(engine: Engine, batch: Batch) -> float:
    """The mean loss of a global batch, of which each rank has its share."""
    told = engine.world.gather_ints([batch.n_masked, len(batch.microbatches)])
    losses = engine.losses(batch.microbatches, max(n for _, n in told))
    return engine.world.sums([sum(losses)])[0] / max(sum(n for n, _ in told), 1)


def saved_stream(stream: Stream, tokenizer: str, state: StreamState) -> Stream:
    """A stream like this one that gives the batch after a saved state, whatever was changed since."""
    config = dataclasses.replace(
        stream.config,
        batch_rows=state.batch_rows,
        max_tokens=state.max_tokens,
        microbatch_tokens=max(stream.config.microbatch_tokens, state.max_tokens),
        masking=dataclasses.replace(
            stream.config.masking,
            rate=state.masking[0],
            masked=state.masking[1],
            random=state.masking[2],
        ),
        workers=0,
    )
    made = Stream(stream.snapshot, tokenizer, config, rank=stream.rank, world_size=stream.world_size)
    made.load_state(state)
    return made
