"""Plans of independent positions, drawn so that two positions share a step, and near ones more often than far ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.plans.base import Plans, States

NEAR_SHARE = 0.5
"""The share of the plans whose pair is drawn with a chance that falls as the square of its distance; of the others all
pairs are equally likely, so that no plan weighs more than twice the expected number of pairs that share a step."""


@dataclass(frozen=True, eq=False)
class SharedSteps:
    """The law of independent positions, P(K = k) = weights[k - 1], tilted by the pairs of positions that share a step.

    A pair (i, j) is drawn with the probability pairs[j - i], 0 at 0, one step for both with a chance that goes as
    weights squared, and the other positions independently: a plan then has the probability of the untilted law times
    A/T, A = the sum of `pairs` over all pairs of its that share a step, T = the sum of the squared weights. So
    E[f] = E'[f T/A] for every f that is 0 where no two positions share a step. After the coverage algorithm of Karp,
    Luby and Madras (1989) for unions of events, with pairs that are not equally likely (docs/theory.md, 5.2; ours).
    """

    weights: Float[np.ndarray, "steps"]
    pairs: Float[np.ndarray, "length"]

    @classmethod
    def of(cls, weights: Float[np.ndarray, "steps"], length: int) -> SharedSteps:
        """With NEAR_SHARE of the pairs drawn for their nearness. ValueError for a single position."""
        if length < 2:
            raise ValueError(f"no two of {length} positions share a step; pass a length of 2 or more")
        distance = np.arange(1, length)
        many = length - distance
        near = 1 / distance**2.0
        found = NEAR_SHARE * near / (many @ near) + (1 - NEAR_SHARE) / many.sum()
        return cls(weights, np.concatenate([[0.0], found]))

    @property
    def total(self) -> float:
        """T, the probability that two given positions share a step."""
        return float((self.weights**2).sum())

    @property
    def most(self) -> float:
        """The most that T/A can be: one pair shares a step, and is of the least likely."""
        return self.total / float(self.pairs[1:].min())

    def tilt(self, plans: Plans, states: States) -> None:
        """Make plans of the untilted law, with streams of their own (which move on), plans of the tilted one."""
        from mdmtheory.kernels.random import fill_uniforms

        count, length = plans.shape
        uniforms = np.empty((count, 3))
        fill_uniforms(states, uniforms)
        rows = np.arange(count)
        distance = 1 + _drawn((length - np.arange(1, length)) * self.pairs[1:], uniforms[:, 0])
        first = np.minimum((uniforms[:, 1] * (length - distance)).astype(np.int64), length - distance - 1)
        step = 1 + _drawn(self.weights**2, uniforms[:, 2])
        plans[rows, first] = plans[rows, first + distance] = step

    def ratios(self, plans: Int[np.ndarray, "count length"]) -> Float[np.ndarray, "count"]:
        """T/A of each plan: the untilted law over the tilted one. Infinite where no two positions share a step."""
        order = np.argsort(plans, axis=1, kind="stable")
        rising = np.take_along_axis(plans, order, axis=1)
        found = np.zeros(len(plans))
        for apart in range(1, plans.shape[1]):
            same = rising[:, apart:] == rising[:, :-apart]
            if not same.any():
                break
            found += np.where(same, self.pairs[order[:, apart:] - order[:, :-apart]], 0.0).sum(axis=1)
        with np.errstate(divide="ignore"):
            ratios: Float[np.ndarray, "count"] = self.total / found
        return ratios


def in_shared_steps(plans: Int[np.ndarray, "count length"]) -> Bool[np.ndarray, "count length"]:
    """Which positions have their step not to themselves.

    >>> in_shared_steps(np.array([[3, 1, 3, 2]], dtype=np.int32)).tolist()
    [[True, False, True, False]]
    """
    order = np.argsort(plans, axis=1, kind="stable")
    rising = np.take_along_axis(plans, order, axis=1)
    same = rising[:, 1:] == rising[:, :-1]
    shared = np.zeros(plans.shape, dtype=np.bool_)
    shared[:, 1:] |= same
    shared[:, :-1] |= same
    found = np.empty_like(shared)
    np.put_along_axis(found, order, shared, axis=1)
    return found


def _drawn(masses: Any, uniforms: Float[np.ndarray, "count"]) -> Any:
    """An index for each uniform, with chances in proportion to the masses."""
    reached = np.cumsum(masses)
    return np.minimum(np.searchsorted(reached, uniforms * reached[-1], side="right"), len(reached) - 1)
