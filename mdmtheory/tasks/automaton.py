"""Automata that read strings: uniform laws over what they read have exact posteriors, however many strings it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.limits import MOST_SUPPORT_STATES, check_limit
from mdmtheory.languages.support import Support


@dataclass(frozen=True, eq=False)
class Automaton:
    """Reads position order[t] at time t; token v leads from state s to after[t, s, v], to -1 where nowhere.

    State 0 is the first. A string is read that comes to an end, ends[s] = 1; what stands in a string decides its path.
    """

    after: Int[np.ndarray, "length states vocab_size"]
    order: Int[np.ndarray, "length"]
    ends: Float[np.ndarray, "states"]

    @classmethod
    def reading(
        cls,
        order: Int[np.ndarray, "length"],
        first: int,
        step: Callable[[int, Int[np.ndarray, "states"]], Int[np.ndarray, "states vocab_size"]],
    ) -> Self:
        """The automaton of the states that `step` reaches from `first`; all that are reached at last are an end.

        `step(t, states)` is what each token read at time t makes of each state, numbers from 0; -1 where nowhere.
        """
        layers, steps = [np.array([first])], []
        for t in range(len(order)):
            then = step(t, layers[-1])
            layers.append(np.unique(then[then >= 0]))
            steps.append(np.where(then >= 0, np.searchsorted(layers[-1], then), -1))
        size = max(len(each) for each in layers)
        after = np.full((len(order), size, steps[0].shape[1]), -1)
        for t, each in enumerate(steps):
            after[t, : len(each)] = each
        return cls(after, order, (np.arange(size) < len(layers[-1])).astype(np.float64))

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
        # Here already: what follows what is a table of so many squared.
        large = f"the automaton of the support has {len(moves):,} states"
        check_limit(len(moves), MOST_SUPPORT_STATES, "MOST_SUPPORT_STATES", large, "use a smaller language")
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
