"""What a fresh process pays before its first text: Spark starts many."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from normalizers.columns import bit_array, given, int_array, string_array
from normalizers.languages import common
from normalizers.patterns import decimal_digits, digit_values

FRESH = """
import importlib, sys, pyarrow, normalizers
loaded = importlib.import_module("normalizers.languages")._read.cache_info
assert not loaded().currsize, "a language is loaded at import"
texts = importlib.import_module("normalizers.columns").string_array(["5 km. Go!"], pyarrow.large_string())
normalizers.to_spoken(texts, "en"), normalizers.word_counts(texts, "ja"), normalizers.sentences(texts, "en")
print(sorted({"pandas", "babel", "num2words"} & set(sys.modules)), loaded().currsize)
"""


def test_a_fresh_process_loads_no_pandas_and_only_the_languages_it_is_asked_for():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "2"]


def test_the_table_of_digits_holds_every_digit_that_python_knows():
    known = {i: str(int(chr(i))) for i in range(128, sys.maxunicode + 1) if chr(i).isdecimal()}
    assert known.items() <= digit_values().items()
    assert len(common()["digits"]["zeros"]) == len(set(common()["digits"]["zeros"])) == 76
    assert decimal_digits(astral=False).startswith("0-9٠-٩")
    assert decimal_digits(astral=True).endswith("🯰-🯹")


def test_columns_made_of_buffers_are_those_that_pyarrow_makes():
    texts = ["", "a", "é字𝄞", ""]
    for kind in (pa.string(), pa.large_string()):
        assert string_array(texts, kind).equals(pa.array(texts, kind))
        assert string_array([], kind).equals(pa.array([], kind))
    flags = np.arange(19) % 3 == 0
    assert bit_array(flags).equals(pa.array(flags))
    assert int_array(np.arange(19, dtype=np.int32), flags).to_pylist() == [
        i if i % 3 == 0 else None for i in range(19)
    ]


@pytest.mark.parametrize("skipped", [0, 1, 9])
def test_rows_given_are_those_that_are_not_null_in_any_slice(skipped):
    texts = [None if i % 4 == 1 else str(i) for i in range(21)]
    column = pa.array(texts, pa.string()).slice(skipped, 11)
    assert given(column).tolist() == [text is not None for text in texts[skipped : skipped + 11]]
