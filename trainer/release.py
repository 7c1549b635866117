"""`release.json` as a trainer reads it: which tables there are, at which version, and what they hold."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.tokenizer import CARD_FILE
from trainer import storage
from trainer.errors import ConfigError, SnapshotError

FILE = "release.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of a release; docs/tables.md says what each figure is."""

    path: str
    version: int
    rows: int
    bytes: int
    files: int
    fingerprint: str
    words: dict[str, dict[str, int]]
    """Language -> form -> words."""


@dataclass(frozen=True, slots=True)
class Release:
    """A published release."""

    uri: str
    name: str
    tables: dict[str, Entry]
    tokenizer_sha256: str | None

    def table(self, name: str) -> Entry:
        """A table by its name; ConfigError, naming those there are, without it."""
        if name not in self.tables:
            held = ", ".join(sorted(self.tables))
            raise ConfigError("table", name, accepted=f"a table of the release ({held})", where=self.uri)
        return self.tables[name]


def read_release(uri: str, now: datetime | None = None) -> Release:
    """The release in a folder or under a prefix; ConfigError without one, SnapshotError past its expiry."""
    uri = uri.rstrip("/") or "/"
    file = storage.join(uri, FILE)
    try:
        content = storage.read_bytes(file)
    except OSError as error:
        raise ConfigError(
            "RELEASE",
            uri,
            accepted=f"a folder with a {FILE}, such as out/demo/releases/demo",
            why=_why(error),
            do="corpus status WAREHOUSE shows the releases there are",
        ) from None
    try:
        values = json.loads(content)
        release = Release(
            uri,
            str(values["name"]),
            {name: _entry(entry) for name, entry in values["tables"].items()},
            values.get("tokenizer_sha256"),
        )
        expires = values.get("expires")
        end = datetime.fromisoformat(expires) if expires else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SnapshotError(
            f"{FILE} cannot be read: {error!r}", where=file, why="something other than `corpus` wrote it"
        ) from error
    if end is not None and (now or datetime.now(UTC)) >= (end if end.tzinfo else end.replace(tzinfo=UTC)):
        raise SnapshotError(
            f"release {release.name!r} expired at {expires}",
            where=uri,
            why="it holds critical data, which is kept within its window only",
            do="delete the release and train on a newer one",
        )
    return release


def find_tokenizer(release: Release) -> str | None:
    """The folder of the tokenizer that `tokens` was made with, if it is in the release's own warehouse."""
    if release.tokenizer_sha256 is None:
        return None
    shelf = storage.join(release.uri.rpartition("/releases/")[0] or ".", "tokenizers")
    for name in storage.folders(shelf):
        with contextlib.suppress(OSError, ValueError, KeyError):
            card = json.loads(storage.read_bytes(storage.join(shelf, name, CARD_FILE)))
            if card["sha256"] == release.tokenizer_sha256:
                return storage.join(shelf, name)
    return None


def _entry(values: dict[str, Any]) -> Entry:
    return Entry(**{name: values[name] for name in Entry.__slots__})


def _why(error: OSError) -> str:
    return "there is none" if isinstance(error, FileNotFoundError) else str(error).partition("\n")[0]
