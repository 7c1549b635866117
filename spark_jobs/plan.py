"""What a build would do: its inputs, what of them is read already, and whether the release stands. Starts
no Spark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import normalizers
import schemas
import spark_jobs
from schemas.ledger import LEDGER
from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError, GateError
from spark_jobs.heldout_files import EvaluationTexts
from spark_jobs.inputs import InputFile, resolve_inputs
from spark_jobs.manifest import Manifest, read_manifest, release_folder
from spark_jobs.recipe import Recipe
from spark_jobs.scores import SCORES_VERSION
from spark_jobs.tokenizer.store import read_card, tokenizers
from spark_jobs.utterances.files import resolve
from spark_jobs.warehouse import read_table

INGEST_CODE = "ingest_v2"
"""Change this when ingest gives other rows for the same file: what was read under the old name is read
again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked recipe, its inputs and what is left to do."""

    recipe: Recipe
    warehouse: str
    files: list[InputFile]
    held_out: EvaluationTexts | None
    missing: list[InputFile]
    """Files that were never ingested in this version."""
    published: Manifest | None
    """The release, where it stands already."""
    run_id: str
    """Of the release: hash of code version, recipe and input versions."""
    passed_over: list[str] = field(default_factory=list)
    """Files that the paths match but no language of the recipe is in."""
    utterance_files: list[InputFile] = field(default_factory=list)
    """Files of Stage 2."""

    @property
    def inputs(self) -> list[InputFile]:
        """All files of the release."""
        return [*self.files, *self.utterance_files]

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.published is not None


def plan_build(recipe: Recipe, warehouse: str | None) -> Plan:
    """Look at everything, write nothing; without a warehouse as for a new one.

    Raises ConfigError for inputs that are not there and GateError where the name of the release belongs to
    another recipe or other inputs.
    """
    held_out = read_held_out(recipe)
    # The words of a language decide which documents are hit when they are said.
    identity = f"{held_out.id}/{code_version(normalizers)}" if held_out else "none"
    reading = f"{INGEST_CODE}|{SCORES_VERSION}|held_out={identity}|language={recipe.filters.check_language}"
    inputs = resolve_inputs(recipe, reading)
    files = inputs.files
    utterances = resolve(recipe.utterances, recipe.root) if recipe.utterances else []
    facts = [code_version(normalizers, schemas, spark_jobs), json.dumps(thresholds(recipe), sort_keys=True)]
    facts += [recipe.sha256(), *(file.snapshot for file in [*files, *utterances])]
    if warehouse is None:
        run_id = _hash(*facts)
        return Plan(recipe, "", files, held_out, files, None, run_id, inputs.passed_over, utterances)
    warehouse = full_path(warehouse)
    run_id = _hash(*facts, *_tokenizer_of(recipe, warehouse))
    published = read_manifest(warehouse, recipe.release)
    difference = _difference(published, recipe, [*files, *utterances]) if published else None
    if difference:
        raise GateError(
            f"release {recipe.release!r} exists and was built from {difference}",
            where=release_folder(warehouse, recipe.release),
            why="a published release never changes, trainers pin it by name",
            do=f"give this one a new name: `release: {recipe.release}-2` in the recipe",
        )
    ledger = read_table(warehouse, LEDGER, filters=[("step", "=", "ingest")])
    ingested = set(ledger["run_id"].to_pylist())
    missing = [] if published else [file for file in files if file.snapshot not in ingested]
    return Plan(
        recipe, warehouse, files, held_out, missing, published, run_id, inputs.passed_over, utterances
    )


def _tokenizer_of(recipe: Recipe, warehouse: str) -> list[str]:
    """The hash of the model that counts tokens of utterances; ConfigError where it is not there."""
    name = recipe.utterances.tokenizer if recipe.utterances else None
    if name is None:
        return []
    card = read_card(warehouse, name)
    if card is None:
        known = ", ".join(tokenizers(warehouse)) or "none is there"
        accepted = f"a tokenizer of the warehouse ({known}), or none to count words"
        raise ConfigError("utterances.tokenizer", name, accepted=accepted, where=warehouse)
    return [card.sha256]


def full_path(warehouse: str) -> str:
    """The warehouse as an absolute path or a URI; ConfigError for signs that a reader would take apart."""
    full = warehouse if "://" in warehouse else str(storage.open_filesystem(warehouse)[1])
    if set(full) & {"%", "`", "\n"}:  # Delta's readers decode the one, Spark's SQL ends at the other
        raise ConfigError("--warehouse", full, accepted="a path without %, ` and line breaks")
    return full


def read_held_out(recipe: Recipe) -> EvaluationTexts | None:
    """The evaluation texts that the recipe names."""
    pattern = recipe.decontaminate.held_out
    if pattern is None:
        return None
    return EvaluationTexts.from_glob(recipe.root, pattern, recipe.decontaminate.ngram, recipe.languages)


def _difference(published: Manifest, recipe: Recipe, files: Sequence[InputFile]) -> str | None:
    """What sets a published release apart from this recipe and these inputs; another software version does
    not."""
    if published.recipe_sha256 != recipe.sha256():
        before, now = published.recipe, plain(recipe)
        keys = sorted(key for key in now if key != "root" and before.get(key) != now[key])
        return f"another recipe ({', '.join(keys)} differ)"
    was = {(entry["source"], entry["origin"]): entry["content"] for entry in published.inputs}
    is_ = {(file.source, file.origin): file.content for file in files}
    changed = sorted(name for name in was.keys() | is_.keys() if was.get(name) != is_.get(name))
    return f"other inputs ({len(changed)} files differ, {changed[0][1]} first)" if changed else None


def thresholds(recipe: Recipe) -> dict[str, dict[str, float]]:
    """The filter's thresholds of each language of the recipe, as resolved."""
    return {lang: recipe.filters.thresholds(lang) for lang in recipe.languages or normalizers.languages()}


def code_version(*packages: ModuleType) -> str:
    """A hash of the code and the language data in packages. Of all that a release is made with: a build that
    was killed and is run again with other code begins its release anew instead of mixing both."""
    folders = (Path(package.__file__ or "").parent for package in packages)
    sources = (path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".toml"))
    return _hash(*(path.read_text("utf-8") for path in sorted(sources)))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
