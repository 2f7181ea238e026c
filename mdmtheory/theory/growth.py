"""Long sequences are right with a probability that falls geometrically: SER = 1 - C lambda(N)^L, and lambda from kappa.

Setting. Bigrams whose chain is irreducible and aperiodic and forgets, exact denoiser, ancestral plans.
Measured. (a) How far r(L) = (1 - SER(L))/(1 - SER(L-1)), from the exact recursion at this length, is from lambda(N).
(b) lambda(1). (c) How far 2x(2N) - x(N) is from kappa, where x(N) = N (1 - lambda(N)).
Guarantee. (a) At most |r(L) - r(L/2)|: r converges geometrically. (b) It is the spectral radius of 1{P > 0} diag(pi):
one step draws independent tokens, and those must chain up. (c) At most what the last doublings of N changed,
|x(2N) - x(N)| plus the change of 2x(2N) - x(N) since N/2: x = kappa + a/N + b/N^2 + ..., kappa from the pairs that
clash. (a) and (c) are asymptotic: held where the chain has forgotten (its second eigenvalue to the power L/2 is below a
thousandth) and at N of 16 or more.
Constants. kappa(growth chain) = .147610962642, kappa(golden chain) = .069106018296, ours.
Source. Ours, docs/theory.md 3 and 5; SER linear in L/N for N of order L is in 2502.09622.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.forgetting import forgetting_chain, period_of
from mdmtheory.exact.growth import growth_rate
from mdmtheory.exact.rates import kappa
from mdmtheory.exact.spans import ser_curve
from mdmtheory.languages.laws import closed_classes, stationary_law
from mdmtheory.languages.ngram import NGram
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, cycle3, full_support, golden_chain, growth_chain
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin

_SEARCH = Ours(
    "probability of valid sequence when Markov chain tokens are sampled in parallel, spectral radius, "
    "growth rate of acceptance with length, masked diffusion",
    "2026-11-29",
)

Rows = Float[np.ndarray, "..."]

FORGOTTEN = 1e-3

FEWEST_STEPS = 16

SLOWEST = 0.9
"""Second eigenvalues beyond which rates are read off at lengths that take minutes."""


def chain(setting: Setting) -> NGram:
    """The language; HypothesisError unless it is an irreducible aperiodic bigram."""
    language = setting.language
    if not isinstance(language, NGram) or language.order != 2:
        raise HypothesisError(f"it is about bigrams, not {language.spec}")
    allowed = language.conditional > 0
    classes = closed_classes(allowed)
    if len(classes) != 1 or not np.asarray(classes[0]).all():
        raise HypothesisError(f"the chain of {language.spec} is reducible")
    if period_of(allowed) != 1:
        raise HypothesisError(f"the chain of {language.spec} has period {period_of(allowed)}")
    return language


def second_eigenvalue(setting: Setting) -> float:
    """In absolute value; HypothesisError where it is too near 1."""
    rows = chain(setting).conditional
    sizes = np.sort(np.abs(np.linalg.eigvals(rows)))
    slowest = float(sizes[-2]) if len(sizes) > 1 else 0.0
    if slowest > SLOWEST:
        raise HypothesisError(f"the chain of {setting.language.spec} forgets slowly: second eigenvalue {slowest:.3g}")
    return slowest


def _requires_chain(setting: Setting) -> None:
    second_eigenvalue(setting)


def _requires_growth(setting: Setting) -> None:
    if setting.steps is None:
        raise HypothesisError("steps is not given")
    slowest = second_eigenvalue(setting)
    if setting.length < 4 or slowest ** (setting.length // 2) > FORGOTTEN:
        raise HypothesisError(f"a chain with second eigenvalue {slowest:.3g} has not forgotten in half of the length")


def _growth(setting: Setting) -> Sides:
    length = setting.length
    right = 1 - ser_curve(setting.language, length, steps=setting.steps, schedule=setting.schedule)
    ratios = right[1:] / right[:-1]
    rate = growth_rate(setting.language, steps=setting.steps, schedule=setting.schedule).value
    now, halfway = float(ratios[-1]), float(ratios[length // 2 - 2])
    note = f"lambda {rate:.10g}, C {right[-1] / rate**length:.6g}"
    return Sides(Estimate.exact(abs(now - rate)), Estimate.exact(abs(now - halfway)), note)


def _one_step(setting: Setting) -> Sides:
    rows = chain(setting).conditional
    law = stationary_law(rows, np.ones(len(rows), dtype=np.bool_))
    radius = float(np.abs(np.linalg.eigvals((rows > 0) * law)).max())
    return Sides(growth_rate(setting.language, steps=1), Estimate.exact(radius))


def _requires_many_steps(setting: Setting) -> None:
    second_eigenvalue(setting)
    try:
        forgetting_chain(setting.language)
    except ValueError as reason:
        raise HypothesisError(f"kappa is not known: {reason}") from reason
    if setting.schedule.steps is not None or (setting.steps or 0) < FEWEST_STEPS or (setting.steps or 0) % 2:
        raise HypothesisError(f"it is about a family of schedules at an even number of steps, {FEWEST_STEPS} or more")


def _kappa(setting: Setting) -> Sides:
    assert setting.steps is not None
    half, once, twice = (
        steps * (1 - growth_rate(setting.language, steps=steps, schedule=setting.schedule).value)
        for steps in (setting.steps // 2, setting.steps, 2 * setting.steps)
    )
    constant = kappa(setting.language, schedule=setting.schedule).value
    now, before = 2 * twice - once, 2 * once - half
    note = f"kappa {constant:.10g}, N (1 - lambda) {once:.10g} and at 2N {twice:.10g}"
    return Sides(Estimate.exact(abs(now - constant)), Estimate.exact(abs(twice - once) + abs(now - before)), note)


def _growth_settings() -> list[Setting]:
    languages = (growth_chain(), golden_chain(), bigram3())
    rows = [GROWTH.setting(language, 24, steps) for language in languages for steps in (2, 16)]
    return [*rows, GROWTH.setting(golden_chain(), 16, 8, "cosine"), GROWTH.setting(cycle3(), 96, 4)]


def _one_step_settings() -> list[Setting]:
    return [ONE_STEP.setting(each, 5) for each in (growth_chain(), golden_chain(), bigram3(), cycle3(), full_support())]


def _kappa_settings() -> list[Setting]:
    rows = [KAPPA.setting(each, 5, steps) for each in (growth_chain(), golden_chain(), bigram3()) for steps in (16, 64)]
    return [*rows, KAPPA.setting(growth_chain(), 5, 32, "cosine"), KAPPA.setting(cycle3(), 5, 64)]


def _rate_of_more(setting: Setting, measured: float) -> float:
    assert setting.steps is not None
    right = 1 - ser_curve(setting.language, setting.length, steps=setting.steps, schedule=setting.schedule)
    other = growth_rate(setting.language, steps=setting.steps + 1, schedule=setting.schedule).value
    return abs(float(right[-1] / right[-2]) - other)


def _weighted(broken: str, matrix: Callable[[Rows, Rows], Rows], teaches: str) -> Twin:
    """The spectral radius of another matrix."""

    def bound(setting: Setting, bound: float) -> float:
        language = chain(setting)
        return float(np.abs(np.linalg.eigvals(matrix(language.conditional, language.initial))).max())

    return twins.bounded(broken, bound, lambda it: it.setting(growth_chain(), 5), teaches)


GROWTH = Statement(
    id="growth",
    number=11,
    says="|(1 - SER(L))/(1 - SER(L-1)) - lambda(N)| <= its change since L/2",
    source="ours; docs/theory.md 3",
    sources=(_SEARCH,),
    direction="<=",
    sides=_growth,
    settings=_growth_settings,
    hypotheses="irreducible aperiodic bigrams that forget within half of the length, exact denoiser, ancestral plans",
    requires=_requires_growth,
    twins=(
        twins.measuring(
            "the rate of one step more",
            _rate_of_more,
            lambda it: it.setting(golden_chain(), 24, 2),
            "the ratios settle at the rate of their own number of steps",
        ),
    ),
)

ONE_STEP = Statement(
    id="growth_one_step",
    number=11,
    says="lambda(1) = spectral radius of 1{P > 0} diag(pi)",
    source="ours; docs/theory.md 3",
    sources=(_SEARCH,),
    direction="=",
    sides=_one_step,
    settings=_one_step_settings,
    hypotheses="irreducible aperiodic bigrams, exact denoiser, one step",
    requires=_requires_chain,
    twins=(
        _weighted(
            "uniform weights",
            lambda rows, law: (rows > 0) * np.full(len(rows), 1 / len(rows)),
            "one step draws tokens as often as they occur",
        ),
        _weighted(
            "all pairs", lambda rows, law: np.ones_like(rows) * law, "what is forbidden must not stand side by side"
        ),
    ),
)

KAPPA = Statement(
    id="kappa",
    number=11,
    says="|2x(2N) - x(N) - kappa| <= its changes since x(N) and N/2, x(N) = N (1 - lambda(N))",
    source="ours; docs/theory.md 5",
    sources=(_SEARCH,),
    direction="<=",
    sides=_kappa,
    settings=_kappa_settings,
    hypotheses="irreducible aperiodic bigrams that forget, exact denoiser, ancestral plans, 16 steps or more",
    requires=_requires_many_steps,
    constants=(
        Constant("kappa(growth_chain)", 0.147610962642, "ours"),
        Constant("kappa(golden_chain)", 0.069106018296, "ours"),
    ),
    twins=(
        twins.measuring(
            "kappa a twentieth larger",
            lambda setting, measured: abs(0.05 * kappa(setting.language, schedule=setting.schedule).value - measured),
            lambda it: it.setting(golden_chain(), 5, 16),
            "already 16 steps tell the constant to a few parts in a hundred",
        ),
    ),
)
