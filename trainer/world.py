"""The processes of a run: who this one is, and what all of them tell one another.

Started by torchrun, by the deepspeed launcher or by hand as one process. On the CPU no compiler is needed:
the one extension that DeepSpeed would build at start is for inference and is switched off.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from trainer.errors import TeacherError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """This process among those of the run."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def gather_ints(self, numbers: Sequence[int]) -> list[list[int]]:
        """The numbers of every rank, in the order of ranks."""
        mine = torch.tensor(numbers, dtype=torch.int64, device=self.device)
        everyones = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(everyones, mine)
        return [[int(n) for n in one] for one in torch.stack(everyones).cpu()]

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """Each number summed over the ranks, in FP64."""
        both = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(both)
        return [float(n) for n in both.cpu()]

    def gather(self, value: T) -> list[T]:
        """The values of every rank, in the order of ranks; by pickle, so not for every step."""
        everyones: list[Any] = [None] * self.size
        dist.all_gather_object(everyones, value)
        return everyones

    def agree(self, make: Callable[[], T]) -> T:
        """What rank 0 makes, on every rank; its TeacherError ends all, and only rank 0 says why."""
        told: list[Any] = [None]
        if self.first:
            try:
                told = [make()]
            except TeacherError as error:
                told = [error]
        dist.broadcast_object_list(told, src=0)
        if isinstance(told[0], TeacherError):
            if self.first:
                raise told[0]
            raise SystemExit(told[0].exit_code)
        made: T = told[0]
        return made

    def barrier(self) -> None:
        """Wait for every rank."""
        dist.barrier()


def start() -> World:
    """Join the other processes of this run."""
    cuda = torch.cuda.is_available()
    if not cuda:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    if "RANK" not in os.environ:
        alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
        os.environ.update(alone, MASTER_PORT=str(_free_port()))
    deepspeed = quiet_deepspeed()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    elif "OMP_NUM_THREADS" not in os.environ:
        # Threads spin while they wait: one too many and a step takes four times as long (measured).
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))
        torch.set_num_threads(max((os.cpu_count() or 1) // (2 * beside), 1))
    if not dist.is_initialized():
        deepspeed.init_distributed(dist_backend="nccl" if cuda else "gloo", verbose=False)
    return World(dist.get_rank(), dist.get_world_size(), device)


def quiet_deepspeed() -> Any:
    """The module, with its talk left out and without the extension that needs a compiler."""
    with quietly():
        import deepspeed
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what DeepSpeed prints and warns of in ordinary use; stdout is for figures."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def stop() -> None:
    """Leave the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
