import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import buffers
from spark_jobs.buffers import blocks, count_before, count_between, hash_runs, hash_spans, load, ranges, spans

TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=12)


@settings(max_examples=100, deadline=None)
@given(
    texts=TEXTS,
    size=st.sampled_from([1, 10, 1 << 19]),
    kind=st.sampled_from([pa.string(), pa.large_string()]),
)
def test_blocks_hold_every_text_once_between_line_breaks(texts, size, kind):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BLOCK_BYTES", size)
        found = list(blocks(pa.array(["cut", *texts], kind)[1:]))
    seen = []
    for block in found:
        assert block.utf8.tobytes() == b"\n" + b"".join(
            (text or "").encode() + b"\n" for text in texts[block.rows]
        )
        assert len(block.padded) - len(block.utf8) >= 8  # an eight-byte load at the last byte stays inside
        ends = block.starts[1:] - 1
        seen += [block.utf8[a:b].tobytes().decode() for a, b in zip(block.starts[:-1], ends, strict=True)]
    assert seen == [text or "" for text in texts]


@given(flags=st.lists(st.booleans(), max_size=300))
def test_flags_are_counted_before_every_position(flags):
    expected = [sum(flags[:at]) for at in range(len(flags) + 1)]
    mask = np.array(flags, np.bool_)
    assert count_before(mask, np.arange(len(flags) + 1)).tolist() == expected
    assert count_between(mask, np.array([0, 0, len(flags)])).tolist() == [0, sum(flags)]


def test_spans_are_the_runs_of_set_flags():
    begins, ends = spans(np.array([0, 1, 1, 0, 0, 1, 0], np.bool_))
    assert list(zip(begins, ends, strict=True)) == [(1, 3), (5, 6)]


def test_ranges_stand_one_after_the_other_and_empty_or_backward_ones_give_nothing():
    assert ranges(np.array([5, 2, 9, 7]), np.array([7, 2, 4, 8])).tolist() == [5, 6, 7]
    assert ranges(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


def test_a_load_takes_eight_bytes_from_anywhere():
    padded = np.arange(1, 20, dtype=np.uint8)
    assert load(padded, np.array([0, 3, 11])).tolist() == [
        int.from_bytes(bytes(range(1 + at, 9 + at)), "little") for at in (0, 3, 11)
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=40) | st.text("ab", min_size=120, max_size=140), max_size=30)
)
def test_spans_have_equal_hashes_exactly_when_they_have_equal_bytes(words):
    text = np.frombuffer((" ".join(words) + "\0" * 16).encode(), np.uint8)
    lengths = np.array([len(word) for word in words], np.int64)
    begins = np.cumsum(lengths + 1) - lengths - 1
    hashes = hash_spans(text, begins, begins + lengths).tolist()
    assert len(set(hashes)) == len(set(words))
    assert len({*zip(hashes, words, strict=True)}) == len(set(words))


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 12))
def test_runs_have_equal_hashes_exactly_when_they_are_equal(numbers, n):
    runs = [tuple(numbers[i : i + n]) for i in range(len(numbers) - n + 1)]
    hashes = hash_runs(buffers.mix(np.array(numbers, np.uint64)), n).tolist()
    assert len(hashes) == len(runs)
    assert len({*zip(hashes, runs, strict=True)}) == len(set(runs)) == len(set(hashes))


def test_hashes_are_the_same_in_every_process():
    # Indexes of held-out texts are kept in files: these numbers must not change without a new format name.
    text = np.frombuffer(b"word another-longer-word" + b"x" * 200 + b"\0" * 16, np.uint8)
    hashes = hash_spans(text, np.array([0, 5, 24]), np.array([4, 24, 224]))
    assert hashes.tolist() == [6299529458212659491, 7033174660684867258, 6695896933964471819]
    assert hash_runs(hashes, 2).tolist() == [3537742786129220249, 5223296676856390477]
