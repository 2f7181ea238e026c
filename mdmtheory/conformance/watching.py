"""A sampler that is watched: every step that it takes is written down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.conformance.report import RefutedError
from mdmtheory.core.tokens import Tokens
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.protocol import Drawn, Outcomes, Positions, State


class HandsOn:
    """Stands for the thing inside, and has all that it has; subclasses say what they do otherwise."""

    def __init__(self, inside: Any) -> None:
        self._inside = inside

    @property  # type: ignore[misc]  # object's can be assigned to
    def __class__(self) -> type:
        return type(self._inside)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)


@dataclass(frozen=True)
class Step:
    """What a sampler was shown in one step, and what it made of it."""

    state: State
    before: Tokens
    wanted: Positions
    marginals: Float[np.ndarray, "n vocab_size"]
    drawn: Drawn
    law: Outcomes
    after: Tokens

    @property
    def mask(self) -> int:
        """The mask."""
        return self.marginals.shape[1]

    @cached_property
    def changed(self) -> Positions:
        """Where a token was set, changed or masked again."""
        return self.after != self.before

    @cached_property
    def masks_alone(self) -> Bool[np.ndarray, "rows"]:
        """Which rows drew masks, and nothing else."""
        tokens = ((self.drawn_in_place >= 0) & (self.drawn_in_place < self.mask)).any(axis=1)
        return np.asarray(self.wanted.any(axis=1) & ~tokens)

    @cached_property
    def drawn_in_place(self) -> Int[np.ndarray, "rows length"]:
        """What was drawn at each wanted position, -1 elsewhere."""
        placed = np.full(self.before.shape, -1, dtype=np.int64)
        placed[self.wanted] = self.drawn
        return placed

    def changed_if_drawn_otherwise(self, sampler: SamplerBase) -> Positions:
        """Where tokens would have been set had the least likely possible token been drawn at each wanted position."""
        others = np.where(self.law > 0, self.law, np.inf).argmin(axis=1)
        _, after = sampler.step(self.state, self.before.copy(), self.wanted.copy(), self.marginals.copy(), others)
        return after != self.before


class Watched(HandsOn):
    """A sampler that does what the one inside does and writes it down; RefutedError after `most` steps."""

    sees_laws = makes_laws = True

    def __init__(self, inside: SamplerBase, most: int) -> None:
        super().__init__(inside)
        self._most = most
        self.seen: list[Step] = []
        self._laws: list[Outcomes] = []

    def law_in(self, *arguments: Any) -> Outcomes:
        """The laws of the sampler inside, for which it may be asked row by row."""
        self._laws.append(np.asarray(self._inside.law_in(*arguments)))
        return self._laws[-1]

    def step(
        self,
        state: State,
        tokens: Tokens,
        wanted: Positions,
        marginals: Float[np.ndarray, "n vocab_size"],
        drawn: Drawn,
    ) -> tuple[State, Tokens]:
        """The step of the sampler inside."""
        if len(self.seen) >= self._most:
            raise RefutedError(
                f"{len(tokens)} sequences of {tokens.shape[1]} are not finished after {self._most} steps"
            )
        shown = (tokens.copy(), wanted.copy(), marginals.copy(), drawn.copy())
        after_state, after = self._inside.step(state, tokens, wanted, marginals, drawn)
        law = np.concatenate(self._laws) if self._laws else marginals
        self._laws = []
        self.seen.append(Step(state, *shown, law.copy(), after.copy()))
        return after_state, after


def some_marginals() -> Float[np.ndarray, "n vocab_size"]:
    """Rows with zeros, ties and certainty."""
    return np.array(
        [
            [0.7, 0.2, 0.1],
            [1 / 3, 1 / 3, 1 / 3],
            [1.0, 0.0, 0.0],
            [0.5, 0.5, 0.0],
            [0.0, 1e-9, 1 - 1e-9],
            [0.6, 0.0, 0.4],
        ]
    )
