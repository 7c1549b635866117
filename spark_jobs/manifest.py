"""`release.json`: what a release is, and the last thing a build writes. A release without it is not
published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError, CorpusError

FILE = "release.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableEntry:
    """One table of a release."""

    path: str
    """Relative to the release's folder."""
    version: int
    """Delta version that is pinned."""
    rows: int
    bytes: int
    """Bytes of its data files."""
    files: int
    words: dict[str, dict[str, int]]
    """Language -> form -> words."""
    fingerprint: str
    """Order-free: bit_xor of xxhash64 over all columns of each row, 16 hexadecimal digits, and the number
    of rows."""
    buckets: int
    tokens: dict[str, dict[str, int]] | None = None
    """Language -> form -> tokens; of `tokens` only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The contents of `release.json`."""

    name: str
    created: str
    run_id: str
    """Hash of code version, recipe and input versions: the same run is never done twice."""
    software: str
    recipe_sha256: str
    recipe: dict[str, Any]
    """As resolved, with all defaults."""
    tables: dict[str, TableEntry]
    inputs: list[dict[str, Any]]
    """source, origin, content, snapshot, bytes of each file."""
    documents_version: int
    """Delta version of `documents` that was read."""
    thresholds: dict[str, dict[str, float]]
    """Language -> threshold -> value, as the filter used them."""
    tokenizer_sha256: str | None = None
    """Of the tokenizer that `tokens` was made with, where there is one."""
    utterances_version: int | None = None
    """Delta version of `utterances` that stage2 was made of."""
    expires: str | None = None
    """When a release that holds critical data is to be deleted whole."""


def release_folder(warehouse: str, name: str) -> str:
    """Where a release lies."""
    return storage.join(warehouse, "releases", name)


def read_manifest(warehouse: str, name: str) -> Manifest | None:
    """The manifest of a published release, or None."""
    uri = storage.join(release_folder(warehouse, name), FILE)
    if not storage.exists(uri):
        return None
    try:
        values = json.loads(storage.read_bytes(uri))
        tables = {key: TableEntry(**entry) for key, entry in values.pop("tables").items()}
        return Manifest(**values, tables=tables)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorpusError(
            f"release {name!r} has a manifest that cannot be read: {error}",
            where=uri,
            why="something other than this software wrote it",
            do="restore the file, or delete the release's folder and build it again",
        ) from error


def published(warehouse: str, name: str) -> Manifest:
    """The manifest of a release that was asked for; ConfigError, naming those there are, without one."""
    manifest = read_manifest(warehouse, name)
    if manifest is None:
        known = ", ".join(releases(warehouse)) or "none is published"
        raise ConfigError("--release", name, accepted=f"a published release ({known})", where=warehouse)
    return manifest


def write_manifest(warehouse: str, manifest: Manifest) -> None:
    """Publish: write `release.json` at once."""
    text = json.dumps(plain(manifest), ensure_ascii=False, indent=1) + "\n"
    storage.write_bytes(storage.join(release_folder(warehouse, manifest.name), FILE), text.encode())


def releases(warehouse: str) -> list[str]:
    """Names of the published releases."""
    found = storage.find(warehouse, f"releases/*/{FILE}")
    return sorted(relative.split("/")[1] for relative, _ in found)
