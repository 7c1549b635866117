"""docs/encoder.md shows code that runs, every setting, and the figures that come out."""

import contextlib
import dataclasses
import io

import pytest

torch = pytest.importorskip("torch")

from tests.markdown import ROOT, code, fences, rows, section  # noqa: E402
from tests.trainer.test_sizes import NAMES, size  # noqa: E402
from trainer.encoder_config import EncoderConfig  # noqa: E402
from trainer.sizes import flops_per_token, non_embedding_count, parameter_count  # noqa: E402

PAGE = ROOT / "docs/encoder.md"


def test_the_example_runs():
    [example] = fences(PAGE, "python")
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(example.text, {})
    loss, shapes = said.getvalue().splitlines()
    assert float(loss) == pytest.approx(9.0, abs=0.3)
    assert shapes == "(2,) (9, 64) (2, 8000)"


def test_the_page_has_every_setting_with_its_default():
    shown = [(code(name), default) for name, default, _ in rows(section(PAGE, "## Options"))]
    plain = {dataclasses.MISSING: "required"}
    fields = dataclasses.fields(EncoderConfig)
    assert shown == [(field.name, plain.get(field.default, str(field.default))) for field in fields]


def test_the_sizes_on_the_page_are_those_of_the_files():
    table = [row for row in rows(section(PAGE, "## Sizes")) if row[0].startswith("`")]
    assert [code(row[0]) for row in table] == NAMES
    for row in table:
        config = size(code(row[0]))
        counts = [f"{count(config) / 1e6:,.1f}" for count in (non_embedding_count, parameter_count)]
        operations = [f"{flops_per_token(config, length) / 1e9:.3g}" for length in (512, 1024)]
        shape = [f"{x:,}" for x in (config.layers, config.hidden, config.inner)]
        heads = f"{config.heads} x {config.head_size}"
        assert row[1:] == [*shape, heads, f"{config.positions:,}", *counts, *operations]
