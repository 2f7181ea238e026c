"""Noise in a fixed number of steps of a schedule."""

from __future__ import annotations

from abc import ABC
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.schedules import as_schedule
from mdmtheory.training.objectives.base import Objective


@dataclass(frozen=True)
class InSteps(Objective, ABC):
    """An objective whose noise has `steps` levels of a `schedule`. ValueError for a step that changes nothing."""

    _: KW_ONLY
    steps: WholeNumber = 64
    schedule: str = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole_number(self.steps, "steps", 1))
        if not (np.diff(self.kept) < 0).all():
            raise ValueError(f"the schedule {self.schedule} of {self.steps} steps has one that does nothing; use fewer")

    @cached_property
    def kept(self) -> Float[np.ndarray, "levels"]:
        """The share of the signal, or of tokens without a mask, at each level, from 1 (clean) to 0."""
        return as_schedule(self.schedule).revealed_fractions(self.steps)[::-1].copy()
