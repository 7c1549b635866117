"""Dataclasses from plain values, strictly."""

import contextlib
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.config import build
from spark_jobs.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    share: float = 0.5
    unit: Literal["documents", "words"] = "documents"


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = 1
    on: bool = False
    note: str | None = None
    parts: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def test_values_become_instances_level_by_level():
    made = build(
        Outer,
        {
            "name": "a",
            "note": "b",
            "parts": [{"share": 1}, {"unit": "words"}],
            "by_name": {"x": {"share": 0.25}},
            "inner": {"share": 0},
        },
    )
    assert made == Outer(
        name="a",
        note="b",
        parts=(Inner(1.0), Inner(unit="words")),
        by_name={"x": Inner(0.25)},
        inner=Inner(0.0),
    )
    assert type(made.inner.share) is float


def test_null_stands_only_where_the_type_allows_it():
    assert build(Outer, {"name": "a", "note": None}).note is None
    with pytest.raises(ConfigError, match="inner is None, accepted: keys and values"):
        build(Outer, {"name": "a", "inner": None})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], r"recipe is \[\], accepted: keys and values"),
        ({}, "name is None, accepted: a text; the key is required"),
        ({"name": "a", "parts": "b"}, "parts is 'b', accepted: a list"),
        ({"name": "a", "parts": [{"share": "b"}]}, r"parts\[0\].share is 'b', accepted: a number"),
        ({"name": "a", "by_name": {"x": {"unit": "y"}}}, "by_name.x.unit is 'y', accepted: documents, words"),
        ({"name": "a", "by_name": [1]}, r"by_name is \[1\], accepted: keys and values"),
        ({"name": "a", "inner": {"unit": ["words"]}}, r"inner.unit is \['words'\], accepted: documents"),
        ({"name": "a", 3: 4}, "3 is 4, accepted: one of name, count"),
        ({"name": "a", "count": 2**63}, "count is 9223372036854775808, accepted: a whole number"),
        ({"name": "a", "count": -(2**63) - 1}, "count is -9223372036854775809, accepted: a whole number"),
        ({"name": "a", "inner": {"share": 10**400}}, r"inner.share is 10+, accepted: a number"),
    ],
)
def test_what_does_not_fit_is_named_by_its_dotted_key(values, words):
    with pytest.raises(ConfigError, match=words):
        build(Outer, values)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["name", "count", "on", "note", "parts", "by_name", "inner", "other"])


@given(st.dictionaries(names, plain_values, max_size=4))
def test_whatever_a_file_says_gives_an_instance_or_a_config_error(values):
    with contextlib.suppress(ConfigError):
        made = build(Outer, values)
        assert made.name == values["name"]
        assert type(made.count) is int
        assert type(made.inner.share) is float
