"""A sampler that looks at the context only has an exact likelihood: replay it.

Setting. Masked diffusion with any denoiser and a sampler whose choices depend on the context alone, and on an order of
the positions, random or from the lowest, by which it breaks ties.
Measured. (a) The total variation distance of two laws: exp of the replayed log-likelihood of every sequence, its mean
over orders where ties are broken at random, and the law from everything that the sampler may draw, step by step.
(b) KL(q || p) from the second, with the exact denoiser and ties that go to the lowest position.
Guarantee. (a) It is 0: log p(x) = sum_k sum_{i in U_k(x)} log p(x_i | context_k), U_k(x) being what step k opens when
the draws turn out to be x. Given the order no other history writes x. (b) Equal to E_q sum_k TC(X_{U_k} | x_<k), each
term from the conditional law of q in the context that the replay visits. With ties broken at random that is so given
each order, and KL(q || p) is at most the mean.
Constants. None.
Source. (a) 2603.01367, DUEL; (b) 2608.25505, theorem 1; docs/theory.md 6.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Denoiser
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import (
    Law,
    all_sequences,
    entropy_nats,
    enumerated_information_curve,
    expected_nll,
    joint,
)
from mdmtheory.exact.law import law
from mdmtheory.languages.parity import Parity
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

SAMPLERS = (
    "confidence",
    "margin",
    "entropy",
    "entropy_bound:gamma=0.3",
    "entropy_sum:h=1.0",
    "threshold:tau=0.7",
)


def _requires_context_only(setting: Setting) -> None:
    sampler = as_sampler(setting.options["sampler"])
    if sampler.oblivious:
        raise HypothesisError(
            f"{sampler.spec} draws its plan beforehand; it is about samplers that look at the sequence"
        )
    if not sampler.context_only or sampler.remasks:
        raise HypothesisError(f"{sampler.spec} looks at what it draws, or changes tokens: it has no replay")


def _model(setting: Setting) -> MaskedDiffusion:
    denoiser: Denoiser = DENOISERS.build(setting.options.get("denoiser", "oracle"), setting.language)
    return MaskedDiffusion(denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule)


def _likelihood(setting: Setting) -> Sides:
    model, length = _model(setting), setting.length
    # The law of samplers that look at the context only is taken from their replays.
    replayed, drawn = law(model, setting.language, length), law_by_draws(model, length)
    distance = float(np.abs(replayed - drawn).sum()) / 2
    return Sides(Estimate.exact(distance), Estimate.exact(0.0))


def total_correlation_at(q: Law, tokens: list[int], known: list[int], opened: list[int]) -> float:
    """TC(X_opened | X_known = tokens there) in nats."""
    at = tuple(tokens[i] if i in known else slice(None) for i in range(q.ndim))
    rest = q[at] / q[at].sum()
    free = [i for i in range(q.ndim) if i not in known]
    axes = [free.index(i) for i in opened]

    def entropy(kept: list[int]) -> float:
        return entropy_nats(rest.sum(axis=tuple(k for k in range(rest.ndim) if k not in kept)))

    return math.fsum([*(entropy([axis]) for axis in axes), -entropy(axes)])


def _requires_exact(setting: Setting) -> None:
    _requires_context_only(setting)
    if "temperature" in setting.options["sampler"]:
        raise HypothesisError("it is about temperature 1")
    if _model(setting).sampler.sees_order:
        raise HypothesisError("it is about one way of breaking ties, not their mean; pass a sampler with ties=lowest")


def _divergence(setting: Setting) -> Sides:
    model, length = _model(setting), setting.length
    q = joint(setting.language, length)
    measured = expected_nll(law_by_draws(model, length), q) - entropy_nats(q)
    inside = q.reshape(-1) > 0
    sequences = all_sequences(setting.language.vocab_size, length)[inside]
    plans = model.replay(sequences).plan
    terms: dict[tuple[tuple[int, ...], ...], float] = {}
    total = 0.0
    for tokens, plan, weight in zip(sequences.tolist(), plans, q.reshape(-1)[inside], strict=True):
        for step in range(1, int(plan.max()) + 1):
            known, opened = np.flatnonzero(plan < step).tolist(), np.flatnonzero(plan == step).tolist()
            key = (tuple(known), tuple(tokens[i] for i in known), tuple(opened))
            if key not in terms:
                terms[key] = total_correlation_at(q, tokens, known, opened)
            total += weight * terms[key]
    return Sides(Estimate.exact(measured), Estimate.exact(float(total)))


def _likelihood_settings() -> list[Setting]:
    samplers = (*SAMPLERS, *(f"{each}{',' if ':' in each else ':'}ties=lowest" for each in SAMPLERS))
    rows = [LIKELIHOOD.setting(language, 4, 2, sampler=each) for language in small_languages() for each in samplers]
    rows += [
        LIKELIHOOD.setting(bigram3(), 5, 3, "cosine", sampler=sampler, denoiser=denoiser)
        for sampler in ("entropy", "margin:temperature=0.5")
        for denoiser in ("perturbed:epsilon=0.1", "window:width=1")
    ]
    return rows


def _divergence_settings() -> list[Setting]:
    languages = (*small_languages(), Parity())
    samplers = ("entropy:ties=lowest", "entropy_bound:gamma=0.3,ties=lowest", "entropy_sum:h=1.0,ties=lowest")
    return [DIVERGENCE.setting(language, 4, 2, sampler=each) for language in languages for each in samplers]


def _another(broken: str, replayed_by: str, drawn_by: str, teaches: str) -> Twin:
    """The distance between the replay of one sampler and the draws of another."""

    def sides(setting: Setting) -> Sides:
        language, length = setting.language, setting.length
        replayed, drawn = (
            MaskedDiffusion(language.oracle(), sampler=each, steps=setting.steps, schedule=setting.schedule)
            for each in (replayed_by, drawn_by)
        )
        distance = float(np.abs(law(replayed, language, length) - law_by_draws(drawn, length)).sum()) / 2
        return Sides(Estimate.exact(distance), Estimate.exact(0.0))

    return twins.claiming(broken, sides, lambda it: it.setting(bigram3(), 4, 2), teaches)


LIKELIHOOD = Statement(
    id="replay",
    aliases=("duel",),
    number=19,
    says="TV(replayed law, law of the draws) = 0",
    source="2603.01367 (DUEL); docs/theory.md 6",
    sources=("turok2026",),
    direction="=",
    sides=_likelihood,
    settings=_likelihood_settings,
    hypotheses="any language and denoiser, samplers that look at the context only; small enough to enumerate",
    requires=_requires_context_only,
    options={"sampler": "entropy", "denoiser": "oracle"},
    twins=(
        _another(
            "confidence replayed, draw_confidence drawn",
            "confidence",
            "draw_confidence",
            "who looks at draws that are thrown away has no replay, not even by the rule that does not look",
        ),
        _another("entropy replayed, a threshold drawn", "entropy", "threshold:tau=0.6", "a replay is that of one rule"),
        _another(
            "margin replayed at temperature 1, drawn at 1/2",
            "margin",
            "margin:temperature=0.5",
            "the temperature changes what is drawn, not where",
        ),
    ),
)

DIVERGENCE = Statement(
    id="replay_divergence",
    number=19,
    says="KL(q||p) = E_q sum_k TC(X_U_k | context)",
    source="2608.25505, theorem 1; docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_divergence,
    settings=_divergence_settings,
    hypotheses="any language, exact denoiser, samplers that look at the context only, with ties=lowest; small enough "
    "to enumerate",
    requires=_requires_exact,
    options={"sampler": "entropy:ties=lowest"},
    twins=(
        twins.scaled(
            0.999,
            lambda it: it.setting(bigram3(), 4, 2),
            "what steps lose in the contexts visited is all of the divergence",
        ),
        twins.bounded(
            "what the same steps lose on average over contexts of their size",
            lambda setting, bound: schedules.plan_averaged_gap(
                enumerated_information_curve(joint(setting.language, setting.length)),
                setting.schedule.sizes(setting.length, setting.steps),
            ),
            lambda it: it.setting(bigram3(), 4, 2),
            "a rule that looks chooses its contexts: the information curve, of random ones, does not price it",
        ),
    ),
)
