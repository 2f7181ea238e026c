"""AdamW over a network's weights in one flat vector, clipped, with a rate that rises and falls, and their average."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

_ALIGNED = 16
"""Numbers at whose multiples a weight begins in the vector: 64 bytes, as the processor likes it."""


@dataclass(frozen=True)
class Optimising:
    """How weights follow gradients.

    AdamW (1711.05101) with decay of matrices alone; the rate rises linearly over a `warm_up` share of all steps to
    `learning_rate` and falls linearly to 0 at the end. The average forgets by 1 - `average` a step, faster in the first
    steps, where it would hold on to what the network began with.
    """

    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0
    warm_up: float = 0.05
    average: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"the learning rate is {self.learning_rate}; pass a positive number, as 0.003")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0.

        >>> [round(Optimising(1.0, warm_up=0.5).rate(step, 4), 3) for step in range(5)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        """
        rising = max(1, round(self.warm_up * steps))
        return self.learning_rate * min(1.0, (step + 1) / rising, (steps - step) / max(1, steps - rising))

    def kept(self, step: int) -> float:
        """The share of the average that stays after a step."""
        return min(self.average, (step + 1) / (step + 10))

    def to_json(self) -> dict[str, Any]:
        """Its settings."""
        return {**asdict(self), "betas": list(self.betas)}


class Learner:
    """A network, whose weights and gradients become parts of flat vectors, and what its optimiser remembers of them.

    One operation then serves all weights, where a small network's time would go into calls. With a `part` it has those
    weights alone whose names begin with it.
    """

    def __init__(self, network: nn.Module, optimising: Optimising, steps: int, *, part: str = "") -> None:
        self.network = network
        self.optimising = optimising
        self.steps = steps
        own = [each for each in network.named_parameters() if each[0].startswith(part)]
        named = sorted(own, key=lambda each: each[1].ndim < 2)
        self._places: dict[str, tuple[int, torch.Size]] = {}
        size = matrices = 0
        for name, weight in named:
            self._places[name] = (size, weight.shape)
            size += -(-weight.numel() // _ALIGNED) * _ALIGNED
            matrices = size if weight.ndim >= 2 else matrices
        like = named[0][1]
        self.weights, self.gradient, self.average, self.mean, self.square = (
            torch.zeros(size, dtype=like.dtype, device=like.device) for _ in range(5)
        )
        for name, weight in named:
            self._part(self.weights, name).copy_(weight.detach())
            weight.data = self._part(self.weights, name)
            weight.grad = self._part(self.gradient, name)
        self.average.copy_(self.weights)
        self._groups = [slice(0, matrices), slice(matrices, size)]
        self._optimiser = torch.optim.AdamW(
            [
                {"params": [self._whole(group)], "weight_decay": decay}
                for group, decay in zip(self._groups, (optimising.weight_decay, 0.0), strict=True)
            ],
            lr=optimising.learning_rate,
            betas=optimising.betas,
            fused=True,
        )
        self._remember(0)

    def update(self, step: int) -> None:
        """Follow the gradient of a step, and forget it."""
        for group in self._optimiser.param_groups:
            group["lr"] = self.optimising.rate(step, self.steps)
        nn.utils.clip_grad_norm_(
            [each for group in self._optimiser.param_groups for each in group["params"]], self.optimising.clip
        )
        self._optimiser.step()
        self.average.lerp_(self.weights, 1 - self.optimising.kept(step))
        self.gradient.zero_()

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Inside the block the network has the average for its weights."""
        kept = self.weights.clone()
        self.weights.copy_(self.average)
        try:
            yield
        finally:
            self.weights.copy_(kept)

    def settle(self) -> None:
        """Take the average for the weights, to stay as they are."""
        self.weights.copy_(self.average)

    def averages(self) -> dict[str, Tensor]:
        """The average of each weight, by its name."""
        return self._named(self.average)

    def state(self) -> dict[str, Tensor]:
        """All that it remembers, by what it is and of which weight."""
        return {
            f"{what}/{name}": part
            for what, vector in self._vectors.items()
            for name, part in self._named(vector).items()
        }

    def restore(self, state: dict[str, Tensor], step: int) -> None:
        """Be as it was when `state` was asked for, before this step; ValueError where that is of another network."""
        if {key: each.shape for key, each in state.items()} != {key: each.shape for key, each in self.state().items()}:
            raise ValueError("the checkpoint is of another network; resume with the arguments that it was begun with")
        with torch.no_grad():
            for key, part in self.state().items():
                part.copy_(state[key])
        self._remember(step)

    def finite(self) -> bool:
        """Whether every weight is a number."""
        return bool(self.weights.isfinite().all())

    @property
    def _vectors(self) -> dict[str, Tensor]:
        return {"weights": self.weights, "average": self.average, "mean": self.mean, "square": self.square}

    def _named(self, vector: Tensor) -> dict[str, Tensor]:
        return {name: self._part(vector, name) for name in self._places}

    def _part(self, vector: Tensor, name: str) -> Tensor:
        start, shape = self._places[name]
        return vector[start : start + shape.numel()].view(shape)

    def _whole(self, group: slice) -> nn.Parameter:
        whole = nn.Parameter(self.weights[group])
        whole.grad = self.gradient[group]
        return whole

    def _remember(self, step: int) -> None:
        """Hand the optimiser its memory, after so many steps."""
        for group, part in zip(self._optimiser.param_groups, self._groups, strict=True):
            self._optimiser.state[group["params"][0]] = {
                "step": torch.tensor(float(step), device=self.weights.device),
                "exp_avg": self.mean[part],
                "exp_avg_sq": self.square[part],
            }
