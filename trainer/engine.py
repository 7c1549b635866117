"""DeepSpeed, set up from a run's settings, and one step of it.

The loss of a step is the sum over all tokens to predict, of all microbatches and ranks, by their number.
DeepSpeed averages gradients over ranks and would divide by the microbatches too, so each microbatch's sum is
multiplied by ranks / tokens and the division switched off. Ranks go through the model equally often: those
with fewer microbatches add empty ones, because ZeRO 2 and 3 exchange something each time.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from schemas.tokenizer import BOS, EOS
from trainer.batches import Pieces
from trainer.config import OptimizerConfig, PretrainConfig
from trainer.encoder_config import EncoderConfig
from trainer.errors import ConfigError, StateError
from trainer.lamb import Lamb
from trainer.world import World, quiet_deepspeed, quietly

EMPTY = Pieces(
    np.array([BOS, EOS], np.int32),
    np.array([0, 2], np.int32),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.int16),
    np.empty(0, np.int8),
)
"""A piece without text and without tokens to predict: its loss is 0 and so is its gradient."""


def deepspeed_settings(config: PretrainConfig, *, universal: bool = False) -> dict[str, Any]:
    """The settings in DeepSpeed's own words."""
    zero: dict[str, Any] = {"stage": config.zero.stage}
    if config.zero.offload != "none":
        zero["offload_optimizer"] = {"device": "cpu"}
    if config.zero.offload == "parameters":
        zero["offload_param"] = {"device": "cpu"}
    settings: dict[str, Any] = {
        # Of rows DeepSpeed knows nothing: `step` counts and scales by itself.
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": config.optimizer.clip,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,  # ours are torch's and the LAMB that knows ZeRO
        "zero_force_ds_cpu_optimizer": False,  # its own one for offloading needs a compiler
        "steps_per_print": 1 << 60,
        "checkpoint": {"load_universal": universal},
    }
    if config.precision == "bf16":
        settings["bf16"] = {"enabled": True}
    if config.precision == "fp16":
        settings["fp16"] = {"enabled": True, "loss_scale": 0, "initial_scale_power": 16, "hysteresis": 1}
    if config.precision != "fp32":
        settings["data_types"] = {"grad_accum_dtype": "fp32"}
    return settings


def check_device(config: PretrainConfig, world: World) -> None:
    """ConfigError for what this run's devices cannot do."""
    if config.precision == "fp16" and world.device.type == "cpu":
        raise ConfigError(
            "precision", "fp16", accepted="bf16, fp32 on a CPU", why="DeepSpeed has no FP16 on this device"
        )
    if not 1 <= world.size <= config.batch.rows:
        raise ConfigError("batch.rows", config.batch.rows, accepted=f"{world.size} (ranks) or more")


def make_model(config: EncoderConfig, seed: int, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The encoder with weights drawn from the seed, or with those given; the same on every rank."""
    from trainer.encoder import Encoder

    torch.manual_seed(seed_of(seed, "weights"))
    model = Encoder(config)
    if weights is not None:
        load_weights(model, weights)
    return model


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Weights of a checkpoint into a model of its shape; ConfigError, naming what differs, for another."""
    own = model.state_dict()
    missing = sorted(set(own) - set(weights)) + sorted(set(weights) - set(own))
    shapes = [n for n in own if n in weights and own[n].shape != weights[n].shape]
    if missing or shapes:
        told = [f"{n} is {tuple(weights[n].shape)}, here {tuple(own[n].shape)}" for n in shapes[:3]]
        told += [f"{n} is on one side only" for n in missing[:3]]
        raise ConfigError("--init", "this checkpoint", accepted="one of the same model", why="; ".join(told))
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name].contiguous())  # one at a time is made whole, see `read_weights`


def make_optimizer(config: OptimizerConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Matrices decay, vectors do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    settings: dict[str, Any] = {"lr": config.lr, "betas": tuple(config.betas), "eps": config.eps}
    kinds: dict[str, Any] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "lamb": Lamb}
    made: torch.optim.Optimizer = kinds[config.name](groups, **settings)
    return made


class Engine:
    """A model under DeepSpeed: what the loop and the checkpoints need of it."""

    def __init__(
        self,
        config: PretrainConfig,
        model: nn.Module,
        world: World,
        optimizer: torch.optim.Optimizer | None = None,
        *,
        universal: bool = False,
    ) -> None:
        """`optimizer`: the configured one unless another is given; `universal`: to load such a checkpoint."""
        optimizer = optimizer or make_optimizer(config.optimizer, model)
        _refuse(optimizer, config.zero.stage)
        self.world = world
        settings = deepspeed_settings(config, universal=universal)
        with quietly():
            self.deepspeed, *_ = quiet_deepspeed().initialize(
                model=model, optimizer=optimizer, config=settings
            )
        self._optimizer = optimizer
        self._settings = [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        self._stage = config.zero.stage
        self._norm = float("nan")
        if isinstance(optimizer, Lamb) and config.zero.stage > 0:
            optimizer.attach(self.deepspeed.module)

    def step(self, batch: Sequence[Pieces], n_masked: int, passes: int, lr: float) -> Tensor:
        """Go forward and backward through a rank's microbatches and move the weights.

        `n_masked`: tokens to predict of all ranks; `passes`: most microbatches that a rank has. Returns this
        rank's part of the loss: a number a microbatch, summed over their tokens.
        """
        for group in self.deepspeed.optimizer.param_groups:
            group["lr"] = lr
        self.deepspeed.train()
        scale = self.world.size / max(n_masked, 1)
        parts = [*batch, *[EMPTY] * (passes - len(batch))]
        sums = []
        for n, part in enumerate(parts):
            self.deepspeed.set_gradient_accumulation_boundary(n == len(parts) - 1)
            loss = self.deepspeed(*self.inputs(part))
            self.deepspeed.backward(loss * scale, scale_wrt_gas=False)
            sums.append(loss.detach().double())
        if self._stage == 0:  # the one place where DeepSpeed does not keep it
            grads = [p.grad for p in self.deepspeed.module.parameters() if p.grad is not None]
            self._norm = float(nn.utils.get_total_norm(grads))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.deepspeed.step()
        return torch.stack(sums[: max(len(batch), 1)])

    @torch.no_grad()
    def losses(self, batch: Sequence[Pieces], passes: int) -> list[float]:
        """The summed loss of each microbatch without dropout; nothing moves."""
        self.deepspeed.eval()
        parts = [*batch, *[EMPTY] * (passes - len(batch))]
        sums = [float(self.deepspeed(*self.inputs(part))) for part in parts]
        self.deepspeed.train()
        return sums[: len(batch)]

    def save(self, folder: Path, name: str) -> None:
        """Write weights and optimizer state to folder/name; every rank its part."""
        with quietly():
            self.deepspeed.save_checkpoint(str(folder), tag=name, save_latest=False)

    def load(self, folder: Path, name: str) -> None:
        """Read them back; StateError where DeepSpeed finds nothing or something else."""
        try:
            with quietly():
                path, _ = self.deepspeed.load_checkpoint(str(folder), tag=name)
        except (OSError, RuntimeError, ValueError, KeyError, AssertionError) as error:
            raise StateError(
                f"the checkpoint cannot be read: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
                where=str(folder),
            ) from error
        if path is None:
            raise StateError("the checkpoint has no weights", where=str(folder))
        # DeepSpeed 0.19.8, a universal checkpoint under ZeRO 3: every group gets the settings of the first
        # (vectors would decay), and all share one counter of steps, which each of them then moves.
        for group, settings in zip(self._optimizer.param_groups, self._settings, strict=True):
            group.update(settings)
        for state in self._optimizer.state.values():
            if isinstance(state.get("step"), Tensor):
                state["step"] = state["step"].clone()

    def inputs(self, part: Pieces) -> tuple[Tensor, Tensor, int, Tensor, Tensor]:
        """What the encoder takes, on its device."""
        arrays = (part.ids, part.cu_seqlens, part.positions, part.labels)
        ids, edges, positions, labels = (_tensor(array, self.world.device) for array in arrays)
        return ids, edges, part.max_seqlen, positions, labels

    @property
    def grad_norm(self) -> float:
        """Of the last step, before clipping."""
        norm = self.deepspeed.get_global_grad_norm()
        return self._norm if norm is None else float(norm)

    @property
    def skipped(self) -> bool:
        """Whether the last step was left out because gradients overflowed."""
        return not self.deepspeed.was_step_applied()

    @property
    def loss_scale(self) -> float:
        """Of FP16; 1 otherwise."""
        return float(getattr(self.deepspeed.optimizer, "cur_scale", 1.0))


def seed_of(*parts: object) -> int:
    """A seed for torch from anything: seeds are hashed together, never added."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _refuse(optimizer: torch.optim.Optimizer, stage: int) -> None:
    """ConfigError for an optimizer that would be wrong without a word."""
    name = type(optimizer).__name__
    if "lamb" in name.lower() and not isinstance(optimizer, Lamb) and stage > 0:
        raise ConfigError(
            "optimizer",
            name,
            accepted="trainer.lamb.Lamb",
            why="under ZeRO it takes one trust ratio for many parameters",
        )
    if isinstance(optimizer, Lamb) and stage == 3:
        raise ConfigError("optimizer", name, accepted="AdamW, Adam with zero.stage 3")


def _tensor(array: Any, device: torch.device) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arrays of Arrow cannot be written to; nobody does
        made = torch.from_numpy(array)
    return made if device.type == "cpu" else made.to(device, non_blocking=True)
