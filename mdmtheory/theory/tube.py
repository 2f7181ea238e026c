"""What a model that draws its plan can say of its own likelihood, from below and from above.

Setting. Masked diffusion with any denoiser whose reveal plan is random: p(x) = E_plan p_plan(x); the mean p̂ of p_plan
over some drawn plans.
Measured. (a) E_q[log p(x)] of the mixture. (b) E_q E[log p̂(x)] over one plan. All plans are listed with their
probabilities.
Guarantee. (a) At most E_q E[log psi(x) + p̂(x)/psi(x) - 1] for every psi > 0 that does not depend on the plans of p̂:
here one other plan, the mean of a pair of them, or p itself, where it is an equality. (b) At most the same over a pair
of plans, and that at most E_q[log p(x)]. All are equal where p_plan(x) is the same for all plans.
Constants. None.
Source. (a) after the abstract of 2605.24292; (b) 1509.00519, theorem 1; docs/theory.md 13 derives both.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.law import context_marginals, law_of_plan
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.ngram import NGram
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, full_support, independent, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement

REFERENCES = ("plan", "pair", "p")
"""What psi is: p given one other plan, the mean of a pair of these, or p itself."""

Laws = Float[np.ndarray, "plans sequences"]
Law = Float[np.ndarray, "sequences"]
Chances = Float[np.ndarray, "plans"]


def plans_and_laws(setting: Setting) -> tuple[Chances, Laws, Law]:
    """Probabilities of all plans, p_plan(x) of every sequence of the language under each, and q(x)."""
    language, length = setting.language, setting.length
    model = MaskedDiffusion(
        DENOISERS.build(setting.options["denoiser"], language),
        sampler=setting.options["sampler"],
        steps=setting.steps,
        schedule=setting.schedule,
    )
    plans, probabilities = all_plans(model, length)
    plans, probabilities = plans[probabilities > 0], probabilities[probabilities > 0]
    q = joint(language, length).reshape(-1)
    marginals = context_marginals(model.denoiser, length)
    sequences = all_sequences(language.vocab_size, length)[q > 0]
    return probabilities, np.array([law_of_plan(marginals, plan, sequences) for plan in plans]), q[q > 0]


def means_of(laws: Laws, chances: Chances, plans: int) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of all draws of one or two plans, and the mean of p_plan(x) over each."""
    if plans == 1:
        return chances, laws
    pairs = (laws[:, None] + laws[None]) / 2
    return np.outer(chances, chances).reshape(-1), pairs.reshape(-1, laws.shape[1])


def _above(setting: Setting) -> Sides:
    probabilities, laws, q = plans_and_laws(setting)
    p, reference = probabilities @ laws, setting.options["reference"]
    if reference == "p":
        chances, psi = np.ones(1), p[None]
    else:
        chances, psi = means_of(laws, probabilities, REFERENCES.index(reference) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where a plan excludes what another one writes, it is no psi: nothing bounds log p.
        above = np.where(psi > 0, np.log(psi) + p / psi - 1, np.inf)
        measured, bound = float(q @ np.log(p)), float(q @ (chances @ above))
    return Sides(Estimate.exact(measured), Estimate.exact(bound))


def _below(setting: Setting) -> Sides:
    probabilities, laws, q = plans_and_laws(setting)
    sides = []
    with np.errstate(divide="ignore"):
        for plans in (1, 2):
            chances, means = means_of(laws, probabilities, plans)
            sides.append(float(q @ (chances @ np.log(means))))
        sides.append(float(q @ np.log(probabilities @ laws)))
    first = setting.options["plans"] - 1
    return Sides(Estimate.exact(sides[first]), Estimate.exact(sides[first + 1]))


def _requires(setting: Setting) -> None:
    sampler = as_sampler(setting.options["sampler"])
    if not sampler.oblivious:
        raise HypothesisError(f"{sampler.spec} looks at the sequence; it is about laws over plans")
    if setting.options.get("reference", "p") not in REFERENCES:
        raise HypothesisError(f"reference is {setting.options['reference']!r}; it is about {', '.join(REFERENCES)}")
    if setting.options.get("plans", 1) not in (1, 2):
        raise HypothesisError(f"plans is {setting.options['plans']!r}; it is about 1 or 2")


def _alike(setting: Setting) -> bool:
    """Whether p_plan(x) is the same for all plans."""
    independent_tokens = isinstance(setting.language, NGram) and setting.language.order == 1
    exact = setting.options["denoiser"] == "oracle"
    one = setting.options["sampler"] == "ancestral" and setting.steps == 1
    return one or (exact and (independent_tokens or setting.options["sampler"] == "first_hitting"))


def _settings_above() -> list[Setting]:
    several = [
        TUBE.setting(language, 4, 2, reference=reference) for language in small_languages() for reference in REFERENCES
    ]
    return [
        *several,
        *(TUBE.setting(full_support(), 4, 3, "cosine", reference=each) for each in REFERENCES),
        TUBE.setting(bigram3(), 4, 2, sampler="fixed", denoiser="perturbed:epsilon=0.2"),
        TUBE.setting(bigram3(), 4, sampler="first_hitting", denoiser="perturbed:epsilon=0.2"),
        TUBE.setting(independent(), 4, 2),
        TUBE.setting(bigram3(), 4, 1),
    ]


def _settings_below() -> list[Setting]:
    several = [WEIGHTED.setting(language, 4, 2, plans=k) for language in small_languages() for k in (1, 2)]
    return [
        *several,
        WEIGHTED.setting(bigram3(), 4, 2, sampler="fixed", denoiser="perturbed:epsilon=0.2"),
        WEIGHTED.setting(bigram3(), 4, sampler="first_hitting", denoiser="perturbed:epsilon=0.2", plans=2),
        WEIGHTED.setting(independent(), 4, 2),
    ]


def _log_of_three(setting: Setting, measured: float) -> float:
    probabilities, laws, q = plans_and_laws(setting)
    means = (laws[:, None, None] + laws[None, :, None] + laws[None, None]) / 3
    chances = probabilities[:, None, None] * probabilities[None, :, None] * probabilities
    with np.errstate(divide="ignore"):
        return float(np.einsum("abc,abcx,x->", chances, np.log(means), q))


def _same_plans(setting: Setting, bound: float) -> float:
    probabilities, laws, q = plans_and_laws(setting)
    chances, psi = means_of(laws, probabilities, 2)
    return float(q @ (chances @ np.log(psi)))


WEIGHTED = Statement(
    id="importance_weighted",
    number=24,
    says="E log p_plan <= E log of the mean over two plans <= log p",
    source="1509.00519, theorem 1; docs/theory.md 13",
    sources=("burda2016",),
    direction="<=",
    sides=_below,
    settings=_settings_below,
    hypotheses="any language and denoiser, plans drawn apart from the tokens; small enough to enumerate",
    requires=_requires,
    tight=_alike,
    options={"sampler": "ancestral", "denoiser": "oracle", "plans": 1},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 3, 2, plans=1), "the mean over more plans scores better"),
        twins.measuring(
            "the mean of log p over three plans in place of one",
            _log_of_three,
            lambda it: it.setting(bigram3(), 3, 2, plans=1),
            "more plans are a tighter bound, so fewer of them bound no more",
        ),
    ),
)

TUBE = Statement(
    id="tube",
    number=24,
    says="E[log p] <= E[log psi + p_hat/psi - 1], psi from other plans than p_hat",
    source="after the abstract of 2605.24292; docs/theory.md 13 derives it",
    sources=("ivanov2026",),
    direction="<=",
    sides=_above,
    settings=_settings_above,
    hypotheses="any language and denoiser, plans drawn apart from the tokens; small enough to enumerate",
    requires=_requires,
    tight=lambda setting: setting.options["reference"] == "p" or _alike(setting),
    options={"sampler": "ancestral", "denoiser": "oracle", "reference": "plan"},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 3, 2), "a tangent lies above"),
        twins.bounded(
            "psi from the same plans as p_hat",
            _same_plans,
            lambda it: it.setting(bigram3(), 3, 2),
            "then the tangent is log p_hat itself, whose mean is too small",
        ),
        twins.bounded(
            "the tangent lower by 0.01",
            lambda setting, bound: bound - 0.01,
            lambda it: it.setting(bigram3(), 3, 2, reference="p"),
            "at psi = p it touches",
        ),
    ),
)
