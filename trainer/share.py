"""What one rank, or one loader process of it, takes of a global batch.

A global batch is `batch_rows` rows in a fixed order: epoch by epoch, and within an epoch lane by lane. Rank r
of W takes the r-th of W equal stretches of it, and loader process j of n the j-th of n stretches of that. So
the batch is the same for any W and n, in the same order when its parts are put behind one another; and
a unit is read by one process where the number of processes divides that of lanes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.table import ContractError
from schemas.tokenizer import FIRST_ORDINARY, Tokenizer, load_tokenizer
from trainer.batches import N_AROUND, Pieces, Rows, joined, pieces_of
from trainer.cache import CacheConfig, FileCache
from trainer.encode import encode
from trainer.errors import ConfigError
from trainer.masking import MaskingConfig, mask
from trainer.order import EpochOrder, epoch_order
from trainer.reading import UnitReader
from trainer.snapshot import Snapshot
from trainer.state import Position


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """What is read and how it is cut. All but the last four decide what the batches are."""

    seed: int = 2022
    batch_rows: int = 2048
    """Rows of a global batch."""
    max_tokens: int = 512
    """Of a piece, <s> and </s> included: the model's length. Longer rows are split."""
    lanes: int = 64
    """Units that a batch is mixed from, on all ranks together; as many are in memory, some 30 MB each."""
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    microbatch_tokens: int = 16384
    """Most tokens of a microbatch."""
    workers: int = 0
    """Loader processes of this rank; 0 makes batches in the caller, when they are asked for."""
    ahead: int = 2
    """Batches that each loader process has ready."""
    cache: CacheConfig | None = None
    """Of remote files; without it they are read where they lie."""

    def __post_init__(self) -> None:
        least = {"batch_rows": 1, "max_tokens": N_AROUND + 1, "lanes": 1, "workers": 0, "ahead": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(name, getattr(self, name), accepted=f"{low} or more")
        if self.microbatch_tokens < self.max_tokens:
            raise ConfigError(
                "microbatch_tokens",
                self.microbatch_tokens,
                accepted=f"{self.max_tokens} (max_tokens) or more",
                why="a piece is never cut to fit a microbatch",
            )


@dataclass(frozen=True, slots=True)
class Counts:
    """What the making of something read, and what was in it before it was cut."""

    rows: int = 0
    text_tokens: int = 0
    read_bytes: int = 0
    """Arrow bytes of the columns read."""
    fetched_bytes: int = 0
    cache_hits: int = 0
    cache_misses: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def open_tokenizer(folder: str, snapshot: Snapshot) -> Tokenizer:
    """The tokenizer of `<warehouse>/tokenizers/<name>`; ConfigError where it is not the one that ids need."""
    try:
        tokenizer = load_tokenizer(folder, snapshot.tokenizer_sha256 if snapshot.reads == "tokens" else None)
    except (OSError, ContractError) as error:
        accepted = "a folder with the tokenizer.model" + (
            " that `tokens` was made with" if snapshot.reads == "tokens" else ""
        )
        raise ConfigError("tokenizer", folder, accepted=accepted, why=str(error).partition("\n")[0]) from None
    if tokenizer.vocab_size <= FIRST_ORDINARY:
        raise ConfigError("tokenizer", folder, accepted=f"more than {FIRST_ORDINARY} pieces")
    return tokenizer


class Share:
    """Makes one share of any global batch; what it holds is open units and plans, nothing that decides."""

    def __init__(
        self, snapshot: Snapshot, tokenizer: Tokenizer, config: StreamConfig, part: int, parts: int
    ) -> None:
        """`part` of `parts`: of ranks times loader processes."""
        self.snapshot = snapshot
        self.config = config
        self._tokenizer = tokenizer
        self._part, self._parts = part, parts
        self._cache = FileCache(config.cache) if config.cache is not None else None
        self._key = order_key(snapshot, config.seed)
        self._reader = UnitReader(snapshot, self._key, self._cache)
        self._orders: dict[int, EpochOrder] = {}
        self._told = Counts()

    def make(self, position: Position) -> tuple[Pieces, Counts]:
        """This share of the global batch that begins at a position."""
        size = self.config.batch_rows
        low, high = (size * n // self._parts for n in (self._part, self._part + 1))
        made: list[Pieces] = []
        epoch, row, first = position.epoch, position.row, 0
        rows = tokens = 0
        while first < high or not made:
            here = min(size - first, self.snapshot.rows - row)
            taken = self._rows(epoch, row, row + here, (max(low - first, 0), min(max(high - first, 0), here)))
            rows, tokens = rows + len(taken.seq_ids), tokens + len(taken.ids)
            made.append(self._pieces(taken, epoch))
            epoch, row, first = epoch + 1, 0, first + here
        # Since the last time, not since this began: a file may arrive between two batches.
        before, self._told = self._told, self._counted()
        used = (getattr(self._told, n) - getattr(before, n) for n in Counts.__slots__[2:])
        return joined(made), Counts(rows, tokens, *used)

    def close(self) -> None:
        """Drop what is open."""
        self._reader.close()

    def _rows(self, epoch: int, start: int, stop: int, part: tuple[int, int]) -> Rows:
        spans = self._order(epoch).spans(start, stop, part)
        tables = [self._reader.rows(epoch, span) for span in spans]
        table = pa.concat_tables(tables) if tables else _no_rows(self.snapshot.reads)
        return encode(table, self._tokenizer, self.snapshot.languages)

    def _pieces(self, rows: Rows, epoch: int) -> Pieces:
        masked = mask(
            rows.ids,
            rows.lengths,
            rows.seq_ids,
            seed=self.config.seed,
            epoch=epoch,
            vocab_size=self._tokenizer.vocab_size,
            config=self.config.masking,
        )
        return pieces_of(rows, masked, self.config.max_tokens)

    def _order(self, epoch: int) -> EpochOrder:
        if epoch not in self._orders:
            for old in [e for e in self._orders if e < epoch - 1]:
                del self._orders[old]
            self._orders[epoch] = epoch_order(
                self.snapshot.unit_rows, key=self._key, epoch=epoch, lanes=self.config.lanes
            )
        return self._orders[epoch]

    def _counted(self) -> Counts:
        cache = self._cache
        fetched = (cache.fetched_bytes, cache.hits, cache.misses) if cache is not None else (0, 0, 0)
        return Counts(0, 0, self._reader.read_bytes, *fetched)


def order_key(snapshot: Snapshot, seed: int) -> int:
    """What the order of every epoch hangs on: the snapshot's fingerprint and the seed, as 64 bits."""
    digest = hashlib.sha256(f"{snapshot.fingerprint}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _no_rows(reads: str) -> pa.Table:
    content = ("ids", pa.list_(pa.int32())) if reads == "tokens" else ("text", pa.string())
    strings = [(name, pa.string()) for name in ("lang", "form")]
    return pa.schema([("seq_id", pa.int64()), *strings, content]).empty_table()
