"""Rules that reveal as many positions as the schedule says, by largest remainder (`Schedule.sizes`)."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mdmtheory.core.protocols import Answers
from mdmtheory.core.register import registered
from mdmtheory.samplers.protocol import Drawn, State
from mdmtheory.samplers.rule import BestRule, Ranked, Scores, Sizes
from mdmtheory.schedules import Schedule


@dataclass(frozen=True, kw_only=True, repr=False)
class Budgeted(BestRule, ABC):
    """The k best positions, k from the schedule."""

    uses_steps = True
    uses_schedule = True

    def sizes(self, length: int, steps: int, schedule: Schedule) -> Sizes:
        """The schedule's, which sum to the length."""
        return schedule.sizes(length, steps)

    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """The size of each row's next step."""
        sizes: Sizes = state.shared.sizes
        return sizes[state.memory]


@registered(
    "sampler",
    version=1,
    family="most confident",
    place=10,
    examples=("", "temperature=0.7"),
    sources=("chang2022", "kim2025"),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class Confidence(Budgeted):
    """The k positions whose most probable token is most probable, then a draw at each: no look at the draw."""

    name = "confidence"

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The largest probability."""
        return answers.confidence()


@registered(
    "sampler",
    version=1,
    family="most confident",
    place=13,
    said="drawn confidence",
    sources=("chang2022", "nie2025", "hayakawa2026"),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class DrawConfidence(Budgeted):
    """A draw at every masked position, then the k whose drawn token is most probable (MaskGIT, LLaDA): biased.

    Tokens that are not kept are drawn afresh at the next step. At temperature 0 it is `confidence` at temperature 0.
    """

    name = "draw_confidence"
    context_only = False

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The probability of what was drawn."""
        return answers.chance_of(drawn)


@registered("sampler", version=1, family="most confident", place=11, sources=("kim2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class Margin(Budgeted):
    """The k positions of largest p(1st) - p(2nd) (2502.06768)."""

    name = "margin"

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The largest probability less the second."""
        return answers.margin()


@registered("sampler", version=1, family="most confident", place=12, sources=("ye2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class Entropy(Budgeted):
    """The k positions of lowest entropy (Dream)."""

    name = "entropy"

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """Minus the entropy."""
        return -answers.entropy()
