"""Where a stream stands: three whole numbers, and what they mean something for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass

from trainer.errors import ConfigError, StateError

VERSION = 2
"""Of this format and of the order itself: a change of either that moves a row makes old states unusable."""
MAY_CHANGE = ("batch_rows", "max_tokens", "masking")
"""What a run may change on purpose as it goes on; the paper's 9.3B goes from 512 to 1,024 tokens."""


@dataclass(frozen=True, slots=True)
class Position:
    """The first row of the next global batch; the same on every rank."""

    step: int = 0
    """Global batches so far."""
    epoch: int = 0
    row: int = 0
    """Rows of this epoch so far."""

    def after(self, batch_rows: int, epoch_rows: int) -> Position:
        """The position one batch on; a batch may end one epoch, or several short ones, and begin the next."""
        epochs, row = divmod(self.row + batch_rows, epoch_rows)
        return Position(self.step + 1, self.epoch + epochs, row)


@dataclass(frozen=True, slots=True)
class StreamState:
    """A position, and all that decides which batches come after it."""

    position: Position
    fingerprint: str
    """Of the snapshot."""
    tokenizer: str
    """sha256 of the model."""
    seed: int
    lanes: int
    batch_rows: int
    max_tokens: int
    masking: tuple[float, float, float]
    """Rate, masked, random."""

    def to_json(self) -> str:
        """A small JSON object, for a checkpoint."""
        return json.dumps({"version": VERSION, **dataclasses.asdict(self)})

    def check(self, here: StreamState, changed: Collection[str] = ()) -> None:
        """StateError, naming all that differs, unless the batches after this position are those of `here`.

        `changed`: what differs on purpose, of MAY_CHANGE.
        """
        unknown = set(changed) - set(MAY_CHANGE)
        if unknown:
            raise ConfigError("changed", sorted(unknown), accepted=f"some of {', '.join(MAY_CHANGE)}")
        names = [f.name for f in dataclasses.fields(self) if f.name not in ("position", *changed)]
        wrong = [n for n in names if getattr(self, n) != getattr(here, n)]
        if wrong:
            told = "; ".join(f"{n} was {getattr(self, n)!r} and is {getattr(here, n)!r}" for n in wrong)
            raise StateError(
                f"the saved state is of another stream: {told}",
                why="the batches to come would not be those that the run was to see",
                do="set them as they were"
                + (
                    f", or name {', '.join(n for n in wrong)} as changed"
                    if set(wrong) <= set(MAY_CHANGE)
                    else ""
                ),
            )


def state_of(text: str) -> StreamState:
    """A state from `to_json`; StateError for anything else."""
    try:
        values = json.loads(text)
        version = values.pop("version")
        if version != VERSION:
            raise StateError(f"the saved state has version {version!r}, accepted: {VERSION}")
        position = Position(**values.pop("position"))
        masking = tuple(values.pop("masking"))
        return StreamState(position=position, masking=masking, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateError(f"this is no saved state of a stream: {error!r}") from error
