"""Loader processes end with their rank, and say why when they cannot go on."""

import dataclasses
import itertools
import os
import signal

import pytest

from trainer.errors import SnapshotError, TeacherError
from trainer.share import StreamConfig
from trainer.snapshot import open_snapshot
from trainer.stream import Stream


def test_a_killed_loader_process_is_an_error_and_closing_ends_the_others(made):
    snapshot = open_snapshot(str(made.release), reads="tokens")
    config = StreamConfig(batch_rows=32, max_tokens=24, lanes=4, microbatch_tokens=64, workers=2, ahead=1)
    with Stream(snapshot, str(made.tokenizer), config) as stream:
        next(stream)
        processes = stream._maker._processes
        os.kill(processes[1].pid, signal.SIGKILL)
        with pytest.raises(TeacherError, match="loader process 1 ended with exit code -9"):
            list(itertools.islice(stream, 4))
    assert not any(process.is_alive() for process in processes)


def test_what_goes_wrong_in_a_loader_process_is_raised_in_its_rank(made):
    snapshot = open_snapshot(str(made.release))
    broken = dataclasses.replace(snapshot, languages=())  # no row can be of any of them
    config = StreamConfig(batch_rows=32, workers=1)
    with (
        Stream(broken, str(made.tokenizer), config) as stream,
        pytest.raises(SnapshotError, match=r"lang is '.*', release\.json knows "),
    ):
        next(stream)
