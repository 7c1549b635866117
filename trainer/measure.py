"""The loss by language on rows set apart: before a run, at each of its checkpoints, and after.

Rows are those of split `validation` where the table has one; else rows of the table itself under an order and
masks of their own, so that the figure is comparable within a run and says nothing about unseen text. Without
dropout. Pieces go through the model language by language: its forward gives one sum at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from trainer.arrays import Ints
from trainer.batches import Pieces, joined, microbatches
from trainer.config import PretrainConfig
from trainer.engine import Engine, seed_of
from trainer.errors import ConfigError, SnapshotError
from trainer.release import Release
from trainer.snapshot import Snapshot, open_snapshot
from trainer.stream import Stream
from trainer.world import World

VALIDATION = "validation"
ALL = "all"
_LOOK = 5_000
"""Rows that are looked at for languages of which the first ones have none."""


class Measure:
    """The rows set apart, as this rank's microbatches of one language each."""

    def __init__(self, snapshot: Snapshot, tokenizer: str, config: PretrainConfig, world: World) -> None:
        """Reads `measure.rows` rows, or all there are, and some of each language that these have none of;
        they stay in memory."""
        self.languages = snapshot.languages
        self.split = snapshot.split
        rows = max(min(config.measure.rows, snapshot.rows), world.size)
        settings = dataclasses.replace(
            config.stream(), seed=seed_of(config.seed, "measure"), batch_rows=rows, workers=0
        )
        with Stream(snapshot, tokenizer, settings, rank=world.rank, world_size=world.size) as stream:
            found = [*next(stream).microbatches]
            # The last batch may begin the rows anew: those have none of the languages that are missing then.
            for _ in range(-(-min(snapshot.rows, _LOOK) // rows) - 1):
                missing = self._missing(found, world)
                if not len(missing):
                    break
                # All its rows of a global batch: the same ones for any number of ranks.
                found += _of_languages(next(stream).microbatches, missing)
        self.parts = list(_by_language(found, config.batch.microbatch_tokens))

    def _missing(self, found: Sequence[Pieces], world: World) -> Ints:
        """Languages, by number, that no rank has rows of."""
        own = np.isin(np.arange(len(self.languages)), [n for part in found for n in part.lang.tolist()])
        everyones = world.gather_ints(own.astype(int).tolist())
        return np.flatnonzero(np.sum(everyones, axis=0) == 0)

    def losses(self, engine: Engine) -> dict[str, float]:
        """Mean loss a token to predict by language, and `all`; the same on every rank."""
        world = engine.world
        passes = max(n for [n] in world.gather_ints([len(self.parts)]))
        sums = np.zeros((2, len(self.languages)))
        for part, loss in zip(self.parts, engine.losses(self.parts, passes), strict=True):
            sums[:, part.lang[0]] += (loss, len(part.labels))
        both = np.array(world.sums(sums.ravel().tolist())).reshape(sums.shape)
        named = {lang: float(loss / n) for lang, loss, n in zip(self.languages, *both, strict=True) if n}
        return {**named, ALL: float(both[0].sum() / max(both[1].sum(), 1))}


def measured_snapshot(release: Release, trained: Snapshot) -> Snapshot:
    """The split `validation` of the table that is trained on, or that table itself."""
    if trained.split is None or trained.split == VALIDATION:
        return trained
    try:
        return open_snapshot(release, stage=int(trained.stage[-1]), reads=trained.reads, split=VALIDATION)
    except (ConfigError, SnapshotError):  # it has none
        return trained


def _by_language(found: Sequence[Pieces], budget: int) -> Iterator[Pieces]:
    for lang in sorted({n for part in found for n in part.lang.tolist()}):
        yield from microbatches(joined(_of_languages(found, [lang])), budget)


def _of_languages(parts: Sequence[Pieces], languages: Sequence[int] | Ints) -> list[Pieces]:
    """The pieces of some languages one by one, in their order."""
    return [
        _one(part, n, int(part.cu_seqlens[n]), int(part.cu_seqlens[n + 1]))
        for part in parts
        for n in np.flatnonzero(np.isin(part.lang, languages)).tolist()
    ]


def _one(pieces: Pieces, n: int, start: int, stop: int) -> Pieces:
    low, high = np.searchsorted(pieces.positions, (start, stop))
    return Pieces(
        pieces.ids[start:stop],
        np.array([0, stop - start], np.int32),
        pieces.positions[low:high] - start,
        pieces.labels[low:high],
        pieces.seq_ids[n : n + 1],
        pieces.piece[n : n + 1],
        pieces.lang[n : n + 1],
        pieces.form[n : n + 1],
    )
