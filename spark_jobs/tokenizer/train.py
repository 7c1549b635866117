"""`corpus tokenizer train`: sample, train, check, measure, write; the card comes last."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from schemas.sequences import SEQUENCES
from schemas.tokenizer import FIRST_ORDINARY, N_RESERVED, SPECIAL, Tokenizer
from schemas.version import VERSION
from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError, CorpusError, GateError
from spark_jobs.manifest import Manifest
from spark_jobs.progress import Progress
from spark_jobs.tokenizer import sample as sampling
from spark_jobs.tokenizer.evaluate import measure, measuring_rows, write_statistics
from spark_jobs.tokenizer.required import required_characters, without_piece
from spark_jobs.tokenizer.rows import sequences
from spark_jobs.tokenizer.store import Card, check_name, read_card, tokenizer_folder, write_tokenizer
from spark_jobs.tokenizer.vocabulary import Fitting, VocabularyConfig, least_size, options

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One tokenizer: of what text, how large a sample, what vocabulary."""

    name: str
    """Its name in the warehouse, once and for all."""
    release: str
    """Whose stage1 it is trained on."""
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    words: int = 15_000_000
    """Of the sample, all languages together; about 100 MB of text."""
    seed: int = 2022
    """Of the sample. A larger sample of the same seed holds a smaller one."""
    languages: tuple[str, ...] = ()
    """Only these; without it all of the release."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.words < 1:
            raise ConfigError("--words", self.words, accepted="1 or more")
        if not -(1 << 63) <= self.seed < 1 << 63:
            raise ConfigError("--seed", self.seed, accepted="a whole number that 64 bits hold")

    def asked(self) -> dict[str, Any]:
        """What decides the model, beside the text of the release; the content of the card's `training`."""
        return {
            "words": self.words,
            "seed": self.seed,
            "languages": list(self.languages),
            **plain(self.vocabulary),
        }


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """A checked configuration, and the card where the tokenizer stands already."""

    config: TrainConfig
    warehouse: str
    manifest: Manifest
    words: dict[str, int]
    """Language -> words of the release, those that are trained on."""
    required: dict[str, str]
    trained: Card | None

    @property
    def budget(self) -> sampling.Budget:
        """Words that each language gives."""
        return sampling.budget(self.words, self.config.words)


def plan_training(config: TrainConfig, warehouse: str, manifest: Manifest) -> TrainPlan:
    """Check everything that can be checked without Spark.

    Raises ConfigError for a language without text and a vocabulary without room, GateError where the name
    belongs to another tokenizer.
    """
    stage1 = manifest.tables[SEQUENCES.name]
    held = {lang: sum(forms.values()) for lang, forms in stage1.words.items() if sum(forms.values())}
    for lang in config.languages:
        if lang not in held:
            known = ", ".join(sorted(held))
            why = f"release {manifest.name!r} has no text in it"
            raise ConfigError("--languages", lang, accepted=f"languages of the release ({known})", why=why)
    words = {lang: n for lang, n in held.items() if lang in (config.languages or held)}
    required = required_characters(sorted(words))
    least = least_size(config.vocabulary, "".join(required.values()))
    if config.vocabulary.vocab_size <= least:
        raise ConfigError(
            "--vocab-size",
            config.vocabulary.vocab_size,
            accepted=f"more than {least:,}",
            why=f"{FIRST_ORDINARY} special and reserved tokens, and the characters that have to be there",
        )
    trained = read_card(warehouse, config.name)
    same = trained is not None and (trained.training, trained.release, trained.release_fingerprint) == (
        config.asked(),
        manifest.name,
        stage1.fingerprint,
    )
    if trained is not None and not same:
        raise GateError(
            f"tokenizer {config.name!r} exists and was trained on {_difference(trained, config, manifest)}",
            where=tokenizer_folder(warehouse, config.name),
            why="ids that were written with it would mean other pieces",
            do=f"give this one a new name: --name {config.name}-2",
        )
    return TrainPlan(config, warehouse, manifest, words, required, trained)


def _difference(trained: Card, config: TrainConfig, manifest: Manifest) -> str:
    if trained.release != manifest.name:
        return f"release {trained.release!r}"
    now = config.asked()
    keys = sorted(key for key in now if trained.training.get(key) != now[key])
    return f"other settings ({', '.join(keys)} differ)" if keys else "another build of that release"


@dataclass(slots=True)
class Training:
    """One training on its way: the plan, the session, and the seconds of each pass."""

    plan: TrainPlan
    spark: SparkSession
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, measuring: DataFrame | None = None, sample: pa.Table | None = None) -> Card:
        """Draw, train, check, measure, write. `measuring` and `sample`: drawn before, for several sizes."""
        plan = self.plan
        rows = measuring_rows(self.spark, plan.warehouse, plan.manifest) if measuring is None else measuring
        drawn = self.draw(rows) if sample is None else sample
        model, peak = self._fit(drawn)
        tokenizer = self._check(model)
        metrics = self._timed(
            "measure", lambda: measure(self.spark, plan.warehouse, rows, plan.manifest, model)
        )
        write_statistics(self.spark, plan.warehouse, plan.manifest.name, plan.config.name, metrics)
        card = self._card(tokenizer, drawn, metrics, peak)
        write_tokenizer(plan.warehouse, card, model)
        return card

    def draw(self, measuring: DataFrame) -> pa.Table:
        """The sample, in the order of its draws; nothing of the rows that measure is in it."""
        return self._timed("sample", lambda: self._draw(measuring))

    def _draw(self, measuring: DataFrame) -> pa.Table:
        from pyspark.sql import functions as F

        plan = self.plan
        budget = plan.budget
        left_out = sampling.hashes_of(measuring)
        rows = sequences(self.spark, plan.warehouse, plan.manifest, SEQUENCES.name)
        ids = F.broadcast(measuring.where("stage = 1").select("seq_id"))  # else the text would be shuffled
        trained_on = rows.join(ids, "seq_id", "left_anti")
        found = sampling.candidates(trained_on, budget.limits(), left_out, plan.config.seed)
        staged = storage.join(plan.warehouse, "_staging", f"tokenizer-{plan.config.name}")
        found.write.mode("overwrite").parquet(staged)
        try:
            filesystem, path = storage.open_filesystem(staged)
            candidates = ds.dataset(path, filesystem=filesystem, format="parquet").to_table()
        finally:
            storage.delete_folder(staged)
        sample = sampling.cut(candidates, budget.words)
        silent = sorted(set(plan.words) - set(sample["lang"].unique().to_pylist()))
        if silent:
            raise CorpusError(
                f"the sample has no text in {', '.join(silent)}",
                why=f"{plan.config.words:,} words are too few for their share, or all their text measures",
                do="a larger sample: --words N, or name the languages to train on: --languages",
            )
        return sample

    def _fit(self, sample: pa.Table) -> tuple[bytes, int]:
        required = "".join(self.plan.required.values())
        fitting = Fitting()
        settings = options(self.plan.config.vocabulary, required)
        with tempfile.TemporaryDirectory(prefix="teacher-model-") as folder:
            job = partial(fitting.run, sample, settings, Path(folder))
            model, peak_bytes = self._timed("train", job, lambda: fitting.now)
            return model, peak_bytes

    def _check(self, model: bytes) -> Tokenizer:
        """The contract of ids, and a piece for each required character; a claim about our own options."""
        tokenizer = Tokenizer.from_bytes(model)
        tokenizer.check_ids(self.plan.config.name)
        for lang, characters in self.plan.required.items():
            lost = without_piece(tokenizer, characters)
            if lost:
                raise AssertionError(f"{len(lost)} required characters of {lang} have no piece: {lost[:20]}")
        return tokenizer

    def _card(self, tokenizer: Tokenizer, sample: pa.Table, metrics: list[dict[str, Any]], peak: int) -> Card:
        import sentencepiece

        plan = self.plan
        return Card(
            name=plan.config.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256=tokenizer.sha256,
            vocab_size=tokenizer.vocab_size,
            release=plan.manifest.name,
            release_fingerprint=plan.manifest.tables[SEQUENCES.name].fingerprint,
            training=plan.config.asked(),
            special={piece: n for n, piece in enumerate(SPECIAL)},
            reserved=[FIRST_ORDINARY - N_RESERVED, FIRST_ORDINARY],
            required={lang: len(characters) for lang, characters in plan.required.items()},
            sample=sampling.composition(sample, plan.budget.words),
            metrics=metrics,
            sentencepiece=sentencepiece.__version__,
            software=VERSION,
            seconds=dict(self.seconds),
            peak_bytes=peak,
        )

    def _timed(self, name: str, work: Callable[[], Any], detail: Callable[[], str] | None = None) -> Any:
        began = time.monotonic()
        with self.progress.running(name, self.spark, detail):
            result = work()
        self.seconds[name] = time.monotonic() - began
        return result
