"""Dataclasses from YAML, strictly: an unknown key, a missing one or a wrong type is an error that says
what to write."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from spark_jobs.errors import ConfigError

T = TypeVar("T")
_NAMES: dict[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    date: "a day, 2026-11-26",
}


def build(config: type[T], values: object, where: str = "") -> T:
    """An instance of the dataclass `config` from plain values; `where` is the dotted key they stand under."""
    if not isinstance(values, Mapping):
        raise ConfigError(where or "recipe", values, accepted="keys and values")
    hints = typing.get_type_hints(config)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, config))}
    for key in values:
        if key not in fields:
            raise ConfigError(_dotted(where, str(key)), values[key], accepted=_near(str(key), list(fields)))
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ConfigError(
                _dotted(where, name), None, accepted=f"{_describe(hints[name])}; the key is required"
            )
    return config(**{k: _convert(hints[k], v, _dotted(where, k)) for k, v in values.items()})


def plain(config: object) -> Any:
    """A dataclass as plain values for JSON, in the order of its fields."""
    if dataclasses.is_dataclass(config):
        return {f.name: plain(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): plain(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [plain(value) for value in config]
    return config.isoformat() if isinstance(config, date) else config


def _convert(kind: Any, value: object, where: str) -> object:
    """`value` as the annotated type `kind`; ConfigError where it is something else."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        some = next(part for part in inner if part is not type(None))
        return None if value is None and type(None) in inner else _convert(some, value, where)
    if origin is not None and origin is not Literal:
        return _convert_container(origin, inner, value, where)
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, where)
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        raise ConfigError(where, value, accepted=f"{_describe(kind)} that 64 bits hold")  # as Spark's do
    if kind is float and type(value) is int:
        return float(value)
    if kind is date:
        return _day(value, where)
    if value not in inner if origin is Literal else type(value) is not kind:
        raise ConfigError(where, value, accepted=_describe(kind))
    return value


def _day(value: object, where: str) -> date:
    """A day: YAML reads 2026-11-26 as one by itself, JSON and quotes bring a text."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ConfigError(where, value, accepted=_describe(date))
    return value


def _convert_container(origin: Any, inner: tuple[Any, ...], value: object, where: str) -> object:
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(where, value, accepted="a list")
        return tuple(_convert(inner[0], item, f"{where}[{n}]") for n, item in enumerate(value))
    if not isinstance(value, Mapping):
        raise ConfigError(where, value, accepted="keys and values")
    return {str(k): _convert(inner[1], item, _dotted(where, str(k))) for k, item in value.items()}


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "a list"
    if typing.get_origin(kind) is Literal:
        return ", ".join(map(str, typing.get_args(kind)))
    return _NAMES.get(kind, "keys and values" if dataclasses.is_dataclass(kind) else str(kind))


def _near(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"one of {', '.join(known)}"


def _dotted(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
