"""Exact de-duplication: one of each text stays, the same one on every run."""

import pytest

from spark_jobs.deduplicate import DeduplicateConfig, deduplicate, drop_repeated, repeated

# (text, place): the smallest place of each text stays
DOCUMENTS = [("a", 5), ("a", 3), ("a", 9), ("b", 4), ("c", 2), ("c", 1)]
KEPT = [("a", 3), ("b", 4), ("c", 1)]


@pytest.fixture
def documents(spark):
    frame = spark.createDataFrame(DOCUMENTS, "text STRING, place BIGINT")
    return frame.selectExpr("unhex(md5(text)) doc_id", "text", "place")


def rows(frame):
    return sorted((r.text, r.place) for r in frame.collect())


def test_the_first_place_of_each_text_stays(documents, layouts):
    assert rows(deduplicate(layouts(documents), DeduplicateConfig())) == KEPT


def test_without_exact_all_stay(documents):
    assert rows(deduplicate(documents, DeduplicateConfig(exact=False))) == sorted(DOCUMENTS)


def test_only_texts_that_repeat_are_listed(documents):
    assert sorted(r.keeper for r in repeated(documents).collect()) == [1, 3]


def test_doing_it_twice_changes_nothing(documents):
    once = deduplicate(documents, DeduplicateConfig())
    assert rows(deduplicate(once, DeduplicateConfig())) == KEPT


def test_no_documents_give_no_documents(documents):
    assert rows(deduplicate(documents.where("false"), DeduplicateConfig())) == []


def test_the_plan_neither_sorts_the_keys_nor_shuffles_the_text(documents, capsys):
    keys = repeated(documents)
    keys.explain()
    drop_repeated(documents, keys).explain()
    plan = capsys.readouterr().out
    assert "HashAggregate" in plan
    assert "SortAggregate" not in plan
    assert "BroadcastHashJoin" in plan
    shuffled = [line for line in plan.splitlines() if "Exchange hashpartitioning" in line]
    assert shuffled
    assert not any("text" in line for line in shuffled)
