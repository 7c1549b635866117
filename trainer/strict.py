"""Dataclasses from plain values, strictly: an unknown key, a missing one or a wrong type is a ConfigError
that says what to write."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from trainer.errors import ConfigError

T = TypeVar("T")


def build(config: type[T], values: object, where: str = "") -> T:
    """An instance of the dataclass `config` from plain values; `where` is the dotted key they stand under."""
    if not isinstance(values, Mapping):
        raise ConfigError(where or "CONFIG", values, accepted="keys and values")
    hints = typing.get_type_hints(config)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, config)) if f.init}
    for key in values:
        if key not in fields:
            raise ConfigError(_dotted(where, str(key)), values[key], accepted=_near(str(key), list(fields)))
    for name, one in fields.items():
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if required and name not in values:
            accepted = f"{_describe(hints[name])}; the key is required"
            raise ConfigError(_dotted(where, name), None, accepted=accepted)
    converted = {k: _convert(hints[k], v, _dotted(where, k)) for k, v in values.items()}
    try:
        return config(**converted)
    except ValueError as error:  # of a dataclass that knows no ConfigError
        raise ConfigError(where, dict(values), accepted="values that fit", why=str(error)) from None


def plain(config: object) -> Any:
    """A dataclass as plain values for YAML and JSON, in the order of its fields."""
    if dataclasses.is_dataclass(config):
        return {f.name: plain(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): plain(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [plain(value) for value in config]
    return config


def _convert(kind: Any, value: object, where: str) -> object:
    """`value` as the annotated type `kind`; ConfigError where it is something else."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        some = next(part for part in inner if part is not type(None))
        return None if value is None and type(None) in inner else _convert(some, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(where, value, accepted="a list")
        return tuple(_convert(inner[0], item, f"{where}[{n}]") for n, item in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, where)
    if kind is float:
        return _number(value, where)
    known = value in inner and type(value) in map(type, inner) if origin is Literal else type(value) is kind
    if not known:
        raise ConfigError(where, value, accepted=_describe(kind))
    return value


def _number(value: object, where: str) -> float:
    # YAML 1.1 reads 1e-3 as a text and 1.0e-3 as a number; both are meant as one.
    if type(value) in (int, float, str):
        try:
            number = float(typing.cast(float, value))
        except ValueError:
            number = float("nan")
        if number - number == 0:  # neither infinite nor not a number
            return number
    raise ConfigError(where, value, accepted="a number")


_NAMES: dict[object, str] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "a list"
    if typing.get_origin(kind) is Literal:
        return ", ".join(map(str, typing.get_args(kind)))
    return _NAMES.get(kind, "keys and values")


def _near(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"one of {', '.join(known)}"


def _dotted(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
