"""docs/pretraining.md has every setting with its default, every column of the log, and the real error."""

import dataclasses
import typing

import pytest
import yaml

from tests.markdown import ROOT, code, fences, rows, section
from tests.trainer.launch import TINY
from trainer.cli import main
from trainer.config import PretrainConfig

PAGE = ROOT / "docs/pretraining.md"
OTHERS = {"model", "masking"}  # described on pages of their own


def sections() -> list[tuple[str, type]]:
    hints = typing.get_type_hints(PretrainConfig)
    inner = [(f"### {n}", k) for n, k in hints.items() if dataclasses.is_dataclass(k) and n not in OTHERS]
    return [("### The file itself", PretrainConfig), *inner]


@pytest.mark.parametrize(("heading", "config"), sections())
def test_every_setting_is_there_with_its_type_and_default(heading, config):
    shown = {code(row[0]): row for row in rows(section(PAGE, heading))[0:] if len(row) == 4}
    assert list(shown) == [field.name for field in dataclasses.fields(config)]
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        _, kind, default, meaning = shown[field.name]
        assert kind == type_in_words(hints[field.name]), field.name
        assert code(default) == default_in_words(field), field.name
        assert meaning, field.name


def type_in_words(hint) -> str:
    some = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{name}`" for name in some)
    if typing.get_origin(hint) is tuple:
        return "list"
    if len(some) == 1:
        return type_in_words(some[0])
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return words.get(hint, "keys")


def default_in_words(field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "see below"
    if field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, tuple):
        return str(list(field.default))
    plain = {"None": "none", "True": "true", "False": "false"}
    return plain.get(str(field.default), str(field.default))


def test_the_error_on_the_page_is_the_real_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {**TINY, "zero": {"stagee": 1}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(values), "utf-8")
    assert main(["pretrain", "my.yaml", "--data", "out/demo/releases/demo"]) == 2
    assert capsys.readouterr().err == fences(PAGE, "text")[-1].text


def test_every_column_of_the_log_is_explained():
    pytest.importorskip("torch")
    from trainer.speed import Figures

    shown = [row[0] for row in rows(section(PAGE, "## What is logged")) if row[0].startswith("`")]
    named = {name.strip(" `") for cell in shown for name in cell.split(",")}
    wanted = {"step", "epoch", "lr", "loss_scale", *Figures.__slots__, "tokens/LANG/FORM"} - {"tokens_by"}
    assert named == wanted
