import tomllib
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spark_jobs
from normalizers.languages import UnknownLanguageError, language, languages
from spark_jobs import buffers
from spark_jobs.scores import SCORES, SCORES_TYPE, compute_scores

BELOW = "".join(map(chr, range(33)))  # what the measures call space at the ends of lines and between words
SHARES = [score.name for score in SCORES if score.name.endswith("_share_v1")]
DATA = Path(spark_jobs.__file__).parent / "data"


def scores(text, lang="en"):
    return {name.removesuffix("_v1"): value for name, value in one(text, lang).items()}


def one(text, lang):
    (row,) = compute_scores(pa.array([text]), lang).to_pylist()
    return row


# --- the meaning of each measure, character by character


def kind(character):
    category = unicodedata.category(character)
    if character in "\t\n\x0b\x0c\r" or category[0] == "Z":
        return "white"
    if category == "Nd":
        return "digit"
    if category[0] == "S" or category in ("Cc", "Co") or character in "#*@\\_[]{}…•‣⁃※†‡":
        return "symbol"
    return "letter" if category[0] in "LM" or category == "Cn" else "other"


def words_between_spaces(text):
    return "".join(" " if c in BELOW else c for c in text).split(" ")


def ngrams(text, rules):
    if rules.characters_per_word:
        return [text[i : i + 10] for i in range(len(text) - 9) if ord(text[i]) % 4 == 0]
    words = [word for word in words_between_spaces(text) if word]
    return [tuple(words[i : i + 5]) for i in range(len(words) - 4)]


def ends_a_sentence(line, rules):
    for _ in range(4):
        if len(line) > 1 and line[-1] in rules.closers:
            line = line[:-1]
    return line[-1] in rules.spaced_terminators + rules.unspaced_terminators


def slow_scores(text, lang):
    rules = language(lang)
    lines = [line for line in (line.strip(BELOW) for line in text.split("\n")) if line]
    runs = ngrams(text, rules)
    kinds = [kind(c) for c in text]
    shown = len(text) - kinds.count("white")
    share = lambda part, whole: float(np.float32(part / whole)) if whole else 0.0  # noqa: E731
    return {
        "n_lines_v1": len(lines),
        "mean_line_chars_v1": share(len(text) - text.count("\n"), len(lines)),
        "repeated_line_share_v1": share(len(lines) - len(set(lines)), len(lines)),
        "repeated_ngram_share_v1": share(len(runs) - len(set(runs)), len(runs)),
        "symbol_share_v1": share(kinds.count("symbol"), shown),
        "digit_share_v1": share(kinds.count("digit"), shown),
        "letter_share_v1": share(kinds.count("letter"), shown),
        "terminal_punctuation_share_v1": share(sum(ends_a_sentence(x, rules) for x in lines), len(lines)),
        "longest_word_bytes_v1": max(len(word.encode()) for word in words_between_spaces(text)),
    }


ALPHABETS = [
    st.characters(codec="utf-8"),
    st.sampled_from("ab \n."),  # few letters: lines and n-grams repeat
    st.sampled_from("はがー、。」\n \x00"),
    st.sampled_from('आऐ०९।ं "؟؛٣۔é×…#�\n 𝟗🙂\u200d'),
]
TEXTS = st.one_of([st.text(alphabet, max_size=120) for alphabet in ALPHABETS])


@settings(max_examples=400, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6), lang=st.sampled_from(["en", "hi", "ar", "ja"]))
def test_the_scores_of_any_texts_are_those_of_a_slow_reading_character_by_character(texts, lang):
    rows = compute_scores(pa.array(texts), lang).to_pylist()
    for text, row in zip(texts, rows, strict=True):
        del row["boilerplate_v1"]
        assert row == slow_scores(text, lang)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), block=st.sampled_from([1, 40, 300]))
def test_a_text_scores_the_same_whatever_its_neighbours_and_however_the_column_is_cut(texts, block):
    whole = compute_scores(pa.array(texts), "en")
    alone = pa.concat_arrays([compute_scores(pa.array([text]), "en") for text in texts])
    sliced = compute_scores(pa.array(["x y", *texts, "z"], pa.large_string())[1:-1], "en")
    chunked = compute_scores(pa.chunked_array([texts[:1], texts[1:]], pa.string()), "en")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BLOCK_BYTES", block)
        cut = compute_scores(pa.array(texts), "en")
    assert whole.equals(alone)
    assert whole.equals(sliced)
    assert whole.equals(chunked)
    assert whole.equals(cut)


# --- known answers


def test_lines_are_counted_and_measured_without_blank_ones():
    # Two lines; 6 + 2 + 7 characters that are no line feed, blanks included: 15 / 2.
    found = scores("Hello.\n  \n\n  you. \n")
    assert found["n_lines"] == 2
    assert found["mean_line_chars"] == 7.5


def test_a_line_repeats_when_it_stood_before_whatever_blanks_surround_it():
    # home, about, home, "home " -> two of four repeat; Home is another line.
    assert scores("home\nabout\nhome\n home ")["repeated_line_share"] == 0.5
    assert scores("home\nHome")["repeated_line_share"] == 0


def test_long_lines_that_differ_in_one_byte_away_from_all_samples_do_not_repeat():
    left, right = "a" * 20 + "b" + "c" * 100, "a" * 20 + "d" + "c" * 100
    assert scores(f"{left}\n{right}")["repeated_line_share"] == 0
    assert scores(f"{left}\n{right}\n{left}")["repeated_line_share"] == float(np.float32(1 / 3))


def test_five_words_in_a_row_that_stood_before_are_a_repeated_ngram():
    # Eleven words, seven 5-grams; "one two three four five" comes again as the last of them.
    text = "one two three four five six one two three four five"
    assert scores(text)["repeated_ngram_share"] == float(np.float32(1 / 7))
    assert scores("again " * 4)["repeated_ngram_share"] == 0  # four words: no 5-gram at all


def test_words_that_differ_far_behind_are_different_words():
    # Words of 60, 128 and 4,000 bytes go three ways through the hash.
    for length in (7, 8, 9, 16, 60, 127, 128, 129, 4000):
        one_end, other_end = "x" * length + "1", "x" * length + "2"
        assert scores(" ".join([one_end] * 5 + [other_end] * 5))["repeated_ngram_share"] == 0
        assert scores(" ".join([one_end] * 6))["repeated_ngram_share"] == 0.5


def test_japanese_ngrams_are_ten_characters_from_code_points_divisible_by_four():
    # Of these five only い (U+3044) is: runs begin at places 0 and 10, at 20 too few characters are left.
    phrase = "いろはにほはにほろは"
    assert [c for c in "いろはにほ" if ord(c) % 4 == 0] == ["い"]
    assert scores(phrase + phrase + "い", "ja")["repeated_ngram_share"] == 0.5
    assert scores(phrase + "い" + phrase[1:9] + "ろ", "ja")["repeated_ngram_share"] == 0


@pytest.mark.parametrize("digits", ["0189", "٠٩", "۰۹", "०९", "౦౯", "௦௯", "๐๙", "０９", "𝟎𝟗"])
def test_decimal_digits_of_every_script_are_digits(digits):
    assert scores(f"{digits} \n{digits}")["digit_share"] == 1
    assert scores(f"{digits} \n{digits}")["letter_share"] == 0


def test_vowel_signs_are_letters_and_a_danda_is_not():
    # न म स् त े: six code points with marks; danda and Latin stop are punctuation: 6 of 8.
    assert [unicodedata.category(c)[0] for c in "नमस्ते"] == ["L", "L", "L", "M", "L", "M"]
    assert scores("नमस्ते।.", "hi")["letter_share"] == 0.75


def test_hash_ellipsis_bullets_brackets_controls_and_emoji_are_symbols():
    # a # … • { \x01 🙂 -> six of seven; prices, paths and quotes are not: % / " are P.
    assert scores("a # … • { \x01 🙂")["symbol_share"] == float(np.float32(6 / 7))
    assert scores('50 % / "x"')["symbol_share"] == 0


@pytest.mark.parametrize(
    ("line", "lang"),
    [
        ("He left.", "en"),
        ("“He left.”", "en"),
        ('("He left!")', "en"),
        ("वह गया।", "hi"),
        ("هل ذهب؟", "ar"),
        ("「行った。」", "ja"),
        ("本当？", "ja"),
    ],
)
def test_a_line_ends_in_its_languages_terminator_also_before_closing_quotes(line, lang):
    assert scores(f"{line}\nmenu", lang)["terminal_punctuation_share"] == 0.5


def test_closing_marks_alone_end_nothing():
    assert scores('"""\n)')["terminal_punctuation_share"] == 0


def test_boilerplate_is_counted_in_any_case_and_over_line_breaks():
    text = "LOREM IPSUM. We have a Privacy\n  Policy, and this site USES COOKIES.\nAll rights reserved."
    assert scores(text)["boilerplate"] == 4
    assert scores("The cook uses cookie cutters.")["boilerplate"] == 0


def test_boilerplate_of_a_language_counts_in_it_and_the_common_phrases_in_all():
    german = "Datenschutzerklärung. Alle Rechte vorbehalten. Lorem ipsum"
    assert scores(german, "de")["boilerplate"] == 3
    assert scores(german, "hi")["boilerplate"] == 1


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", " \t "])
def test_a_text_with_nothing_in_it_scores_zero_and_never_null(text):
    row = scores(text)
    symbols = 1.0 if text == "\x00" else 0.0  # a control character is a symbol though no word is there
    assert row == dict.fromkeys(row, 0) | {"symbol_share": symbols}


def test_a_null_text_has_null_scores_and_its_neighbours_keep_theirs():
    column = compute_scores(pa.array(["Stay.", None, "Stay."]), "en")
    assert column.to_pylist()[1] is None
    assert column[0] == column[2] == compute_scores(pa.array(["Stay."]), "en")[0]


def test_an_empty_column_gives_an_empty_column_of_the_same_type():
    assert compute_scores(pa.array([], pa.string()), "en").type == SCORES_TYPE
    assert len(compute_scores(pa.array([], pa.string()), "en")) == 0


def test_hostile_texts_cost_no_more_than_prose():
    # A megabyte without a space, of blanks, of line feeds, of one line: each would hang a step-wise kernel.
    column = pa.array(["x" * 2**20, " " * 2**20 + "x", "\n" * 2**20, "a.\n" * 2**18, "。" * 2**18])
    rows = compute_scores(column, "ja").to_pylist()
    assert [row["n_lines_v1"] for row in rows] == [1, 1, 0, 2**18, 1]
    assert [row["longest_word_bytes_v1"] for row in rows] == [2**20, 1, 0, 2, 3 * 2**18]
    assert compute_scores(column, "en").to_pylist()[3]["repeated_line_share_v1"] == np.float32(1 - 2**-18)


# --- the declaration


def test_every_measure_has_a_versioned_name_and_a_meaning():
    assert [field.name for field in SCORES_TYPE] == [score.name for score in SCORES]
    for score in SCORES:
        assert score.name.rpartition("_v")[2].isdigit()
        assert score.meaning


def test_the_character_table_is_that_of_unicode():
    ranges = tomllib.loads((DATA / "characters.toml").read_text("utf8"))
    assigned = {chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")}
    for name in ("white", "digit", "symbol", "other"):
        text = ranges[name]
        listed = set()
        for part in text.split():
            low, _, high = part.partition("-")
            listed |= set(map(chr, range(int(low, 16), int(high or low, 16) + 1)))
        own = {c for c in assigned if kind(c) == name and c in _assigned_in_unicode_14(c)}
        assert own <= listed, name
        assert listed & assigned <= {c for c in assigned if kind(c) == name} | _reclassified_since_14(), name


def _assigned_in_unicode_14(character):
    """Newer Pythons know more characters than the table; those count as letters until the next version."""
    return character if unicodedata.unidata_version == "14.0.0" else ""


def _reclassified_since_14():
    return set() if unicodedata.unidata_version == "14.0.0" else {"\u180f"}


def test_every_language_has_its_own_boilerplate():
    phrases = tomllib.loads((DATA / "boilerplate.toml").read_text("utf8"))
    assert set(languages()) <= set(phrases)
    for lang, own in phrases.items():
        assert own == [phrase.strip() for phrase in own], lang
        assert len(own) == len({phrase.casefold() for phrase in own}), lang


def test_an_unknown_language_is_named():
    with pytest.raises(UnknownLanguageError, match="xx"):
        compute_scores(pa.array(["x"]), "xx")
