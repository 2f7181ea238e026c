"""The mixture's cross-entropy is at most the average over plans.

Setting. Masked diffusion whose reveal plan is random: p = E_plan p_plan.
Measured. E_q[-log p(x)] of the mixture, by enumeration of the whole law.
Guarantee. At most E_plan E_q[-log p_plan(x)], the left Riemann sum of the information curve. Equal exactly when
p_plan(x) is the same for all plans, q-almost surely: one step, or independent tokens.
Source. Jensen's inequality over orders, 2110.02037; docs/theory.md 2.1.
"""

from __future__ import annotations

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.ngram import NGram
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, independent, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement


def _sides(setting: Setting) -> Sides:
    model = MaskedDiffusion(
        setting.language.oracle(), sampler="ancestral", steps=setting.steps, schedule=setting.schedule
    )
    q = joint(setting.language, setting.length)
    mixture = expected_nll(law(model, setting.language, setting.length), q)
    plan_average = curve_weights(model, setting.length) @ enumerated_information_curve(q)
    return Sides(Estimate.exact(mixture), Estimate.exact(float(plan_average)))


def _tight(setting: Setting) -> bool:
    return setting.steps == 1 or (isinstance(setting.language, NGram) and setting.language.order == 1)


def _settings() -> list[Setting]:
    several = [STATEMENT.setting(language, 5, steps) for language in small_languages() for steps in (2, 3)]
    return [*several, STATEMENT.setting(bigram3(), 5, 1), STATEMENT.setting(independent(), 6, 3)]


STATEMENT = Statement(
    id="jensen",
    number=5,
    says="E[-log p] <= E_plan E[-log p_plan]",
    source="Jensen's inequality over orders, 2110.02037; docs/theory.md 2.1",
    sources=("hoogeboom2022",),
    direction="<=",
    sides=_sides,
    settings=_settings,
    hypotheses="any language, ancestral plans, exact denoiser; small enough to enumerate",
    tight=_tight,
    twins=(
        twins.scaled(
            0.99, lambda it: it.setting(bigram3(), 4, 1), "one step is one plan: mixture and average are the same"
        ),
        twins.turned(
            lambda it: it.setting(bigram3(), 4, 2), "plans differ, and their mixture is better than their mean"
        ),
        twins.equality(lambda it: it.setting(bigram3(), 4, 2), "two steps are enough for plans to differ"),
    ),
)
