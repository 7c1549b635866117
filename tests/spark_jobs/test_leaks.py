import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import buffers
from spark_jobs.heldout import HeldOut
from spark_jobs.leaks import confirmed, find_leaks, leaks

LINE = "the quick brown fox jumps over the lazy dog"  # nine words: two 8-grams
KANJI = "吾輩は猫である名前はまだ無い"  # 14 letters
FOUR = "wake me at seven"


def found(held, packs, lang="en", *, is_spoken=False, utterances=False):
    """(row, number of certain keys, number of likely ones) of the rows with any."""
    held_out = HeldOut.from_texts(held, 8, ["en", "ja"])
    got = leaks(pa.array(packs), lang, held_out, is_spoken=is_spoken, lines_are_texts=utterances)
    certain, likely = (
        np.bincount(got.rows[sure], minlength=len(packs)) for sure in (got.certain, ~got.certain)
    )
    return [
        (row, a, b)
        for row, (a, b) in enumerate(zip(certain.tolist(), likely.tolist(), strict=True))
        if a or b
    ]


def test_an_ngram_inside_a_line_is_left_for_certain():
    packs = ["Nothing.\nOnce " + LINE + " again.\nMore.", "none", LINE[4:]]
    assert found([LINE], packs) == [(0, 2, 0), (2, 1, 0)]


def test_an_ngram_over_a_line_break_is_likely_and_in_utterances_none():
    # Two documents, or one with two lines: the pack does not tell. Utterances have no line breaks.
    broken = LINE.replace("fox ", "fox\n")
    assert found([LINE], [broken]) == [(0, 0, 2)]
    assert found([LINE], [broken], utterances=True) == []
    # where it stands inside of a line as well, it is certain
    assert found([LINE], [f"{broken}\n{LINE}"]) == [(0, 2, 0)]


def test_a_short_text_is_likely_where_it_is_whole_lines_and_certain_where_it_is_an_utterance():
    packs = [
        FOUR,
        f"a\n{FOUR.upper()}!\n\nb",
        "Wake me\n\nat seven\nnow",
        f"{FOUR} now",
        f"I {FOUR}",
        "wake\nme at",
    ]
    assert found([FOUR], packs) == [(0, 0, 1), (1, 0, 1), (2, 0, 1)]
    assert found([FOUR], packs, utterances=True) == [(0, 1, 0), (1, 1, 0)]


def test_written_packs_are_compared_in_both_forms_and_spoken_ones_as_they_stand():
    held = ["please wake me at seven thirty in the morning"]
    pack = "Hello!\nPlease wake me at 7:30 in the morning."
    # As said only: likely, since a sentence over a pack's border is said in pieces. Nine words: two n-grams.
    assert found(held, [pack]) == [(0, 0, 2)]
    assert found(held, [pack], utterances=True) == [(0, 2, 0)]
    assert found(held, [pack], is_spoken=True) == []
    spoken = pack.lower().replace("7:30", "seven thirty")
    assert found(held, [spoken], is_spoken=True) == [(0, 0, 2)]
    assert found(held, [spoken], is_spoken=True, utterances=True) == [(0, 2, 0)]
    assert found(
        ["please wake me at 7:30 in the morning"], ["please wake me at seven thirty in the morning"]
    ) == [(0, 2, 0)]


def test_japanese_lines_are_compared_letter_by_letter():
    assert found([KANJI], [f"はい。\n{KANJI}。", KANJI[:-1], KANJI[:5] + "\n" + KANJI[5:]], "ja") == [
        (0, 0, 1),
        (2, 0, 1),
    ]
    assert found([KANJI * 2], [KANJI * 2, KANJI + "。\n" + KANJI], "ja") == [
        (0, 13, 0),
        (1, 0, 13),
    ]  # 28 - 15


WORDS = st.lists(st.sampled_from(["wake", "me", "at", "7", "seven", "\n", ".", "now"]), max_size=14).map(
    " ".join
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(WORDS, max_size=3),
    st.lists(WORDS, min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([1, 1 << 19]),
)
def test_neighbours_and_blocks_change_nothing_and_lines_are_read_as_a_slow_reader_does(
    held, packs, spoken, block
):
    held_out = HeldOut.from_texts(held, 3, ["en"])

    def search(texts):
        got = leaks(pa.array(texts), "en", held_out, is_spoken=spoken, lines_are_texts=False)
        return {(int(r), int(k)): bool(c) for r, k, c in zip(*got, strict=True)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BLOCK_BYTES", block)
        together = search(packs)
    alone = {(row, key): c for row, pack in enumerate(packs) for (_, key), c in search([pack]).items()}
    assert together == alone
    for row, pack in enumerate(packs):
        wanted, likely = slow(pack, held_out)
        mine = {key for (of, key) in together if of == row}
        assert spoken or wanted <= {key for (of, key), sure in together.items() if of == row and sure}
        assert mine >= likely | wanted
        assert not spoken or mine == likely | wanted  # as they stand: nothing else


def slow(pack, held_out):
    """Keys of n-grams inside lines, and those over lines or of whole lines, of the pack as it stands."""
    index = held_out.words
    key_words = [
        tuple(
            bytes(index.utf8[index.offsets[i] : index.offsets[i + 1]]).decode()
            for i in range(first, first + length)
        )
        for first, length in zip(index.first.tolist(), index.length.tolist(), strict=True)
    ]
    lines = [words for line in pack.split("\n") if (words := line.replace(".", " ").split())]
    joined = [word for line in lines for word in line]

    def grams(words):
        return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}

    whole = {
        tuple(word for line in lines[a:b] for word in line)
        for a in range(len(lines))
        for b in range(a + 1, len(lines) + 1)
    }
    sure = {
        n for n, key in enumerate(key_words) if len(key) == 3 and any(key in grams(line) for line in lines)
    }
    maybe = {
        n for n, key in enumerate(key_words) if (key in grams(joined) if len(key) == 3 else key in whole)
    }
    return sure, maybe


ROWS = [
    (1, 1, "en", "written", f"Nothing.\n{LINE}"),
    (2, 1, "en", "spoken", LINE.replace("fox ", "fox\n")),
    (3, 2, "en", "written", f"{FOUR}\nNo."),
    (4, 1, "en", "written", "none"),
    (5, 1, "ja", "written", KANJI * 2),
]


def test_the_rows_of_a_table_are_searched_alike_in_any_layout(spark, layouts):
    packs = spark.createDataFrame(ROWS, "seq_id BIGINT, stage TINYINT, lang STRING, form STRING, text STRING")
    held_out = HeldOut.from_sets({"a.txt": [LINE, FOUR], "b.txt": [KANJI * 2, LINE]}, 8, ["en"])
    rows = find_leaks(layouts(packs), held_out).collect()
    counts = {}
    for row in rows:
        key = (row.seq_id, row.lang, row.held_out_set, row.is_certain)
        counts[key] = counts.get(key, 0) + 1
    assert counts == {
        (1, "en", "a.txt", True): 2,
        (2, "en", "a.txt", False): 2,
        (3, "en", "a.txt", True): 1,
        (5, "ja", "b.txt", True): 13,
    }
    held = confirmed(packs.selectExpr("lang", "text"), held_out).collect()
    assert len(held) == len({(row.lang, row.key) for row in rows if row.seq_id in (1, 2, 5)})
