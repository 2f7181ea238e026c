"""Where sequences to learn from come from: batch `step` is a function of the seed and the step, and of nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, cast

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_number
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import Register, registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import digest, stream_states
from mdmtheory.core.threads import started_pool, within
from mdmtheory.core.tokens import Tokens

Made = TypeVar("Made")

DATA = Register("data", "mdmtheory.training.data")
AHEAD = 8
"""Batches that are made before they are asked for."""


def stream_of(purpose: str, seed: int) -> int:
    """The seed of a language's stream for a purpose: what is learnt from is never what a measurement draws.

    >>> stream_of("training", 0) != stream_of("validation", 0)
    True
    """
    return int(digest([purpose, seed])[:15], 16)


def noise_generator(language: Language, length: int, seed: int, step: int, purpose: str) -> np.random.Generator:
    """All the chance that there is in the noise of a batch."""
    key = stream_states([f"{purpose} noise", language.digest, length, seed], step, 1)[0, :2]
    return np.random.Generator(np.random.Philox(key=key))


@registered("data", "fresh", place=1)
@dataclass(frozen=True, eq=False)
class FreshData:
    """Sequences without end, none of them twice."""

    language: Language
    length: int
    seed: int

    may_be_exact = True

    @property
    def spec(self) -> Spec:
        """As it is typed."""
        return Spec.of("fresh")

    def batch(self, step: int, rows: int) -> Tokens:
        """The sequences of a step, (rows, length)."""
        return self.language.sample(rows, self.length, stream_of("training", self.seed), first=step * rows, threads=1)

    def steps(self, rows: int) -> int | None:
        """How many steps it is for; None: any number."""
        return None


@registered("data", "fixed", place=2)
class FixedData:
    """So many sequences, seen so many times, in another order each time."""

    may_be_exact = False

    def __init__(
        self, language: Language, length: int, seed: int, *, samples: int | float, epochs: int | float
    ) -> None:
        self.samples = _count("samples", samples)
        self.epochs = _count("epochs", epochs)
        self.language, self.length, self.seed = language, length, seed
        self._orders: dict[int, Int[np.ndarray, "samples"]] = {}

    @property
    def spec(self) -> Spec:
        """As it is typed."""
        return Spec.of("fixed", samples=self.samples, epochs=self.epochs)

    @cached_property
    def sequences(self) -> Tokens:
        """All of them, (samples, length)."""
        return self.language.sample(self.samples, self.length, stream_of("training", self.seed))

    def batch(self, step: int, rows: int) -> Tokens:
        """The sequences of a step, (rows, length): those of an epoch's end stand with those of the next one's begin."""
        epochs, places = np.divmod(np.arange(step * rows, (step + 1) * rows), self.samples)
        chosen = [self._order(epoch)[places[epochs == epoch]] for epoch in np.unique(epochs).tolist()]
        return self.sequences[np.concatenate(chosen)]

    def steps(self, rows: int) -> int | None:
        """How many steps it is for."""
        return max(1, self.samples * self.epochs // rows)

    def _order(self, epoch: int) -> Int[np.ndarray, "samples"]:
        found = self._orders.get(epoch)
        if found is None:
            generator = noise_generator(self.language, self.length, self.seed, epoch, "order of an epoch")
            found = generator.permutation(self.samples)
            kept = {each: order for each, order in self._orders.items() if each == epoch - 1}
            self._orders = {**kept, epoch: found}
        return found


Data = FreshData | FixedData


def as_data(text: str | Spec, language: Language, length: int, seed: int) -> Data:
    """What `--data` says; ValueError for what is none."""
    return cast(Data, DATA.build(text, language, length, seed))


def _count(name: str, value: int | float) -> int:
    if isinstance(value, float) and value.is_integer():  # 1e6
        value = int(value)
    return whole_number(value, name, 1)


class MadeAhead(Generic[Made]):
    """`make(step)` for the steps from `first` to before `stop`, in order, made by so many threads of their own.

    What `make` raises is raised where its step is asked for. To be used in a `with` block, which ends the thread;
    it waits for no batch that is being made where something stops the steps.
    """

    def __init__(self, make: Callable[[int], Made], first: int, stop: int, *, makers: int = 1) -> None:
        self._make = make
        self._steps = range(first, stop)
        self._pool = started_pool(makers, "batches")

    def __enter__(self) -> MadeAhead[Made]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[int, Made]]:
        if self._pool is None:
            yield from ((step, self._alone(step)) for step in self._steps)
            return
        coming = deque((step, self._pool.submit(self._alone, step)) for step in self._steps[:AHEAD])
        later = iter(self._steps[AHEAD:])
        while coming:
            step, made = coming.popleft()
            found = made.result()
            for following in later:
                coming.append((following, self._pool.submit(self._alone, following)))
                break
            yield step, found

    def _alone(self, step: int) -> Made:
        with within(1):
            return self._make(step)
