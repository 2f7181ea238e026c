"""Closed forms, with twins that read a fraction one step late, forget a token, or put the length where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Repetition
from mdmtheory.theory.parity_repetition import (
    PAIRS,
    PAIRS_BITS,
    PARITY,
    PARITY_SIZES,
    REPETITION,
    pair_error,
)
from tests.theory.property import enumerable, stands, twins_refuted

LANGUAGES = {
    "parity": st.just(Parity()),
    "parity_sizes": st.just(Parity()),
    "repetition": st.integers(1, 4).map(lambda m: Repetition(vocab_size=m)),
    "equal_pairs": st.integers(2, 4).map(lambda m: EqualPairs(vocab_size=m)),
    "equal_pairs_bits": st.integers(2, 4).map(lambda m: EqualPairs(vocab_size=m)),
}


def instances(statement):
    return enumerable(statement, languages=LANGUAGES[statement.id], most_length=7)


@pytest.mark.parametrize(("length", "steps", "vocab_size", "listed"), [(64, 16, 2, 0.6379), (512, 512, 16, 0.3745)])
def test_listed_values_of_equal_pairs(length, steps, vocab_size, listed):
    """docs/theory.md 7."""
    wrong = pair_error(np.arange(steps + 1) / steps, vocab_size)
    assert 1 - (1 - wrong) ** (length // 2) == pytest.approx(listed, abs=5e-5)


@pytest.mark.parametrize("statement", [PARITY, PARITY_SIZES, REPETITION, PAIRS, PAIRS_BITS], ids=lambda each: each.id)
def test_the_closed_form_is_the_enumerated_law_and_no_twin_is(statement):
    stands(statement, instances(statement))
    twins_refuted(statement, instances(statement))
