"""Speed of training steps: `python -m bench.trainer`, or `make bench-trainer`; on 8 GPUs
`torchrun --nproc-per-node 8 -m bench.trainer`.

Whole steps (forward, backward, AdamW under DeepSpeed ZeRO, BF16) of random tokens in documents of one length,
in the columns of llm-foundry's public tables. Microbatches are halved until they fit; a size that does not
fit even so is said and passed over. Without a GPU the same code runs on `tiny`, which proves that it runs and
says nothing about a GPU.

    MFU = flops_per_token(config, length) * tokens/s/GPU / peak    (trainer.sizes has the formula)

What checkpointing computes again is not counted. The head counts for the 15 % of the tokens that it is
computed for; the public tables compute and count it for all. Dropout is 0, as in theirs. Exits 1 when a
figure misses its floor (trainer_floors.toml, H100 and H200 only), or when a loss is not a number.
"""

import argparse
import dataclasses
import gc
import logging
import math
import os
import resource
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from bench.floors import judge, read_floors
from trainer.encoder import Encoder
from trainer.encoder_config import EncoderConfig
from trainer.sizes import MASKED, flops_per_token, parameter_count, peak_tflops

MODELS = Path(__file__).parents[1] / "conf/models"
NO_GPU = "no GPU here: `tiny` on the CPU, which shows that the benchmark runs and nothing else"
COLUMNS = (
    "Model | SeqLen (T) | # GPUs | GPU | MFU | Model TFLOP | MicroBatchSize | GradAccum | GlobalBatchSize | "
    "Throughput (S/s) | Throughput (T/s) | Throughput (T/s/GPU) | GlobalBatchSize (T) | Precision | "
    "Sharding | Activation Checkpointing | NumParams | Peak memory (GB)"
)
"""llm-foundry's, but for the last. `Model TFLOP` is a device's TFLOP/s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A line of the table before it is measured."""

    model: str
    config: EncoderConfig
    length: int
    documents: int
    """Of a microbatch."""
    accumulate: int
    stage: int

    @property
    def tokens(self) -> int:
        """Of a microbatch."""
        return self.length * self.documents


@dataclass(frozen=True, slots=True)
class Measured:
    """What a case gave, on this rank."""

    tokens_s: float
    peak_gb: float
    loss: float


def main() -> int:
    """Measure every case, print the table, judge."""
    options = _options()
    _quiet()
    gpu = torch.cuda.is_available()
    _join(gpu)
    world, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
    name = torch.cuda.get_device_name() if gpu else "none (CPU)"
    figures: dict[str, float] = {}
    wrong: list[str] = []
    if rank == 0:
        print("\n".join(["" if gpu else NO_GPU, COLUMNS]).strip(), flush=True)
    for case in cases(options, gpu):
        fitted = fit(case, options.steps, gpu)
        if fitted is None:
            said = f"{case.model} | {case.length} | does not fit {world} x {name} with ZeRO {case.stage}"
        else:
            fitting, measured = fitted
            peak = peak_tflops(name)
            said = line(fitting, measured, world, name, peak)
            if not math.isfinite(measured.loss):
                wrong.append(f"{case.model} at {case.length}: loss {measured.loss}")
            if peak and ("H100" in name or "H200" in name):
                figures[f"mfu_{case.model}_{case.length}"] = 100 * tflops(case, measured) / peak
        if rank == 0:
            print(said, flush=True)
    torch.distributed.destroy_process_group()
    return judge(figures, read_floors("trainer_floors.toml"), wrong) if rank == 0 else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.trainer", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", nargs="+", default=["700m", "2.3b", "9.3b"], help="names in conf/models")
    parser.add_argument("--lengths", nargs="+", type=int, default=[512, 1024])
    parser.add_argument("--microbatch-tokens", type=int, default=16384, help="at most; halved until they fit")
    parser.add_argument("--accumulate", type=int, default=4, help="microbatches a step")
    parser.add_argument("--steps", type=int, default=10, help="measured; two come before")
    parser.add_argument("--stage", type=int, default=2, choices=[1, 2, 3], help="of ZeRO")
    parser.add_argument("--attention", default="auto")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def cases(options: argparse.Namespace, gpu: bool) -> list[Case]:
    """The sizes at the lengths asked for; on a CPU `tiny` alone, a few tokens of it."""
    names = options.models if gpu else ["tiny"]
    budget = options.microbatch_tokens if gpu else 2048
    found = []
    for name in names:
        fields = yaml.safe_load((MODELS / f"{name}.yaml").read_text("utf-8"))["model"]
        for length in options.lengths:
            fields |= {
                "positions": max(length, fields["positions"]),
                "dropout": 0.0,
                "attention_dropout": 0.0,
            }
            fields |= {"attention": options.attention, "compile": options.compile}
            fields |= {} if gpu else {"vocab_size": 8000}
            documents = max(1, budget // length)
            case = Case(
                model=name,
                config=EncoderConfig(**fields),
                length=length,
                documents=documents,
                accumulate=options.accumulate,
                stage=options.stage,
            )
            found.append(case)
    return found


def fit(case: Case, steps: int, gpu: bool) -> tuple[Case, Measured] | None:
    """The case, its microbatch halved until it fits, and what it gave; none if the weights do not fit."""
    device = torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu")
    while True:
        engine = None
        try:
            engine = build(case, device)
            return case, measure(engine, case, steps, device)
        except torch.cuda.OutOfMemoryError:
            if engine is None or case.documents == 1:
                return None
        finally:
            if engine is not None:
                engine.destroy()
            engine = None
            gc.collect()
            torch.cuda.empty_cache()
        case = dataclasses.replace(case, documents=case.documents // 2)


def build(case: Case, device: torch.device) -> Any:
    """A DeepSpeed engine with fresh weights."""
    import deepspeed

    torch.manual_seed(0)
    with device:
        encoder = Encoder(case.config)
    settings = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": case.accumulate,
        "gradient_clipping": 1.0,
        "steps_per_print": 10**9,
        "bf16": {"enabled": True},
        "zero_optimization": {"stage": case.stage},
        "zero_allow_untested_optimizer": True,
    }
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-4, fused=True)
    engine, *_ = deepspeed.initialize(model=encoder, optimizer=optimizer, config=settings)
    return engine


def measure(engine: Any, case: Case, steps: int, device: torch.device) -> Measured:
    """Two steps to warm up, then `steps` timed ones."""
    gpu = device.type == "cuda"
    arguments = microbatch(case, device)
    n_masked = len(arguments[-1])

    def step() -> torch.Tensor:
        for _ in range(case.accumulate):
            loss = engine(*arguments) / n_masked
            engine.backward(loss)
            engine.step()
        return loss.detach()

    for _ in range(2):
        step()
    if gpu:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        loss = step()
    last = loss.item()  # waits for the device
    seconds = time.perf_counter() - began
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = torch.cuda.max_memory_allocated() if gpu else resident
    return Measured(case.tokens * case.accumulate * steps / seconds, peak / 1e9, last)


def microbatch(
    case: Case, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, int, torch.Tensor, torch.Tensor]:
    """What `Encoder.forward` takes: random ids, the same share of each document to be predicted."""
    drawn = torch.Generator().manual_seed(torch.distributed.get_rank())
    ids = torch.randint(case.config.vocab_size, (case.tokens,), generator=drawn, dtype=torch.int32)
    edges = torch.arange(0, case.tokens + 1, case.length, dtype=torch.int32)
    places = torch.randperm(case.length, generator=drawn)[: int(MASKED * case.length)].sort().values
    positions = (edges[:-1, None].long() + places).flatten()
    labels = torch.randint(case.config.vocab_size, positions.shape, generator=drawn)
    return ids.to(device), edges.to(device), case.length, positions.to(device), labels.to(device)


def tflops(case: Case, measured: Measured) -> float:
    """Model TFLOP/s of one device."""
    return flops_per_token(case.config, case.length) * measured.tokens_s / 1e12


def line(case: Case, measured: Measured, world: int, name: str, peak: float | None) -> str:
    """A row under COLUMNS."""
    done = tflops(case, measured)
    rows = case.documents * case.accumulate * world
    cells = [
        case.model,
        case.length,
        world,
        name,
        f"{done / peak:.2%}" if peak else "-",
        f"{done:.4g}",
        case.documents,
        case.accumulate,
        rows,
        f"{measured.tokens_s * world / case.length:.1f}",
        f"{measured.tokens_s * world:,.0f}",
        f"{measured.tokens_s:,.0f}",
        f"{rows * case.length:,}",
        "bf16",
        f"zero-{case.stage}",
        case.config.checkpointing,
        f"{parameter_count(case.config):,}",
        f"{measured.peak_gb:.2f}",
    ]
    return " | ".join(str(cell) for cell in cells)


def _quiet() -> None:
    warnings.simplefilter("ignore", FutureWarning)  # DeepSpeed calls collectives that torch 2.13 has renamed
    logging.disable(logging.WARNING)


def _join(gpu: bool) -> None:
    """A process group of the ranks that torchrun or deepspeed started, or of this process alone."""
    alone = {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29571",
    }
    for key, value in alone.items():
        os.environ.setdefault(key, value)
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    else:
        os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    if not gpu:  # it would be compiled, and no training step uses it
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed("nccl" if gpu else "gloo")


if __name__ == "__main__":
    sys.exit(main())
