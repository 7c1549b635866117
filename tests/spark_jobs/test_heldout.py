import json
import pickle
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizers import sentences, to_spoken_text
from spark_jobs import buffers, heldout_index
from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.heldout import HeldOut
from spark_jobs.heldout_files import EvaluationTexts

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


def is_unspaced(character):
    code = ord(character)
    thai_to_khmer = 0xE00 <= code < 0xF00 or 0x1000 <= code < 0x10A0 or 0x1780 <= code < 0x1800
    return thai_to_khmer or 0x3000 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000


def said(text, lang, characters):
    """(unit, whether its sentence has it as written), sentence by sentence."""
    parts = sentences(pa.array([text]), lang)[0].as_py()
    spoken = [(set(units(part, characters)), units(to_spoken_text(part, lang), characters)) for part in parts]
    return [(unit, unit in written) for written, own in spoken for unit in own]


def evidence(pairs, n):
    """What the said form of a text holds: n-grams of which half is as written, or all of a shorter text."""
    found = [unit for unit, _ in pairs]
    starts = [i for i in range(len(found) - n + 1) if 2 * sum(kept for _, kept in pairs[i : i + n]) >= n]
    return {tuple(found[i : i + n]) for i in starts} | ({tuple(found)} if 0 < len(found) < n else set())


def held_in(text, n, characters):
    return evidence([(unit, True) for unit in units(text, characters)], n)


def telling(gram, n, characters):
    return not characters or len(gram) < n or 2 * sum(map(is_unspaced, gram)) >= n


def slow_hits(held, texts, ngram, lang, said_in):
    characters = lang == "ja"
    n = 2 * ngram if characters else ngram
    wanted = set()
    for text in held:
        wanted |= held_in(text, n, characters)
        for other in said_in:
            if (other == "ja") == characters:
                wanted |= evidence(said(text, other, characters), n)
    wanted = {gram for gram in wanted if telling(gram, n, characters)}
    both = [(held_in(text, n, characters), evidence(said(text, lang, characters), n)) for text in texts]
    return [len((written | spoken) & wanted) for written, spoken in both]


PIECES = ["7:30", "seven ", "thirty ", "sieben ", "5%", "五", "5", "年", "percent ", " at ", ". ", "\n"]
TEXTS = st.one_of(
    st.text(st.sampled_from("ab \n.,é\u0967\u093f\u0964"), max_size=40),
    st.text(st.sampled_from("あ猫。 a\n🙂"), max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(st.characters(codec="utf-8"), max_size=30),
)


@settings(max_examples=150, deadline=None)
@given(
    held=st.lists(TEXTS, max_size=4),
    texts=st.lists(TEXTS, min_size=1, max_size=6),
    ngram=st.integers(2, 5),
    lang=st.sampled_from(["en", "hi", "ja"]),
    said_in=st.lists(st.sampled_from(["en", "de", "ja"]), max_size=2, unique=True),
    block=st.sampled_from([1, 50, 1 << 19]),
)
def test_the_hits_of_any_texts_are_those_of_a_slow_reading(held, texts, ngram, lang, *, said_in, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BLOCK_BYTES", block)
        held_out = HeldOut.from_texts(held, ngram, said_in or ["en"])
        found = held_out.hits(pa.array(texts, pa.string()), lang).to_pylist()
    assert found == slow_hits(held, texts, ngram, lang, said_in or ["en"])


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
    honest = heldout_index.hash_spans
    monkeypatch.setattr(heldout_index, "hash_spans", lambda *spans: honest(*spans) & np.uint64(3))
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
    words = [f"{n:05d}".translate(str.maketrans("0123456789", "abcdefghij")) for n in range(30_000)]
    held_out = HeldOut.from_texts([" ".join(words)])
    assert hits(held_out, " ".join(words)) == [29_993]  # 30,000 - 7


# --- as written and as said

FORMS = [  # (language, as written, as said)
    ("en", "please wake me at 7:30 in the morning", "Please wake me at seven thirty in the morning!"),
    (
        "en",
        "it costs $5 and 20% of the seats",
        "it costs five dollars and twenty percent of the seats",
    ),
    ("de", "bitte weck mich morgen früh um 7 Uhr auf", "bitte weck mich morgen früh um sieben Uhr auf"),
    ("fr", "il reste 21 places dans le train de nuit", "il reste vingt et une places dans le train de nuit"),
    ("hi", "मुझे कल सुबह 5 बजे जगा देना भाई ज़रूर", "मुझे कल सुबह पाँच बजे जगा देना भाई ज़रूर"),
    ("ja", "あしたの朝は7時にちゃんと起こしてください", "あしたの朝は七時にちゃんと起こしてください"),
]


@pytest.mark.parametrize(("lang", "written", "spoken"), FORMS)
def test_a_number_does_not_hide_from_its_words_nor_these_from_it(lang, written, spoken):
    for held, text in ((written, spoken), (spoken, written), (written, written), (spoken, spoken)):
        held_out = HeldOut.from_texts([held], 8, languages=["en", "de", "fr", "hi", "ja"])
        found = hits(held_out, f"Before. {text} After.", text[: len(text) // 2], "Nothing of it", lang=lang)
        assert found[0] > 0, (held, text)
        assert found[1:] == [0, 0]


@pytest.mark.parametrize(
    ("lang", "held", "text"),
    [
        (
            "de",
            "Mehr steht auf https://www.debian.org/ im Netz",
            "Auf https://www.gnu.org/ steht nichts.",
        ),
        ("fr", "il est né le 23 décembre 1999 à Lyon", "Paris, le 23 décembre 1999 : rien."),
        ("en", "born on 12/23/1999", "born in a room on december twenty third nineteen ninety nine"),
        ("en", "on december twenty third nineteen ninety nine", "She left on 12/23/1999."),
    ],
)
def test_a_date_or_an_address_alone_is_no_evidence_as_it_is_said(lang, held, text):
    # Eight words and more as they are said, but most of them stand in no text.
    assert hits(HeldOut.from_texts([held], 7, [lang]), text, held, lang=lang)[0] == 0


def test_hits_of_both_forms_are_counted_once_each():
    # Written: 9 words, wake me at 7 30 in the morning please; two 8-grams. Said: also 9, seven thirty for
    # 7 30; both of its n-grams have one of the two words. The text holds two keys as written, two as said.
    held_out = HeldOut.from_texts(["wake me at 7:30 in the morning please"], languages=["en"])
    assert hits(held_out, "Wake me at 7:30 in the morning, please") == [4]
    assert hits(held_out, "Wake me at seven thirty in the morning, please") == [2]


def test_a_short_text_in_its_other_form_hits_only_a_text_that_is_nothing_else():
    held_out = HeldOut.from_texts(["wake me at 7:30", "go at nine"], languages=["en"])
    texts = [
        "Wake me at seven thirty.",
        "wake me at 7:30",
        "Go at 9!",
        "go at nine",
        "go at 9 then",
        "7:30",
        "",
    ]
    assert hits(held_out, *texts) == [1, 2, 1, 1, 0, 0, 0]


def test_a_text_is_said_in_its_own_language_only():
    held_out = HeldOut.from_texts(["bitte weck mich morgen früh um sieben Uhr auf"], languages=["de", "en"])
    text = "bitte weck mich morgen früh um 7 Uhr auf"
    assert (hits(held_out, text, lang="de"), hits(held_out, text, lang="en")) == ([2], [0])


def test_a_number_next_to_the_words_is_not_among_them():
    held_out = HeldOut.from_texts(["please wake me at seven thirty in the morning"], languages=["en"])
    assert hits(held_out, "please wake me at 7:35 in the morning", "please wake me at 7 in the morning") == [
        0,
        0,
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(FORMS), st.booleans(), TEXTS, TEXTS), min_size=1, max_size=5),
    st.data(),
)
def test_a_text_is_found_in_its_other_form_whatever_stands_around_and_beside_it(rows, data):
    lang = data.draw(st.sampled_from([form[0] for form, *_ in rows]))
    held_out = HeldOut.from_texts([form[2] if back else form[1] for form, back, _, _ in rows], 8, [lang])
    texts = [f"{before}\n{form[1] if back else form[2]}\n{after}" for form, back, before, after in rows]
    column = pa.chunked_array(
        [pa.array([None, *texts], pa.string()), pa.array(texts, pa.large_string()).cast(pa.string())]
    )
    together = held_out.hits(column, lang).to_pylist()
    assert together[0] is None
    assert together[1:] == 2 * [hits(held_out, text, lang=lang)[0] for text in texts]
    assert all(n > 0 for n, (form, *_) in zip(together[1:], rows, strict=False) if form[0] == lang)


def test_languages_whose_words_cannot_be_in_the_texts_are_not_loaded(monkeypatch):
    def loaded(lang):
        raise AssertionError(lang)

    monkeypatch.setattr("normalizers.spoken.spans_of", loaded)
    held_out = HeldOut.from_texts([LINE, KANJI, "stop, please; now!"])
    assert hits(held_out, LINE, "No number here.", "stop please now") == [3, 0, 1]


# --- sets


def test_a_hit_names_the_first_set_that_has_it():
    sets = {"b.txt": [LINE, "Stop!"], "a.txt": ["stop", KANJI], "c.txt": ["wake me at seven thirty"]}
    held_out = HeldOut.from_sets(sets, languages=["en"])
    assert held_out.sets == ("a.txt", "b.txt", "c.txt")
    texts = pa.array([LINE, "stop", None, "none of it", "Wake me at 7:30", f"Stop. {LINE}"])
    counts, names = held_out.search(texts, "en")
    assert (counts.type, names.type) == (pa.int32(), pa.string())
    assert counts.to_pylist() == [3, 1, None, 0, 1, 3]
    assert names.to_pylist() == ["b.txt", "a.txt", None, None, "c.txt", "b.txt"]
    assert held_out.search(pa.array([KANJI]), "ja")[1].to_pylist() == ["a.txt"]


def test_the_order_of_sets_and_of_their_texts_does_not_matter_and_their_names_do():
    one = HeldOut.from_sets({"a": [LINE, "stop"], "b": ["stop", KANJI]})
    assert HeldOut.from_sets({"b": [KANJI, "Stop"], "a": ["stop", LINE]}).id == one.id
    assert HeldOut.from_sets({"a": [LINE, "stop"], "c": ["stop", KANJI]}).id != one.id
    assert HeldOut.from_sets({"a": [LINE], "b": ["stop", KANJI]}).id != one.id


def test_the_languages_that_the_texts_are_said_in_count_in_any_order():
    ids = {
        tuple(langs): HeldOut.from_texts([LINE], 8, langs).id
        for langs in (["en", "de"], ["de", "en"], ["de"])
    }
    assert ids["en", "de"] == ids["de", "en"] != ids["de",]


def test_no_language_is_loaded_to_tell_texts_from_others(monkeypatch):
    monkeypatch.setattr("normalizers.spoken.probe_of", None)
    texts = EvaluationTexts.from_sets({"a": ["wake me at 7:30", "..."]})
    assert (texts.n_texts, len(texts.id)) == (1, 32)


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
        assert (copy.id, copy.ngram, copy.n_texts, copy.sets) == (held_out.id, 8, 3, held_out.sets)
        assert hits(copy, LINE, "stop", "go") == [3, 1, 0]
        assert hits(copy, KANJI, lang="ja") == [6]
        assert copy.search(pa.array([KANJI]), "ja")[1].to_pylist() == list(held_out.sets)


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
    held_out = EvaluationTexts.from_glob(str(tmp_path), "evaluation")
    assert held_out.n_texts == 5
    sets = {"a.txt": [LINE, "stop"], "b.tsv": ["go on", LINE + " again"], "ja/c.jsonl": [KANJI]}
    named = {f"evaluation/{name}": texts for name, texts in sets.items()}
    assert held_out.id == HeldOut.from_sets(named).id
    assert list(held_out.sets) == list(named)
    assert EvaluationTexts.from_glob(str(tmp_path), "evaluation/*.t*").n_texts == 4


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
        EvaluationTexts.from_glob(str(tmp_path), "x.*")
    assert caught.value.key == "decontaminate.held_out"
    assert words in str(caught.value)
