"""Pages of a MediaWiki export, whole and in splits, sound and damaged."""

from __future__ import annotations

import bz2
import gzip
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.readers import ReaderError

HEADER = """<mediawiki xml:lang="pl">
  <siteinfo><namespaces>
    <namespace key="0" case="first-letter" />
    <namespace key="6" case="first-letter">Plik</namespace>
    <namespace key="14" case="first-letter">Kategoria</namespace>
  </namespaces></siteinfo>
"""
FOOTER = "</mediawiki>\n"


def page(text: str, ns: int = 0, extra: str = "", revision: str = "") -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"  <page>\n    <title>T</title>\n    <ns>{ns}</ns>\n    {extra}\n{revision}"
        f"    <revision><model>wikitext</model><text bytes='1'>{escaped}</text></revision>\n  </page>\n"
    )


def dump(*pages: str) -> bytes:
    return (HEADER + "".join(pages) + FOOTER).encode()


def test_articles_are_the_pages_of_namespace_0_that_are_no_redirects(reading):
    seen = reading(
        "wikipedia",
        dump(
            page("one '''bold'''"), page("talk", ns=1), page("x", extra='<redirect title="y" />'), page("two")
        ),
    )
    assert seen.texts == ["one bold", "two"]
    assert seen.ordinals == [0, 3]
    assert seen.rejected == []


def test_the_last_revision_counts(reading):
    old = "    <revision><text>old</text></revision>\n"
    assert reading("wikipedia", dump(page("new", revision=old))).texts == ["new"]


def test_files_and_categories_are_known_by_the_names_in_the_header(reading):
    assert reading("wikipedia", dump(page("a [[Plik:x.jpg|b]] [[Kategoria:C]]"))).texts == ["a"]


def test_bad_pages_are_rejected_alone_with_their_reason(reading):
    bad = [
        page("x").replace("</title>", "</titel>").encode(),
        page("x").encode().replace(b">x<", b">\xff<"),
        page("x").encode().replace(b">x<", b">\0<"),
        page("").encode(),
        page("{{only|a template}}").encode(),
        page("x").replace("<model>wikitext", "<model>json").encode(),
        page("<a b=" * 12_000).encode(),
        page("x").replace("</page>", "").encode(),  # never closed: the next page begins inside it
        b"  <page><ns>0</ns></page>\n",
        page("x").replace("<title>T", "<title>&lol;").encode(),
    ]
    content = (
        HEADER.encode()
        + b"".join(part for one in bad for part in (one, page("good").encode()))
        + FOOTER.encode()
    )
    seen = reading("wikipedia", content)
    assert seen.texts == ["good"] * len(bad)
    assert seen.ordinals == list(range(1, 2 * len(bad), 2))
    assert [reason for _, reason in seen.reasons] == [
        "bad_xml",
        "not_utf8",
        "nul_byte",
        "empty",
        "empty",
        "bad_wikitext",
        "bad_wikitext",
        "bad_xml",
        "bad_xml",
        "bad_xml",
    ]
    assert seen.rejected[5].detail == "the page is json"
    assert seen.rejected[0].raw.startswith(b"<page>\n    <title>T</titel>")


def test_a_page_cut_by_the_end_of_the_file_is_rejected(reading):
    content = dump(page("one"), page("two"))
    seen = reading("wikipedia", content[: content.index(b"two")])
    assert seen.texts == ["one"]
    assert seen.reasons == [(1, "bad_xml")]


def test_a_giant_page_is_passed_over_and_not_held(reading):
    giant = page("x" * 5_000_000)
    seen = reading("wikipedia", dump(page("one"), giant, page("two")), max_record_bytes=1_000_000)
    assert seen.texts == ["one", "two"]
    assert seen.reasons == [(1, "too_long")]
    assert "limit 1,000,000" in seen.rejected[0].detail


def test_a_file_that_is_no_dump_holds_no_pages(reading):
    assert reading("wikipedia", b"x" * 5_000_000).texts == []
    assert reading("wikipedia", b"").texts == []


# Words that do not compress: a page has more stored bytes than one, as in a dump.
TEXTS = [f"Page {n} {random.Random(n).getrandbits(20 * (n % 50 + 10)):x}" for n in range(40)]
PAGES = [page(text) for text in TEXTS]


def multistream(chance: random.Random, at_pages: bool) -> bytes:
    """Streams as Wikimedia makes them, header and footer apart and whole pages in each; or cut anywhere."""
    if at_pages:
        groups = [PAGES[k : k + 7] for k in range(0, len(PAGES), 7)]
        return b"".join(bz2.compress(part.encode()) for part in [HEADER, *map("".join, groups), FOOTER])
    content = dump(*PAGES)
    borders = sorted({0, len(content), *(chance.randrange(len(content)) for _ in range(8))})
    return b"".join(bz2.compress(content[begin:end]) for begin, end in pairwise(borders))


@pytest.mark.parametrize("kind", ["plain", "whole pages in a stream", "streams cut anywhere"])
def test_every_splitting_of_a_file_gives_the_same_pages(seen, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("spark_jobs.readers.storage.READ_BYTES", 37)  # streams begin across reads as well
    path = tmp_path / "dump"

    @settings(max_examples=100, deadline=None)
    @given(st.randoms(use_true_random=False), st.lists(st.floats(0, 1), max_size=6))
    def holds(chance, cuts):
        content = dump(*PAGES) if kind == "plain" else multistream(chance, kind.startswith("whole"))
        path.write_bytes(content)
        borders = [0]
        for cut in sorted(int(cut * len(content)) for cut in cuts):
            if kind == "plain" or cut - borders[-1] > len(
                PAGES
            ):  # so that no split has more pages than bytes
                borders.append(cut)
        parts = [
            seen("wikipedia", path, begin, end) for begin, end in pairwise([*sorted(set(borders)), None])
        ]
        assert [text for part in parts for text in part.texts] == TEXTS
        assert [one for part in parts for one in part.rejected] == []
        ordinals = [ordinal for part in parts for ordinal in part.ordinals]
        assert ordinals == sorted(set(ordinals))

    holds()


def test_an_archive_with_more_pages_than_bytes_is_refused_and_never_numbered_twice(seen, tmp_path):
    path = tmp_path / "dump.xml.bz2"
    stream = bz2.compress(page("same").encode() * 1000)
    path.write_bytes(stream * 3)
    assert len(stream) < 1000
    assert len(seen("wikipedia", path).texts) == 3000
    with pytest.raises(ReaderError, match="more pages than stored bytes from byte 0 to"):
        seen("wikipedia", path, 0, len(stream))


def test_an_unclosed_page_at_the_end_of_a_split_is_rejected_once(seen, tmp_path):
    path = tmp_path / "dump.xml"
    content = dump(page("one"), page("x").replace("</page>", ""), page("two"))
    path.write_bytes(content)
    second, third = (content.index(b"<page>", content.index(mark)) for mark in (b"one", b">x<"))
    whole = seen("wikipedia", path)
    assert whole.texts == ["one", "two"]
    for border in range(second, third + 8):
        parts = [seen("wikipedia", path, 0, border), seen("wikipedia", path, border)]
        assert [text for part in parts for text in part.texts] == ["one", "two"]
        assert [one.reason for part in parts for one in part.rejected] == ["bad_xml"]


def test_a_damaged_stream_costs_its_pages_and_the_next_one_goes_on(reading):
    streams = [
        bz2.compress(part.encode()) for part in [HEADER, *("".join(PAGES[k : k + 10]) for k in (0, 10, 20))]
    ]
    broken = bytearray(streams[2])
    broken[len(broken) // 2] ^= 0xFF
    seen = reading("wikipedia", streams[0] + streams[1] + bytes(broken) + streams[3], "x.xml.bz2")
    assert seen.texts == TEXTS[:10] + TEXTS[20:30]
    assert seen.reasons == [(10, "corrupt_archive")]
    assert seen.rejected[0].lost_bytes == len(broken)


def test_a_dump_may_be_packed_otherwise(reading):
    assert reading("wikipedia", gzip.compress(dump(*PAGES)), "x.xml.gz").texts == TEXTS
