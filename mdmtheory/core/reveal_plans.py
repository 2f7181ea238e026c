"""Reveal plans as they are given: the step, from 1, at which each position is revealed."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int32

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
