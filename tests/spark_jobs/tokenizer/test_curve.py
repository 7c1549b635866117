"""The picture of a search, and the sizes that it is asked for."""

import xml.etree.ElementTree as ET

import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.tokenizer.curve import draw, picture_format
from spark_jobs.tokenizer.search import Curve, Point, parse_sizes


def curve() -> Curve:
    points = [
        Point(f"t-{size}", size, {"split_ratio": ratio, "unk_portion": unk})
        for size, ratio, unk in ((4000, 2.0, 0.01), (8000, 1.6, 0.002), (16000, 1.4, 0.001))
    ]
    return Curve(Point("base", 9000, {"split_ratio": 1.6, "unk_portion": 0.002}), points, points[1])


def test_the_picture_shows_sizes_baseline_and_choice():
    svg = draw(curve(), "svg").decode()
    ET.fromstring(svg)
    for words in ("4,000", "16,000", "baseline (9,000 pieces)", "choice (8,000 pieces)", "split-ratio"):
        assert words in svg, words


def test_the_same_curve_gives_the_same_picture():
    assert draw(curve(), "svg") == draw(curve(), "svg")
    assert draw(curve(), "png")[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_search_without_a_choice_is_drawn_too():
    without = Curve(curve().baseline, curve().points[:1], None)
    assert b"choice" not in draw(without, "svg")


@pytest.mark.parametrize(("path", "kind"), [("a.svg", "svg"), ("s3://b/c.PNG", "png"), ("x.y.pdf", "pdf")])
def test_the_format_follows_from_the_name(path, kind):
    assert picture_format(path) == kind


@pytest.mark.parametrize("path", ["a.gif", "svg", "a.svg.txt"])
def test_other_formats_are_refused(path):
    with pytest.raises(ConfigError, match=r"\.svg, \.png"):
        picture_format(path)


def test_sizes_are_numbers_in_any_order():
    assert parse_sizes("64000, 32_000,64000") == [32000, 64000]


@pytest.mark.parametrize("text", ["", "32k", "1,,2", "-5", "٣"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ConfigError, match="numbers with commas between"):
        parse_sizes(text)
