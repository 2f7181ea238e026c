"""Random order errs only where two positions share a step: SER from such plans alone, and at most their probability.

Setting. A denoiser that is exact for the language, random order (`ancestral`) with any schedule.
Measured. SER, from the law of the model by enumeration.
Guarantee. `ser_of_shared_steps`: equal to E'[T/A (1 - p_plan(support))] over plans in which a pair of positions was
given one step, A being what the pairs that share a step weigh and T the probability that a given pair does.
`shared_steps_bound`: at most 1 - L! e_L(w), the probability that any two positions share a step, e_L being the
elementary symmetric polynomial of the steps' weights.
Constants. None.
Source. Ours, docs/theory.md 5.2; the weights after Karp, Luby and Madras (1989).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.estimate import Estimate
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import all_sequences, error_rate, joint
from mdmtheory.exact.law import context_marginals, law, law_of_plan
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.parity import Parity
from mdmtheory.metrics.ser_shared import SHARED_SEARCH
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, golden_chain, hmm2x3, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, probability


def none_shared(weights: Float[np.ndarray, "steps"], length: int) -> float:
    """L! e_L(w), the probability that no two of L independent positions share a step; 0 for fewer steps than positions.

    By m! e_m(w_1..w_k) = m! e_m(w_1..w_{k-1}) + m w_k (m - 1)! e_{m-1}(w_1..w_{k-1}), of positive terms alone.

    >>> none_shared(np.full(4, 0.25), 2)
    0.75
    """
    chances = np.zeros(length + 1)
    chances[0] = 1.0
    for weight in weights:
        chances[1:] += np.arange(1, length + 1) * weight * chances[:-1]
    return float(chances[length])


def tilted_terms(setting: Setting) -> tuple[Float[np.ndarray, "plans"], ...]:
    """Of every plan: its probability where a pair is given one step, T/A, and 1 - p_plan(support)."""
    model, length = _model(setting), setting.length
    plans, _ = all_plans(model, length)
    weights = np.diff(model.schedule.revealed_fractions(model.steps))
    tilted = model.plan_law.shared_steps(length, model.steps, model.schedule)
    chances = np.zeros(len(plans))
    for i in range(length):
        for j in range(i + 1, length):
            others = np.delete(plans, (i, j), axis=1)
            step = weights[plans[:, i] - 1] ** 2 / (weights**2).sum() * weights[others - 1].prod(axis=1)
            chances += np.where(plans[:, i] == plans[:, j], tilted.pairs[j - i] * step, 0.0)
    inside = all_sequences(setting.language.vocab_size, length)[joint(setting.language, length).reshape(-1) > 0]
    said = context_marginals(model.denoiser, length)
    wrong = np.array([1 - law_of_plan(said, plan, inside).sum() for plan in plans])
    return chances, tilted.ratios(plans), wrong


def _model(setting: Setting) -> MaskedDiffusion:
    denoiser: Any = DENOISERS.build(setting.options["denoiser"], setting.language)
    return MaskedDiffusion(denoiser, steps=setting.steps, schedule=setting.schedule)


def _ser(setting: Setting) -> Estimate:
    p = law(_model(setting), setting.language, setting.length)
    return Estimate.exact(error_rate(p, joint(setting.language, setting.length)))


def _requires(setting: Setting) -> None:
    if exact_for(_model(setting).denoiser) != setting.language.digest:
        raise HypothesisError(f"{setting.options['denoiser']} is not exact, and errs by itself; pass oracle")


def _several(setting: Setting) -> None:
    if setting.length < 2:
        raise HypothesisError("no two of 1 position share a step; pass a length of 2 or more")


def _requires_pairs(setting: Setting) -> None:
    _requires(setting)
    _several(setting)


def _weights(setting: Setting) -> Float[np.ndarray, "steps"]:
    return np.diff(setting.schedule.revealed_fractions(setting.steps))


def _tilted_sides(setting: Setting) -> Sides:
    chances, ratios, wrong = tilted_terms(setting)
    there = chances > 0
    found = float(chances[there] @ (ratios[there] * wrong[there]))
    return Sides(_ser(setting), Estimate.exact(found), f"mass of the drawn plans {chances.sum():.9g}")


def _bound_sides(setting: Setting) -> Sides:
    return Sides(_ser(setting), Estimate.exact(1 - none_shared(_weights(setting), setting.length)))


def _settings() -> list[Setting]:
    rows = [(each, 4, 3, "linear") for each in small_languages()]
    rows += [(bigram3(), 3, 6, "cosine"), (hmm2x3(), 2, 12, "polynomial:power=2"), (golden_chain(), 5, 2, "linear")]
    return [TILTED.setting(language, length, steps, schedule) for language, length, steps, schedule in rows]


_SHARED: dict[str, Any] = {
    "number": 34,
    "source": "ours; docs/theory.md 5.2",
    "settings": _settings,
    "hypotheses": "the exact denoiser, random order; small enough to enumerate",
    "options": {"denoiser": "oracle"},
    "known": probability,
}


_of_any_denoiser = twins.beyond(
    "a denoiser that errs",
    _several,
    lambda it: it.setting(bigram3(), 3, 12, denoiser="perturbed:epsilon=1.0"),
    "one that is wrong errs in single reveals too",
)


def _each_pair(setting: Setting, bound: float) -> float:
    """The sum over pairs, not their union."""
    chances, ratios, wrong = tilted_terms(setting)
    return float(chances @ wrong) * float(ratios[chances > 0].max())


TILTED = Statement(
    id="ser_of_shared_steps",
    says="SER = E' T/A (1 - p_plan(support)) over plans in which two positions were given one step",
    direction="=",
    sides=_tilted_sides,
    requires=_requires_pairs,
    sources=("karp1989", SHARED_SEARCH),
    **_SHARED,
    twins=(
        _of_any_denoiser,
        twins.bounded(
            "a plan counted once for each of its pairs",
            _each_pair,
            lambda it: it.setting(bigram3(), 3, 2),
            "several pairs may share steps at once, and are one plan",
        ),
    ),
)

BOUND = Statement(
    id="shared_steps_bound",
    says="SER <= P(two positions share a step) = 1 - L! e_L(w)",
    direction="<=",
    sides=_bound_sides,
    requires=_requires,
    sources=(SHARED_SEARCH,),
    **_SHARED,
    twins=(
        _of_any_denoiser,
        twins.bounded(
            "of a position less",
            lambda setting, bound: 1 - none_shared(_weights(setting), setting.length - 1),
            lambda it: it.setting(Parity(), 2, 2),
            "each position may share a step with any other",
        ),
    ),
)
