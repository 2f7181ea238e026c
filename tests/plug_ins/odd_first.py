"""Somebody's law over plans as it would stand among those that are built in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from mdmtheory.core.register import registered
from mdmtheory.plans.laws import OnePlan


@registered("plan law", family="chosen order")
@dataclass(frozen=True)
class OddFirst(OnePlan):
    """Odd positions at once, then the even ones."""

    name = "odd_first"
    uses_steps = False

    def plan(self, length: int, steps: int = 1) -> Int32[np.ndarray, "length"]:
        """2, 1, 2, 1, ..."""
        return (2 - np.arange(length) % 2).astype(np.int32)
