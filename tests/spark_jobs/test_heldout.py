import json
import pickle
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import buffers, heldout
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.heldout import HeldOut

LINE = "the quick brown fox jumps over the lazy dog today"  # ten words: three 8-grams
KANJI = "吾輩は猫である。名前はまだ無い。どこで生れたか"  # 21 letters: six 16-grams


def hits(held_out, *texts, lang="en"):
    return held_out.hits(pa.array(texts, pa.string()), lang).to_pylist()


# --- a slow reading, character by character


def units(text, characters):
    lowered = pc.utf8_lower(pa.scalar(text)).as_py()  # not str.lower: it makes two letters of İ
    kinds = [unicodedata.category(c) for c in lowered]
    kept = [kind[0] in "LM" or kind in ("Nd", "Cn") for kind in kinds]
    joined = "".join(c if keep else " " for c, keep in zip(lowered, kept, strict=True))
    return list(joined.replace(" ", "")) if characters else joined.split()


def keys_of(text, n, characters):
    found = units(text, characters)
    if 0 < len(found) < n:
        return {tuple(found)}
    grams = {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}
    return {gram for gram in grams if not characters or 2 * sum(map(is_unspaced, gram)) >= n}


def is_unspaced(character):
    code = ord(character)
    thai_to_khmer = 0xE00 <= code < 0xF00 or 0x1000 <= code < 0x10A0 or 0x1780 <= code < 0x1800
    return thai_to_khmer or 0x3000 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000


def slow_hits(held, texts, ngram, lang):
    characters = lang == "ja"
    n = 2 * ngram if characters else ngram
    wanted = set().union(*(keys_of(text, n, characters) for text in held))
    answers = []
    for text in texts:
        found = units(text, characters)
        whole = {tuple(found)} if 0 < len(found) < n else set()
        grams = {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}
        answers.append(len((whole | grams) & wanted))
    return answers


TEXTS = st.one_of(
    st.text(st.sampled_from("ab \n.,é\u0967\u093f\u0964"), max_size=40),
    st.text(st.sampled_from("あ猫。 a\n🙂"), max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=30),
)


@settings(max_examples=300, deadline=None)
@given(
    held=st.lists(TEXTS, max_size=4),
    texts=st.lists(TEXTS, min_size=1, max_size=6),
    ngram=st.integers(2, 5),
    lang=st.sampled_from(["en", "hi", "ja"]),
    block=st.sampled_from([1, 50, 1 << 19]),
)
def test_the_hits_of_any_texts_are_those_of_a_slow_reading(held, texts, ngram, lang, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BLOCK_BYTES", block)
        found = HeldOut.from_texts(held, ngram).hits(pa.array(texts, pa.string()), lang).to_pylist()
    assert found == slow_hits(held, texts, ngram, lang)


@settings(max_examples=100, deadline=None)
@given(before=TEXTS, after=TEXTS, neighbour=TEXTS, lang=st.sampled_from(["en", "ja"]))
def test_an_evaluation_text_is_found_wherever_it_stands(before, after, neighbour, lang):
    held_out = HeldOut.from_texts([LINE, KANJI])
    planted = f"{before} {LINE if lang == 'en' else KANJI} {after}"
    assert hits(held_out, neighbour, planted, neighbour, lang=lang)[1] >= (3 if lang == "en" else 6)


# --- known answers


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.upper(),
        f"He wrote: “{LINE}!” and left.",
        "The quick, brown fox\njumps -- over the \u00a0 lazy… dog\r\n\r\ntoday",
    ],
)
def test_case_marks_and_line_breaks_hide_nothing(text):
    assert hits(HeldOut.from_texts([LINE]), text) == [3]


def test_each_ngram_counts_once_however_often_it_occurs():
    assert hits(HeldOut.from_texts([LINE, LINE.title()]), LINE + ". " + LINE) == [3]


def test_seven_words_in_a_row_are_no_hit_and_eight_are_one():
    seven, eight = LINE.split()[:7], LINE.split()[:8]
    assert hits(HeldOut.from_texts([LINE]), " ".join(seven), " ".join(eight)) == [0, 1]
    assert hits(HeldOut.from_texts([LINE]), " ".join([*seven, "sad", *eight])) == [1]


def test_words_that_stand_in_two_documents_are_no_hit():
    left, right = " ".join(LINE.split()[:5]), " ".join(LINE.split()[5:])
    assert hits(HeldOut.from_texts([LINE]), left, right, left + " " + right) == [0, 0, 3]


def test_a_short_evaluation_text_hits_only_a_document_that_is_nothing_else():
    held_out = HeldOut.from_texts(["Turn on the lights!"])
    assert hits(held_out, "turn on the lights", "Turn on the lights now", "on the lights", "") == [1, 0, 0, 0]


def test_japanese_is_matched_by_sixteen_letters_and_its_marks_do_not_count():
    held_out = HeldOut.from_texts([KANJI])
    # Without the two 。 and with a line break: the same 21 letters, 21 - 15 = 6 n-grams.
    assert hits(held_out, KANJI.replace("。", "\n"), lang="ja") == [6]
    assert hits(held_out, KANJI[:17], KANJI[:18], lang="ja") == [0, 1]  # 15 letters, and 16


def test_latin_letters_of_an_english_evaluation_text_do_not_hit_a_japanese_document():
    # "microsoftwindows" are sixteen letters, yet two words: no evaluation text is known by them.
    held_out = HeldOut.from_texts(["how do I start the Microsoft Windows update by hand"])
    assert hits(held_out, "これは Microsoft Windows の説明です", lang="ja") == [0]
    assert hits(held_out, "start the microsoft windows update by hand") == [0]  # seven words of it
    assert hits(held_out, "I start the microsoft windows update by hand") == [1]


def test_equal_hashes_of_different_words_are_no_hit(monkeypatch):
    # With every word hashed to one of four numbers n-grams collide; the comparison tells them apart.
    honest = heldout.hash_spans
    monkeypatch.setattr(heldout, "hash_spans", lambda *spans: honest(*spans) & np.uint64(3))
    held_out = HeldOut.from_texts([LINE])
    other = " ".join(word[::-1] for word in LINE.split())
    assert hits(held_out, other * 50, LINE) == [0, 3]


def test_a_null_text_has_null_hits():
    assert hits(HeldOut.from_texts([LINE]), LINE, None) == [3, None]


def test_nothing_held_out_hits_nothing():
    assert hits(HeldOut.from_texts([]), LINE, "") == [0, 0]
    assert hits(HeldOut.from_texts(["...", ""]), "...", KANJI) == [0, 0]
    assert HeldOut.from_texts([LINE]).hits(pa.array([], pa.string()), "en").to_pylist() == []


def test_a_document_that_is_all_evaluation_text_is_counted_whole():
    words = [f"w{n}" for n in range(30_000)]
    held_out = HeldOut.from_texts([" ".join(words)])
    assert hits(held_out, " ".join(words)) == [29_993]  # 30,000 - 7


# --- identity and files


def test_the_id_depends_on_the_texts_as_compared_and_on_n_and_on_nothing_else():
    assert HeldOut.from_texts([LINE, "stop"]).id == HeldOut.from_texts(["Stop!", LINE.upper(), LINE]).id
    assert HeldOut.from_texts([LINE]).id != HeldOut.from_texts([LINE], ngram=7).id
    assert HeldOut.from_texts([LINE]).id != HeldOut.from_texts([LINE + " too"]).id
    assert len(HeldOut.from_texts([LINE]).id) == 32


def test_a_saved_index_finds_the_same_after_loading_and_after_a_trip_to_a_worker(tmp_path):
    held_out = HeldOut.from_texts([LINE, KANJI, "stop"])
    held_out.save(str(tmp_path / "held_out.arrow"))
    loaded = HeldOut.load(str(tmp_path / "held_out.arrow"))
    for copy in (loaded, pickle.loads(pickle.dumps(loaded)), pickle.loads(pickle.dumps(held_out))):
        assert (copy.id, copy.ngram, copy.n_texts) == (held_out.id, 8, 3)
        assert hits(copy, LINE, "stop", "go") == [3, 1, 0]
        assert hits(copy, KANJI, lang="ja") == [6]


def test_a_file_that_is_no_index_is_named(tmp_path):
    path = tmp_path / "x.arrow"
    path.write_bytes(b"not an index")
    with pytest.raises(CorpusError, match=r"cannot be read(.|\n)*x\.arrow"):
        HeldOut.load(str(path))


def test_texts_are_read_from_txt_tsv_and_jsonl_below_a_folder(tmp_path):
    (tmp_path / "evaluation" / "ja").mkdir(parents=True)
    (tmp_path / "evaluation" / "a.txt").write_bytes(b"\xef\xbb\xbf" + LINE.encode() + b"\r\n\r\nstop\r\n")
    (tmp_path / "evaluation" / "b.tsv").write_text(f"go on\tlabel\n{LINE} again\tother\n")
    (tmp_path / "evaluation" / "ja" / "c.jsonl").write_text(json.dumps({"text": KANJI, "id": 1}) + "\n\n")
    held_out = HeldOut.from_glob(str(tmp_path), "evaluation")
    assert held_out.n_texts == 5
    assert held_out.id == HeldOut.from_texts([LINE, "stop", "go on", LINE + " again", KANJI]).id
    assert HeldOut.from_glob(str(tmp_path), "evaluation/*.t*").n_texts == 4


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", b"text", "files that end in .txt, .tsv, .jsonl"),
        ("x.txt", b"caf\xe9", "UTF-8 (byte 3 is not)"),
        ("x.jsonl", b'{"text": "a"}\n{"txt": "b"}', "line 2 has none"),
        ("x.jsonl", b'{"text": "a"', "line 1 has none"),
        ("x.txt", b" \n...\n", "at least one text"),
        ("other", b"", "a pattern that names files"),
    ],
)
def test_a_file_that_gives_no_text_is_a_wrong_value_of_its_key(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        HeldOut.from_glob(str(tmp_path), "x.*")
    assert caught.value.key == "decontaminate.held_out"
    assert words in str(caught.value)
