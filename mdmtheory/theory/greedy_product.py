"""Where every token is nearly sure, the most probable tokens are the most probable sequence.

Setting. Any language; all positions masked, the exact denoiser; x*_i the most probable token at i, and eps the least
number with q(x_i = x*_i) >= 1 - eps for all i.
Measured. (a) The largest q(x), by enumeration. (b) q(x*). (c) KL(q || product of the marginals), what one step costs.
Guarantee. (a) It is q(x*), if (L+1) eps <= 1: greedy decoding in one step finds the mode. Another sequence differs from
x* somewhere, so its probability is at most eps, and q(x*) >= 1 - L eps >= eps by (b). The condition is sharp: with
q(x*) = 1 - L eps and eps on each sequence that differs from x* in one place, the mode is another one as soon as
(L+1) eps > 1. (b) At least 1 - L eps, equal at L = 1 and on that law. (c) At most (L-1)(h(eps) + eps log(V-1)), h the
entropy of a bit in nats: the divergence is at most the sum of all marginal entropies but the largest, and none is above
that, which rises up to eps = 1 - 1/V.
Constants. None.
Source. 2505.22618, theorem 1 (of it only a summary was at hand; the proofs here are ours, docs/theory.md 6).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import Law, entropy_nats, joint
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.theory import twins
from mdmtheory.theory.instances import (
    bigram,
    bigram3,
    certain,
    early_choice,
    full_support,
    golden_chain,
    independent,
    sink,
    small_languages,
)
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, non_negative, probability

ROUNDING = 1e-12
"""How far (L+1) eps may be above 1 by rounding."""


def marginals(q: Law) -> np.ndarray:
    """The law of each token, (length, V)."""
    return np.stack([q.sum(axis=tuple(j for j in range(q.ndim) if j != i)) for i in range(q.ndim)])


def doubt(q: Law) -> float:
    """eps: how far the most probable token is from certain, at most, over positions."""
    return float(1 - marginals(q).max(axis=1).min())


def _requires_sure(setting: Setting) -> None:
    eps = doubt(joint(setting.language, setting.length))
    if (setting.length + 1) * eps > 1 + ROUNDING:
        raise HypothesisError(f"(L+1) eps is {(setting.length + 1) * eps:.6g}; it is about 1 at most")


def _greedy(q: Law) -> float:
    return float(q[tuple(marginals(q).argmax(axis=1))])


def _mode(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    return Sides(Estimate.exact(float(q.max())), Estimate.exact(_greedy(q)), f"eps {doubt(q):.6g}")


def _mass(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    return Sides(Estimate.exact(_greedy(q)), Estimate.exact(1 - setting.length * doubt(q)), f"eps {doubt(q):.6g}")


def _requires_tokens(setting: Setting) -> None:
    eps = doubt(joint(setting.language, setting.length))
    most = 1 - 1 / setting.language.vocab_size
    if eps > most + ROUNDING:  # never: the most probable of V tokens has 1/V at least
        raise HypothesisError(f"eps is {eps:.6g}; it is about {most:.6g} at most")


def _of_a_bit(eps: float) -> float:
    """h(eps) in nats."""
    return float(entr(eps) + entr(1 - eps))


def _cost(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    eps, others = doubt(q), setting.language.vocab_size - 1
    single = _of_a_bit(eps) + (eps * math.log(others) if others else 0.0)
    total = float(entr(marginals(q)).sum()) - entropy_nats(q)
    return Sides(Estimate.exact(total), Estimate.exact((setting.length - 1) * single), f"eps {eps:.6g}")


def nearly_sure(eps: float = 0.2) -> NGram:
    """Bits of which the first pair differs in one place with probability eps each: three pairs that are possible."""
    return bigram("nearly_sure", [[(1 - 2 * eps) / (1 - eps), eps / (1 - eps)], [1.0, 0.0]], [1 - eps, eps])


def _sure_settings(statement: Statement) -> list[Setting]:
    return [
        *(statement.setting(nearly_sure(eps), 2) for eps in (0.1, 0.3, 1 / 3)),
        statement.setting(certain(), 4),
        statement.setting(nearly_sure(0.2), 1),
    ]


def _mass_settings() -> list[Setting]:
    sure = ((early_choice(), 6), (golden_chain(), 3), (independent(0.9), 4), (bigram3(), 4), (full_support(), 1))
    several = [MASS.setting(language, length) for language, length in sure]
    return [*_sure_settings(MASS), *several]


def _cost_settings() -> list[Setting]:
    several = [COST.setting(language, 4) for language in (*small_languages(), sink())]
    return [*several, COST.setting(nearly_sure(), 2), COST.setting(full_support(), 1)]


def _nearly_sure_enough(setting: Setting) -> None:
    if setting.length * doubt(joint(setting.language, setting.length)) > 1 + ROUNDING:
        raise HypothesisError("L eps is above 1")


MODE: Statement = Statement(
    id="greedy_product",
    number=30,
    says="max q = q(most probable tokens) where all are more probable than 1 - eps, (L+1) eps <= 1",
    source="2505.22618, theorem 1; docs/theory.md 6",
    sources=("wu2025",),
    direction="=",
    sides=_mode,
    settings=lambda: _sure_settings(MODE),
    hypotheses="any language with (L+1) eps <= 1; small enough to enumerate",
    requires=_requires_sure,
    twins=(
        twins.beyond(
            "L eps <= 1 in place of (L+1) eps <= 1",
            _nearly_sure_enough,
            lambda it: it.setting(nearly_sure(0.4), 2),
            "another sequence may have eps too, and not only what x* has lost",
        ),
    ),
)

MASS: Statement = Statement(
    id="greedy_mass",
    number=30,
    says="q(most probable tokens) >= 1 - L eps",
    source="2505.22618, theorem 1; docs/theory.md 6",
    sources=("wu2025",),
    direction=">=",
    known=probability,
    sides=_mass,
    settings=_mass_settings,
    hypotheses="any language; small enough to enumerate",
    tight=lambda setting: setting.length == 1,
    twins=(
        twins.turned(
            lambda it: it.setting(golden_chain(), 3), "doubts at several positions may be of the same sequences"
        ),
        twins.scaled(1.01, lambda it: it.setting(nearly_sure(), 2), "or of different ones, and then they add up"),
    ),
)

COST: Statement = Statement(
    id="greedy_cost",
    number=30,
    says="KL(q || product of marginals) <= (L-1)(h(eps) + eps log(V-1))",
    source="2505.22618, theorem 1; docs/theory.md 6",
    sources=("wu2025",),
    direction="<=",
    known=non_negative,
    sides=_cost,
    settings=_cost_settings,
    hypotheses="any language; small enough to enumerate",
    requires=_requires_tokens,
    tight=lambda setting: setting.length == 1,
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 4), "tokens rarely determine each other"),
        twins.scaled(
            0.99, lambda it: it.setting(EqualPairs(vocab_size=3), 2), "but a pair does, and loses an entropy whole"
        ),
        twins.bounded(
            "without eps log(V-1)",
            lambda setting, bound: (setting.length - 1) * _of_a_bit(doubt(joint(setting.language, setting.length))),
            lambda it: it.setting(EqualPairs(vocab_size=3), 2),
            "which of the other tokens it is counts as well",
        ),
    ),
)
