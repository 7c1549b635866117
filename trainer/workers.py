"""Loader processes of one rank: each makes its share of every batch, some batches ahead.

A process is a finer rank (share.py), so it reads what nobody else reads, and what it sends is put behind one
another to give what a single process would have made. They hold no state that counts: a stream that is set
to another position starts new ones.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from trainer.batches import Pieces, joined
from trainer.errors import TeacherError
from trainer.share import Counts, Share
from trainer.state import Position

_LOOK_S = 1.0  # how often a waiting process looks whether the other side still lives

Made = tuple[Pieces, Counts]


class Workers:
    """n processes that make all batches from a position on, in order."""

    def __init__(self, shares: Sequence[Callable[[], Share]], position: Position, ahead: int) -> None:
        """`shares`: what makes the share of each process, inside it; has to be picklable."""
        # spawn: a fork of a process that has CUDA or threads is not safe.
        context = multiprocessing.get_context("spawn")
        self._queues = [context.Queue(ahead) for _ in shares]
        self._processes = [
            context.Process(target=_make, args=(share, position, q), daemon=True, name=f"loader-{n}")
            for n, (share, q) in enumerate(zip(shares, self._queues, strict=True))
        ]
        for process in self._processes:
            process.start()

    def next(self) -> Made:
        """The next batch's share of this rank; raises what a process raised."""
        made = [self._take(n) for n in range(len(self._queues))]
        return joined([pieces for pieces, _ in made]), sum((counts for _, counts in made), Counts())

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for q in self._queues:
            q.close()
            q.cancel_join_thread()

    def _take(self, number: int) -> Made:
        process = self._processes[number]
        while True:
            alive = process.is_alive()  # asked first: what it said before it ended is still in the queue
            try:
                made: Made | BaseException = self._queues[number].get(timeout=_LOOK_S)
            except queue.Empty:
                if alive:
                    continue
                raise TeacherError(
                    f"loader process {number} ended with exit code {process.exitcode}",
                    why="it was killed, perhaps for want of memory",
                    do="resume the run, with fewer lanes or workers if memory was short",
                ) from None
            if isinstance(made, BaseException):
                raise made
            return made


def _make(share: Callable[[], Share], position: Position, sink: Any) -> None:
    """The life of a loader process: it ends when the process that started it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the rank, which then closes this one
    parent = multiprocessing.parent_process()
    assert parent is not None  # it is a child
    try:
        made_by = share()
        config, rows = made_by.config, made_by.snapshot.rows
        while _put(sink, made_by.make(position), parent):
            position = position.after(config.batch_rows, rows)
    except Exception as error:  # whatever it is, the rank has to hear of it
        if not isinstance(error, TeacherError):
            error.add_note("in a loader process:\n" + traceback.format_exc())
        _put(sink, error, parent)


def _put(sink: Any, made: Any, parent: Any) -> bool:
    while parent.is_alive():
        try:
            sink.put(made, timeout=_LOOK_S)
            return True
        except queue.Full:
            continue
    return False
