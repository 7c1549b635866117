"""Two ranks in one group of processes: every ZeRO stage trains what one process trains."""

import itertools
import json

import pytest

pytest.importorskip("torch")

from tests.trainer.launch import end, start, write_config


@pytest.fixture(scope="module")
def found(made, tmp_path_factory):
    """What tests/trainer/zero_scenario.py found on two ranks; some 20 CPU seconds."""
    folder = tmp_path_factory.mktemp("zero")
    config = write_config(folder)
    arguments = ("-m", "tests.trainer.zero_scenario", made.release, made.tokenizer, config, folder)
    ended = end(start(2, *map(str, arguments)))
    assert ended.code == 0, ended.err
    return json.loads((folder / "found.json").read_text("utf-8"))


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_on_two_ranks_gives_the_losses_of_one_process(found, stage):
    told = found[f"zero {stage}"]
    assert told["losses"] == pytest.approx(found["alone"][: len(told["losses"])], rel=1e-5)
    assert told["losses"][0] > told["losses"][-1] + 0.1  # it does learn


def test_ranks_with_different_numbers_of_microbatches_were_among_them(found):
    parts = [step for stage in (1, 2, 3) for step in found[f"zero {stage}"]["parts"]]
    assert any(a != b for a, b in parts)
    assert any(max(step) > 1 for step in parts)


def test_weights_are_those_of_one_process_after_an_epoch(found):
    assert found["weights"] < 2e-4  # of some 0.1 that they moved


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_lamb_under_zero_is_plain_lamb(found, stage):
    assert found[f"lamb {stage}"]["losses"] == pytest.approx(found["lamb alone"], rel=1e-5)
    assert found["lamb alone"] != pytest.approx(found["alone"][:4], rel=1e-3)  # and not Adam


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_bf16_gives_the_losses_of_fp32_to_its_precision(found, stage):
    assert found[f"bf16 {stage}"]["losses"] == pytest.approx(found["alone"][:4], rel=5e-3)
    assert found[f"bf16 {stage}"]["losses"] != found[f"zero {stage}"]["losses"][:4]


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_step_whose_gradients_overflow_is_left_out_and_the_next_one_trains(found, stage):
    for skipped, last_norm in found[f"overflowed {stage}"]:
        assert skipped == [False, True, False]
        assert 0 < last_norm < 100


def test_every_row_is_trained_on_once_an_epoch(found, made):
    trained = list(itertools.chain.from_iterable(found["zero 2"]["rows"]))
    assert len(trained) == 150
    assert sorted(trained[:146]) == made.seq_ids


def test_ranks_see_the_rows_and_masks_that_one_process_sees(found):
    assert found["zero 2"]["hashes"] == found["hashes"]
    assert len(set(found["hashes"])) == 15


@pytest.mark.parametrize("stage", ["1", "2", "3"])
@pytest.mark.parametrize("form", ["", " universal"])
def test_a_checkpoint_goes_on_bit_for_bit(found, stage, form):
    whole, again = found["resumed"][stage + form]
    assert whole == again
    assert len(set(whole)) == 4


def test_an_optimizer_that_would_be_wrong_without_a_word_is_refused_by_name(found):
    foreign, stage3 = found["refused"]
    assert "optimizer is 'FusedLamb', accepted: trainer.lamb.Lamb" in foreign
    assert "optimizer is 'Lamb', accepted: AdamW, Adam with zero.stage 3" in stage3
