"""Rows set apart, cut by language."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.trainer.launch import TINY
from trainer.config import PretrainConfig
from trainer.measure import Measure, measured_snapshot
from trainer.release import read_release
from trainer.share import StreamConfig
from trainer.snapshot import open_snapshot
from trainer.stream import Stream
from trainer.strict import build

ALONE = SimpleNamespace(rank=0, size=1, gather_ints=lambda numbers: [list(numbers)], sums=list)


def measure(made, rows=40):
    config = build(PretrainConfig, {**TINY, "measure": {"rows": rows}})
    return Measure(open_snapshot(str(made.release)), str(made.tokenizer), config, ALONE)


def test_each_microbatch_is_of_one_language_and_within_the_budget(made):
    parts = measure(made).parts
    assert {len(set(part.lang.tolist())) for part in parts} == {1}
    assert {int(part.lang[0]) for part in parts} == {0, 1, 2}
    assert max(len(part.ids) for part in parts) <= 128
    assert len({n for part in parts for n in part.seq_ids.tolist()}) == 40


def test_a_language_that_the_first_rows_have_none_of_is_looked_for(made):
    parts = measure(made, rows=1).parts
    assert {int(part.lang[0]) for part in parts} == {0, 1, 2}
    rows = [n for part in parts for n in np.unique(part.seq_ids).tolist()]
    assert len(rows) == len(set(rows)) == 3


def test_a_language_that_has_no_rows_is_not_waited_for(stage2):
    config = build(PretrainConfig, {**TINY, "measure": {"rows": 2}})
    snapshot = dataclasses.replace(
        open_snapshot(str(stage2.release), stage=2), languages=("de", "en", "ja", "zz")
    )
    parts = Measure(snapshot, str(stage2.tokenizer), config, ALONE).parts
    assert {int(part.lang[0]) for part in parts} == {0, 1, 2}


def test_no_token_to_predict_is_lost_or_moved(made):
    for part in measure(made).parts:
        assert part.positions.max() < len(part.ids) == part.cu_seqlens[-1]
        assert (np.diff(part.positions) > 0).all()
        assert len(part.positions) == len(part.labels)
    config = StreamConfig(batch_rows=146, max_tokens=32, microbatch_tokens=1 << 20, lanes=3)
    with Stream(open_snapshot(str(made.release)), str(made.tokenizer), config) as stream:
        whole = next(stream)
    assert sum(len(part.ids) for part in measure(made, rows=500).parts) == sum(
        len(part.ids) for part in whole.microbatches
    )


def test_the_loss_of_a_language_is_the_mean_over_its_tokens(made):
    apart = measure(made)
    worth = {0: 1.0, 1: 2.0, 2: 4.0}
    engine = SimpleNamespace(
        world=ALONE, losses=lambda parts, passes: [worth[int(p.lang[0])] * len(p.labels) for p in parts]
    )
    found = apart.losses(engine)
    counted = {n: sum(len(p.labels) for p in apart.parts if p.lang[0] == n) for n in worth}
    mean = sum(worth[n] * counted[n] for n in worth) / sum(counted.values())
    assert found == pytest.approx({"de": 1.0, "en": 2.0, "ja": 4.0, "all": mean})


def test_rows_of_validation_are_measured_where_there_are_some(made, stage2):
    release = read_release(str(stage2.release))
    trained = open_snapshot(release, stage=2)
    apart = measured_snapshot(release, trained)
    assert (trained.split, apart.split) == ("train", "validation")
    one = open_snapshot(str(made.release))
    assert measured_snapshot(read_release(str(made.release)), one) is one
