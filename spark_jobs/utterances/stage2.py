"""`stage2` of a release: utterances damped, measured, resampled, said, mixed with Stage 1, in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.stage2 import STAGE2
from schemas.utterance_files import UTTERANCE_FILES
from schemas.utterances import UTTERANCES
from schemas.version import VERSION
from spark_jobs import storage, warehouse
from spark_jobs.decide import Count
from spark_jobs.errors import CorpusError
from spark_jobs.heldout import HeldOut
from spark_jobs.manifest import TableEntry, release_folder
from spark_jobs.plan import Plan
from spark_jobs.publish import entry_of, write_once
from spark_jobs.resample import factors
from spark_jobs.shuffle import BYTES_A_WORD, n_partitions
from spark_jobs.tokenizer.shipping import ship
from spark_jobs.tokenizer.store import read_model
from spark_jobs.utterances import decide, figures
from spark_jobs.utterances.assemble import Assembly, assemble, copies_of, rows_of_stage1
from spark_jobs.utterances.config import UtterancesConfig
from spark_jobs.utterances.mix import drawn, plan_draw

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Timed = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What a build needs of it to publish."""

    entry: TableEntry
    ledger: list[dict[str, Any]]
    statistics: list[dict[str, Any]]
    utterances_version: int
    """Delta version of `utterances` that was read."""


@dataclass(slots=True)
class Stage2:
    """One release's Stage 2 on its way."""

    spark: SparkSession
    plan: Plan
    stage1: TableEntry
    held_out: HeldOut | None
    cores: int
    timed: Timed
    partitions: int | None = None
    """Tasks and files of the last pass; without it from the cores."""

    def run(self) -> Made:
        """Do all steps; leaves the table written, not published."""
        recipe, config = self.plan.recipe, self._config
        path = warehouse.table_path(self.plan.warehouse, UTTERANCES)
        version = warehouse.latest_version(path)
        pinned = self.spark.read.format("delta").option("versionAsOf", version).load(path)
        read = read_figures(self.plan, config)
        rows = decide.in_window(pinned, config, recipe.languages)
        measured = decide.measure(decide.distinct(rows), self._measures()).persist()
        groups = self.timed("utterances", lambda: decide.count_reasons(measured, config))
        self._check_seen(read, groups)
        copy_factors = factors(decide.sizes(groups, recipe.resample.unit), recipe.resample)
        left = measured.where("reason IS NULL")
        if not copy_factors:
            raise CorpusError(
                f"stage2 of release {recipe.release!r} would be empty: no utterance is left",
                why="; ".join(sorted({f"{reason}: {g.texts.rows}" for (_, _, reason), g in groups.items()}))
                or f"no row of the window {config.window.first} to {config.window.last} was read",
                do="see utterance_files for the days that there are, and mend utterances in the recipe",
            )
        copies = decide.with_copies(left, config, copy_factors, recipe.seed)
        counts = decide.count_copies(copies)
        stage1 = self._stage1()
        there = Count(
            self.stage1.rows, sum(n for forms in self.stage1.words.values() for n in forms.values())
        )
        own = sum((c.drawn for c in counts.values()), Count())
        draw = self.timed("mix", lambda: plan_draw(stage1, there, own, config.mix, recipe.seed))
        beside = drawn(stage1, draw, recipe.seed)
        both = self._copies(copies).unionByName(rows_of_stage1(beside, recipe.seed))
        words = own.words + there.words * (draw.times + 1 if draw.bound is not None else draw.times)
        written, buckets = self.timed("stage2", lambda: self._write(both, words))
        found = self.timed(
            "measure2", lambda: figures.count_rows(self.spark.read.format("delta").load(self._path))
        )
        measured.unpersist()
        figures.check(counts, found)
        decided = figures.Decided(groups, counts)
        entry = entry_of(STAGE2, written, figures.words_by_form(found), buckets)
        return Made(
            entry,
            figures.ledger_groups(recipe, read, decided, there, found),
            figures.statistics_rows(recipe, read, decided, draw, found),
            version,
        )

    @property
    def _config(self) -> UtterancesConfig:
        config = self.plan.recipe.utterances
        assert config is not None  # the runner asks only then
        return config

    @property
    def _path(self) -> str:
        return storage.join(release_folder(self.plan.warehouse, self.plan.recipe.release), STAGE2.name)

    def _stage1(self) -> DataFrame:
        folder = release_folder(self.plan.warehouse, self.plan.recipe.release)
        path = storage.join(folder, self.stage1.path)
        return self.spark.read.format("delta").option("versionAsOf", self.stage1.version).load(path)

    def _measures(self) -> decide.Measures:
        config = self._config
        tokens = None
        if config.tokenizer is not None:
            model, _ = read_model(self.plan.warehouse, config.tokenizer, "utterances.tokenizer")
            shipped = ship(self.spark, model)

            def tokens(texts: pa.Array) -> pa.Array:
                return pc.list_value_length(shipped.load().encode(texts))

        return decide.Measures(config.min_tokens, tokens, self.held_out)

    def _copies(self, copies: DataFrame) -> DataFrame:
        sources = [(source.name, source.spoken) for source in self._config.sources]
        return copies_of(copies, sources, self.plan.recipe.seed)

    def _write(self, rows: DataFrame, words: int) -> tuple[Any, int]:
        recipe = self.plan.recipe
        buckets = recipe.pack.n_buckets(words)
        partitions = self.partitions or n_partitions(buckets, words * BYTES_A_WORD, self.cores)
        assembly = Assembly(recipe.forms.spoken, self._config.validation, recipe.seed)
        table = assemble(rows, buckets, min(partitions, buckets), assembly)
        lineage = {"run": self.plan.run_id, "release": recipe.release, "software": VERSION}
        written = write_once(self.spark, table, self._path, STAGE2, run=self.plan.run_id, lineage=lineage)
        return written, buckets

    def _check_seen(self, read: figures.Read, groups: Mapping[Any, decide.Group]) -> None:
        """Guarantee 2: what the files held of the window is what was read back, however it was grouped."""
        in_files = sum(read.in_window.values())
        in_table = sum(group.seen.rows for group in groups.values())
        if in_files != in_table:
            raise CorpusError(
                f"utterances do not add up: {in_files:,} were read, {in_table:,} were read back",
                where=warehouse.table_path(self.plan.warehouse, UTTERANCES),
                why="rows of the table were changed or removed by something else",
                do="delete the table `utterances` and build again",
            )


def read_figures(plan: Plan, config: UtterancesConfig) -> figures.Read:
    """What the plan's files held, from `utterance_files`."""
    rows = warehouse.read_table(plan.warehouse, UTTERANCE_FILES)
    wanted = pa.array([file.snapshot for file in plan.utterance_files], pa.string())
    mine = rows.filter(pc.is_in(rows["snapshot"], value_set=wanted))
    return figures.Read.of(mine, config.window, plan.recipe.languages)
