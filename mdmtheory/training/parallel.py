"""Several processes that share each batch of one training, in plain torch.

Gradients are one vector (optimising.Learner), so that all there is to it is one sum a step. torchrun starts them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """This process among `count` that train together on a `device`, by `rank` from 0; the first one writes files."""

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Its part of a batch of so many rows; ValueError where they do not share them evenly."""
        if batch % self.count:
            raise ValueError(
                f"{batch} sequences a step cannot be shared evenly by {self.count} processes; "
                f"pass --batch {-(-batch // self.count) * self.count}"
            )
        own = batch // self.count
        return slice(self.rank * own, (self.rank + 1) * own)

    def add_up(self, vector: Tensor) -> None:
        """Put the sum over all processes into the vector, in place."""
        if self.count > 1:
            distributed.all_reduce(vector)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            distributed.barrier()

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        if self.count == 1:
            return here
        said = torch.tensor(float(here), device=self.device)
        self.add_up(said)
        return bool(said > 0)


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Among the processes that torchrun started, as its environment says; alone where it says nothing.

    Each has a graphics processor of its own where they compute on such.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(device=device)
        return
    on_cuda = torch.device(device).type == "cuda"
    if on_cuda:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()
