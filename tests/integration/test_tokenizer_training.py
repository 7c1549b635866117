"""A vocabulary of a release: sampled, trained, measured and chosen, on real Spark and Delta."""

import json
from pathlib import Path

import pytest

from spark_jobs.errors import ConfigError, CorpusError, GateError
from spark_jobs.tokenizer.evaluate import MEASURES, measure, measuring_rows
from spark_jobs.tokenizer.required import required_characters, without_piece
from spark_jobs.tokenizer.sample import hashes_of
from spark_jobs.tokenizer.search import Point, good_enough, plan_search, search
from spark_jobs.tokenizer.store import read_card, read_model, tokenizers
from spark_jobs.tokenizer.train import Training, plan_training
from tests.integration.tokenizers import SIZE, config, figures_of, quiet, run, train
from tests.tiny_models import foreign_model


def test_the_card_says_what_the_tokenizer_is(house):
    card = read_card(house.path, "t")
    model, tokenizer = read_model(house.path, "t")
    assert "t" in tokenizers(house.path)
    assert (card.vocab_size, card.sha256, len(model) > 0) == (SIZE, tokenizer.sha256, True)
    assert card.special == {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
    assert card.reserved == [5, 32]
    assert card.release_fingerprint == house.manifest.tables["stage1"].fingerprint
    assert card.training["words"] == 15_000_000
    assert set(card.sample) == {"ar", "en", "hi", "ja"}
    assert sum(part["share_asked"] for part in card.sample.values()) == pytest.approx(1)
    assert sum(part["share_realised"] for part in card.sample.values()) == pytest.approx(1)
    assert card.peak_bytes > 10_000_000


def test_every_joyo_kanji_and_kana_is_a_piece(house):
    _, tokenizer = read_model(house.path, "t")
    [characters] = required_characters(["en", "ja"]).values()
    kanji = [c for c in characters if c >= "\u4e00"]
    assert len(kanji) == 2136 + 4  # CLDR's forms, and the four that the official table prints otherwise
    assert {"あ", "ん", "ゔ", "ァ", "ヶ", "ー", "ゞ", "亜", "腕", "𠮟"} <= set(characters)
    assert without_piece(tokenizer, characters) == ""
    assert without_piece(tokenizer, "é\u2603") == "é\u2603"


def test_the_same_release_and_seed_give_the_same_model_and_another_seed_of_a_small_sample_another(
    spark, house
):
    first = read_card(house.path, "t")
    assert train(spark, house, name="again").sha256 == first.sha256
    one = train(spark, house, name="seed1", size=2600, words=4000, seed=1)
    two = train(spark, house, name="seed2", size=2600, words=4000, seed=2)
    assert one.sha256 != two.sha256
    assert sum(part["words"] for part in one.sample.values()) == pytest.approx(4000, abs=4 * 40)


def test_nothing_that_measures_is_trained_on(spark, house):
    plan = plan_training(config("never"), house.path, house.manifest)
    measuring = measuring_rows(spark, house.path, house.manifest)
    sample = Training(plan, spark, quiet()).draw(measuring)
    ids = {row.seq_id for row in measuring.collect()}
    assert ids
    assert not ids & set(sample["seq_id"].to_pylist())
    drawn = spark.createDataFrame(sample.select(["lang", "text"]))
    assert not set(hashes_of(drawn).tolist()) & set(hashes_of(measuring).tolist())
    assert not Path(house.path, "_staging/tokenizer-never").exists()


def test_a_name_belongs_to_one_tokenizer(house):
    assert plan_training(config(), house.path, house.manifest).trained is not None
    for other, differs in (({"size": 2900}, "vocab_size"), ({"seed": 5}, "seed"), ({"words": 9}, "words")):
        with pytest.raises(GateError, match=rf"tokenizer 't' exists .* \({differs} differ\)"):
            plan_training(config(**other), house.path, house.manifest)


def test_what_cannot_be_trained_is_said_before_anything_starts(house):
    with pytest.raises(ConfigError, match="--languages is 'fi', accepted: languages of the release"):
        plan_training(config("n", languages=("en", "fi")), house.path, house.manifest)
    with pytest.raises(ConfigError, match=r"--vocab-size is 2000, accepted: more than 2,3\d\d"):
        plan_training(config("n", 2000), house.path, house.manifest)
    assert plan_training(config("n", 2000, languages=("en",)), house.path, house.manifest).required == {}
    for wrong in ({"name": "a/b"}, {"words": 0}, {"seed": 1 << 63}):
        with pytest.raises(ConfigError):
            config(**wrong)


def test_a_vocabulary_larger_than_the_sample_supports_says_how_large_it_may_be(spark, house):
    with pytest.raises(
        CorpusError, match=r"does not support a vocabulary of 90,000 pieces, at most \d"
    ) as said:
        train(spark, house, name="large", size=90_000)
    assert "--vocab-size" in said.value.do
    assert "large" not in tokenizers(house.path)


def test_a_language_whose_share_of_the_sample_is_nothing_stops_the_training(spark, house):
    # All Arabic and Japanese text goes to the rows that measure once they are the only ones.
    plan = plan_training(config("few"), house.path, house.manifest)
    everything = (
        spark.read.format("delta").load(f"{house.release}/stage1").where("lang = 'ar' OR lang = 'ja'")
    )
    with pytest.raises(CorpusError, match="the sample has no text in ar, ja"):
        Training(plan, spark, quiet()).draw(everything)


# ---- measure


def test_the_measures_stand_in_the_card_and_in_the_statistics(spark, house):
    card = read_card(house.path, "t")
    rows = measuring_rows(spark, house.path, house.manifest)
    assert measure(spark, house.path, rows, house.manifest, read_model(house.path, "t")[0]) == card.metrics
    stored = {
        (row["stage"], row["metric"], row["lang"], row["form"]): row["value"] for row in figures_of(house)
    }
    assert stored == {
        (line["stage"], metric, line["lang"], line["form"]): line[metric]
        for line in card.metrics
        for metric in MEASURES
    }
    english = next(x for x in card.metrics if (x["lang"], x["form"]) == ("en", "written"))
    assert 1 < english["split_ratio"] < 4
    assert english["bytes_per_token"] == pytest.approx(english["characters_per_token"])  # ASCII


def test_measuring_again_leaves_one_set_of_figures_and_the_release_reports_as_before(
    spark, house, monkeypatch, capsys
):
    monkeypatch.setattr(spark, "stop", lambda: None, raising=False)
    before = figures_of(house)
    code, out, _ = run(capsys, "tokenizer", "evaluate", "t", house, "--json")
    assert code == 0
    assert json.loads(out)["measures"] == read_card(house.path, "t").metrics
    assert figures_of(house) == before


def test_any_sentencepiece_model_can_be_measured(spark, house):
    rows = measuring_rows(spark, house.path, house.manifest)
    lines = measure(spark, house.path, rows, house.manifest, foreign_model())
    japanese = next(x for x in lines if (x["lang"], x["form"]) == ("ja", ""))
    assert japanese["unk_portion"] > 0.2  # it knows English words only


# ---- search


def test_a_search_takes_the_smallest_size_that_is_no_worse_in_both(spark, house):
    sizes = [2500, 2600, 2700]
    plans = plan_search(config("s"), sizes, house.path, house.manifest)
    assert [plan.config.name for plan in plans] == ["s-2500", "s-2600", "s-2700"]
    worst = Point("base", 1, {"split_ratio": 100.0, "unk_portion": 1.0})
    found = search(plans, spark, quiet(), worst, every=False)
    assert [point.size for point in found.points] == [2500]  # good enough: nothing larger is trained
    assert found.choice == found.points[0]
    best = Point("base", 1, {"split_ratio": 0.0, "unk_portion": 0.0})
    again = plan_search(config("s"), sizes, house.path, house.manifest)
    assert [plan.trained is not None for plan in again] == [True, False, False]  # what is trained is kept
    curve = search(again, spark, quiet(), best, every=False)
    assert curve.choice is None
    ratios = [point.measures["split_ratio"] for point in curve.points]
    assert ratios == sorted(ratios, reverse=True)  # more pieces, fewer tokens
    assert len(ratios) == 3
    third = Point("base", 1, curve.points[2].measures)
    assert (
        search(
            plan_search(config("s"), sizes, house.path, house.manifest), spark, quiet(), third, every=True
        ).choice.size
        == 2700
    )


def test_the_rule_asks_for_both_measures():
    base = {"split_ratio": 1.5, "unk_portion": 0.001}
    assert good_enough(base, base)
    assert not good_enough({"split_ratio": 1.4, "unk_portion": 0.002}, base)
    assert not good_enough({"split_ratio": 1.6, "unk_portion": 0.0}, base)
