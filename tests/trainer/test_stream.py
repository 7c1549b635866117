"""The same global batches for any ranks, loader processes, resume points, and for text and ids."""

import dataclasses
import itertools
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from schemas.sequences import FORMS
from schemas.tokenizer import BOS, EOS, FIRST_ORDINARY, MASK, Tokenizer
from tests.tiny_models import foreign_model, letters_model, words_model
from tests.trainer.releases import data_files, make_release
from trainer.batches import digest
from trainer.cache import CacheConfig
from trainer.errors import ConfigError, SnapshotError, StateError
from trainer.masking import MaskingConfig
from trainer.share import StreamConfig
from trainer.snapshot import open_snapshot
from trainer.state import state_of
from trainer.stream import Stream

CONFIG = StreamConfig(batch_rows=32, max_tokens=24, lanes=4, microbatch_tokens=64)
EPOCH = 146


@pytest.fixture(scope="module")
def text(made):
    return open_snapshot(str(made.release))


@pytest.fixture(scope="module")
def ids(made):
    return open_snapshot(str(made.release), reads="tokens")


def streams(snapshot, made, world=1, config=CONFIG):
    return [Stream(snapshot, str(made.tokenizer), config, rank=r, world_size=world) for r in range(world)]


def hashes(ranks, n) -> list[str]:
    """Of the next n global batches, put together from all ranks."""
    return [digest(part for rank in ranks for part in next(rank).microbatches) for _ in range(n)]


def seq_ids(batch) -> list[int]:
    """Of the rows of a batch: those of first pieces."""
    return [int(n) for part in batch.microbatches for n in part.seq_ids[part.piece == 0]]


@pytest.fixture(scope="module")
def reference(text, made):
    """The first twelve global batches: two epochs and a half."""
    return hashes(streams(text, made), 12)


def test_every_row_comes_once_an_epoch_though_batches_end_in_the_next(text, made):
    [stream] = streams(text, made)
    rows = [row for batch in itertools.islice(stream, 14) for row in seq_ids(batch)]
    assert len(rows) == 14 * 32
    assert sorted(rows[:EPOCH]) == sorted(rows[EPOCH : 2 * EPOCH]) == sorted(made.seq_ids)
    assert rows[:EPOCH] != rows[EPOCH : 2 * EPOCH]
    assert stream.state().position.epoch == 3  # 448 = 3 * 146 + 10
    assert stream.state().position.row == 10


@pytest.mark.parametrize("world", [2, 4, 8, 16])
def test_ranks_share_the_same_global_batches(text, made, reference, world):
    assert hashes(streams(text, made, world), 12) == reference


def test_a_world_that_divides_neither_batch_nor_lanes_sees_the_same(text, made, reference):
    assert hashes(streams(text, made, 3), 12) == reference


def test_text_and_ids_give_the_same_batches(ids, made, reference):
    assert hashes(streams(ids, made, 2), 12) == reference


def test_loader_processes_make_the_same_batches_and_go_on_where_a_state_stands(ids, made, reference):
    config = dataclasses.replace(CONFIG, workers=2)
    with Stream(ids, str(made.tokenizer), config) as stream:
        assert hashes([stream], 3) == reference[:3]
        state = stream.state()  # of what was handed out: the processes are ahead of it
        assert state.position.step == 3
    with Stream(ids, str(made.tokenizer), config) as resumed:
        resumed.load_state(state)
        assert hashes([resumed], 3) == reference[3:6]


@pytest.mark.parametrize("step", [1, 4, 5, 11])
@pytest.mark.parametrize("world", [(1, 4), (4, 2)], ids=str)
def test_a_run_goes_on_at_any_step_with_another_number_of_ranks(text, made, reference, step, world):
    before = streams(text, made, world[0])
    assert hashes(before, step) == reference[:step]
    saved = {rank.state().to_json() for rank in before}
    assert len(saved) == 1  # one state for all ranks
    after = streams(text, made, world[1])
    for rank in after:
        rank.load_state(state_of(*saved))
    assert hashes(after, 12 - step) == reference[step:]


def test_a_seek_reads_a_unit_a_lane_and_not_what_was_skipped(text, made):
    [skipping] = streams(text, made)
    list(itertools.islice(skipping, 40))
    [seeking] = streams(text, made)
    seeking.load_state(skipping.state())
    assert digest(next(seeking).microbatches) == digest(next(skipping).microbatches)
    whole = sum(len(row["text"]) for row in made.rows)
    assert seeking.window()["read_bytes"] < 2.5 * whole  # one batch may touch every unit of two epochs


def test_with_more_rows_in_a_batch_than_in_an_epoch_rows_come_again_in_it(text, made):
    config = dataclasses.replace(CONFIG, batch_rows=2 * EPOCH + 8)
    [stream] = streams(text, made, config=config)
    counted = Counter(seq_ids(next(stream)))
    assert sorted(counted) == sorted(made.seq_ids)
    assert Counter(counted.values()) == {2: EPOCH - 8, 3: 8}
    ranks = streams(text, made, 4, config)
    [alone] = streams(text, made, config=config)
    assert hashes(ranks, 2) == hashes([alone], 2)


def test_a_row_is_its_text_with_15_percent_hidden_whatever_piece_it_is_in(text, made):
    tokenizer = Tokenizer.from_bytes(words_model())
    wanted = {row["seq_id"]: tokenizer.processor.encode(row["text"]) for row in made.rows}
    [stream] = streams(text, made)
    seen: dict[int, list[int]] = {}
    hidden = 0
    for batch in itertools.islice(stream, 4):  # 128 rows, in the first epoch
        for part in batch.microbatches:
            restored = part.ids.copy()
            restored[part.positions] = part.labels
            hidden += np.count_nonzero(part.ids[part.positions] == MASK)
            for n, row in enumerate(part.seq_ids.tolist()):
                begin, end = part.cu_seqlens[n : n + 2]
                assert (restored[begin], restored[end - 1]) == (BOS, EOS)
                seen.setdefault(row, []).extend(restored[begin + 1 : end - 1].tolist())
    assert len(seen) == 128
    assert seen == {row: wanted[row] for row in seen}
    assert any(len(ids) > CONFIG.max_tokens for ids in seen.values())
    assert hidden > 0


def test_a_batch_says_how_much_there_is_to_predict_and_of_what(text, made):
    ranks, [alone] = streams(text, made, 4), streams(text, made)
    shares, whole = [next(rank) for rank in ranks], next(alone)
    assert sum(share.n_masked for share in shares) == whole.n_masked > 0
    assert np.array_equal(sum(share.tokens for share in shares), whole.tokens)
    assert whole.tokens.shape == (3, len(FORMS))
    assert whole.tokens.sum() == sum(len(part.ids) for part in whole.microbatches)
    langs = {row["seq_id"]: row["lang"] for row in made.rows}
    for part in whole.microbatches:
        assert [text.languages[n] for n in part.lang] == [langs[n] for n in part.seq_ids.tolist()]
        assert len(part.ids) <= CONFIG.microbatch_tokens
        assert part.labels.min(initial=FIRST_ORDINARY) >= FIRST_ORDINARY
    # A loss that is a sum over the chosen tokens, divided by their number in the global batch, is one loss.
    loss = sum(part.labels.sum() for share in shares for part in share.microbatches)
    assert loss == sum(part.labels.sum() for part in whole.microbatches)


def test_stage_2_gives_the_rows_of_its_split_and_full_batches(stage2):
    train = open_snapshot(str(stage2.release), stage=2)
    [stream] = streams(train, stage2)
    rows = [row for batch in itertools.islice(stream, 6) for row in seq_ids(batch)]
    wanted = [row["seq_id"] for row in stage2.rows if row["split"] == "train"]
    assert len(rows) == 6 * 32
    assert sorted(rows[: len(wanted)]) == sorted(wanted)
    held_out = open_snapshot(str(stage2.release), stage=2, split="validation")
    [other] = streams(held_out, stage2)
    assert not set(seq_ids(next(other))) & set(wanted)
    assert hashes(streams(train, stage2, 4), 4) == hashes(streams(train, stage2), 4)


def test_the_window_adds_up_what_was_read_and_given(text, made):
    [stream] = streams(text, made)
    batches = [*itertools.islice(stream, 5)]
    window = stream.window()
    assert (window["steps"], window["rows"]) == (5, 160)
    assert window["tokens"] == sum(len(part.ids) for b in batches for part in b.microbatches)
    assert window["masked_tokens"] == sum(b.n_masked for b in batches)
    assert sum(n for forms in window["tokens_by"].values() for n in forms.values()) == window["tokens"]
    assert (window["padding_share"], window["truncated_share"]) == (0, 0)
    assert 0.5 < window["fill"] <= 1
    assert 0 < window["data_wait_s"] == pytest.approx(sum(b.wait_s for b in batches))
    assert stream.window()["steps"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 1), ("lanes", 5), ("batch_rows", 16), ("max_tokens", 30), ("masking", MaskingConfig(rate=0.3))],
)
def test_a_state_of_other_settings_is_refused_by_name(text, made, name, value):
    [stream] = streams(text, made)
    state = stream.state()
    [other] = streams(text, made, config=dataclasses.replace(CONFIG, **{name: value}))
    with pytest.raises(StateError, match=f"{name} was") as error:
        other.load_state(state)
    assert error.value.message.count(" was ") == 1


def test_a_state_of_another_release_or_tokenizer_names_both(made, text, tmp_path):
    other = make_release(tmp_path, ((10, 10),))
    (other.tokenizer / "tokenizer.model").write_bytes(letters_model())
    [stream] = streams(open_snapshot(str(other.release)), other)
    with pytest.raises(StateError, match=r"fingerprint was .*; tokenizer was "):
        stream.load_state(streams(text, made)[0].state())


def test_what_may_change_on_purpose_may_change_when_it_is_named(text, made):
    [short] = streams(text, made)
    next(short)
    [long] = streams(text, made, config=dataclasses.replace(CONFIG, max_tokens=60))
    long.load_state(short.state(), changed=["max_tokens"])
    one, two = next(short), next(long)
    assert seq_ids(one) == seq_ids(two)
    labels = [np.concatenate([p.labels for p in batch.microbatches]).tolist() for batch in (one, two)]
    assert labels[0] == labels[1]  # the same tokens are hidden at any length
    with pytest.raises(ConfigError, match="some of batch_rows"):
        long.load_state(short.state(), changed=["seed"])


@pytest.mark.parametrize("saved", ["", "{}", '{"version": 2}', '{"version": 1, "position": {}}'])
def test_what_is_no_state_is_refused(saved):
    with pytest.raises(StateError, match="saved state"):
        state_of(saved)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"batch_rows": 0}, "batch_rows"),
        ({"max_tokens": 2}, "max_tokens"),
        ({"lanes": 0}, "lanes"),
        ({"workers": -1}, "workers"),
        ({"ahead": 0}, "ahead"),
        ({"microbatch_tokens": 511}, "microbatch_tokens"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_before_anything_starts(values, named):
    with pytest.raises(ConfigError, match=f"^{named} is"):
        StreamConfig(**values)
    with pytest.raises(ConfigError, match=r"cache\.limit_bytes is 0"):
        CacheConfig(folder="x", limit_bytes=0)


def test_a_world_that_does_not_fit_is_refused(text, made):
    with pytest.raises(ConfigError, match="world_size is 33, accepted: 1 to 32"):
        Stream(text, str(made.tokenizer), CONFIG, world_size=33)
    with pytest.raises(ConfigError, match="rank is 2, accepted: 0 to 1"):
        Stream(text, str(made.tokenizer), CONFIG, rank=2, world_size=2)


def test_a_tokenizer_that_is_not_that_of_the_ids_is_refused(text, ids, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(letters_model())
    with pytest.raises(ConfigError, match="that `tokens` was made with"):
        Stream(ids, str(tmp_path), CONFIG)
    assert Stream(text, str(tmp_path), CONFIG).vocab_size == 36
    (tmp_path / "tokenizer.model").write_bytes(foreign_model())
    with pytest.raises(ConfigError, match=r"tokenizer\.model"):
        Stream(text, str(tmp_path), CONFIG)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_goes_away_under_a_run_is_named(tmp_path, workers):
    made = make_release(tmp_path)
    snapshot = open_snapshot(str(made.release))
    config = dataclasses.replace(CONFIG, workers=workers, lanes=1, batch_rows=4)
    files = data_files(made)
    for file in files:
        file.unlink()
    with (
        Stream(snapshot, str(made.tokenizer), config) as stream,
        pytest.raises(SnapshotError, match="cannot be read any more") as error,
    ):
        next(stream)
    assert any(file.name in error.value.message for file in files)


def test_ids_in_another_order_than_the_text_are_found_when_they_are_read(tmp_path):
    made = make_release(tmp_path, ((20, 20),), tokens=True)
    snapshot = open_snapshot(str(made.release), reads="tokens")
    [file] = data_files(made, "tokens")
    rows = pq.read_table(file)
    pq.write_table(rows.take(np.roll(np.arange(40), 20)), file, row_group_size=13)
    [stream] = streams(snapshot, made)
    with pytest.raises(SnapshotError, match=r"unit \d begins at seq_id"):
        next(stream)
