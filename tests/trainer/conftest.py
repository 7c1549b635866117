"""Releases that several tests only read."""

import pytest

from tests.trainer.releases import Made, make_release


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Made:
    """146 rows in three files of six row groups, as text and as ids."""
    return make_release(tmp_path_factory.mktemp("release"), tokens=True)


@pytest.fixture(scope="session")
def stage2(tmp_path_factory) -> Made:
    """Two files; every seventh row is for validation, and a whole row group of the first is."""
    folder = tmp_path_factory.mktemp("stage2")

    def split(number):
        return "validation" if number % 7 == 0 or 20 <= number < 30 else "train"

    return make_release(folder, ((20, 10, 20), (40,)), stage=2, split=split)
