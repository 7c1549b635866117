"""docs/stream.md shows code that runs, and every field of what it describes."""

import contextlib
import dataclasses
import io
import re

from tests.markdown import ROOT, code, fences, rows, section
from trainer.batches import Pieces
from trainer.share import StreamConfig
from trainer.state import StreamState
from trainer.window import Window

PAGE = ROOT / "docs/stream.md"


def test_the_example_reads_a_release_and_resumes_on_another_number_of_ranks(made):
    [example] = fences(PAGE, "python")
    source = example.text.replace("out/demo/releases/demo", str(made.release))
    source = source.replace("out/demo/tokenizers/demo-8k", str(made.tokenizer))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(source, {})
    assert said.getvalue().endswith("Position(step=1, epoch=0, row=64)\n")
    assert re.search(r"^32 \d+ \d+ \d\.\d+$", said.getvalue(), re.MULTILINE)


def named(cells) -> set[str]:
    return {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}


def test_the_page_names_every_array_of_a_microbatch():
    table = [row for row in rows(section(PAGE, "## From a snapshot to a batch")) if len(row) == 4]
    wanted = {field.name for field in dataclasses.fields(Pieces)} | {"max_seqlen"}
    assert named(row[0] for row in table) == wanted


def test_the_page_names_every_field_of_the_state():
    shown = named(row[0] for row in rows(section(PAGE, "## State")))
    fields = {field.name for field in dataclasses.fields(StreamState)} - {"position"}
    assert shown == fields | {"position.step", "position.epoch", "position.row"}
    assert fields - {"fingerprint", "tokenizer"} <= {field.name for field in dataclasses.fields(StreamConfig)}


def test_the_page_names_every_figure_of_the_window():
    text = section(PAGE, "## What a log gets")
    assert set(Window((), ()).figures(1)) <= {code(name) for name in re.findall(r"`\w+`", text)}
