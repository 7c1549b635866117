"""What is left out, and how many copies of the rest are taken."""

from datetime import date

import pyarrow as pa

from spark_jobs.heldout import HeldOut
from spark_jobs.utterances.config import UtterancesConfig, UtteranceSource
from spark_jobs.utterances.decide import (
    FEW_TOKENS,
    Copies,
    Measures,
    count_copies,
    count_reasons,
    distinct,
    measured,
    sizes,
    with_copies,
)

CONFIG = UtterancesConfig(
    sources=(UtteranceSource(name="a", format="tsv", path="a"),), as_of=date(2026, 11, 4)
)
HELD_OUT = HeldOut.from_sets({"eval/a.txt": ["wake me at seven thirty tomorrow please thank you"]}, 8, ["en"])


def rows(*texts) -> pa.Table:
    n = len(texts)
    return pa.table(
        {"lang": ["en"] * n, "source_index": pa.array([0] * n, pa.int32()), "text": texts, "seen": [1] * n}
    )


def test_evaluation_texts_go_before_short_ones_and_by_the_name_of_their_set():
    table = rows("stop", "turn the lights in here off", "Wake me at 7:30 tomorrow please, thank you")
    found = measured(table, "en", Measures(5, None, HELD_OUT))
    assert found["reason"].to_pylist() == [FEW_TOKENS, None, "held_out_v1:eval/a.txt"]
    assert found["n_tokens"].to_pylist() == found["n_words"].to_pylist() == [1, 6, 8]


def test_what_a_spoken_row_would_show_is_left_out_although_it_is_all_numbers():
    """`corpus check` sees spoken rows as they stand: it must not find what the build has let through."""
    held_out = HeldOut.from_texts(
        ["call five million five hundred fifty one thousand two hundred thirty four now"], 8, ["en"]
    )
    texts = pa.array(["Call 5551234 now"])
    assert held_out.search(texts, "en")[0].to_pylist() == [0]  # a document may hold a number
    found = measured(rows(*texts.to_pylist()), "en", Measures(1, None, held_out))
    assert found["reason"].to_pylist() == ["held_out_v1:evaluation texts"]


def test_tokens_are_those_of_the_tokenizer_where_there_is_one():
    def characters(texts):
        return pa.compute.utf8_length(texts)

    found = measured(rows("stop", "go now"), "en", Measures(5, characters))
    assert found["n_tokens"].to_pylist() == [4, 6]
    assert found["reason"].to_pylist() == [FEW_TOKENS, None]


SEEN = [
    ("en", "play jazz", "d1", 60),
    ("en", "play jazz", "d2", 40),
    ("de", "play jazz", "d1", 9),
    ("en", "a", "d1", 3),
]


def test_a_text_is_counted_once_a_language_and_kept_the_root_of_its_count(spark, layouts):
    frame = spark.createDataFrame(
        [(*row, 0) for row in SEEN], "lang STRING, text STRING, day STRING, count BIGINT, source_index INT"
    )
    texts = distinct(layouts(frame))
    import pyspark.sql.functions as F

    measured_texts = texts.withColumn("n_words", F.lit(2)).withColumn("reason", F.lit(None).cast("string"))
    groups = count_reasons(measured_texts, CONFIG)
    assert sizes(groups, "documents") == {"de": 3, "en": 10 + 1}
    assert groups["en", 0, None].seen.rows == 103
    copies = with_copies(measured_texts, CONFIG, {"en": 1.0, "de": 2.5}, 7)
    taken = {(r.lang, r.text): r.n_copies for r in copies.collect()}
    assert taken["en", "play jazz"] == 10  # a factor of 1 takes exactly all
    assert taken["en", "a"] == 1
    assert taken["de", "play jazz"] in (7, 8)  # 2.5 * 3
    counted = count_copies(copies)
    assert counted["en", 0] == Copies(counted["en", 0].drawn, 11 * 4.0)
    assert counted["en", 0].drawn.rows == 11
