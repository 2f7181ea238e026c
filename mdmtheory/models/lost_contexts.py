"""Contexts of a fixed plan's steps in which two tokens of the step are likely to exclude one another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.long_calls import counted
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.languages.chain import Chain
from mdmtheory.languages.second_reader import SecondReader

LEFT, RIGHT = 8, 2
"""So many positions before the other token and behind its own the second reader reads as well.

Measured of `stride`, preset HMM, 16 steps, L = 128: 1,000 walks are worth 1 at 0 and 0, 99 at 3 and 1, 162 at 6 and 2,
165 at 12 and 2, 154 at 6 and 4.
"""

EVEN_SHARE = 0.1
"""The share of the targets that are drawn evenly, whatever mass the second reader is said to lose there."""


class Target(NamedTuple):
    """A position whose token another of the step may exclude, and what the second reader meets from `first` on."""

    position: int
    first: int
    kinds: Int[np.ndarray, "window"]


@dataclass(frozen=True, eq=False)
class LostContexts:
    """For each position of a fixed plan a law over what stands before its step, under which its token often dies.

    Of a chain q, q(x) on condition that somebody who reads x, but another token than x's at the position of the step
    before this one, is lost at this one: none of his states can emit what x has there (docs/theory.md, 5.2; ours).
    """

    chain: Chain
    plan: Int[np.ndarray, "length"]

    @classmethod
    def of(cls, chain: Chain, plan: Int[np.ndarray, "length"]) -> LostContexts:
        """Those of the chain and the plan, which many calls ask for one after the other."""
        return _made(chain, tuple(plan.tolist()))

    @cached_property
    def reader(self) -> SecondReader:
        """The second one."""
        return SecondReader.of(self.chain)

    @cached_property
    def heads(self) -> Float[np.ndarray, "length states"]:
        """The law of the state at every position."""
        found = np.empty((len(self.plan), len(self.chain.initial)))
        found[0] = self.chain.initial
        for t in range(1, len(self.plan)):
            found[t] = np.einsum("s,st->t", found[t - 1], self.chain.transition)
        return found

    @cached_property
    def targets(self) -> list[Target]:
        """Every position that has another of its step to the left."""
        return [each for t in range(len(self.plan)) if (each := self._target(t)) is not None]

    def _target(self, position: int) -> Target | None:
        from mdmtheory.kernels.second_reader import HIDDEN, KNOWN, OWN, SPLIT

        together = np.flatnonzero(self.plan[:position] == self.plan[position])
        if not len(together):
            return None
        split, first = together[-1], max(int(together[-1]) - LEFT, 0)
        stop = min(position + RIGHT + 1, len(self.plan))
        kinds = np.where(self.plan[first:stop] < self.plan[position], KNOWN, HIDDEN)
        kinds[split - first], kinds[position - first] = SPLIT, OWN
        return Target(position, first, kinds)

    @cached_property
    def log_masses(self) -> Float[np.ndarray, "targets"]:
        """log of the mass that the second reader loses at each target, summed over what he may read at the split."""
        found, messages = np.full(len(self.targets), -np.inf), {}
        for number, target in enumerate(counted(self.targets, "targets")):
            key = target.kinds.tobytes()
            if key not in messages:
                left, log_scale = self._messages(target)
                messages[key] = left[0, 1], log_scale
            left_of_all, log_scale = messages[key]
            mass = float(np.einsum("s,s->", self.heads[target.first], left_of_all))
            if mass > 0 and log_scale > -np.inf:
                found[number] = np.log(mass) + log_scale
        return found

    @cached_property
    def chances(self) -> Float[np.ndarray, "targets"]:
        """How often each target is taken: by its mass, and EVEN_SHARE of them evenly; zeros where none has any."""
        some = np.isfinite(self.log_masses)
        if not some.any():
            return np.zeros(len(some))
        masses = np.where(some, np.exp(self.log_masses - self.log_masses.max()), 0.0)
        return (1 - EVEN_SHARE) * masses / masses.sum() + EVEN_SHARE * some / some.sum()

    def _messages(self, target: Target) -> tuple[Float[np.ndarray, "window sets states"], float]:
        from mdmtheory.kernels.second_reader import fill_messages

        reader, chain = self.reader, self.chain
        messages = np.empty((len(target.kinds) + 1, *reader.members.shape))
        log_scale = fill_messages(
            chain.transposed, chain.emission, reader.members, reader.moves, target.kinds, messages
        )
        return messages, log_scale

    def draw(self, numbers: Int[np.ndarray, "count"], uniforms: Float[np.ndarray, "count length 3"]) -> Tokens:
        """Sequences of the language whose contexts, before the steps of the targets so numbered, have their laws."""
        from mdmtheory.kernels.second_reader import draw_contexts

        chain = self.chain
        found = np.empty((len(numbers), len(self.plan)), dtype=np.int64)
        order = sorted(set(numbers.tolist()), key=lambda number: self.targets[number].kinds.tobytes())
        last, messages = None, np.empty((0, 0, 0))
        for number in order:  # targets with the same window have the same messages
            target, rows = self.targets[number], np.flatnonzero(numbers == number)
            if target.kinds.tobytes() != last:
                last, messages = target.kinds.tobytes(), self._messages(target)[0]
            drawn = np.empty((len(rows), len(self.plan)), dtype=np.int64)
            where = (self.heads, target.kinds, target.first, messages)
            draw_contexts(chain.transition, chain.emission, self.reader.moves, *where, uniforms[rows], drawn)
            found[rows] = drawn
        return found.astype(token_dtype(chain.emission.shape[1]))

    def log_prob(self, number: int, tokens: Tokens) -> Float[np.ndarray, "count"]:
        """log of the probability, under a target's law, of what sequences show before its step, in nats."""
        from mdmtheory.kernels.second_reader import score_contexts

        chain, reader, target = self.chain, self.reader, self.targets[number]
        known = self.plan < self.plan[target.position]
        shown = np.where(known, tokens, chain.emission.shape[1]).astype(np.int64)
        found = np.empty(len(tokens))
        laws = (chain.transition, chain.emission, reader.members, reader.moves, chain.initial)
        score_contexts(*laws, target.kinds, target.first, shown, found)
        return found - self.log_masses[number]


@lru_cache(maxsize=4)
def _made(chain: Chain, plan: tuple[int, ...]) -> LostContexts:
    return LostContexts(chain, np.array(plan))
