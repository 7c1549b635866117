"""Run by ranks (launch.py): several engines in one group of processes; rank 0 writes what came out as JSON.

A line of `losses` is a way to train: alone and by torch's own means, or by ZeRO on all ranks together.
"""

import dataclasses
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.batches import digest
from trainer.checkpoints import MODEL, read_weights, to_universal
from trainer.config import OptimizerConfig, PretrainConfig, ZeroConfig, load_config
from trainer.encoder_config import EncoderConfig
from trainer.engine import Engine, make_model, make_optimizer
from trainer.errors import ConfigError
from trainer.lamb import Lamb
from trainer.logs import Progress
from trainer.loop import Run
from trainer.snapshot import Snapshot, open_snapshot
from trainer.stream import Stream
from trainer.world import World, start, stop

STEPS = 15  # of ten rows: an epoch of 146 and a little


@dataclass(frozen=True)
class Given:
    """What all ways to train have in common; `config` may be another one."""

    config: PretrainConfig
    model: EncoderConfig
    snapshot: Snapshot
    tokenizer: str
    world: World
    out: Path

    def but(self, **changes):
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **changes))

    def stream(self, *, alone=False):
        place = {} if alone else {"rank": self.world.rank, "world_size": self.world.size}
        return Stream(self.snapshot, self.tokenizer, self.config.stream(), **place)

    def engine(self, seed=None):
        return Engine(self.config, make_model(self.model, seed or self.config.seed), self.world)

    def run(self, engine, folder):
        return Run(
            self.config,
            self.model,
            self.world,
            engine,
            stream=self.stream(),
            folder=self.out / folder,
            measure=None,
            progress=Progress(0, 1),
            log=None,
        )


def alone(given, steps):
    """Losses of torch without DeepSpeed on whole batches; the batches' hashes."""
    config = given.config
    encoder = make_model(given.model, config.seed)
    optimizer = make_optimizer(config.optimizer, encoder)
    losses, hashes = [], []
    with given.stream(alone=True) as stream:
        for _ in range(steps):
            batch = next(stream)
            optimizer.zero_grad()
            total = 0.0
            for part in batch.microbatches:
                loss = encoder(*tensors(part)) / batch.n_masked
                loss.backward()
                total += float(loss)
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), config.optimizer.clip)
            for group in optimizer.param_groups:
                group["lr"] = config.optimizer.lr
            optimizer.step()
            losses.append(total)
            hashes.append(digest(batch.microbatches))
    return losses, hashes, encoder


def tensors(part):
    arrays = [torch.from_numpy(a.copy()) for a in (part.ids, part.cu_seqlens, part.positions, part.labels)]
    return arrays[0], arrays[1], part.max_seqlen, *arrays[2:]


def together(given, steps, engine=None, state=None):
    """The same by an engine; also the rows each rank trained on, and how many microbatches it had."""
    world, rate = given.world, given.config.optimizer.lr
    engine = engine or given.engine()
    told = {"losses": [], "norms": [], "parts": [], "hashes": [], "rows": []}
    with given.stream() as stream:
        if state is not None:
            stream.load_state(state)
        for _ in range(steps):
            batch = next(stream)
            counts = world.gather_ints([batch.n_masked, len(batch.microbatches)])
            n_masked, passes = sum(n for n, _ in counts), max(n for _, n in counts)
            sums = engine.step(batch.microbatches, n_masked, passes, rate)
            told["losses"].append(world.sums([float(sums.sum())])[0] / n_masked)
            told["norms"].append(engine.grad_norm)
            told["parts"].append([n for _, n in counts])
            whole = [part for rank in world.gather(batch.microbatches) for part in rank]
            told["hashes"].append(digest(whole))
            told["rows"].append([int(n) for part in whole for n in part.seq_ids[part.piece == 0]])
        after = stream.state()
    return told, engine, after


def weights_of(given, engine):
    """The weights of an engine, saved and read back whole."""
    run = given.run(engine, "weights")
    run.step = 1
    run._save()
    weights, lazy = (read_weights(run.checkpoints.newest(), lazy=lazy) for lazy in (False, True))
    model = make_model(given.model, 99, lazy).state_dict()
    assert all(torch.equal(model[name], weights[name]) for name in model)
    return weights


def refused(given):
    """Messages for optimizers that must not be."""

    class FusedLamb(torch.optim.AdamW):
        """Named as DeepSpeed's."""

    told = []
    for kind, stage in ((FusedLamb, 1), (Lamb, 3)):
        model, config = make_model(given.model, 1), given.but(zero=ZeroConfig(stage=stage)).config
        try:
            Engine(config, model, given.world, kind(model.parameters()))
        except ConfigError as error:
            told.append(str(error))
    return told


def resumed(given):
    """Losses and norms behind a checkpoint, without a stop and from it; equal to the last bit, or not."""
    told = {}
    for stage in (1, 2, 3):
        one = given.but(zero=ZeroConfig(stage=stage))
        _, engine, state = together(one, 2)
        run = one.run(engine, f"resumed-{stage}")
        run.stream.load_state(state)
        run.step = 2
        run._save()
        whole, *_ = together(one, 2, engine, state)
        fresh = one.engine(seed=7)  # of other weights
        run.checkpoints.load(fresh, run.checkpoints.newest())
        again, *_ = together(one, 2, fresh, state)
        told[f"{stage}"] = [whole["losses"] + whole["norms"], again["losses"] + again["norms"]]
        told[f"{stage} universal"] = [told[f"{stage}"][0], universal(one, run.checkpoints, state)]
    return told


def universal(given, checkpoints, state):
    """The same through the form for other numbers of ranks."""
    folder = checkpoints.folder / "universal"
    source = checkpoints.newest().path / MODEL
    given.world.agree(lambda: to_universal(source, folder / MODEL))
    fresh = Engine(given.config, make_model(given.model, 7), given.world, universal=True)
    fresh.load(folder, MODEL)
    again, *_ = together(given, 2, fresh, state)
    return again["losses"] + again["norms"]


def overflowed(given):
    """Whether each of three steps was left out; the second has gradients without end. The last norm."""
    engine, skipped = given.engine(), []
    with given.stream() as stream:
        for scale in (given.world.size, math.inf, given.world.size):
            batch = next(stream)
            told = given.world.gather_ints([batch.n_masked, len(batch.microbatches)])
            engine.world = dataclasses.replace(given.world, size=scale)
            engine.step(batch.microbatches, sum(n for n, _ in told), max(n for _, n in told), 0.01)
            skipped.append(engine.skipped)
    return skipped, engine.grad_norm


def main(release, tokenizer, settings, out):
    world, config, snapshot = start(), load_config(settings), open_snapshot(release)
    given = Given(config, config.model, snapshot, tokenizer, world, Path(out))
    with given.stream() as stream:
        model = dataclasses.replace(config.model, vocab_size=stream.vocab_size)
    given = dataclasses.replace(given, model=model)
    lamb = OptimizerConfig(name="lamb", lr=0.01)
    found = {}
    found["alone"], found["hashes"], trained = alone(given, STEPS)
    found["lamb alone"], *_ = alone(given.but(optimizer=lamb), 4)
    for stage in (1, 2, 3):
        one = given.but(zero=ZeroConfig(stage=stage))
        found[f"zero {stage}"], engine, _ = together(one, STEPS if stage == 2 else 4)
        if stage == 2:
            weights, own = weights_of(one, engine), trained.state_dict()
            found["weights"] = max(float((weights[n] - own[n]).abs().max()) for n in own)
    for stage in (0, 1, 2):
        one = given.but(zero=ZeroConfig(stage=stage), optimizer=lamb)
        found[f"lamb {stage}"], *_ = together(one, 4)
    for stage in (1, 2, 3):
        one = given.but(zero=ZeroConfig(stage=stage), precision="bf16")
        found[f"bf16 {stage}"], *_ = together(one, 4)
        found[f"overflowed {stage}"] = [overflowed(one), overflowed(given.but(zero=ZeroConfig(stage=stage)))]
    found["refused"] = refused(given)
    found["resumed"] = resumed(given)
    if world.first:
        (given.out / "found.json").write_text(json.dumps(found), "utf-8")
    stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
