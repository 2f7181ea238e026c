"""The growth law, with twins whose rate is that of one step more, or whose kappa is a twentieth off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from mdmtheory.exact.growth import growth_rate
from mdmtheory.exact.rates import kappa
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.growth import GROWTH, KAPPA, ONE_STEP, second_eigenvalue
from mdmtheory.theory.instances import bigram, cycle3, golden_chain, growth_chain, trigram2
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import ngrams
from tests.theory.property import stands, twins_refuted

SCHEDULES = ("linear", "cosine", "polynomial:power=2")


@st.composite
def chains(draw, statement, steps=(1, 2, 4, 8, 16), names=SCHEDULES):
    """Stationary bigrams of 2 or 3 tokens with zeros that forget within a few dozen tokens."""
    rows = draw(ngrams(orders=(2,))).conditional
    anywhere = bigram("chain", rows, np.full(len(rows), 1 / len(rows)))
    try:
        second_eigenvalue(statement.setting(anywhere, 1))
    except HypothesisError:
        assume(False)
    length = draw(st.sampled_from([8, 12, 16, 24, 32]))
    setting = statement.setting(bigram("chain", rows), length, draw(st.sampled_from(steps)))
    return replace(setting, schedule=as_schedule(draw(st.sampled_from(names))))


def test_ratios_settle_at_the_rate():
    stands(GROWTH, chains(GROWTH))


def test_one_step_is_a_spectral_radius():
    stands(ONE_STEP, chains(ONE_STEP))


def test_the_rate_approaches_kappa():
    stands(KAPPA, chains(KAPPA, steps=(16,)), max_examples=12)


@pytest.mark.parametrize(
    ("language", "steps", "listed"),
    [
        (growth_chain(), 1, 0.850459384633),
        (growth_chain(), 16, 0.9907637123),
        (growth_chain(), 64, 0.9976929106),
        (golden_chain(), 2, 0.965704537183),
        (golden_chain(), 4, 0.982757951152),
    ],
)
def test_listed_rates(language, steps, listed):
    """docs/theory.md 3, computed there by another program."""
    assert growth_rate(language, steps=steps).value == pytest.approx(listed, abs=1e-10)


def test_listed_kappas():
    """docs/theory.md 5; the statement's constants are these."""
    listed = {each.name: each.value for each in KAPPA.constants}
    for language in (growth_chain(), golden_chain()):
        assert kappa(language).value == pytest.approx(listed[f"kappa({language.spec})"], abs=1e-12)


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (trigram2(), "about bigrams"),
        (cycle3(0.0), "period 3"),
        (bigram("two", np.eye(2), [0.5, 0.5]), "reducible"),
        (cycle3(0.01), "forgets slowly"),
    ],
)
def test_what_the_hypotheses_exclude(language, message):
    for statement in (GROWTH, ONE_STEP, KAPPA):
        with pytest.raises(HypothesisError, match=message):
            statement.check(language, 16, 16)


def test_each_twin_is_refuted():
    twins_refuted(GROWTH, chains(GROWTH, steps=(1, 2, 3), names=("linear",)))
    twins_refuted(ONE_STEP, chains(ONE_STEP))
    twins_refuted(KAPPA, chains(KAPPA, steps=(16,)))
