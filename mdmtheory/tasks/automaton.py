"""Automata that read strings: uniform laws over what they read have exact posteriors, however many strings it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.languages.support import Step, Support, moves_of


@dataclass(frozen=True, eq=False)
class Automaton:
    """Reads position order[t] at time t; token v leads from state s to after[t, s, v], to -1 where nowhere.

    State 0 is the first. A string is read that comes to an end, ends[s] = 1; what stands in a string decides its path.
    """

    after: Int[np.ndarray, "length states vocab_size"]
    order: Int[np.ndarray, "length"]
    ends: Float[np.ndarray, "states"]

    @classmethod
    def reading(cls, order: Int[np.ndarray, "length"], first: int, step: Step) -> Self:
        """The automaton of the states that `step` reaches from `first`; all that are reached at last are an end.

        `step(t, states)` is what each token read at time t makes of each state, numbers from 0; -1 where nowhere.
        """
        after, ends = moves_of(len(order), first, step)
        return cls(after, order, ends.astype(np.float64))

    @cached_property
    def support(self) -> Support:
        """What it reads, without order of time."""
        return Support.of_moves(self.after, self.order, self.ends > 0)

    def laws(self, evidence: Float[np.ndarray, "count length vocab_size"]) -> Float[np.ndarray, "..."]:
        """The law of each token by all evidence but its own, up to a factor, all strings that are read being alike."""
        from mdmtheory.kernels.automaton import walk_laws

        length, states, _ = self.after.shape
        out = np.zeros_like(evidence)
        ahead, behind = np.empty((length + 1, states)), np.empty((2, states))
        walk_laws(self.after, self.order, self.ends, np.ascontiguousarray(evidence), ahead, behind, out)
        return out
