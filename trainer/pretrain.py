"""`teacher pretrain`: a run from its settings, its release, and what there is of it already."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.version import VERSION
from trainer.checkpoints import Checkpoint, Checkpoints, find_checkpoint
from trainer.claim import claimed, shows
from trainer.config import PretrainConfig, load_config
from trainer.data_command import chosen_reads
from trainer.encoder_config import EncoderConfig
from trainer.errors import ConfigError, StateError
from trainer.logs import CURVE, Log, Progress, draw_curve, in_words
from trainer.release import Release, find_tokenizer, read_release
from trainer.snapshot import Snapshot, open_snapshot, snapshot_of
from trainer.state import state_of
from trainer.strict import plain
from trainer.watch import FILE as STOPPED
from trainer.watch import check_same

SUMMARY, SETTINGS = "summary.json", "config.yaml"


def pretrain(options: argparse.Namespace) -> dict[str, Any] | None:
    """Do the run; its summary on rank 0, None on the others. What can be refused is refused first."""
    config = load_config(options.config, options.set)
    if options.steps is not None:
        config = dataclasses.replace(config, steps=options.steps)
    folder = Path(options.out or f"runs/{Path(options.config).stem}-stage{options.stage}")
    checkpoints = Checkpoints(folder, config.checkpoints.keep)
    resumed = checkpoints.newest()
    if resumed is not None and not options.resume:
        raise ConfigError(
            "--out",
            str(folder),
            accepted="a new or empty folder, or --resume",
            why=f"a run stands there at step {resumed.state.step:,}",
        )
    if resumed is None and options.init:
        find_checkpoint(options.init)
    release = read_release(options.data)
    tokenizer = options.tokenizer or find_tokenizer(release) or _only_tokenizer(release)
    from trainer.world import start, stop

    with contextlib.ExitStack() as held:
        world = start()
        held.callback(stop)
        holder = world.agree(lambda: held.enter_context(claimed(folder)))
        _check_shared(folder, holder, world)
        return _Session(options, config, folder, release, tokenizer, resumed, world).run()


def _check_shared(folder: Path, holder: str, world: Any) -> None:
    """ConfigError where a rank sees another folder: checkpoints would lie there in parts."""
    seen = world.gather_ints([shows(folder, holder)])
    blind = [rank for rank, [sees] in enumerate(seen) if not sees]
    if blind:
        raise ConfigError(
            "--out",
            str(folder),
            accepted="a folder that all ranks see",
            why=f"rank {blind[0]} does not see what rank 0 writes there",
            do="use a file system that all nodes share",
        )


@dataclass(slots=True)
class _Session:
    """What stands fixed once the processes have found one another."""

    options: argparse.Namespace
    config: PretrainConfig
    folder: Path
    release: Release
    tokenizer: str
    resumed: Checkpoint | None
    world: Any

    def run(self) -> dict[str, Any] | None:
        from trainer.engine import check_device
        from trainer.measure import Measure, measured_snapshot

        config, world = self.config, self.world
        check_device(config, world)
        step = self.resumed.state.step if self.resumed else 0
        if len({n for [n] in world.gather_ints([step])}) > 1:
            raise ConfigError(
                "--out",
                str(self.folder),
                accepted="a folder that all ranks see",
                why="they find other runs there",
            )
        progress = Progress(step, config.last_step)
        snapshot = snapshot_of(world.agree(self._pinned), self.release.uri)
        stream, model = self._stream(snapshot)
        if world.first:
            self._say_what_comes(progress, snapshot, model)
            Checkpoints(self.folder, 1).clean()
        world.barrier()
        engine = self._engine(model, stream)
        measure = None
        if config.measure.rows:
            apart = snapshot_of(world.agree(lambda: measured_snapshot(self.release, snapshot).to_json()))
            measure = Measure(apart, self.tokenizer, config, world)
        from trainer.loop import Run

        run = Run(
            config,
            model,
            world,
            engine,
            stream=stream,
            folder=self.folder,
            measure=measure,
            progress=progress,
            log=None,
        )
        if self.resumed is not None:
            self._resume(run, progress)
        if world.first:  # not before: a resume that is refused changes nothing
            self._write_settings(model)
            run.log = Log(self.folder, snapshot.languages, step, tensorboard=config.log.tensorboard)
        try:
            ended = run.train()
        finally:
            stream.close()
            if run.log is not None:
                run.log.close()
        if not world.first:
            return None
        return self._finish(run, ended, measure.split if measure else None, progress)

    def _pinned(self) -> str:
        """The snapshot as JSON: that of the checkpoint, looked at again, or a new one."""
        if self.resumed is not None:
            snapshot = snapshot_of(self.resumed.snapshot, self.release.uri)
            if snapshot.stage != f"stage{self.options.stage}":
                raise StateError(
                    f"the run is of {snapshot.stage}, asked for was stage{self.options.stage}",
                    where=str(self.folder),
                    do="another stage is a run of its own: --init CHECKPOINT --out NEW",
                )
            snapshot.verify()
            return snapshot.to_json()
        reads = chosen_reads(self.release, self.options)
        return open_snapshot(self.release, stage=self.options.stage, reads=reads).to_json()

    def _stream(self, snapshot: Snapshot) -> tuple[Any, EncoderConfig]:
        from trainer.stream import Stream

        settings = self.config.stream()
        stream = Stream(snapshot, self.tokenizer, settings, rank=self.world.rank, world_size=self.world.size)
        return stream, dataclasses.replace(self.config.model, vocab_size=stream.vocab_size)

    def _engine(self, model: EncoderConfig, stream: Any) -> Any:
        """The engine, with the weights the run begins with or goes on from."""
        from trainer.checkpoints import converts, read_weights
        from trainer.engine import Engine, make_model

        weights, config = None, self.config
        if self.resumed is not None:
            state = self.resumed.state
            names = ("model", "optimizer", "zero_stage", "precision")
            here = (plain(model), config.optimizer.name, config.zero.stage, config.precision)
            told = dict(zip(names, here, strict=True))
            check_same(
                {name: _shape(getattr(state, name)) for name in names},
                {n: _shape(v) for n, v in told.items()},
            )
            universal = converts(self.resumed, self.world.size)
        else:
            universal = False
            if self.options.init:
                source = find_checkpoint(self.options.init)
                ids = state_of(source.state.stream).tokenizer
                if ids != stream.state().tokenizer:
                    raise ConfigError(
                        "--init",
                        self.options.init,
                        accepted="a checkpoint of the same tokenizer",
                        why=f"its ids are of {ids[:12]}, those here of {stream.state().tokenizer[:12]}",
                    )
                weights = read_weights(source, lazy=True)
        made = make_model(model, config.seed, weights)
        return Engine(config, made, self.world, universal=universal)

    def _resume(self, run: Any, progress: Progress) -> None:
        """Load all that was saved, and see that the next loss is the saved one."""
        from trainer.loop import loss_without_dropout, saved_stream

        assert self.resumed is not None
        state = self.resumed.state
        stood = state_of(state.stream)
        run.stream.load_state(stood, self.options.changed)
        run.checkpoints.load(run.engine, self.resumed)
        run.go_on_from(state)
        with saved_stream(run.stream, self.tokenizer, stood) as stream:
            now = loss_without_dropout(run.engine, next(stream))
        run.watch.check_resumed(state.next_loss, now)
        if self.world.first:
            ranks = "" if state.world_size == self.world.size else f", saved by {_ranks(state.world_size)}"
            progress.say(
                f"going on from step {state.step:,}{ranks}: next loss {now:.6f}, saved {state.next_loss:.6f}"
            )

    def _say_what_comes(self, progress: Progress, snapshot: Snapshot, model: EncoderConfig) -> None:
        from trainer.sizes import non_embedding_count, parameter_count

        config = self.config
        how = f"{config.optimizer.name}, {config.precision}, ZeRO {config.zero.stage}"
        progress.say(
            f"{Path(self.options.config).stem}: {parameter_count(model):,} parameters, "
            f"{non_embedding_count(model):,} without embeddings; {how}, "
            f"{_ranks(self.world.size)} on {self.world.device.type}"
        )
        progress.say(
            f"{snapshot.stage} of release {snapshot.name}: {snapshot.rows:,} rows as {snapshot.reads}, "
            f"{config.batch.rows} a step, to step {config.last_step:,}; {self.folder}"
        )

    def _write_settings(self, model: EncoderConfig) -> None:
        import yaml

        self.folder.mkdir(parents=True, exist_ok=True)
        settings = plain(dataclasses.replace(self.config, model=model))
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        head = f"# teacher {VERSION}: every setting of this run; `teacher pretrain` takes it as CONFIG\n"
        (self.folder / SETTINGS).write_text(head + text, "utf-8")
        (self.folder / STOPPED).unlink(missing_ok=True)  # of a run that went on since

    def _finish(self, run: Any, ended: str, split: str | None, progress: Progress) -> dict[str, Any]:
        totals, best, newest = run.totals, run.checkpoints.best(), run.checkpoints.newest()
        from trainer.sizes import non_embedding_count, parameter_count

        drawn = draw_curve(self.folder)
        if not drawn:
            progress.say("no picture of the loss: pip install 'teacher-model[page]'")
        snapshot = run.stream.snapshot
        summary = {
            "ended": ended,
            "wish": run.wish,
            "software": VERSION,
            "run": str(self.folder),
            "release": snapshot.name,
            "stage": snapshot.stage,
            "fingerprint": snapshot.fingerprint,
            "tokenizer": run.stream.state().tokenizer,
            "init": self.options.init,
            "resumed_at": self.resumed.state.step if self.resumed else None,
            "ranks": self.world.size,
            "device": str(self.world.device.type),
            "parameters": parameter_count(run.model),
            "non_embedding_parameters": non_embedding_count(run.model),
            "step": run.step,
            "tokens": totals.tokens,
            "seconds": totals.seconds,
            "tokens_per_s": totals.tokens / totals.seconds if totals.seconds else None,
            "first_loss": totals.first_loss,
            "last_loss": totals.last_loss,
            "measured_on": split or snapshot.stage,
            "measured_before": run.measured_first,
            "measured_after": run.measured,
            "newest_checkpoint": str(newest.path) if newest else None,
            "best_checkpoint": str(best.path) if best else None,
            "curve": str(self.folder / CURVE) if drawn else None,
        }
        (self.folder / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
        return summary


def in_text(summary: dict[str, Any]) -> str:
    """The summary as a page of text."""
    before, after = summary["measured_before"], summary["measured_after"]
    lines = []
    if after:
        lines += [
            f"loss by language on rows of {summary['measured_on']}, nats a hidden token",
            f"{'':<6}{'before':>8}{'perplexity':>12}{'after':>10}{'perplexity':>12}",
            *(f"{lang:<6}{_loss(before.get(lang), 8)}{_loss(loss, 10)}" for lang, loss in after.items()),
            "",
        ]
    rate = f", {summary['tokens_per_s']:,.0f} a second" if summary["tokens_per_s"] else ""
    lines.append(
        f"{summary['ended']} at step {summary['step']:,}: {summary['tokens']:,} tokens in "
        f"{in_words(summary['seconds'])}{rate}"
    )
    if summary["ended"] == "stopped":
        lines.append(f"stopped by {summary['wish']}, saved; the same command with --resume goes on")
    lines.append(f"best checkpoint {summary['best_checkpoint']}")
    lines.append(f"log, curve and summary in {summary['run']}")
    return "\n".join(lines)


def _loss(loss: float | None, width: int) -> str:
    """A loss and its perplexity."""
    if loss is None:
        return f"{'-':>{width}}{'-':>12}"
    return f"{loss:>{width}.3f}{math.exp(min(loss, 99)):>12,.0f}"


def _only_tokenizer(release: Release) -> str:
    """The one tokenizer of the release's warehouse; ConfigError where there are none or several."""
    from trainer import storage

    shelf = storage.join(release.uri.rpartition("/releases/")[0] or ".", "tokenizers")
    held = storage.folders(shelf)
    if len(held) != 1:
        raise ConfigError(
            "--tokenizer",
            None,
            accepted=f"a folder such as {storage.join(shelf, held[0] if held else 'NAME')}",
            why=f"the warehouse has {len(held)} tokenizers, and the release no ids that would say which",
        )
    return storage.join(shelf, held[0])


def _shape(value: Any) -> Any:
    """What has to stay of a setting: how a model is computed may change, what it is may not."""
    if not isinstance(value, dict):
        return value
    free = ("dropout", "attention_dropout", "attention", "checkpointing", "compile")
    return {name: one for name, one in value.items() if name not in free}


def _ranks(n: int) -> str:
    return f"{n} rank{'s' if n > 1 else ''}"
