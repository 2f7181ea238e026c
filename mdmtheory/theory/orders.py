"""What statements about orders share: an order by its name, and how far its law is from the language."""

from __future__ import annotations

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import Law, joint
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import GivenPlan, PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory.statement import Setting


def chosen_order(setting: Setting) -> PlanLawBase | SamplerBase:
    """The option `order`: the name of a sampler, or the step of each position from 1, written 1-2-1."""
    order: str = setting.options["order"]
    if order[0].isdigit():
        return GivenPlan(tuple(int(step) for step in order.split("-")))
    return as_sampler(order)


def drawn_law(setting: Setting, order: str | PlanLawBase | SamplerBase, steps: int | None = None) -> Law:
    """p(x) of the exact denoiser in an order; of samplers that look at the sequence, from all that they may draw."""
    model = MaskedDiffusion(
        setting.language.oracle(), sampler=order, steps=steps or setting.steps, schedule=setting.schedule
    )
    if model.plan_law is None:
        return law_by_draws(model, setting.length)
    return law(model, setting.language, setting.length)


def distance_from_language(
    setting: Setting, order: str | PlanLawBase | SamplerBase, steps: int | None = None
) -> Estimate:
    """The total variation distance of `drawn_law` from q; mass lost to impossible contexts counts in full."""
    p, q = drawn_law(setting, order, steps), joint(setting.language, setting.length)
    return Estimate.exact(float(np.abs(p - q).sum() + abs(1 - p.sum())) / 2)
