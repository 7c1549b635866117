"""Run by ranks (launch.py): several engines in one group of processes; rank 0 writes what came out as JSON.

A line of `losses` is a way to train: alone and by torch's own means, or by ZeRO on all ranks together.
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from trainer.batches import digest
from trainer.checkpoints import Checkpoints, read_weights
from trainer.config import OptimizerConfig, ZeroConfig, load_config
from trainer.engine import Engine, make_model, make_optimizer
from trainer.errors import ConfigError
from trainer.logs import Progress
from trainer.loop import Run
from trainer.snapshot import open_snapshot
from trainer.stream import Stream
from trainer.world import start, stop

STEPS = 15  # of ten rows: an epoch of 146 and a little


def alone(config, model, snapshot, tokenizer, steps):
    """Losses of torch without DeepSpeed on whole batches; the batches' hashes."""
    encoder = make_model(model, config.seed)
    optimizer = make_optimizer(config.optimizer, encoder)
    losses, hashes, n_parts = [], [], set()
    with Stream(snapshot, tokenizer, config.stream()) as stream:
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
            n_parts.add(len(batch.microbatches))
    return losses, hashes, encoder


def tensors(part):
    arrays = [torch.from_numpy(a.copy()) for a in (part.ids, part.cu_seqlens, part.positions, part.labels)]
    return arrays[0], arrays[1], part.max_seqlen, *arrays[2:]


def together(config, model, snapshot, tokenizer, world, steps, engine=None, state=None):
    """The same by an engine; also the rows each rank trained on, and how many microbatches it had."""
    engine = engine or Engine(config, make_model(model, config.seed), world)
    losses, rows, parts, hashes, norms = [], [], [], [], []
    with Stream(snapshot, tokenizer, config.stream(), rank=world.rank, world_size=world.size) as stream:
        if state is not None:
            stream.load_state(state)
        for _ in range(steps):
            batch = next(stream)
            told = world.gather_ints([batch.n_masked, len(batch.microbatches)])
            n_masked, passes = sum(n for n, _ in told), max(n for _, n in told)
            sums = engine.step(batch.microbatches, n_masked, passes, config.optimizer.lr)
            losses.append(world.sums([float(sums.sum())])[0] / n_masked)
            norms.append(engine.grad_norm)
            parts.append([n for _, n in told])
            rows.append([int(n) for part in batch.microbatches for n, k in zip(part.seq_ids, part.piece, strict=True) if k == 0])
            whole = world.gather(batch.microbatches)
            hashes.append(digest(part for one in whole for part in one))
        after = stream.state()
    told = [[n for one in step for n in one] for step in zip(*world.gather(rows), strict=True)]
    return {"losses": losses, "norms": norms, "rows": told, "parts": parts, "hashes": hashes}, engine, after


def main(release, tokenizer, settings, out):
    world = start()
    config = load_config(settings)
    snapshot = open_snapshot(release)
    with Stream(snapshot, tokenizer, config.stream()) as stream:
        model = dataclasses.replace(config.model, vocab_size=stream.vocab_size)
    lamb = OptimizerConfig(name="lamb", lr=0.01)
    found = {"seq_ids": snapshot.rows}
    found["alone"], found["hashes"], trained = alone(config, model, snapshot, tokenizer, STEPS)
    found["lamb alone"], _, _ = alone(dataclasses.replace(config, optimizer=lamb), model, snapshot, tokenizer, 4)
    for stage in (1, 2, 3):
        one = dataclasses.replace(config, zero=ZeroConfig(stage=stage))
        steps = STEPS if stage == 2 else 4
        told, engine, _ = together(one, model, snapshot, tokenizer, world, steps)
        found[f"zero {stage}"] = told
        if stage == 2:
            with engine_weights(engine, one, model, world, snapshot, tokenizer, Path(out)) as weights:
                own = trained.state_dict()
                found["weights"] = max(float((weights[n] - own[n]).abs().max()) for n in own)
    for stage in (0, 1, 2):
        one = dataclasses.replace(config, zero=ZeroConfig(stage=stage), optimizer=lamb)
        found[f"lamb {stage}"] = together(one, model, snapshot, tokenizer, world, 4)[0]
    found["refused"] = refused(config, model, world)
    found["resumed"] = resumed(config, model, snapshot, tokenizer, world, Path(out))
    if world.first:
        (Path(out) / "found.json").write_text(json.dumps(found), "utf-8")
    stop()


class engine_weights:  # noqa: N801 # reads as a function where it is used
    """The weights of an engine, saved and read back whole."""

    def __init__(self, engine, config, model, world, snapshot, tokenizer, out):
        self.made = (engine, config, model, world, snapshot, tokenizer, out)

    def __enter__(self):
        engine, config, model, world, snapshot, tokenizer, out = self.made
        run = a_run(engine, config, model, world, snapshot, tokenizer, out / "weights")
        run.step = 1
        run._save()
        return read_weights(run.checkpoints.newest())

    def __exit__(self, *error):
        self.made[3].barrier()


def a_run(engine, config, model, world, snapshot, tokenizer, folder):
    stream = Stream(snapshot, tokenizer, config.stream(), rank=world.rank, world_size=world.size)
    return Run(config, model, world, engine, stream, folder, measure=None, progress=Progress(0, 1), log=None)


def refused(config, model, world):
    """Messages for optimizers that must not be."""
    from trainer.lamb import Lamb

    class FusedLamb(torch.optim.AdamW):
        """Named as DeepSpeed's."""

    told = []
    for kind, stage in ((FusedLamb, 1), (Lamb, 3)):
        made = make_model(model, 1)
        try:
            Engine(dataclasses.replace(config, zero=ZeroConfig(stage=stage)), made, world, kind(made.parameters()))
        except ConfigError as error:
            told.append(str(error))
    return told


def resumed(config, model, snapshot, tokenizer, world, out):
    """Losses and norms behind a checkpoint, without a stop and from it; equal to the last bit, or not."""
    told = {}
    for stage in (1, 2, 3):
        one = dataclasses.replace(config, zero=ZeroConfig(stage=stage))
        _, engine, state = together(one, model, snapshot, tokenizer, world, 2)
        run = a_run(engine, one, model, world, snapshot, tokenizer, out / f"resumed-{stage}")
        run.stream.load_state(state)
        run.step = 2
        run._save()
        whole, *_ = together(one, model, snapshot, tokenizer, world, 2, engine, state)
        fresh = Engine(one, make_model(model, 7), world)  # of other weights
        checkpoints = Checkpoints(out / f"resumed-{stage}", 1)
        checkpoints.load(fresh, checkpoints.newest())
        again, *_ = together(one, model, snapshot, tokenizer, world, 2, fresh, state)
        told[stage] = [whole["losses"] + whole["norms"], again["losses"] + again["norms"]]
    return told


if __name__ == "__main__":
    main(*sys.argv[1:])
