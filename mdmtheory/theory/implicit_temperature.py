"""To draw at every position and keep the most confident draw is to sample at a lower temperature.

Setting. N independent tokens of law p; one step of MaskGIT: a token is drawn at every position, and the one is kept
whose log p(drawn) + a G is largest, G being Gumbel noise and a the `temperature` of the choice.
Measured. The total variation distance of the law of the token kept from p^(1 + 1/a)/Z, exactly: a draw v has the
weight w_v = p_v^(1/a) in the choice, so with K_v draws of v the law is E[K_v w_v / sum_u K_u w_u], over multinomials.
Guarantee. At most sum_v sd(D_v) sd(w) / (2 N m E[w]), m the least w and D_v = w 1{x = v} - r_v w, r the limit law: with
S the mean of w over the N draws, the difference at v is -E[D_v (S - E w)/(S E w)], S >= m, and Cauchy and Schwarz bound
the rest. So it is of the order of 1/N. Equal for uniform tokens, where both are 0.
Constants. None of the source's: it says that the law tends there. The bound is ours.
Source. 2510.04525 (only its abstract was at hand); the limit and the bound derived by us, docs/theory.md 6. The sampler
`draw_confidence` is the case a -> 0, in which the mode alone is left (`drawn_modes`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.exact.enumeration import check_feasible
from mdmtheory.languages.ngram import NGram
from mdmtheory.theory import twins
from mdmtheory.theory.instances import independent
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin, probability

Law = Float[np.ndarray, "tokens"]

_SEARCH = Ours("MaskGIT implicit temperature Gumbel confidence finite number of positions bound", "2026-11-29")


def _tokens(setting: Setting) -> Law:
    """The probabilities of the tokens that occur; HypothesisError where they are not independent."""
    language = setting.language
    if not isinstance(language, NGram) or language.order != 1:
        raise HypothesisError(f"it is about independent tokens, not {language.spec}")
    if not setting.options["temperature"] > 0:
        raise HypothesisError(f"temperature is {setting.options['temperature']}; it is about positive ones")
    return language.conditional[language.conditional > 0]


def _requires(setting: Setting) -> None:
    _tokens(setting)


def kept_law(p: Law, positions: int, temperature: float) -> Law:
    """The law of the token kept out of N draws."""
    from scipy.special import gammaln

    weights = p ** (1 / temperature)
    cost = float(math.comb(positions + len(p) - 1, len(p) - 1))
    check_feasible(100 * cost * len(p), 16 * cost * len(p), f"counts of {len(p)} tokens at {positions} positions")
    # Counts as the gaps between bars in a row of positions and bars.
    bars = itertools.combinations(range(positions + len(p) - 1), len(p) - 1)
    places = np.array([(-1, *each, positions + len(p) - 1) for each in bars])
    counts = np.diff(places, axis=1) - 1
    log_chance = gammaln(positions + 1) - gammaln(counts + 1).sum(axis=1) + counts @ np.log(p)
    shares = counts * weights
    found: Law = np.exp(log_chance) @ (shares / shares.sum(axis=1, keepdims=True))
    return found


def limit_law(p: Law, temperature: float) -> Law:
    """p^(1 + 1/a), normalised."""
    found = p ** (1 + 1 / temperature)
    return found / found.sum()


def rest(p: Law, positions: int, temperature: float) -> float:
    """The bound of their distance."""
    weights, limit = p ** (1 / temperature), limit_law(p, temperature)
    mean = float(p @ weights)
    deviation = math.sqrt(max(float(p @ (weights - mean) ** 2), 0.0))
    own = np.eye(len(p)) * weights - np.outer(limit, weights)
    spread = np.sqrt(own**2 @ p).sum()
    return float(spread * deviation / (2 * positions * weights.min() * mean))


def _sides(setting: Setting) -> Sides:
    p, temperature = _tokens(setting), setting.options["temperature"]
    kept, limit = kept_law(p, setting.length, temperature), limit_law(p, temperature)
    distance = float(np.abs(kept - limit).sum()) / 2
    note = f"TV(kept, p) = {float(np.abs(kept - p).sum()) / 2:.6g}"
    return Sides(Estimate.exact(distance), Estimate.exact(rest(p, setting.length, temperature)), note)


def _settings() -> list[Setting]:
    three = NGram(1.0, [0.5, 0.3, 0.2], spec=Spec.of("three_tokens"))
    cases = ((independent(0.7), 1.0), (independent(0.7), 0.5), (three, 1.0), (three, 4.0), (independent(0.5), 1.0))
    return [STATEMENT.setting(each, length, temperature=a) for each, a in cases for length in (1, 10, 100)]


def _power(law: str, power: Callable[[float], float], teaches: str) -> Twin:
    """The distance from another power."""

    def measured(setting: Setting, measured: float) -> float:
        p, a = _tokens(setting), setting.options["temperature"]
        claimed = p ** power(a) / (p ** power(a)).sum()
        return float(np.abs(kept_law(p, setting.length, a) - claimed).sum()) / 2

    return twins.measuring(
        f"{law} in place of p^(1+1/a)", measured, lambda it: it.setting(independent(0.7), 150, temperature=2.0), teaches
    )


STATEMENT: Statement = Statement(
    id="implicit_temperature",
    number=31,
    says="TV(token kept out of N, p^(1+1/a)/Z) <= sum_v sd(D_v) sd(w)/(2 N min(w) E[w]), w = p^(1/a)",
    source="2510.04525 for the limit, the bound ours; docs/theory.md 6",
    sources=("hayakawa2026", _SEARCH),
    direction="<=",
    known=probability,
    sides=_sides,
    settings=_settings,
    hypotheses="independent tokens, Gumbel noise of positive temperature, one position kept; small enough to enumerate",
    requires=_requires,
    tight=lambda setting: len(set(_tokens(setting).tolist())) == 1,
    options={"temperature": 1.0},
    twins=(
        _power("p itself", lambda a: 1.0, "to keep the most confident draw is no exact sampling"),
        _power("p^(1/a)", lambda a: 1 / a, "tokens are drawn first, and chosen then: the powers add up"),
        _power("p^(1+a)", lambda a: 1 + a, "more noise in the choice is less of a choice"),
        twins.bounded(
            "of the order of 1/N^2",
            lambda setting, bound: bound / setting.length,
            lambda it: it.setting(independent(0.7), 100),
            "the law is reached as 1/N",
        ),
        twins.scaled(
            0.1, lambda it: it.setting(independent(0.7), 100), "and the constant is right within a factor of ten"
        ),
    ),
)
