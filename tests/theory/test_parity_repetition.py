"""Closed forms, with twins that read a fraction one step late, forget a token, or put the length where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Repetition
from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.parity_repetition import (
    PAIRS,
    PAIRS_BITS,
    PARITY,
    PARITY_SIZES,
    REPETITION,
    pair_error,
    parity_error,
    repetition_error,
)
from tests.theory.property import enumerable, refuted, stands, twin

LANGUAGES = {
    "parity": st.just(Parity()),
    "parity_sizes": st.just(Parity()),
    "repetition": st.integers(1, 4).map(lambda m: Repetition(vocab_size=m)),
    "equal_pairs": st.integers(2, 4).map(lambda m: EqualPairs(vocab_size=m)),
    "equal_pairs_bits": st.integers(2, 4).map(lambda m: EqualPairs(vocab_size=m)),
}


def instances(statement):
    return enumerable(statement, languages=LANGUAGES[statement.id], most_length=7)


@pytest.mark.parametrize("statement", [PARITY, PARITY_SIZES, REPETITION, PAIRS, PAIRS_BITS], ids=lambda each: each.id)
def test_the_closed_form_is_the_enumerated_law(statement):
    stands(statement, instances(statement))


def formula(statement, value):
    """The statement with `value(fractions, length, vocab_size)` for its bound."""

    def broken(setting, sides):
        fractions = setting.schedule.revealed_fractions(setting.steps)
        claimed = value(fractions, setting.length, setting.language.vocab_size)
        return replace(sides, bound=Estimate.exact(float(claimed)))

    return twin(statement, broken)


def parity_late(fractions, length, vocab_size):
    """With the fraction revealed after the last position's own step."""
    return (1 - length * np.diff(fractions) @ fractions[1:] ** (length - 1)) / 2


def repetition_late(fractions, length, vocab_size):
    """With what is masked before the step."""
    masked = 1 - fractions[:-1]
    agree = (np.diff(fractions) / vocab_size + masked) ** length - masked**length
    return 1 - vocab_size * agree.sum()


BROKEN = {
    "parity: the fraction after the step": (PARITY, parity_late),
    "parity: a position more": (PARITY, lambda a, length, m: parity_error(a, length + 1)),
    "repetition: masked before the step": (REPETITION, repetition_late),
    "repetition: a token more": (REPETITION, lambda a, length, m: repetition_error(a, length, m + 1)),
    "pairs: any two positions": (PAIRS, lambda a, length, m: 1 - (1 - pair_error(a, m)) ** (length / 2)),
    "pairs: no chance agreement": (PAIRS, lambda a, length, m: 1 - (1 - (np.diff(a) ** 2).sum()) ** (length // 2)),
    "bits: of a sequence": (PAIRS_BITS, lambda a, length, m: -length / 2 * np.log2(1 - pair_error(a, m))),
    "bits: of a pair": (PAIRS_BITS, lambda a, length, m: -np.log2(1 - pair_error(a, m))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_off_by_one_is_refuted(name):
    statement, value = BROKEN[name]
    refuted(formula(statement, value), instances(statement))


def test_a_last_step_of_two_that_is_right_is_refuted():
    def broken(setting, sides):
        last = setting.schedule.sizes(setting.length, setting.steps)[-1]
        return replace(sides, bound=Estimate.exact(0.0 if last <= 2 else 0.5))

    refuted(twin(PARITY_SIZES, broken), instances(PARITY_SIZES))


@pytest.mark.parametrize(("length", "steps", "vocab_size", "listed"), [(64, 16, 2, 0.6379), (512, 512, 16, 0.3745)])
def test_listed_values_of_equal_pairs(length, steps, vocab_size, listed):
    """docs/theory.md 7."""
    wrong = pair_error(np.arange(steps + 1) / steps, vocab_size)
    assert 1 - (1 - wrong) ** (length // 2) == pytest.approx(listed, abs=5e-5)
