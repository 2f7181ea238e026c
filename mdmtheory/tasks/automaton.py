"""Automata that read strings: uniform laws over what they read have exact posteriors, however many strings it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Automaton:
    """Reads position order[t] at time t; token v leads from state s to after[t, s, v], to -1 where nowhere.

    State 0 is the first. A string is read that comes to an end, ends[s] = 1; what stands in a string decides its path.
    """

    after: Int[np.ndarray, "length states vocab_size"]
    order: Int[np.ndarray, "length"]
    ends: Float[np.ndarray, "states"]

    def laws(self, evidence: Float[np.ndarray, "count length vocab_size"]) -> Float[np.ndarray, "..."]:
        """The law of each token by all evidence but its own, up to a factor, all strings that are read being alike."""
        from mdmtheory.kernels.automaton import walk_laws

        length, states, _ = self.after.shape
        out = np.zeros_like(evidence)
        ahead, behind = np.empty((length + 1, states)), np.empty((2, states))
        walk_laws(self.after, self.order, self.ends, np.ascontiguousarray(evidence), ahead, behind, out)
        return out
