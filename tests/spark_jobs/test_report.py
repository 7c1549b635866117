"""The report says what the tables hold, in figures and in words."""

import io
import json

import pytest
from rich.console import Console

from spark_jobs.errors import ConfigError
from spark_jobs.report import print_release, release_figures
from spark_jobs.status import print_warehouse, warehouse_figures
from tests.integration.corpora import build, cc100, mc4, write_recipe


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory):
    """Two sources; one text twice, one too short, one line damaged."""
    folder = tmp_path_factory.mktemp("report")
    texts = ["Four lamps burn tonight.", "Nobody answered the old door.", "Short"]
    mc4(folder / "raw/mc4/en.jsonl.gz", texts, damaged=[b"{"])
    cc100(folder / "raw/cc100/en.txt.xz", [[texts[0]], ["Another road leads there."]])
    sources = [{"name": name, "format": name, "path": name} for name in ("mc4", "cc100")]
    filters = {"min_words": 2}
    recipe = write_recipe(
        folder / "recipe.yaml", folder / "raw", sources, filters=filters, resample={"alpha": 1.0}
    )
    build(spark, recipe, folder / "w")
    return str(folder / "w")


def printed(show, figures):
    out = io.StringIO()
    show(figures, Console(file=out, width=120))
    return out.getvalue()


def test_the_figures_account_for_every_record_and_word(warehouse):
    figures = release_figures(warehouse, "r")
    assert figures["ingest"]["mc4"]["records"] == {"kept": 3, "bad_json": 1}
    assert figures["ingest"]["cc100"]["files"] == 1
    assert figures["dropped"] == {
        "duplicate_v1": {"documents": 1, "words": 4},
        "short_v1": {"documents": 1, "words": 1},
    }
    # 4 + 5 + 1 + 4 + 4 words in, 1 and 4 dropped
    english = figures["languages"]["en"]
    assert (english["documents"], english["words"]) == (5, 18)
    assert (english["kept_documents"], english["kept_words"], english["copies"]) == (3, 13, 3)
    assert english["share_realised"] == 1.0
    assert figures["sources"]["cc100"]["kept_documents"] == 1
    assert figures["packs"]["words_before_forms"] == 13
    assert (
        figures["packs"]["rows"] == sum(figures["packs"]["histogram"].values()) == figures["stage1"]["rows"]
    )
    assert {"ingest", "decide", "assemble"} <= set(figures["seconds"])
    json.dumps(figures)


def test_the_report_in_words_names_sources_reasons_languages_and_the_fingerprint(warehouse):
    figures = release_figures(warehouse, "r")
    said = printed(print_release, figures)
    for part in ("release r", figures["stage1"]["fingerprint"], "mc4", "cc100", "bad_json (quarantine)",
                 "duplicate_v1", "short_v1", "spoken form: asked 70.0% of words", "time: "):  # fmt: skip
        assert part in said


def test_the_status_shows_steps_in_order_and_where_damage_is(warehouse):
    figures = warehouse_figures(warehouse)
    steps = [row["step"] for row in figures["steps"]]
    assert steps == ["ingest", "filter", "decontaminate", "deduplicate", "resample", "pack"]
    by_step = {row["step"]: row for row in figures["steps"]}
    assert (by_step["ingest"]["rows_in"], by_step["ingest"]["rows_out"]) == (6, 5)
    assert (by_step["filter"]["rows_in"], by_step["filter"]["rows_out"]) == (5, 4)
    assert (by_step["deduplicate"]["rows_out"], by_step["pack"]["rows_in"]) == (3, 3)
    assert figures["quarantine"] == [
        {"source": "mc4", "reason": "bad_json", "records": 1, "first": "mc4/en.jsonl.gz at 3"}
        | {"detail": figures["quarantine"][0]["detail"]}
    ]
    assert list(figures["releases"]) == ["r"]
    said = printed(print_warehouse, figures)
    assert "mc4/en.jsonl.gz at 3" in said
    assert "deduplicate" in said


def test_a_release_that_is_not_published_is_named_with_those_that_are(warehouse):
    with pytest.raises(ConfigError, match=r"--release is 's', accepted: a published release \(r\)"):
        release_figures(warehouse, "s")
