"""The entropy bound, with twins that count a call less, or the calls of the model's own sequences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Repetition
from mdmtheory.theory import check_twins
from mdmtheory.theory.entropy_bound import STATEMENT
from mdmtheory.theory.instances import bigram3, growth_chain
from tests.theory.property import any_language, enumerable, refuted, stands

GAMMAS = st.one_of(st.sampled_from([0.0, 0.01, math.log(2), math.log(3), 2 * math.log(2)]), st.floats(0, 3))
INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_length=4,
    most_sequences=81,
    stepped=False,
    gamma=GAMMAS,
    ties=st.sampled_from(["random", "lowest"]),
)


@st.composite
def tight(draw):
    """Where equality is claimed and gamma is not 0."""
    size = draw(st.integers(2, 3))
    if draw(st.booleans()):
        length = draw(st.sampled_from([2, 4]))
        return STATEMENT.setting(EqualPairs(vocab_size=size), length, gamma=math.log(size), ties="lowest")
    length = draw(st.integers(2, 5))
    return STATEMENT.setting(Repetition(vocab_size=size), length, gamma=(length - 1) * math.log(size), ties="lowest")


def test_the_divergence_is_at_most_gamma_a_call():
    stands(STATEMENT, INSTANCES)


def test_pairs_and_repetitions_reach_the_bound():
    stands(STATEMENT, tight())


@pytest.mark.parametrize("language", [bigram3(), growth_chain()], ids=["bigram3", "growth_chain"])
def test_less_gamma_takes_more_calls(language):
    notes = [STATEMENT.check(language, 4, gamma=gamma) for gamma in (0.01, 0.3, 1.0, 3.0)]
    calls = [check.bound.value / gamma for check, gamma in zip(notes, (0.01, 0.3, 1.0, 3.0), strict=True)]
    assert (np.diff(calls) <= 1e-12).all()
    assert calls[0] > calls[-1]


def test_twins_that_claim_less_are_refuted():
    scaled, less, _, turned = STATEMENT.twins
    for each in (scaled, less):
        refuted(each.breaks(STATEMENT), tight())
    refuted(turned.breaks(STATEMENT), INSTANCES)


def test_calls_along_the_models_own_sequences_do_not_bound_it():
    """Half of them meet an impossible context at their second call: 2 + 1/2 calls, where the language's take 3."""
    gamma = math.log(2)
    [found] = check_twins(replace(STATEMENT, twins=STATEMENT.twins[2:3]))
    assert found.check.measured.value == pytest.approx(3 * gamma, rel=1e-12)
    assert found.check.bound.low <= 2.5 * gamma <= found.check.bound.high
    assert found.refuted
