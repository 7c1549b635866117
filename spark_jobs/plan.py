"""What a build would do: its inputs, what of them is read already, and whether the release stands. Starts no Spark."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.ledger import LEDGER
from spark_jobs import storage
from spark_jobs.errors import GateError
from spark_jobs.heldout import HeldOut
from spark_jobs.inputs import InputFile, resolve_inputs
from spark_jobs.manifest import Manifest, read_manifest, release_folder
from spark_jobs.recipe import Recipe
from spark_jobs.scores import SCORES_VERSION
from spark_jobs.warehouse import read_table

INGEST_CODE = "ingest_v1"
RELEASE_CODE = "release_v1"
"""Change these when a step gives other rows for the same input: what was done under the old name is done again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked recipe, its inputs and what is left to do."""

    recipe: Recipe
    warehouse: str
    files: list[InputFile]
    held_out: HeldOut | None
    missing: list[InputFile]
    """Files that were never ingested in this version."""
    published: Manifest | None
    """The release, where it stands already."""
    run_id: str
    """Of the release: hash of code version, recipe and input versions."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.published is not None and not self.missing


def plan_build(recipe: Recipe, warehouse: str) -> Plan:
    """Look at everything, write nothing. Raises ConfigError for inputs that are not there and GateError where the
    name of the release belongs to another recipe or other inputs."""
    warehouse = warehouse if "://" in warehouse else storage.open_filesystem(warehouse)[1]
    held_out = read_held_out(recipe)
    identity = held_out.id if held_out else "none"
    reading = f"{INGEST_CODE}|{SCORES_VERSION}|held_out={identity}|language={recipe.filters.check_language}"
    files = resolve_inputs(recipe, reading)
    run_id = _hash(RELEASE_CODE, recipe.sha256(), *(file.snapshot for file in files))
    published = read_manifest(warehouse, recipe.release)
    if published is not None and published.run_id != run_id:
        raise GateError(
            f"release {recipe.release!r} exists and was built from {_difference(published, recipe, files)}",
            where=release_folder(warehouse, recipe.release),
            why="a published release never changes, trainers pin it by name",
            do=f"give this one a new name: `release: {recipe.release}-2` in the recipe",
        )
    ledger = read_table(warehouse, LEDGER, filters=[("step", "=", "ingest")])
    ingested = set(ledger["run_id"].to_pylist())
    missing = [file for file in files if file.snapshot not in ingested]
    return Plan(recipe, warehouse, files, held_out, missing, published, run_id)


def read_held_out(recipe: Recipe) -> HeldOut | None:
    """The evaluation texts that the recipe names."""
    pattern = recipe.decontaminate.held_out
    if pattern is None:
        return None
    return HeldOut.from_glob(recipe.root, pattern, ngram=recipe.decontaminate.ngram)


def _difference(published: Manifest, recipe: Recipe, files: Sequence[InputFile]) -> str:
    if published.recipe_sha256 != recipe.sha256():
        return "another recipe"
    before = {entry["origin"]: entry["snapshot"] for entry in published.inputs}
    now = {file.origin: file.snapshot for file in files}
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    return f"other inputs ({len(changed)} files differ, {changed[0]} first)" if changed else "another code version"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
