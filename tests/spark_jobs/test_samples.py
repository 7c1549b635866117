"""Pairs of the report come from written packs, and only sentences that the spoken form changes."""

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spark_jobs.samples import PER_LANGUAGE, read_samples, sample_pairs, write_samples


@pytest.fixture
def stage1(tmp_path):
    def write(*rows):
        columns = dict(zip(("lang", "form", "text"), map(list, zip(*rows, strict=True)), strict=True))
        write_deltalake(str(tmp_path / "stage1"), pa.table(columns))
        return str(tmp_path / "stage1")

    return write


def test_a_pair_is_a_sentence_with_a_number_and_how_it_is_said(stage1):
    text = "A short tale. The bridge was built in 1850. It cost 5 shillings a yard."
    path = stage1(("en", "written", text), ("en", "spoken", "the road opened in 1900 or later."))
    assert sample_pairs(path, 0) == {
        "en": [
            {
                "written": "The bridge was built in 1850.",
                "spoken": "the bridge was built in eighteen fifty.",
            }
        ]
    }


def test_program_text_and_what_no_language_says_give_no_pair(stage1):
    path = stage1(
        ("en", "written", "import numpy_2 as np; x = y[3] / 5"),
        ("en", "written", "Nothing here is counted at all."),
        ("xx", "written", "There are 15 lamps in the hall."),
    )
    assert sample_pairs(path, 0) == {}


def test_a_language_has_a_few_pairs_and_one_of_a_pack(stage1):
    rows = [("de", "written", f"Es waren {n} Lampen. Es blieben {n} Kerzen übrig.") for n in (2, 3, 4)]
    (pairs,) = sample_pairs(stage1(*rows), 0).values()
    assert len(pairs) == PER_LANGUAGE
    assert [pair["spoken"] for pair in pairs] == [
        "es blieben zwei kerzen übrig.",
        "es blieben drei kerzen übrig.",
    ]


def test_the_samples_are_said_once_and_read_from_then_on(stage1, tmp_path):
    assert read_samples(str(tmp_path)) == {}
    path = stage1(("en", "written", "The bridge was built in 1850. It cost little."))
    write_samples(str(tmp_path), path, 0)
    assert read_samples(str(tmp_path)) == sample_pairs(path, 0) != {}
