"""Dutch, which the project does not promise, comes in with two files, as docs/adding-a-language.md says."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import ROOT, fences

PAGE = ROOT / "docs/adding-a-language.md"
ADDED = {Path("normalizers/data/nl.toml"), Path("tests/normalizers/cases/nl.tsv")}
ASK = """
import json
import pyarrow as pa
from normalizers import languages, sentences, to_spoken, word_counts
text = pa.array(["Om 9 uur. Dan 1½ km!", None])
columns = [work(text, "nl").to_pylist() for work in (sentences, to_spoken, word_counts)]
print(json.dumps([languages(), *columns]))
"""


def files(folder: Path) -> set[Path]:
    """Paths in the folder; hidden ones are what hypothesis remembers."""
    paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if not path.parts[0].startswith(".")}


def run(folder: Path, *command: str) -> str:
    """Run a command in the folder with its own `normalizers` first; what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PATH": path}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    """What the page needs of the repository, in a folder of its own."""
    folder = tmp_path_factory.mktemp("before")
    leave = shutil.ignore_patterns("__pycache__", Path(__file__).name)
    for name in ("normalizers", "tests/normalizers", "docs/examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    return folder


@pytest.fixture(scope="module")
def after(before, tmp_path_factory) -> Path:
    """The same folder when the page's first step is done."""
    folder = tmp_path_factory.mktemp("after") / "copy"
    shutil.copytree(before, folder)
    run(folder, "bash", "-e", "-c", fences(PAGE, "sh")[0].text)
    return folder


def test_the_language_is_there_with_sentences_words_and_spoken_form(before, after):
    known, split, spoken, counts = json.loads(run(after, sys.executable, "-c", ASK))
    assert set(known) - {path.stem for path in (before / "normalizers/data").glob("[a-z]*.toml")} == {"nl"}
    assert split == [["Om 9 uur. ", "Dan 1½ km!"], None]
    assert spoken == ["om negen uur. dan anderhalf kilometer!", None]
    assert counts == [6, None]


def test_the_page_prints_what_it_shows(after):
    cldr, hear = fences(PAGE, "sh")[1:3]
    assert run(after, "bash", "-e", "-c", cldr.text).startswith("nl: ")
    assert run(after, "bash", "-e", "-c", hear.text) == fences(PAGE, "text")[0].text


def test_every_case_is_said_in_an_accepted_way(after):
    options = ("-q", "-p", "no:cacheprovider", "tests/normalizers/test_cases.py", "-k", "nl")
    assert "2 passed" in run(after, sys.executable, "-m", "pytest", *options)


@pytest.mark.slow
def test_what_holds_for_every_text_holds_for_it(after):
    command = fences(PAGE, "sh")[3].text
    assert command.startswith("pytest ")
    assert " passed" in run(after, "bash", "-e", "-c", f"python -m {command}")


def test_nothing_but_the_two_files_is_new_and_no_python_changed(before, after):
    assert files(after) - files(before) == ADDED
    assert not filecmp.cmpfiles(before, after, files(before), shallow=False)[1]


@pytest.mark.parametrize("fence", fences(PAGE, "toml"), ids=lambda fence: str(fence.line))
def test_what_the_page_shows_stands_in_the_file(fence):
    assert fence.text in (ROOT / "docs/examples/nl.toml").read_text("utf8")


def test_the_cases_that_the_page_shows_stand_in_the_file():
    shown = fences(PAGE, "text")[1].text.splitlines(keepends=True)
    assert set(shown) <= set((ROOT / "docs/examples/nl.tsv").read_text("utf8").splitlines(keepends=True))
