import pytest

from spark_jobs.decontaminate import DecontaminateConfig, decontaminate
from spark_jobs.errors import ConfigError
from spark_jobs.heldout import HeldOut

LINE = "the quick brown fox jumps over the lazy dog today"
KANJI = "吾輩は猫である。名前はまだ無い。どこで生れたか"
SETS = {"a.txt": ["stop", "um sieben Uhr"], "b.txt": [LINE, KANJI, "Stop!"]}
ROWS = [
    (1, "en", f"Once {LINE}.", 3, "b.txt"),
    (2, "en", "nothing of it", 0, None),
    (3, "ja", KANJI, 6, "b.txt"),
    (4, "en", None, None, None),
    (5, None, LINE, None, None),
    (6, "de", LINE.upper(), 3, "b.txt"),
    (7, "en", "Stop!", 1, "a.txt"),
    (8, "de", "um 7 Uhr", 1, "a.txt"),
]


def test_every_document_gets_the_number_of_its_evaluation_ngrams_in_any_layout(spark, layouts):
    documents = spark.createDataFrame([row[:3] for row in ROWS], "id INT, lang STRING, text STRING")
    held_out = HeldOut.from_sets(SETS, languages=["de"])

    found = decontaminate(layouts(documents), held_out)

    assert found.columns == ["id", "lang", "text", "held_out", "held_out_set"]
    assert sorted(map(tuple, found.collect())) == ROWS
    again = decontaminate(found, HeldOut.from_texts(["nothing else"]))  # columns that are there are made anew
    left = again.where("text IS NOT NULL AND lang IS NOT NULL").collect()
    assert {(row.held_out, row.held_out_set) for row in left} == {(0, None)}


def test_no_documents_give_no_documents(spark):
    empty = spark.createDataFrame([], "lang STRING, text STRING")
    assert decontaminate(empty, HeldOut.from_texts([LINE])).collect() == []


@pytest.mark.parametrize("values", [{"ngram": 1}, {"ngram": 101}, {"held_out": " "}])
def test_a_wrong_value_is_named_with_what_is_accepted(values):
    with pytest.raises(ConfigError, match=f"decontaminate.{next(iter(values))}"):
        DecontaminateConfig(**values)
