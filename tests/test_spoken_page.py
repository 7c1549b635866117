"""The page on the spoken form shows what comes out."""

import ast
import subprocess
import sys

import pyarrow as pa
import pytest

import normalizers
from tests.markdown import ROOT, fences

PAGE = ROOT / "docs/spoken-form.md"


def test_the_command_of_the_page_prints_what_the_page_shows():
    (shell,), (printed,) = list(fences(PAGE, "sh")), list(fences(PAGE, "text"))
    command = shell.text.strip().replace("python -m", f"{sys.executable} -m")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == printed.text.rstrip("\n") + "\n"


(EXAMPLE,) = fences(PAGE, "python")
CALLS = [line for line in EXAMPLE.text.splitlines() if "#" in line]


@pytest.mark.parametrize("line", CALLS)
def test_each_call_of_the_page_gives_what_stands_behind_it(line):
    call, _, shown = (part.strip() for part in line.partition("  #"))
    got = eval(call, {"pa": pa, **vars(normalizers)})
    first = got[0].as_py() if isinstance(got, pa.Array) else got
    if isinstance(first, tuple):
        assert list(first) == shown.split()
    elif isinstance(first, str):
        assert first == shown
    else:
        assert first == ast.literal_eval(shown)
