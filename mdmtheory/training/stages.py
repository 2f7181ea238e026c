"""The stages of a training: parts of a network that are learnt one after the other, each with steps of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate

from torch import Tensor, nn

from mdmtheory.training.objectives.base import Stage
from mdmtheory.training.optimising import Learner, Optimising


class Stages:
    """A learner for each stage; what one has learnt stays as its average when the next begins."""

    def __init__(self, network: nn.Module, optimising: Optimising, stages: Sequence[Stage]) -> None:
        self.network = network
        self.learners = [Learner(network, optimising, each.steps, part=each.part) for each in stages]
        self._ends = list(accumulate(each.steps for each in stages))

    def number(self, step: int) -> int:
        """Which stage a step, counted from 0, belongs to; after all of them the last."""
        return next((number for number, end in enumerate(self._ends) if step < end), len(self._ends) - 1)

    def at(self, step: int) -> Learner:
        """The learner of a step."""
        return self.learners[self.number(step)]

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        learner = self.at(step)
        return learner.optimising.rate(step - self._first(self.number(step)), learner.steps)

    def update(self, step: int) -> None:
        """Follow the gradient of a step; where its stage ends and another follows, settle on the average."""
        number = self.number(step)
        self.learners[number].update(step - self._first(number))
        if step + 1 == self._ends[number] and number + 1 < len(self.learners):
            self.learners[number].settle()

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Inside the block the network has the averages for its weights."""
        with ExitStack() as stack:
            for learner in self.learners:
                stack.enter_context(learner.averaged_weights())
            yield

    def averaged(self) -> dict[str, Tensor]:
        """The network's state with the averages in the place of its weights."""
        found: dict[str, Tensor] = dict(self.network.state_dict())
        for learner in self.learners:
            found |= learner.averages()
        return found

    def state(self) -> dict[str, Tensor]:
        """All that the learners remember."""
        return {key: part for learner in self.learners for key, part in learner.state().items()}

    def restore(self, state: dict[str, Tensor], step: int) -> None:
        """Be as it was when `state` was asked for, before this step; ValueError where that is of another network."""
        for number, learner in enumerate(self.learners):
            own = state if len(self.learners) == 1 else {key: state[key] for key in learner.state() if key in state}
            learner.restore(own, min(max(step - self._first(number), 0), learner.steps))

    def finite(self) -> bool:
        """Whether every weight is a number."""
        return all(learner.finite() for learner in self.learners)

    def _first(self, number: int) -> int:
        return self._ends[number - 1] if number else 0
