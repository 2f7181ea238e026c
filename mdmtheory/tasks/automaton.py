"""Automata that read strings: uniform laws over what they read have exact posteriors, however many strings it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.languages.support import Support


@dataclass(frozen=True, eq=False)
class Automaton:
    """Reads position order[t] at time t; token v leads from state s to after[t, s, v], to -1 where nowhere.

    State 0 is the first. A string is read that comes to an end, ends[s] = 1; what stands in a string decides its path.
    """

    after: Int[np.ndarray, "length states vocab_size"]
    order: Int[np.ndarray, "length"]
    ends: Float[np.ndarray, "states"]

    @cached_property
    def support(self) -> Support:
        """What it reads, without order of time: a state is a time, a state before it and the token that is read."""
        length = len(self.after)
        reached = [{0}]
        for t in range(length):
            reached.append({int(s) for s in self.after[t, sorted(reached[t])].ravel() if s >= 0})
        moves = [
            (t, s, int(v))
            for t in range(length)
            for s in sorted(reached[t])
            for v in np.flatnonzero(self.after[t, s] >= 0)
        ]
        time, before, token = np.array(moves).T
        after = self.after[time, before, token]
        return Support.of(
            time == 0,
            (time[:, None] + 1 == time) & (after[:, None] == before),
            token[:, None] == np.arange(self.after.shape[2]),
            (time == length - 1) & (self.ends[after] > 0),
            order=self.order,
        )

    def laws(self, evidence: Float[np.ndarray, "count length vocab_size"]) -> Float[np.ndarray, "..."]:
        """The law of each token by all evidence but its own, up to a factor, all strings that are read being alike."""
        from mdmtheory.kernels.automaton import walk_laws

        length, states, _ = self.after.shape
        out = np.zeros_like(evidence)
        ahead, behind = np.empty((length + 1, states)), np.empty((2, states))
        walk_laws(self.after, self.order, self.ends, np.ascontiguousarray(evidence), ahead, behind, out)
        return out
