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

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, joint
from mdmtheory.exact.reveals import all_plans, plan_costs, reveal_costs
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.curves import require_random_subsets
from mdmtheory.theory.instances import bigram3, small_languages
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


def _one_trial_more(setting: Setting, bound: float) -> float:
    from scipy.stats import binom

    curve = enumerated_information_curve(joint(setting.language, setting.length))
    fractions = setting.schedule.revealed_fractions(setting.steps)
    law = binom.pmf(np.arange(setting.length), setting.length, fractions[:-1, None])
    return float(setting.length * np.diff(fractions) @ law @ curve)


def _one_token_late(setting: Setting, bound: float) -> float:
    curve = enumerated_information_curve(joint(setting.language, setting.length))
    sizes = setting.schedule.sizes(setting.length, setting.steps)
    return float(sizes @ curve[np.minimum(np.cumsum(sizes) - sizes + 1, setting.length - 1)])


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
    twins=(
        twins.bounded(
            "Bin(L, a) in place of Bin(L-1, a)",
            _one_trial_more,
            lambda it: it.setting(bigram3(), 4, 2),
            "a token is not among those that may be known when it is drawn",
        ),
        twins.bounded(
            "the curve read after the first token of each step",
            _one_token_late,
            lambda it: it.setting(bigram3(), 4, 2, sampler="fixed"),
            "tokens of one step do not see each other, not even the first",
        ),
    ),
)
