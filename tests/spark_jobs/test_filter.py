import tomllib
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyspark.sql.functions as F
import pytest

import normalizers
from schemas.documents import DOCUMENTS
from schemas.scores import SCORES
from schemas.table import spark_type
from spark_jobs.config import build
from spark_jobs.errors import ConfigError
from spark_jobs.filter import (
    DEFAULTS,
    LANGUAGE,
    REASONS,
    RULES,
    UNSCORED,
    FilterConfig,
    Thresholds,
    filter_documents,
    filter_reason,
)
from spark_jobs.scores import compute_scores

GOOD = {
    "lang": "en",
    "n_words": 100,
    "n_chars": 550,
    "n_lines_v1": 4,
    "mean_line_chars_v1": 130.0,
    "repeated_line_share_v1": 0.0,
    "repeated_ngram_share_v1": 0.0,
    "symbol_share_v1": 0.01,
    "digit_share_v1": 0.01,
    "letter_share_v1": 0.9,
    "terminal_punctuation_share_v1": 1.0,
    "boilerplate_v1": 0,
    "longest_word_bytes_v1": 12,
}
FAILING = {  # for each rule the one number that makes a good document fail it, beside the default threshold
    "short_v1": {"n_words": 4, "n_chars": 22},
    "long_v1": {"n_words": 100_001, "n_chars": 550_000},
    "boilerplate_v1": {"boilerplate_v1": 3},
    "repeated_lines_v1": {"repeated_line_share_v1": 0.31},
    "repeated_ngrams_v1": {"repeated_ngram_share_v1": 0.16},
    "symbols_v1": {"symbol_share_v1": 0.11},
    "digits_v1": {"digit_share_v1": 0.16},
    "letters_v1": {"letter_share_v1": 0.59},
    "short_lines_v1": {"mean_line_chars_v1": 4.9},
    "long_lines_v1": {"mean_line_chars_v1": 100_001.0},
    "unpunctuated_v1": {"terminal_punctuation_share_v1": 0.11},
    "words_too_long_v1": {"n_chars": 1101},
    "word_too_long_v1": {"longest_word_bytes_v1": 1001},
}
SCHEMA = (
    "name STRING, lang STRING, n_words INT, n_chars INT, scores STRUCT<"
    + ", ".join(f"{score.name}: {spark_type(score.type)}" for score in SCORES)
    + ">"
)


def frame(spark, documents):
    rows = []
    for name, changes in documents.items():
        row = GOOD | changes
        scores = None if changes.get("scores", ...) is None else tuple(row[score.name] for score in SCORES)
        rows.append((name, row["lang"], row["n_words"], row["n_chars"], scores))
    return spark.createDataFrame(rows, SCHEMA)


def reasons(documents, config=None):
    found = filter_documents(documents, config or FilterConfig(min_terminal_punctuation=0.12))
    return {row["name"]: row["reason"] for row in found.collect()}


# --- the rules


def test_a_document_that_breaks_one_rule_gets_its_name_in_any_layout(spark, layouts):
    documents = layouts(frame(spark, {"good": {}} | FAILING))
    assert reasons(documents) == {"good": None} | {name: name for name in FAILING}
    assert set(FAILING) == {rule.name for rule in RULES}  # no rule is left out


def test_of_several_broken_rules_the_first_gives_the_reason(spark):
    # From the last rule to the first: each document breaks one rule more than the one before it.
    worst, documents = {}, {}
    for rule in reversed(RULES):
        worst = worst | FAILING[rule.name]
        documents[rule.name] = worst
    assert reasons(frame(spark, documents)) == {name: name for name in FAILING}


def test_a_number_equal_to_its_threshold_passes_also_in_single_precision(spark):
    # Three of ten repeated lines as a 32-bit number is 0.30000001192..., above the 64-bit 0.3.
    tenth = float(np.float32(3 / 10))
    assert tenth > 0.3
    edge = {"repeated_line_share_v1": tenth, "n_words": 5, "n_chars": 55, "digit_share_v1": 0.15}
    config = FilterConfig(max_repeated_lines=0.3)
    assert reasons(frame(spark, {"edge": edge}), config) == {"edge": None}


@pytest.mark.parametrize("missing", ["lang", "n_words", "n_chars", "scores", "digit_share_v1"])
def test_a_missing_number_is_a_reason_of_its_own_and_never_silent(spark, missing):
    documents = frame(spark, {"gap": {missing: None}, "good": {}})
    assert reasons(documents) == {"gap": UNSCORED, "good": None}


def test_rows_stay_and_an_earlier_reason_goes_before_ours(spark):
    documents = frame(spark, {"a": {"n_words": 1}, "b": {"n_words": 1}, "c": {}})
    earlier = documents.withColumn("reason", F.when(F.col("name") == "a", "held_out_v1"))
    assert reasons(earlier) == {"a": "held_out_v1", "b": "short_v1", "c": None}


def test_no_documents_give_no_documents(spark):
    assert reasons(spark.createDataFrame([], SCHEMA)) == {}


# --- thresholds by language


def test_a_language_has_its_own_threshold_and_others_the_common_one(spark):
    # FineWeb-2: at most 0.206 repeated lines in Hindi, 0.375 in Japanese; Gopher: 0.3.
    rows = {lang: {"lang": lang, "repeated_line_share_v1": 0.25} for lang in ("hi", "ja", "en")}
    assert reasons(frame(spark, rows)) == {"hi": "repeated_lines_v1", "ja": None, "en": None}


def test_the_recipe_goes_before_the_file_and_its_languages_before_both(spark):
    config = FilterConfig(
        max_repeated_lines=0.2, max_symbols=1.0, languages={"ja": Thresholds(max_repeated_lines=0.1)}
    )
    assert config.thresholds("hi")["max_repeated_lines"] == 0.2
    assert config.thresholds("ja")["max_repeated_lines"] == 0.1
    assert config.thresholds("ja")["max_repeated_ngrams"] == 0.307  # the file's own for Japanese
    rows = {
        lang: {"lang": lang, "repeated_line_share_v1": 0.15, "symbol_share_v1": 0.5} for lang in ("hi", "ja")
    }
    assert reasons(frame(spark, rows), config) == {"hi": None, "ja": "repeated_lines_v1"}


def test_a_language_that_we_do_not_know_has_the_common_thresholds(spark):
    rows = {"xx": {"lang": "xx", "repeated_line_share_v1": 0.31}, "yy": {"lang": "yy"}}
    assert reasons(frame(spark, rows)) == {"xx": "repeated_lines_v1", "yy": None}


def test_the_expression_stays_small(spark):
    # One comparison a rule, whatever the number of languages; thresholds that never fail are left out.
    text = str(filter_reason(FilterConfig()))
    assert text.count("CASE WHEN") == 1 + len(RULES)
    off = FilterConfig(max_word_bytes=2**31, max_chars_per_word=float("inf"))
    assert str(filter_reason(off)).count("CASE WHEN") == len(RULES)


def test_the_file_gives_every_threshold_and_only_known_languages():
    tables = tomllib.loads(DEFAULTS.read_text("utf8"))
    names = {field.name for field in fields(Thresholds)}
    assert set(tables["default"]) == names == {rule.threshold for rule in RULES}
    for lang in normalizers.languages():
        assert set(FilterConfig().thresholds(lang)) == names
    for lang, own in tables.items():
        assert set(own) <= names
        assert lang == "default" or lang in normalizers.languages()


def test_the_resolved_thresholds_tell_what_every_language_is_held_to():
    resolved = FilterConfig(min_words=7, languages={"te": Thresholds(min_words=2)}).resolved()
    assert set(resolved) == set(normalizers.languages())
    assert (resolved["en"]["min_words"], resolved["te"]["min_words"]) == (7, 2)


def test_the_rules_look_only_at_declared_columns():
    declared = {field.name for field in DOCUMENTS.fields} | {f"scores.{score.name}" for score in SCORES}
    for rule in RULES:
        assert rule.number in declared or rule.number == "n_chars / greatest(n_words, 1)"
    assert len(set(REASONS)) == len(REASONS) == len(RULES) + 2


# --- real texts


def test_prose_is_kept_and_each_kind_of_rubbish_is_named(spark):
    prose = "She opened the letter and read it twice. Then she laughed.\n" * 1
    texts = {
        "prose": prose,
        "query": "Play the next song again please.",
        "subtitles": "- Where is he?\n- I don't know.\n- Then look for him!",
        "list of numbers": "12 44 58 1.2 77 13.8 99 42\n13 55 90 77 11",
        "menu": "Home\nNews\nHome\nNews\nHome\nNews\nabout us today",
        "spam": "buy cheap shoes online now " * 20,
        "notices": prose + "This site uses cookies. Privacy policy. Terms of use.",
        "lorem": "Lorem ipsum dolor sit amet. " + "Lorem ipsum once more, lorem ipsum.",
        "rule": prose + "###### ***** ===== " * 3,
        "empty": "",
    }
    column = pa.array(list(texts.values()))
    scored = compute_scores(column, "en").to_pylist()
    words = normalizers.word_counts(column, "en").to_pylist()
    rows = {
        name: {"n_words": n, "n_chars": len(text), **row}
        for (name, text), n, row in zip(texts.items(), words, scored, strict=True)
    }
    assert reasons(frame(spark, rows), FilterConfig()) == {
        "prose": None,
        "query": None,
        "subtitles": None,
        "list of numbers": "digits_v1",
        "menu": "repeated_lines_v1",
        "spam": "repeated_ngrams_v1",
        "notices": "boilerplate_v1",
        "lorem": "boilerplate_v1",
        "rule": "symbols_v1",
        "empty": "short_v1",
    }


# --- the language check


def test_a_text_in_another_language_is_named_when_that_is_asked(spark):
    texts = {
        "ours": "The committee will meet again next week to discuss the budget of the school.",
        "German": "Der Ausschuss trifft sich nächste Woche wieder, um über den Haushalt zu sprechen.",
    }
    pairs = F.create_map(*[F.lit(part) for pair in texts.items() for part in pair])
    documents = frame(spark, {name: {} for name in texts}).withColumn("text", pairs[F.col("name")])
    assert reasons(documents, FilterConfig()) == {"ours": None, "German": None}
    assert reasons(documents, FilterConfig(check_language=True)) == {"ours": None, "German": LANGUAGE}


def test_a_guess_from_ingest_is_used_and_an_unsure_one_is_not_enough(spark):
    guesses = {"sure": ("en", 0.9), "unsure": ("en", 0.4), "other": ("de", 0.9), "none": (None, None)}
    guess = F.create_map(*[p for name, (lang, _) in guesses.items() for p in (F.lit(name), F.lit(lang))])
    how = F.create_map(*[p for name, (_, sure) in guesses.items() for p in (F.lit(name), F.lit(sure))])
    identified = F.struct(guess[F.col("name")].alias("lang"), how[F.col("name")].alias("probability"))
    documents = frame(spark, {name: {} for name in guesses}).withColumn("identified", identified)
    expected = {"sure": None, "unsure": LANGUAGE, "other": LANGUAGE, "none": UNSCORED}
    assert reasons(documents, FilterConfig(check_language=True)) == expected


# --- the recipe


def test_a_recipe_fills_the_config_and_its_languages():
    config = build(FilterConfig, {"min_words": 3, "languages": {"ja": {"min_words": 2}}}, "filters")
    assert config.thresholds("en")["min_words"] == 3
    assert config.thresholds("ja")["min_words"] == 2


@pytest.mark.parametrize(
    ("values", "key", "accepted"),
    [
        ({"min_wrods": 3}, "filters.min_wrods", "min_words"),
        ({"max_repeated_lines": 1.5}, "filters.max_repeated_lines", "a number from 0 to 1"),
        ({"min_words": -1}, "filters.min_words", "a number of at least 0"),
        ({"max_symbols": float("nan")}, "filters.max_symbols", "a number from 0 to 1"),
        ({"languages": {"xx": {}}}, "filters.languages", "ja"),
        ({"languages": {"ja": {"max_digits": 2.0}}}, "filters.languages.ja.max_digits", "from 0 to 1"),
        ({"min_words": 200_000}, "filters.min_words", "at most max_words, 100000"),
        ({"min_language_probability": 2.0}, "filters.min_language_probability", "from 0 to 1"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(values, key, accepted):
    with pytest.raises(ConfigError) as caught:
        build(FilterConfig, values, "filters")
    assert caught.value.key == key
    assert accepted in caught.value.accepted
