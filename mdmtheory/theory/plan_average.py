"""The average over plans of the cross-entropy is a sum over the information curve.

Setting. Masked diffusion with the exact denoiser, whose steps reveal uniformly random sets: fixed sizes s_k, or
ancestral plans with shares w_k of the revealed fractions a_k.
Measured. E_plan E_q[-log p_plan(x)], plan by plan: all of them listed with their probabilities, each position's cost
taken from the denoiser's marginals.
Guarantee. Equal to sum_k s_k H(M_k), M_k revealed before step k, for fixed sizes, and to
L sum_k w_k E[H(Bin(L-1, a_{k-1}))] for ancestral plans, H(m) being the information curve.
Constants. None.
Source. 2511.04647, and 2510.25544 as an information profile; docs/theory.md 2.1.
"""

from __future__ import annotations

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, joint
from mdmtheory.exact.reveals import all_plans, plan_costs, reveal_costs
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory.curves import require_random_subsets
from mdmtheory.theory.instances import small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement


def _sides(setting: Setting) -> Sides:
    denoiser = setting.language.oracle()
    model = MaskedDiffusion(
        denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )
    plans, probabilities = all_plans(model, setting.length)
    average = probabilities @ plan_costs(plans, reveal_costs(denoiser, setting.language, setting.length))
    curve = enumerated_information_curve(joint(setting.language, setting.length))
    return Sides(Estimate.exact(float(average)), Estimate.exact(float(curve_weights(model, setting.length) @ curve)))


def _settings() -> list[Setting]:
    languages = (*small_languages(), EqualPairs(vocab_size=2))
    return [
        STATEMENT.setting(language, 5, 3, schedule, sampler=sampler)
        for sampler, schedule in (("ancestral", "linear"), ("ancestral", "cosine"), ("fixed", "linear"))
        for language in languages
    ]


STATEMENT = Statement(
    id="plan_average",
    number=4,
    says="E_plan E[-log p_plan] = sum of the information curve over the plan's grid",
    source="2511.04647, and 2510.25544 as an information profile; docs/theory.md 2.1",
    sources=("chen2026", "lavenant2025"),
    direction="=",
    sides=_sides,
    settings=_settings,
    hypotheses="any language, exact denoiser, ancestral plans or fixed sizes; small enough to enumerate",
    requires=require_random_subsets,
    options={"sampler": "ancestral"},
)
