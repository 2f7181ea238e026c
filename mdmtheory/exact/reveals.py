"""Every reveal plan of a small model, and what every reveal costs, by enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.contracts import as_denoiser, check_vocabularies
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.exact.enumeration import all_sequences, joint, power
from mdmtheory.exact.law import context_marginals, context_numbers
from mdmtheory.languages.presets import as_language
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes
from mdmtheory.samplers.planned import Planned

Costs = Float[np.ndarray, "sets length"]
Plans = Int[np.ndarray, "plans length"]

MOST_PLANS = 1 << 18
"""Plans beyond which they are not listed."""


@whole_numbers(length=1)
def reveal_costs(denoiser: Denoiser, language: Language, length: int) -> Costs:
    """E_{x~q}[-log p(x_i | x_S)] in nats at [S, i], bit j of S telling whether position j is revealed; 0 for i in S.

    With the oracle it is the conditional entropy H(X_i | X_S). ValueError where it is not feasible.
    """
    denoiser, language = as_denoiser(denoiser), as_language(language)
    check_vocabularies(denoiser, language)
    marginals = context_marginals(denoiser, length)
    q = joint(language, length).reshape(-1)
    inside = q > 0
    sequences, weights = all_sequences(language.vocab_size, length)[inside], q[inside]
    costs = np.zeros((1 << length, length))
    for revealed_set in range(1 << length):
        revealed = (revealed_set >> np.arange(length)) % 2 == 1
        here = marginals[context_numbers(sequences, revealed, language.vocab_size)]
        shown = np.take_along_axis(here, sequences[:, :, None].astype(np.int64), axis=2)[:, :, 0]
        with np.errstate(divide="ignore"):
            costs[revealed_set, ~revealed] = -(weights @ np.log(shown[:, ~revealed]))
    return costs


@whole_numbers(length=1)
def all_plans(model: MaskedDiffusion, length: int) -> tuple[Plans, Float[np.ndarray, "plans"]]:
    """Every plan of a model and its probability, from the definitions of docs/theory.md, section 1, alone.

    For ancestral, fixed and first_hitting plans, and laws of one plan, with tokens drawn from the marginals; ValueError
    for others and for too many plans.
    """
    plan_law: Any = model.plan_law
    if isinstance(plan_law, Planned):
        raise ValueError(f"{plan_law.spec} draws no token from its marginal; pass {plan_law.plans.spec}")
    if plan_law.fixed:
        states = np.zeros((1, 4), dtype=np.uint64)
        return plan_law.draw(states, length, model.steps, model.schedule).astype(np.int64), np.ones(1)
    if type(plan_law) is Ancestral:
        _check_count(power(model.steps, length))
        plans = np.array(list(itertools.product(range(1, model.steps + 1), repeat=length)))
        weights = np.diff(model.schedule.revealed_fractions(model.steps))
        return plans, weights[plans - 1].prod(axis=1)
    if type(plan_law) not in (FixedSizes, FirstHitting):
        raise ValueError(f"the plans of {plan_law.spec} cannot be listed; pass ancestral, fixed or first_hitting")
    one_by_one = type(plan_law) is FirstHitting
    sizes = np.ones(length, dtype=np.int64) if one_by_one else model.schedule.sizes(length, model.steps)
    _check_count(float(np.prod(np.arange(1, length + 1, dtype=np.float64))))
    steps = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    # As many orders lead to one plan as to any other.
    plans = np.unique(np.array(list(itertools.permutations(steps.tolist()))), axis=0)
    return plans, np.full(len(plans), 1 / len(plans))


def plan_costs(plans: Plans, costs: Costs) -> Float[np.ndarray, "plans"]:
    """E_{x~q}[-log p_plan(x)] in nats of each plan: what each position costs given those of earlier steps."""
    length = plans.shape[1]
    earlier = plans[:, None, :] < plans[:, :, None]
    known = earlier @ (1 << np.arange(length))
    return costs[known, np.arange(length)].sum(axis=1)


def _check_count(plans: float) -> None:
    if plans > MOST_PLANS:
        raise ValueError(f"there are {plans:.1e} plans, and at most {MOST_PLANS} are listed; use fewer steps or tokens")
