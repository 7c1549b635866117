from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spark_jobs import readers
from spark_jobs.readers import Documents, ReaderOptions, Rejected, Split


@dataclass
class Seen:
    """What a reader gave, flat."""

    texts: list[str] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    langs: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(one.ordinal, one.reason) for one in self.rejected]

    def add(self, records: Iterable[Documents | Rejected]) -> Seen:
        for record in records:
            if isinstance(record, Rejected):
                self.rejected.append(record)
                continue
            record.texts.validate(full=True)
            assert record.texts.null_count == 0
            assert len(record.texts) == len(record.ordinals) > 0
            self.texts += record.texts.to_pylist()
            self.ordinals += record.ordinals.tolist()
            if record.langs is not None:
                assert len(record.langs) == len(record.texts)
                self.langs += record.langs.to_pylist()
        return self


Reading = Callable[..., Seen]


@pytest.fixture(scope="session")
def seen() -> Reading:
    """Reads a split: seen("jsonl", path, start=5, end=9, max_record_bytes=5)."""

    def read(name: str, path: Path, start: int = 0, end: int | None = None, **options) -> Seen:
        return Seen().add(
            readers.read(name, Split(uri=str(path), start=start, end=end), ReaderOptions(**options))
        )

    return read


@pytest.fixture
def reading(seen: Reading, tmp_path: Path) -> Reading:
    """Reads bytes as a file of a name: reading("jsonl", b"...", name="a.jsonl", max_record_bytes=5)."""

    def read(format_name: str, content: bytes, name: str = "file", **options) -> Seen:
        path = tmp_path / name
        path.write_bytes(content)
        return seen(format_name, path, **options)

    return read


@pytest.fixture(scope="module")
def small_blocks():
    """Blocks of a few bytes, so that small inputs cross their borders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spark_jobs.readers.blocks.BLOCK_BYTES", 16)
        patch.setattr("spark_jobs.readers.streams.PLAIN_BYTES", 7)
        yield
