"""How often what was seen c times is kept."""

import math

import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.utterances.curve import CurveConfig, kept, kept_of

SEEN = [1, 2, 3, 4, 8, 9, 99, 100, 101, 1000, 1024, 10**6 - 1, 10**6, 10**9, 2**40, 2**52 - 1]
KEPT = {
    "sqrt": (CurveConfig(), [math.isqrt(c) for c in SEEN]),
    "log": (CurveConfig(kind="log"), [c.bit_length() for c in SEEN]),
    "cube root": (
        CurveConfig(kind="power", exponent=1 / 3),
        [1, 1, 1, 1, 2, 2, 4, 4, 4, 10, 10, 99, 100, 1000, 10321, 165140],
    ),
    "all": (CurveConfig(kind="power", exponent=1.0), SEEN[:-2]),
    "cap": (CurveConfig(kind="cap", limit=3), [1, 2, *[3] * (len(SEEN) - 2)]),
}


def test_the_papers_example():
    assert KEPT["sqrt"][1][SEEN.index(100)] == 10


@pytest.mark.parametrize("name", KEPT)
def test_the_curve_gives_what_arithmetic_does(spark, name):
    config, wanted = KEPT[name]
    seen = SEEN[: len(wanted)]
    frame = spark.createDataFrame([(c,) for c in seen], "seen BIGINT")
    rows = dict(map(tuple, frame.select("seen", kept("seen", config)).collect()))
    assert [rows[c] for c in seen] == wanted
    assert [kept_of(c, config) for c in seen] == wanted


@pytest.mark.parametrize("values", [{"exponent": 0.0}, {"exponent": 1.5}, {"limit": 0}])
def test_a_curve_that_keeps_nothing_or_makes_more_is_refused(values):
    with pytest.raises(ConfigError, match=r"utterances\.curve"):
        CurveConfig(**values)
