"""Somebody's sampler as it would stand among those that are built in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mdmtheory.core.protocols import Answers
from mdmtheory.core.register import registered
from mdmtheory.samplers.protocol import State
from mdmtheory.samplers.rule import BestRule, Ranked, Scores


@registered("sampler", family="most confident", examples=("", "pace=2"))
@dataclass(frozen=True, kw_only=True)
class Steady(BestRule):
    """The `pace` positions whose most probable token is most probable, whatever the schedule says."""

    pace: int = 1

    name = "steady"

    def score(self, answers: Answers, drawn: Int[np.ndarray, "n"]) -> Scores:
        """The largest probability."""
        return answers.confidence()

    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """The same at every step."""
        return np.full(len(ranked), self.pace)
