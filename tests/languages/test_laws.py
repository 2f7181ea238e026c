"""What rows of probabilities may come in: float64 within 1e-9, what torch and jax fit within float32's rounding."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt


def fitted(seed, *shape):
    """A softmax in float32, as a network ends in one."""
    scores = np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 4
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True, dtype=np.float32)


class Tensor:
    """What another library has for an array."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values, dtype=dtype)


WAYS = {"array": lambda rows: rows, "list": lambda rows: rows.tolist(), "tensor": Tensor, "float64": np.float64}


@pytest.mark.refutes("2.3")
@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 1000), states=st.integers(1, 40), vocab_size=st.integers(2, 60))
def test_float32_rows_are_taken_at_float32s_tolerance(way, seed, states, vocab_size):
    rows = [fitted(seed, states), fitted(seed + 1, states, states), fitted(seed + 2, states, vocab_size)]
    language = mt.HMM(*(WAYS[way](each) for each in rows))
    for law, given_rows in zip((language.initial, language.transition, language.emission), rows, strict=True):
        np.testing.assert_allclose(law.sum(axis=-1), 1, rtol=0, atol=1e-14)
        wide = given_rows.astype(np.float64)
        np.testing.assert_allclose(law, wide / wide.sum(axis=-1, keepdims=True), rtol=1e-15)
    # The same numbers are the same language, in whatever they came.
    assert language == mt.HMM(*rows)
    off = max(np.abs(each.astype(np.float64).sum(axis=-1) - 1).max() for each in rows)
    assert ("float32 rows" in repr(language)) == (off > 1e-9)


@pytest.mark.refutes("2.3")
@pytest.mark.parametrize("order", [1, 2, 3])
def test_ngrams_of_float32(order):
    initial = fitted(3, 7 ** (order - 1)).reshape((7,) * (order - 1))
    language = mt.NGram(initial, fitted(4, *(7,) * order))
    assert language.initial.sum() == pytest.approx(1, abs=1e-15)
    assert language.rounded > 1e-9
    assert f"off 1 by {language.rounded:.1e}" in repr(language)
    assert np.isfinite(language.log_prob([[0, 1, 2, 3]])).all()


@pytest.mark.refutes("2.3")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: mt.HMM([1.0], [[1.0]], [[0.4, 0.6 + 1e-7]]), "pass rows / rows.sum(axis=-1, keepdims=True)"),
        (lambda: mt.HMM([0.4, 0.6 + 1e-7], np.eye(2), np.eye(2)), "pass rows / rows.sum(axis=-1, keepdims=True)"),
        (lambda: mt.NGram(np.full((2, 2), 0.2501), np.full((2, 2, 2), 0.5)), "pass initial / initial.sum()"),
        # More than rounding, in float32 too.
        (
            lambda: mt.NGram(1.0, np.array([0.5, 0.5001], dtype=np.float32)),
            "within 1e-05 where every entry is a float32",
        ),
        (lambda: mt.HMM([1.0], [[1.0]], [["a", "b"]]), "emission is no array of numbers: could not convert"),
    ],
)
def test_other_rows_are_refused_with_a_remedy(build, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        build()
    assert "\n" not in str(error.value)


def test_the_remedy_helps():
    rows = np.array([[0.4, 0.6 + 1e-7], [0.3, 0.7]])
    language = mt.HMM([0.5, 0.5], rows / rows.sum(axis=-1, keepdims=True), np.eye(2))
    assert language.rounded == 0.0
    assert "float32" not in repr(language)
