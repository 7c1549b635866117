"""Settings of a training run: dataclasses from one YAML file, checked before anything starts.

An unknown key, a missing one or a wrong value is a ConfigError (exit 2) that names the key, the value and
what is accepted. docs/pretraining.md has every key with its default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainer.cache import CacheConfig
from trainer.encoder_config import EncoderConfig
from trainer.errors import ConfigError
from trainer.masking import MaskingConfig
from trainer.share import StreamConfig
from trainer.strict import build

OptimizerName = Literal["adamw", "adam", "lamb"]
ScheduleName = Literal["exponential", "linear", "noam", "constant"]
Precision = Literal["bf16", "fp16", "fp32"]
Offload = Literal["none", "optimizer", "parameters"]

_FOREIGN_LAMB = ("lamb", "fusedlamb", "onebitlamb", "zerooneadam")
_WHY_LAMB = (
    "ZeRO hands an optimizer flat pieces of many parameters; a LAMB that does not know so takes one "
    "trust ratio for a whole piece and trains something else without a word"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """How weights are moved (paper, Tables 7 and 8)."""

    name: OptimizerName = "adamw"
    """`lamb` is ours and right under ZeRO 1 and 2; `adam` adds the weight decay to the gradient."""
    lr: float
    """Peak learning rate; with `noam` the factor of the schedule."""
    betas: tuple[float, ...] = (0.9, 0.99)
    eps: float = 1e-8
    weight_decay: float = 0.1
    """Of matrices; vectors (biases, layer norms) have none."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no limit."""

    def __post_init__(self) -> None:
        _positive("optimizer.lr", self.lr)
        _positive("optimizer.eps", self.eps)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError("optimizer.betas", list(self.betas), accepted="two numbers from 0 to below 1")
        _not_negative("optimizer.weight_decay", self.weight_decay)
        _not_negative("optimizer.clip", self.clip)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """The learning rate as a function of the step."""

    name: ScheduleName = "exponential"
    """Shape of the warm-up; the decay is linear to `floor`. `noam` and `constant` have no end."""
    warmup_steps: int = 1000
    total_steps: int
    """Where the decay ends; also where the run ends, unless `steps` says otherwise."""
    floor: float = 0.0
    """Least learning rate."""

    def __post_init__(self) -> None:
        _not_negative("schedule.warmup_steps", self.warmup_steps)
        _not_negative("schedule.floor", self.floor)
        if self.total_steps < 1:
            raise ConfigError("schedule.total_steps", self.total_steps, accepted="1 or more")
        if self.name in ("exponential", "linear") and self.warmup_steps > self.total_steps:
            accepted = f"at most {self.total_steps} (total_steps)"
            raise ConfigError("schedule.warmup_steps", self.warmup_steps, accepted=accepted)
        if self.name == "noam" and self.warmup_steps < 1:
            raise ConfigError("schedule.warmup_steps", self.warmup_steps, accepted="1 or more with noam")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """Size of a global batch and of what goes through the model at once."""

    rows: int
    """Rows of a global batch, on all ranks together."""
    max_tokens: int
    """Longest piece of a row; longer rows are split."""
    microbatch_tokens: int
    """Most tokens that go through the model at once, on one rank."""

    def __post_init__(self) -> None:
        _at_least_one("batch.rows", self.rows)
        if self.max_tokens < 3:
            raise ConfigError("batch.max_tokens", self.max_tokens, accepted="3 or more")
        if self.microbatch_tokens < self.max_tokens:
            raise ConfigError(
                "batch.microbatch_tokens",
                self.microbatch_tokens,
                accepted=f"{self.max_tokens} (batch.max_tokens) or more",
                why="a piece is never cut to fit a microbatch",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ZeroConfig:
    """What the ranks share out among them instead of each holding all of it."""

    stage: Literal[0, 1, 2, 3] = 1
    """0 nothing, 1 optimizer state, 2 also gradients, 3 also parameters."""
    offload: Offload = "none"
    """What stands in the host's memory: `optimizer` its state, `parameters` those too (stage 3)."""

    def __post_init__(self) -> None:
        if self.offload != "none" and self.stage == 0:
            raise ConfigError("zero.offload", self.offload, accepted="none with zero.stage 0")
        if self.offload == "parameters" and self.stage != 3:
            raise ConfigError(
                "zero.offload", self.offload, accepted=f"none, optimizer with zero.stage {self.stage}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """How the stream is read; docs/stream.md. Only `lanes` decides what the batches are."""

    lanes: int = 64
    workers: int = 0
    ahead: int = 2
    cache: CacheConfig | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig:
    """When the run is saved, and what is kept."""

    every: int = 1000
    """Steps between two checkpoints; the end of a run, SIGTERM and Ctrl-C save too."""
    keep: int = 2
    """The newest that are kept; the best one stays beside them."""

    def __post_init__(self) -> None:
        _at_least_one("checkpoints.every", self.every)
        _at_least_one("checkpoints.keep", self.keep)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """What is written while the run goes on."""

    every: int = 10
    """Steps of a window: a line of log.csv."""
    tensorboard: bool = False
    """Also for TensorBoard, in the run's folder `tensorboard` (needs the package)."""
    peak_tflops: float | None = None
    """Of one device at the run's precision, for MFU; known for common GPUs."""

    def __post_init__(self) -> None:
        _at_least_one("log.every", self.every)
        if self.peak_tflops is not None:
            _positive("log.peak_tflops", self.peak_tflops)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureConfig:
    """The loss by language, before, at each checkpoint and after; decides which checkpoint is the best."""

    rows: int = 256
    """Of split `validation` where there is one, else of the table under other masks; 0 measures nothing."""

    def __post_init__(self) -> None:
        _not_negative("measure.rows", self.rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchConfig:
    """When a run that goes wrong is stopped."""

    overflows: int = 20
    """Steps in a row whose gradients overflow; each is left out, and halves the loss scale under FP16."""
    resume_tolerance: float | None = None
    """How far, as a share, the next loss may be from the saved one; 1e-4 under FP32, else 1e-2."""

    def __post_init__(self) -> None:
        _at_least_one("watch.overflows", self.overflows)
        if self.resume_tolerance is not None:
            _not_negative("watch.resume_tolerance", self.resume_tolerance)


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """A run, without the data it reads."""

    model: EncoderConfig
    """Its `vocab_size` is that of the tokenizer, whatever stands here."""
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    batch: BatchConfig
    precision: Precision = "bf16"
    zero: ZeroConfig = field(default_factory=ZeroConfig)
    seed: int = 2022
    """Of weights, order, masks and dropout."""
    steps: int | None = None
    """Where the run ends; none: at schedule.total_steps."""
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    log: LogConfig = field(default_factory=LogConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)

    def __post_init__(self) -> None:
        if self.steps is not None:
            _at_least_one("steps", self.steps)
        if self.zero.stage == 0 and self.precision != "fp32":
            raise ConfigError(
                "zero.stage",
                0,
                accepted=f"1, 2, 3 with precision {self.precision}",
                why="without ZeRO DeepSpeed takes a step on zero gradients first: weights move wrongly",
                do="zero: {stage: 1} is the same training without that step",
            )
        if self.model.positions < self.batch.max_tokens:
            raise ConfigError(
                "batch.max_tokens",
                self.batch.max_tokens,
                accepted=f"3 to {self.model.positions} (model.positions)",
            )
        if self.optimizer.name == "lamb" and self.zero.stage == 3:
            raise ConfigError(
                "optimizer.name", "lamb", accepted="adamw, adam with zero.stage 3", why=_WHY_LAMB
            )
        if self.optimizer.name == "lamb" and self.zero.offload != "none":
            raise ConfigError("zero.offload", self.zero.offload, accepted="none with optimizer.name lamb")

    @property
    def last_step(self) -> int:
        """Where the run ends."""
        return self.steps if self.steps is not None else self.schedule.total_steps

    def stream(self) -> StreamConfig:
        """What the stream is asked for."""
        return StreamConfig(
            seed=self.seed,
            batch_rows=self.batch.rows,
            max_tokens=self.batch.max_tokens,
            microbatch_tokens=self.batch.microbatch_tokens,
            masking=self.masking,
            lanes=self.data.lanes,
            workers=self.data.workers,
            ahead=self.data.ahead,
            cache=self.data.cache,
        )


def load_config(path: str, changes: Sequence[str] = ()) -> PretrainConfig:
    """The settings in a YAML file; ConfigError, naming the key, for anything that is not as it should be.

    `changes`: `key.key=value` each, value as YAML, in place of what the file says.
    """
    import yaml

    accepted = "a YAML file, such as conf/models/tiny.yaml"
    try:
        values = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("CONFIG", path, accepted=accepted, why=str(error)) from None
    except yaml.YAMLError as error:
        raise ConfigError("CONFIG", path, accepted=accepted, why=" ".join(str(error).split())) from None
    try:
        for change in changes:
            values = _changed(values, change)
        return from_values(values)
    except ConfigError as error:
        error.where = error.where or path
        raise


def _changed(values: Any, change: str) -> Any:
    """Plain values with one of them replaced."""
    import yaml

    key, equals, text = change.partition("=")
    if not (equals and key and isinstance(values, Mapping)):
        raise ConfigError("--set", change, accepted="KEY=VALUE, such as zero.stage=2")
    first, _, rest = key.partition(".")
    if rest:
        return {**values, first: _changed(values.get(first) or {}, f"{rest}={text}")}
    try:
        return {**values, first: yaml.safe_load(text)}
    except yaml.YAMLError:
        raise ConfigError("--set", change, accepted="KEY=VALUE with a value in YAML") from None


def from_values(values: object) -> PretrainConfig:
    """The settings in plain values, as they stand in a file."""
    optimizer = values.get("optimizer") if isinstance(values, Mapping) else None
    name = optimizer.get("name") if isinstance(optimizer, Mapping) else None
    if isinstance(name, str) and name != "lamb" and name.lower().replace("_", "") in _FOREIGN_LAMB:
        accepted = "lamb (the one here), adamw, adam"
        raise ConfigError("optimizer.name", name, accepted=accepted, why=_WHY_LAMB)
    return build(PretrainConfig, values)


def _positive(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(key, value, accepted="a number above 0")


def _not_negative(key: str, value: float) -> None:
    if not value >= 0:
        raise ConfigError(key, value, accepted="0 or more")


def _at_least_one(key: str, value: int) -> None:
    if value < 1:
        raise ConfigError(key, value, accepted="1 or more")
