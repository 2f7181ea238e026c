"""The information curve as a value, and total correlations, against the independent package dit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from tests.exact.known import BIGRAM3, HMM2X3, TRIGRAM2
from tests.languages.small import hmms, ngrams

exact = mt.exact


def test_a_curve_is_its_values_and_cannot_change():
    given_values = np.array([1.0, 0.5])
    curve = exact.Curve(given_values, given_values - 0.1, given_values + 0.2, 0.9, "estimate", 7)
    given_values[0] = 5
    assert np.asarray(curve).tolist() == [1, 0.5]
    assert np.asarray(curve, dtype=np.float32).dtype == np.float32
    assert len(curve) == 2
    with pytest.raises(ValueError, match="read-only"):
        curve.values[0] = 2
    free = np.array(curve)
    free[0] = 2
    assert curve.values[0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": [0.0, 0.6]}, r"point 1 is 0.5, outside its interval \[0.6, 0.5\]; pass low <= value <= high"),
        ({"high": [1.0, math.nan]}, "point 1 is 0.5, outside its interval"),
        ({"values": [], "low": [], "high": []}, r"shapes \(0,\)"),
        ({"level": 0.0}, "level 0.0 is not a probability"),
        ({"count": -1}, "count is -1; pass 0 or more"),
    ],
)
def test_a_curve_checks_itself(change, message):
    values = {"values": [1.0, 0.5], "low": [1.0, 0.5], "high": [1.0, 0.5], "level": 0.95, "kind": "exact", "count": 0}
    values |= change
    for name in ("values", "low", "high"):
        values[name] = np.array(values[name], dtype=float)
    with pytest.raises(ValueError, match=message):
        exact.Curve(**values)


def dit_law(q):
    """The same law in dit, its outcomes written as words."""
    import dit

    inside = np.argwhere(q > 0)
    outcomes = ["".join(str(token) for token in row) for row in inside]
    return dit, dit.Distribution(outcomes, q[q > 0].tolist())


@pytest.mark.parametrize(
    ("language", "length"),
    [(BIGRAM3, 4), (TRIGRAM2, 5), (HMM2X3, 3), (mt.Parity(), 4), (mt.Permutation(items=3), 3), (BIGRAM3, 2)],
    ids=lambda value: getattr(value, "kind", value),
)
def test_entropy_and_correlations_are_those_of_dit(language, length):
    dit, law = dit_law(exact.joint(language, length))
    curve = exact.information_curve(language, length)
    bit = math.log(2)
    assert np.asarray(curve).sum() == pytest.approx(dit.shannon.entropy(law) * bit, abs=1e-10)
    assert exact.entropy_nats(exact.joint(language, length)) == pytest.approx(dit.shannon.entropy(law) * bit, abs=1e-10)
    total = dit.multivariate.total_correlation(law) * bit
    dual = dit.multivariate.dual_total_correlation(law) * bit
    assert exact.total_correlation(curve) == pytest.approx(total, abs=1e-10)
    assert exact.dual_total_correlation(curve) == pytest.approx(dual, abs=1e-10)
    assert exact.s_information(curve) == pytest.approx(dit.multivariate.s_information(law) * bit, abs=1e-10)
    with_rest = sum(
        dit.shannon.mutual_information(law, [i], [k for k in range(length) if k != i]) for i in range(length)
    )
    assert exact.s_information(np.asarray(curve)) == pytest.approx(with_rest * bit, abs=1e-10)


def test_dit_tells_total_correlation_from_its_dual():
    dit, law = dit_law(exact.joint(BIGRAM3, 4))
    curve = exact.information_curve(BIGRAM3, 4)
    dual = dit.multivariate.dual_total_correlation(law) * math.log(2)
    assert abs(exact.total_correlation(curve) - dual) > 0.1


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4))
def test_correlations_by_their_definitions(language, length):
    q = exact.joint(language, length)
    curve = exact.information_curve(language, length)
    entropy = exact.entropy_nats(q)
    alone = sum(exact.entropy_nats(q.sum(axis=tuple(k for k in range(length) if k != i))) for i in range(length))
    given_rest = sum(entropy - exact.entropy_nats(np.asarray(q.sum(axis=i))) for i in range(length))
    assert exact.total_correlation(curve) == pytest.approx(alone - entropy, abs=1e-11)
    assert exact.dual_total_correlation(curve) == pytest.approx(entropy - given_rest, abs=1e-11)
    assert exact.s_information(curve) == pytest.approx(alone - given_rest, abs=1e-11)
