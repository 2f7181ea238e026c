"""What each decoding rule at each number of steps costs on given sequences, and by how much rules differ, in pairs.

A rule that looks at the context alone, or has one plan, has an exact price, -log p(x) by replay (docs/theory.md, 6). Of
a rule that draws its plan, one plan a sequence bounds it from above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.differences import simultaneous_level
from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.core.long_calls import counted
from mdmtheory.core.means import price
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.open_means import mean_or_open
from mdmtheory.models.masked import MaskedDiffusion

RULES = ("ancestral", "stride", "confidence:ties=lowest", "margin:ties=lowest", "entropy:ties=lowest")
"""What is audited, unless said."""
_OPTIONS = ("temperature", "nucleus", "min_p")


@dataclass(frozen=True, eq=False)
class RulePrice:
    """-log p(x) in nats of each sequence under a rule at a number of steps; `bound` where it is of one plan of many."""

    rule: str
    steps: int
    nats: Float[np.ndarray, "count"]
    length: int
    bound: bool
    calls: float

    def mean(self, level: float) -> Estimate:
        """Nats a token."""
        return _a_token(self.nats, self.length, level, "upper bound" if self.bound else "estimate")

    def over(self, other: RulePrice, level: float) -> Estimate:
        """By how many nats a token it is dearer than another on the same sequences; of two bounds, as the bounds go.

        An exact price less an upper bound is a lower bound of the difference.
        """
        kinds: dict[tuple[bool, bool], Kind] = {(True, False): "upper bound", (False, True): "lower bound"}
        kind = kinds.get((self.bound, other.bound), "estimate")
        return _a_token(self.nats - other.nats, self.length, level, kind)


def _a_token(nats: Float[np.ndarray, "count"], length: int, level: float, kind: Kind) -> Estimate:
    mean = mean_or_open(nats, level, kind, unseen=price(abs(float(nats.mean()))))
    value, low, high = (each / length for each in (mean.value, mean.low, mean.high))
    return Estimate(value, low, high, level, kind, len(nats))


def model_of(denoiser: Any, rule: str, steps: int) -> MaskedDiffusion:
    """Masked diffusion by a rule whose price is known; ValueError in one line for others."""
    made = MaskedDiffusion(denoiser, sampler=rule, steps=steps)
    options = [name for name, _ in made.sampler.spec.options if name in _OPTIONS]
    if options:
        raise ValueError(f"rule {rule} draws from other laws than the model's; leave {options[0]} out, prices are at 1")
    if made.plan_law is None and made.log_prob_kind != "exact":
        raise ValueError(f"rule {rule} breaks ties at random, so no replay gives its price; add ties=lowest")
    return made


def rule_prices(
    denoiser: Any, tokens: Tokens, rules: Sequence[str], steps: Sequence[int], seed: int = 0, threads: int | None = None
) -> list[RulePrice]:
    """Every rule at every number of steps, on the same sequences; those at fewer steps first."""
    found, length = [], tokens.shape[1]
    models = [(rule, number, model_of(denoiser, rule, number)) for number in steps for rule in rules]
    for rule, number, model in counted(models, "rules"):
        run = model.scored(tokens, seed, threads=threads)
        bound = model.plan_law is not None and not model.one_plan
        found.append(RulePrice(rule, number, -run.log_probs.sum(axis=1), length, bound, float(run.calls.mean())))
    return found


def cheapest(prices: Sequence[RulePrice], steps: int) -> RulePrice:
    """The rule with the least mean price at a number of steps."""
    return min((each for each in prices if each.steps == steps), key=lambda each: float(each.nats.mean()))


def over_cheapest(prices: Sequence[RulePrice], level: float) -> list[Estimate]:
    """By how much each is dearer than the cheapest at its number of steps; all intervals hold together."""
    together = simultaneous_level(level, max(1, len(prices)))
    return [each.over(cheapest(prices, each.steps), together) for each in prices]
