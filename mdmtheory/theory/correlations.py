"""Total and dual total correlation are sums over the information curve.

Setting. Any language.
Measured. Each from its definition, as a divergence between laws of whole sequences: TC = KL(q || product of the
marginals), DTC = E_q[log(prod_i q(x_i | x_-i) / q(x))], and sum_i I(X_i; X_-i) with I = KL(q || q_i q_-i).
Guarantee. With the information curve H(m): TC = sum_m (H(0) - H(m)), DTC = sum_m (H(m) - H(L-1)), and
sum_i I(X_i; X_-i) = TC + DTC = L (H(0) - H(L-1)), all equalities.
Constants. None.
Source. Watanabe (1960), Han (1978), 1902.11239, on the curve of 2511.04647; docs/theory.md 2.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.curve import dual_total_correlation, s_information, total_correlation
from mdmtheory.exact.enumeration import Law, enumerated_information_curve, joint
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement, Twin


def divergence(q: Law, p: Law) -> float:
    """sum q log(q/p) in nats, over the support of q; p need not sum to 1."""
    inside = q > 0
    return float((q[inside] * np.log(q[inside] / p[inside])).sum())


def _alone(q: Law, position: int) -> Law:
    """The marginal of one position, its shape ready to be multiplied with q."""
    return q.sum(axis=tuple(j for j in range(q.ndim) if j != position), keepdims=True)


def total_correlation_of(q: Law) -> float:
    """TC = KL(q || product of the marginals) in nats."""
    product = np.ones_like(q)
    for position in range(q.ndim):
        product = product * _alone(q, position)
    return divergence(q, product)


def dual_total_correlation_of(q: Law) -> float:
    """DTC = H(q) - sum_i H(X_i | X_-i) = E_q[log of the product of all q(x_i | x_-i), over q(x)] in nats."""
    conditionals = np.ones_like(q)
    for position in range(q.ndim):
        others = q.sum(axis=position, keepdims=True)
        conditionals = conditionals * np.divide(q, others, out=np.zeros_like(q), where=others > 0)
    return -divergence(q, conditionals)


def s_information_of(q: Law) -> float:
    """sum_i I(X_i; X_-i) in nats, each KL(q || marginal of i times law of the rest)."""
    return sum(divergence(q, _alone(q, i) * q.sum(axis=i, keepdims=True)) for i in range(q.ndim))


def _total(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    curve = enumerated_information_curve(q)
    return Sides(Estimate.exact(total_correlation_of(q)), Estimate.exact(total_correlation(curve)))


def _dual(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    curve = enumerated_information_curve(q)
    return Sides(Estimate.exact(dual_total_correlation_of(q)), Estimate.exact(dual_total_correlation(curve)))


def _rest(setting: Setting) -> Sides:
    q = joint(setting.language, setting.length)
    curve = enumerated_information_curve(q)
    return Sides(Estimate.exact(s_information_of(q)), Estimate.exact(s_information(curve)))


def _settings(statement: Statement) -> list[Setting]:
    languages = (*small_languages(), EqualPairs(vocab_size=2), Parity())
    return [statement.setting(language, 5) for language in languages]


def _of_curve(broken: str, value: Callable[[Law], float], teaches: str) -> Twin:
    def bound(setting: Setting, bound: float) -> float:
        return value(enumerated_information_curve(joint(setting.language, setting.length)))

    return twins.bounded(broken, bound, lambda it: it.setting(bigram3(), 4), teaches)


TOTAL_CORRELATION: Statement = Statement(
    id="total_correlation",
    number=7,
    says="TC = sum_m (H(0) - H(m))",
    source="Watanabe (1960), on the curve of 2511.04647; docs/theory.md 2.2",
    sources=("watanabe1960", "chen2026"),
    direction="=",
    sides=_total,
    settings=lambda: _settings(TOTAL_CORRELATION),
    hypotheses="any language; small enough to enumerate",
    twins=(
        _of_curve("the last point left out", lambda curve: float((curve[0] - curve[:-1]).sum()), "all L points count"),
        _of_curve(
            "the mean over L - 1 points, times L - 1",
            lambda curve: float((curve[0] - curve).sum() * (1 - 1 / len(curve))),
            "the curve has L points, of which the first adds 0",
        ),
    ),
)

DUAL_TOTAL_CORRELATION: Statement = Statement(
    id="dual_total_correlation",
    number=7,
    says="DTC = sum_m (H(m) - H(L-1))",
    source="Han (1978), on the curve of 2511.04647; docs/theory.md 2.2",
    sources=("han1978", "chen2026"),
    direction="=",
    sides=_dual,
    settings=lambda: _settings(DUAL_TOTAL_CORRELATION),
    hypotheses="any language; small enough to enumerate",
    twins=(
        _of_curve("the first point left out", lambda curve: float((curve[1:] - curve[-1]).sum()), "H(0) counts too"),
        _of_curve(
            "TC in its place", lambda curve: float((curve[0] - curve).sum()), "the two differ, each the other's mirror"
        ),
    ),
)

INFORMATION_WITH_REST: Statement = Statement(
    id="information_with_rest",
    number=7,
    says="sum_i I(X_i; X_-i) = TC + DTC",
    source="1902.11239; docs/theory.md 2.2",
    sources=("rosas2019",),
    direction="=",
    sides=_rest,
    settings=lambda: _settings(INFORMATION_WITH_REST),
    hypotheses="any language; small enough to enumerate",
    twins=(
        _of_curve(
            "L - 1 in place of L",
            lambda curve: float((len(curve) - 1) * (curve[0] - curve[-1])),
            "each of L tokens has its rest",
        ),
    ),
)
