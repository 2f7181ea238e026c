"""Why a training stopped before its end, each in one line that says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TrainingStopped(ValueError):
    """A training that cannot go on as it was asked for; what it had learnt by its last checkpoint is kept."""


class NotANumber(TrainingStopped):
    """A loss that is infinite or no number, after which no weight is one."""

    def __init__(self, step: int, kept: int, learning_rate: float) -> None:
        super().__init__(
            f"the loss of step {step:,} is not a number; the checkpoint after step {kept:,} is kept, and another "
            f"training may do better with --lr {learning_rate / 3:.1g} instead of {learning_rate:.3g}"
        )
        self.step = step


class OutOfMemory(TrainingStopped):
    """A step that does not fit in memory."""

    def __init__(self, batch: int, length: int, device: str) -> None:
        smaller = f"try --batch {batch // 2}" if batch > 1 else "take a smaller --size or --length"
        super().__init__(
            f"out of memory on {device} with {batch:,} sequences a step ({batch * length:,} tokens); {smaller}"
        )


@contextmanager
def memory_told(batch: int, length: int, device: str) -> Iterator[None]:
    """Inside the block, whatever torch or numpy raise where memory runs out is an OutOfMemory."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(batch, length, device) from error
    except RuntimeError as error:
        # torch has no class of its own for the processor's memory.
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise OutOfMemory(batch, length, device) from error
