"""One release of the four-script corpus, built once for the tests that look at it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from spark_jobs.manifest import Manifest
from tests.integration.corpora import build
from tests.integration.texts import corpus_recipe, write_corpus
from tests.integration.tokenizers import House, train


@dataclass(frozen=True)
class Release:
    """Where it came from and where it lies."""

    raw: Path
    recipe: Path
    warehouse: Path
    manifest: Manifest

    @property
    def stage1(self) -> Path:
        return self.warehouse / "releases" / self.manifest.name / "stage1"


@pytest.fixture(scope="session")
def release(spark, tmp_path_factory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    write_corpus(folder / "raw")
    recipe = corpus_recipe(folder / "recipe.yaml", folder / "raw")
    manifest = build(spark, recipe, folder / "w", partitions=3)
    return Release(folder / "raw", recipe, folder / "w", manifest)


@pytest.fixture(scope="session")
def house(spark, release, tmp_path_factory) -> House:
    """A copy of that warehouse with a tokenizer of the name t."""
    path = tmp_path_factory.mktemp("tokenizer") / "w"
    shutil.copytree(release.warehouse, path)
    made = House(str(path), release.manifest.name)
    train(spark, made)
    return made
