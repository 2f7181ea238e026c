"""What a denoiser's score is made of: the entropy, the plan's share, and its own errors.

Setting. Any language, any denoiser, any law over plans; the learning term may be infinite.
Measured. E_plan E_q[-log p_plan(x)], every plan listed and every sequence scored by the model itself.
Guarantee. Equal to H(q), plus the factorisation gap E_plan sum_k TC(X_U | context), U being what step k reveals and TC
a property of q alone, plus the learning error E_plan sum_i E_q KL(q(x_i | context) || p(x_i | context)). Both are
infinite together.
Constants. None.
Source. 2510.25544; docs/theory.md 2.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.reveal_plans import in_single_steps
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import Law, all_sequences, check_feasible, entropy_nats, joint, subset_entropies
from mdmtheory.exact.law import context_marginals, context_numbers
from mdmtheory.exact.reveals import Costs, all_plans, plan_costs
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, golden_chain, hmm2x3, small_languages, trigram2
from mdmtheory.theory.statement import Setting, Sides, Statement, Twin


def conditional_entropies(q: Law) -> Costs:
    """H(X_i | X_S) in nats at [S, i], from the entropies of sets; 0 for i in S.

    Summed over a plan they are H(q) and the total correlations of its steps, by the chain rule.
    """
    entropies = subset_entropies(q)
    sets = np.arange(1 << q.ndim)[:, None]
    return entropies[sets | 1 << np.arange(q.ndim)] - entropies[sets]


def learning_costs(denoiser: Denoiser, language: Language, length: int) -> Costs:
    """E_q KL(q(x_i | x_S) || p(x_i | x_S)) in nats at [S, i]; 0 for i in S, infinite where p misses a token of q."""
    truth = context_marginals(language.oracle(), length)
    guess = context_marginals(denoiser, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(truth > 0, truth * np.log(truth / guess), 0.0)
    divergences = terms.sum(axis=2)
    q = joint(language, length).reshape(-1)
    inside = q > 0
    sequences, weights = all_sequences(language.vocab_size, length)[inside], q[inside]
    costs = np.zeros((1 << length, length))
    for revealed_set in range(1 << length):
        revealed = (revealed_set >> np.arange(length)) % 2 == 1
        here = divergences[context_numbers(sequences, revealed, language.vocab_size)]
        costs[revealed_set, ~revealed] = weights @ here[:, ~revealed]
    return costs


def _denoiser(setting: Setting) -> Denoiser:
    named: str | Denoiser = setting.options["denoiser"]
    if isinstance(named, str):
        built: Denoiser = DENOISERS.build(named, setting.language)
        return built
    return named


def _model(setting: Setting) -> MaskedDiffusion:
    return MaskedDiffusion(
        _denoiser(setting), sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )


@dataclass(frozen=True)
class Budget:
    """The three terms, in nats."""

    entropy: float
    gap: float
    learning: float


def budget(setting: Setting) -> Budget:
    """The terms of the setting's model, the mean over all its plans."""
    model = _model(setting)
    plans, chances = all_plans(model, setting.length)
    q = joint(setting.language, setting.length)
    entropy = entropy_nats(q)
    gap = float(chances @ plan_costs(plans, conditional_entropies(q))) - entropy
    learning = float(chances @ plan_costs(plans, learning_costs(model.denoiser, setting.language, setting.length)))
    return Budget(entropy, gap, learning)


def _sides(setting: Setting) -> Sides:
    language, length, model = setting.language, setting.length, _model(setting)
    plans, chances = all_plans(model, length)
    q = joint(language, length)
    inside = q.reshape(-1) > 0
    sequences, weights = all_sequences(language.vocab_size, length)[inside], q.reshape(-1)[inside]
    rows = len(plans) * len(sequences)
    check_feasible(100 * rows * length, 32 * rows * length, f"{len(sequences)} sequences under {len(plans)} plans")
    every = model.run(
        np.repeat(plans, len(sequences), axis=0).astype(np.int32), tokens=np.tile(sequences, (len(plans), 1))
    )
    nats = -every.log_probs.sum(axis=1).reshape(len(plans), len(sequences))
    terms = budget(setting)
    note = f"entropy {terms.entropy:.6g} + factorisation {terms.gap:.6g} + learning {terms.learning:.6g}"
    measured = Estimate.exact(float(chances @ nats @ weights))
    return Sides(measured, Estimate.exact(terms.entropy + terms.gap + terms.learning), note)


def _settings() -> list[Setting]:
    learners = ("oracle", "perturbed:epsilon=0.1", "window:width=1")
    rows = [
        STATEMENT.setting(language, 4, 2, denoiser=denoiser, sampler=sampler)
        for language in (*small_languages(), EqualPairs(vocab_size=2))
        for denoiser, sampler in zip(learners, ("ancestral", "stride", "fixed"), strict=True)
    ]
    rows += [STATEMENT.setting(bigram3(), 5, 3, "cosine", denoiser=each, sampler="blocks") for each in learners]
    rows += [STATEMENT.setting(hmm2x3(), 4, denoiser=each, sampler="first_hitting") for each in learners]
    # One of a language that forbids what the other writes: both sides are infinite.
    rows.append(STATEMENT.setting(trigram2(), 4, 2, denoiser=golden_chain().oracle(), sampler="stride"))
    return rows


def _without(term: str, value: Callable[[Budget], float], teaches: str) -> Twin:
    return twins.bounded(
        f"without {term}",
        lambda setting, bound: bound - value(budget(setting)),
        lambda it: it.setting(bigram3(), 4, 2),
        teaches,
    )


def _one_token_late(setting: Setting, bound: float) -> float:
    """As if a step's tokens were revealed one after the other, each seen by the next."""
    model = _model(setting)
    plans, chances = all_plans(model, setting.length)
    costs = learning_costs(model.denoiser, setting.language, setting.length)
    return bound + float(chances @ (plan_costs(in_single_steps(plans), costs) - plan_costs(plans, costs)))


STATEMENT = Statement(
    id="error_budget",
    number=9,
    says="E_plan E[-log p_plan] = H(q) + factorisation gap + learning error",
    source="2510.25544; docs/theory.md 2.6",
    sources=("lavenant2025",),
    direction="=",
    sides=_sides,
    settings=_settings,
    hypotheses="any language and denoiser, any law over plans; small enough to enumerate",
    options={"denoiser": "perturbed:epsilon=0.1", "sampler": "ancestral"},
    twins=(
        _without("the entropy", lambda budget: budget.entropy, "even a perfect score is no less than H(q)"),
        _without(
            "the factorisation gap", lambda budget: budget.gap, "steps of several tokens cost what they cannot see"
        ),
        _without("the learning error", lambda budget: budget.learning, "a denoiser that is wrong pays for it"),
        twins.bounded(
            "the learning error in contexts one token later",
            _one_token_late,
            lambda it: it.setting(bigram3(), 4, 2),
            "tokens of one step do not see each other",
        ),
    ),
)
