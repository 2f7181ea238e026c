"""Smoothing against filtering, with twins that see one token less or claim more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from mdmtheory import Parity
from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.smoothing import FILTERING, SMOOTHING, given
from tests.theory.property import any_language, enumerable, stands, twin, twins_refuted

SMOOTHED = enumerable(SMOOTHING, languages=any_language(), stepped=False)
FILTERED = enumerable(FILTERING, languages=any_language(), stepped=False)


def test_given_all_others_tokens_are_at_most_as_uncertain_as_the_sequence():
    stands(SMOOTHING, SMOOTHED)


def test_given_those_before_tokens_are_as_uncertain_as_the_sequence():
    stands(FILTERING, FILTERED)


def test_each_twin_is_refuted():
    # In parity alone no few others stand for all of them.
    often = st.one_of(any_language(), st.just(Parity()))
    twins_refuted(SMOOTHING, enumerable(SMOOTHING, languages=often, stepped=False))
    twins_refuted(FILTERING, FILTERED)


def test_those_after_serve_as_well_as_those_before():
    after = twin(FILTERING, lambda setting, sides: replace(sides, measured=Estimate.exact(given(setting, later))))
    stands(after, FILTERED)


def later(i, j):
    return j > i
