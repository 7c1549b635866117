"""The stream of batches that a model is trained on: `Stream` is all that a training loop sees.

snapshot = open_snapshot("out/demo/releases/demo")
stream = Stream(snapshot, "out/demo/tokenizers/demo-8k", StreamConfig(), rank=0, world_size=1)
for batch in stream:                      # endless, epoch after epoch
    for piece in batch.microbatches: ...  # loss = sum over piece.labels / masked tokens of all ranks
    checkpoint(stream.state().to_json())  # of the batches that were handed out, not of those made ahead
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from schemas.sequences import FORMS
from trainer.arrays import Ints
from trainer.batches import Pieces, microbatches, tokens_by
from trainer.errors import ConfigError
from trainer.share import Counts, Share, StreamConfig, open_tokenizer
from trainer.snapshot import Snapshot
from trainer.state import Position, StreamState
from trainer.window import Window
from trainer.workers import Made, Workers


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One rank's share of a global batch."""

    position: Position
    """Of the global batch."""
    microbatches: tuple[Pieces, ...]
    """Of at most `microbatch_tokens` each; ranks may have different numbers of them."""
    n_rows: int
    n_masked: int
    """Tokens to predict in this share. The loss of a step is the sum over all ranks' tokens, divided by the
    sum of this over all ranks: it depends neither on ranks nor on microbatches."""
    tokens: Ints
    """(languages, forms) tokens, <s> and </s> included; languages as in `Snapshot.languages`."""
    counts: Counts
    wait_s: float
    """How long the caller waited for it."""


class Stream:
    """An endless iterator of batches, the same global batches for any number of ranks and loader processes.

    Its state is that of what was handed out. Loader processes start with the first batch; `close` ends them.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        tokenizer: str,
        config: StreamConfig | None = None,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`tokenizer`: a folder `<warehouse>/tokenizers/<name>`, also where ids are read.

        ConfigError for a world that the batch or this rank does not fit.
        """
        self.snapshot = snapshot
        self.config = config or StreamConfig()
        if not 1 <= world_size <= self.config.batch_rows:
            raise ConfigError(
                "world_size", world_size, accepted=f"1 to {self.config.batch_rows} (batch_rows)"
            )
        if not 0 <= rank < world_size:
            raise ConfigError("rank", rank, accepted=f"0 to {world_size - 1}")
        self.rank, self.world_size = rank, world_size
        self._folder = tokenizer
        self._tokenizer = open_tokenizer(tokenizer, snapshot)
        self._position = Position()
        self._maker: Share | Workers | None = None
        self._window = Window(snapshot.languages, FORMS)

    @property
    def vocab_size(self) -> int:
        """Pieces of the tokenizer: rows of the model's embedding."""
        return self._tokenizer.vocab_size

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        began = time.perf_counter()
        pieces, counts = self._made()
        batch = Batch(
            self._position,
            tuple(microbatches(pieces, self.config.microbatch_tokens)),
            pieces.n_rows,
            len(pieces.labels),
            tokens_by(pieces, len(self.snapshot.languages), len(FORMS)),
            counts,
            time.perf_counter() - began,
        )
        self._position = self._position.after(self.config.batch_rows, self.snapshot.rows)
        self._window.add(batch.microbatches, batch.tokens, counts, batch.wait_s)
        return batch

    def state(self) -> StreamState:
        """Where the next batch begins, and what makes it the next; the same on all ranks."""
        masking = self.config.masking
        return StreamState(
            self._position,
            self.snapshot.fingerprint,
            self._tokenizer.sha256,
            self.config.seed,
            self.config.lanes,
            self.config.batch_rows,
            self.config.max_tokens,
            (masking.rate, masking.masked, masking.random),
        )

    def load_state(self, state: StreamState, changed: Collection[str] = ()) -> None:
        """Go on where a state stands, on any number of ranks and loader processes.

        StateError, naming what differs, where it is of another stream. `changed`: names that differ on
        purpose, of `state.MAY_CHANGE`. Costs a binary search; then each lane reads one unit.
        """
        state.check(self.state(), changed)
        self.close()
        self._position = state.position

    def window(self) -> dict[str, object]:
        """The figures of this rank since the last call, for a log; then counts anew."""
        figures = self._window.figures(self.config.microbatch_tokens)
        self._window = Window(self.snapshot.languages, FORMS)
        return figures

    def close(self) -> None:
        """End loader processes and drop what is open; the next batch opens it again."""
        if self._maker is not None:
            self._maker.close()
            self._maker = None

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _made(self) -> Made:
        if self._maker is None:
            self._maker = self._new_workers() if self.config.workers else self._new_share()
        return self._maker.next() if isinstance(self._maker, Workers) else self._maker.make(self._position)

    def _new_share(self) -> Share:
        return Share(self.snapshot, self._tokenizer, self.config, self.rank, self.world_size)

    def _new_workers(self) -> Workers:
        n = self.config.workers
        parts = [(self.rank * n + j, self.world_size * n) for j in range(n)]
        shares = [partial(_share, self.snapshot, self._folder, self.config, *part) for part in parts]
        return Workers(shares, self._position, self.config.ahead)


def _share(snapshot: Snapshot, folder: str, config: StreamConfig, part: int, parts: int) -> Share:
    """Made inside a loader process: a SentencePiece model does not travel."""
    return Share(snapshot, open_tokenizer(folder, snapshot), config, part, parts)
