"""Reveal plans as they are given: the step, from 1, at which each position is revealed."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int, Int32, Integer, Num

LAST_STEP = 1 << 20
"""Largest step number: what runs plans keeps one counter a step."""


def as_plans(plan: Any) -> Int32[np.ndarray, "count length"]:
    """A contiguous (count, length) array of step numbers; ValueError for what is no integer from 1 to LAST_STEP."""
    array = np.asarray(plan)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            f"plan has shape {array.shape} and dtype {array.dtype}; pass integers of shape (count, length), "
            "the step of each position, counted from 1"
        )
    if array.size and (array.min() < 1 or array.max() > LAST_STEP):
        row, position = np.argwhere((array < 1) | (array > LAST_STEP))[0]
        raise ValueError(
            f"the plan has step {array[row, position]} at row {row}, position {position}; "
            f"number steps from 1 to {LAST_STEP}"
        )
    return np.require(array, dtype=np.int32, requirements=["C", "W"])


def in_single_steps(plan: Num[np.ndarray, "*rows length"]) -> Int32[np.ndarray, "*rows length"]:
    """The plan that reveals one position a step, as their numbers rise, and from the left where these are equal.

    So it goes through the steps of a plan; and of uniforms it makes a random order.

    >>> in_single_steps(np.array([[2, 1, 2]])).tolist()
    [[2, 1, 3]]
    """
    order = np.argsort(plan, axis=-1, kind="stable")
    return (np.argsort(order, axis=-1, kind="stable") + 1).astype(np.int32)


def own_steps(
    plan: Integer[np.ndarray, "count length"], order: Integer[np.ndarray, "count length"]
) -> Int[np.ndarray, "count length"]:
    """The plan with the steps of each row counted by itself, without those that reveal nothing there.

    Rows never look at one another: so none waits for the others, and as many as can be are asked about at once. `order`
    sorts each row.

    >>> plan = np.array([[7, 2, 7], [1, 9, 3]])
    >>> own_steps(plan, plan.argsort(axis=1)).tolist()
    [[2, 1, 2], [1, 3, 2]]
    """
    rising = np.take_along_axis(plan, order, axis=1)
    numbers = np.ones(plan.shape, dtype=np.int64)
    numbers[:, 1:] += np.cumsum(rising[:, 1:] != rising[:, :-1], axis=1)
    own = np.empty_like(numbers)
    np.put_along_axis(own, order, numbers, axis=1)
    return own
