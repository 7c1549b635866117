"""Split-ratio, unk-token portion and their kin, against cases worked by hand."""

import pyarrow as pa
import pytest

from schemas.tokenizer import Tokenizer
from spark_jobs.tokenizer.measures import Counts, Group, count_rows, single_pieces, table_of
from tests.tiny_models import letters_model, words_model


def counted(texts: list[str], lang: str) -> dict[str, list[int]]:
    """The letters model has a piece for a, b, c and the space: a token a character, one before the text."""
    letters = Tokenizer.from_bytes(letters_model())
    counts = count_rows(pa.array(texts), lang, letters, single_pieces(letters))
    return {name: values.tolist() for name, values in counts.items()}


def test_what_is_counted_in_a_row():
    # "ab c" is ▁ a b ▁ c; "é" is ▁ <unk>; "cab cab" is ▁ c a b ▁ c a b
    found = counted(["ab c", "é", "", "cab cab"], "en")
    assert found["rows"] == [1, 1, 1, 1]
    assert found["words"] == [2, 1, 0, 2]
    assert found["tokens"] == [5, 2, 0, 8]
    assert found["unk"] == [0, 1, 0, 0]
    assert found["bytes"] == [4, 2, 0, 7]
    assert found["characters"] == [4, 1, 0, 7]
    assert found["single"] == [5, 1, 0, 8]  # all but <unk>, whose piece has five characters


def test_a_japanese_word_is_two_characters_as_everywhere():
    # Five characters are ceil(5 / 2) = 3 words; none of them has a piece, and neighbours share one <unk>.
    found = counted(["古い橋は今"], "ja")
    assert (found["words"], found["tokens"], found["unk"]) == ([3], [2], [1])


def test_rows_over_a_length_are_those_longer_than_it():
    # n letters are n + 1 tokens: 511 letters fill 512 tokens and are not over them.
    found = counted(["a" * 511, "a" * 512, "a" * 1023, "a" * 1024], "en")
    assert found["tokens"] == [512, 513, 1024, 1025]
    assert found["over_512"] == [0, 1, 1, 1]
    assert found["over_1024"] == [0, 0, 0, 1]


def test_a_piece_of_one_character_counts_as_single_with_and_without_its_space():
    words = Tokenizer.from_bytes(words_model(byte_fallback=True))
    single = dict(zip(words.pieces(), single_pieces(words).tolist(), strict=True))
    assert single["▁"]
    assert single["e"]
    assert single["<0xE3>"]  # a byte is less than a character
    assert not single["<mask>"]
    longer = [piece for piece in single if len(piece.removeprefix("▁")) > 1 and not piece.startswith("<")]
    assert longer
    assert not any(single[piece] for piece in longer)


def test_the_measures_are_sums_divided_once():
    # 5 + 15 tokens over 2 + 2 words: 20 / 4 = 5, not the mean of 2.5 and 7.5; unk (0 + 1) / 20
    one = Counts(rows=1, words=2, tokens=5, unk=0, bytes=10, characters=10, single=5)
    two = Counts(
        rows=3, words=2, tokens=15, unk=1, bytes=30, characters=20, single=0, over_512=2, over_1024=1
    )
    assert (one + two).measures() == {
        "split_ratio": 5.0,
        "unk_portion": 0.05,
        "bytes_per_token": 2.0,
        "characters_per_token": 1.5,
        "single_character_share": 0.25,
        "over_512_share": 0.5,
        "over_1024_share": 0.25,
    }


def test_nothing_to_divide_is_zero():
    assert set(Counts().measures().values()) == {0.0}


def test_sums_over_groups_weigh_each_by_its_words_in_the_release():
    groups = [
        Group("stage1", "en", "spoken", Counts(rows=1, words=10, tokens=20, unk=2)),
        Group("stage1", "en", "written", Counts(rows=1, words=10, tokens=30, unk=0)),
        Group("stage1", "ta", "spoken", Counts(rows=1, words=10, tokens=40, unk=4)),
    ]
    words = {("stage1", "en", "spoken"): 70, ("stage1", "en", "written"): 30, ("stage1", "ta", "spoken"): 100}
    lines = {(x["stage"], x["lang"], x["form"]): x for x in table_of(groups, words)}
    assert set(lines) == {
        ("stage1", "en", "spoken"),
        ("stage1", "en", "written"),
        ("stage1", "ta", "spoken"),
        ("stage1", "en", ""),
        ("stage1", "ta", ""),
        ("stage1", "", "spoken"),
        ("stage1", "", "written"),
        ("stage1", "", ""),
    }
    # en: 70 words at 2.0 and 30 at 3.0 are 140 + 90 = 230 tokens over 100 words
    assert lines["stage1", "en", ""]["split_ratio"] == pytest.approx(2.3)
    # all: 230 + 100 * 4.0 = 630 tokens over 200 words; unk 140 * 0.1 + 400 * 0.1 = 54 of them
    assert lines["stage1", "", ""]["split_ratio"] == pytest.approx(3.15)
    assert lines["stage1", "", ""]["unk_portion"] == pytest.approx(54 / 630)
    assert lines["stage1", "", ""]["rows"] == 3
    assert lines["stage1", "ta", "spoken"]["split_ratio"] == 4.0


def test_stages_are_never_mixed():
    groups = [
        Group(stage, "en", "spoken", Counts(rows=1, words=10, tokens=20)) for stage in ("stage1", "stage2")
    ]
    whole = [line["stage"] for line in table_of(groups, {}) if not line["lang"] and not line["form"]]
    assert whole == ["stage1", "stage2"]
