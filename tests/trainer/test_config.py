"""Settings are checked before anything starts; what is wrong is named with what is accepted."""

import copy

import pytest
import yaml

from tests.trainer.launch import ROOT, TINY
from trainer.config import PretrainConfig, from_values, load_config
from trainer.errors import ConfigError
from trainer.strict import build, plain


def changed(**changes):
    """TINY with dotted keys replaced; a value of ... removes the key."""
    values = copy.deepcopy(TINY)
    for key, value in changes.items():
        *path, last = key.split("__")
        place = values
        for name in path:
            place = place.setdefault(name, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return values


def said(**changes):
    with pytest.raises(ConfigError) as error:
        from_values(changed(**changes))
    assert error.value.exit_code == 2
    return error.value


def test_a_config_has_the_values_of_its_file_and_defaults():
    config = build(PretrainConfig, TINY)
    assert (config.model.hidden, config.batch.rows, config.optimizer.betas) == (16, 10, (0.9, 0.99))
    assert (config.last_step, config.zero.offload, config.seed) == (8, "none", 2022)
    assert config.stream().max_tokens == 32


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("[mp]*/*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_a_model_loads(path):
    config = load_config(str(path))
    assert config.last_step >= config.schedule.warmup_steps


def test_what_a_run_writes_down_is_a_config_again():
    config = build(PretrainConfig, TINY)
    assert build(PretrainConfig, yaml.safe_load(yaml.safe_dump(plain(config)))) == config


WRONG = [
    ({"zero__stagee": 1}, "zero.stagee", "did you mean 'stage'?"),
    ({"learning_rate": 1}, "learning_rate", "one of model, optimizer"),
    ({"optimizer__lr": ...}, "optimizer.lr", "a number; the key is required"),
    ({"optimizer__lr": "fast"}, "optimizer.lr", "a number"),
    ({"optimizer__lr": float("nan")}, "optimizer.lr", "a number"),
    ({"optimizer__lr": True}, "optimizer.lr", "a number"),
    ({"optimizer__lr": 0}, "optimizer.lr", "a number above 0"),
    ({"optimizer__betas": [0.9]}, "optimizer.betas", "two numbers from 0 to below 1"),
    ({"optimizer__clip": -1}, "optimizer.clip", "0 or more"),
    ({"optimizer__name": "sgd"}, "optimizer.name", "adamw, adam, lamb"),
    ({"zero__stage": 4}, "zero.stage", "0, 1, 2, 3"),
    ({"zero__stage": True}, "zero.stage", "0, 1, 2, 3"),
    ({"zero__offload": "parameters"}, "zero.offload", "none, optimizer with zero.stage 1"),
    ({"zero__stage": 0, "zero__offload": "optimizer"}, "zero.offload", "none with zero.stage 0"),
    ({"zero__stage": 0, "precision": "bf16"}, "zero.stage", "1, 2, 3 with precision bf16"),
    ({"zero__stage": 0, "precision": "fp16"}, "zero.stage", "1, 2, 3 with precision fp16"),
    ({"zero__stage": 3, "optimizer__name": "lamb"}, "optimizer.name", "adamw, adam with zero.stage 3"),
    (
        {"zero__offload": "optimizer", "optimizer__name": "lamb"},
        "zero.offload",
        "none with optimizer.name lamb",
    ),
    ({"precision": "fp8"}, "precision", "bf16, fp16, fp32"),
    ({"batch__rows": 0}, "batch.rows", "1 or more"),
    ({"batch__rows": 1.5}, "batch.rows", "a whole number"),
    (
        {"batch__max_tokens": 33, "batch__microbatch_tokens": 33},
        "batch.max_tokens",
        "3 to 32 (model.positions)",
    ),
    ({"batch__microbatch_tokens": 31}, "batch.microbatch_tokens", "32 (batch.max_tokens) or more"),
    ({"schedule__warmup_steps": 9}, "schedule.warmup_steps", "at most 8 (total_steps)"),
    ({"schedule__name": "cosine"}, "schedule.name", "exponential, linear, noam, constant"),
    ({"schedule__name": "noam", "schedule__warmup_steps": 0}, "schedule.warmup_steps", "1 or more with noam"),
    ({"model__hidden": 0}, "model.hidden", "a whole number from 1"),
    ({"model__layer": 3}, "model.layer", "did you mean 'layers'?"),
    ({"steps": 0}, "steps", "1 or more"),
    ({"checkpoints__keep": 0}, "checkpoints.keep", "1 or more"),
    ({"watch__overflows": 0}, "watch.overflows", "1 or more"),
    ({"data": 3}, "data", "keys and values"),
]


@pytest.mark.parametrize(
    ("changes", "key", "accepted"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_setting_is_named_with_what_is_accepted(changes, key, accepted):
    error = said(**changes)
    assert error.key == key
    assert error.accepted.startswith(accepted)


@pytest.mark.parametrize("name", ["Lamb", "FusedLamb", "OneBitLamb"])
def test_the_lambs_of_deepspeed_are_refused_by_name_and_with_the_reason(name):
    error = said(optimizer__name=name)
    assert error.value == name
    assert "one trust ratio for a whole piece" in error.why


def test_numbers_that_yaml_reads_as_texts_are_numbers():
    assert yaml.safe_load("1e-3") == "1e-3"
    assert build(PretrainConfig, changed(optimizer__lr="1e-3")).optimizer.lr == 0.001


def test_single_settings_can_be_replaced(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(TINY), "utf-8")
    config = load_config(str(path), ["zero.stage=2", "precision=bf16", "data.cache.folder=/x", "steps=3"])
    assert (config.zero.stage, config.precision, config.last_step) == (2, "bf16", 3)
    assert config.data.cache.folder == "/x"
    for wrong in ("zero.stage", "=3", "zero.stage=[", "zero.stagee=1"):
        with pytest.raises(ConfigError) as error:
            load_config(str(path), [wrong])
        assert error.value.where == str(path) or error.value.key == "--set"


@pytest.mark.parametrize("text", [None, "a: [", "3", "- a"])
def test_what_is_no_config_is_refused(tmp_path, text):
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="CONFIG is"):
        load_config(str(path))
