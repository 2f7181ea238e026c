"""The lower bound on SER and its constants, with twins a little stronger than the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory import EqualPairs
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.ser_lower_bound import SER_HALF, SER_LOWER_BOUND, Favouring, favoured_law, most_agreement
from tests.theory.property import schedules, stands, twins_refuted

EPSILONS = st.sampled_from([0.0, 1e-6, 1 / 128, 0.1, 1.0, 5.0])


@st.composite
def instances(draw):
    language = EqualPairs(vocab_size=draw(st.sampled_from([2, 3, 5, 16])))
    schedule, steps = draw(st.one_of(st.tuples(st.just(as_schedule("linear")), st.integers(1, 600)), schedules()))
    denoiser = draw(st.sampled_from(["oracle", "perturbed", "favouring"]))
    length = draw(st.integers(1, 600))
    return SER_LOWER_BOUND.setting(language, length, steps, schedule, denoiser=denoiser, epsilon=draw(EPSILONS))


@st.composite
def halves(draw, steps_per_token=0.6753):
    language = EqualPairs(vocab_size=16)
    if draw(st.integers(0, 9)) == 9:
        # Where the constant decides: long sequences, the worst denoiser, equal steps.
        return SER_HALF.setting(language, draw(st.sampled_from([32_768, 100_000])), C=steps_per_token)
    schedule = draw(st.sampled_from(["linear", "cosine", "polynomial:power=2", "geometric"]))
    epsilon = draw(st.sampled_from([1 / 128, 1 / 1000]))
    denoiser = draw(st.sampled_from(["oracle", "perturbed", "favouring"]))
    options = {"denoiser": denoiser, "epsilon": epsilon, "C": steps_per_token}
    return SER_HALF.setting(language, 2 * draw(st.integers(1, 250)), None, schedule, **options)


def test_random_order_is_wrong_at_least_so_often():
    stands(SER_LOWER_BOUND, instances())


def test_so_few_steps_are_wrong_more_often_than_not():
    stands(SER_HALF, halves())


def test_the_agreement_is_the_published_value():
    # docs/theory.md, section 7.
    assert most_agreement(16, 1 / 128) == pytest.approx(0.0637945303, abs=5e-11)
    assert (1 - most_agreement(16, 1 / 128)) / (2 * math.log(2)) > 0.6753


@given(st.sampled_from([2, 3, 16]), EPSILONS, st.integers(0, 2**32))
def test_no_law_within_epsilon_agrees_more_often(vocab_size, epsilon, seed):
    p = favoured_law(vocab_size, epsilon)
    assert p.sum() == pytest.approx(1, abs=1e-14)
    assert -np.log(vocab_size * p).mean() == pytest.approx(epsilon, abs=1e-12)
    assert most_agreement(vocab_size, epsilon) <= 1 / vocab_size + epsilon + 1e-12
    rivals = np.random.default_rng(seed).dirichlet(np.full(vocab_size, 0.5), size=500)
    # Towards the uniform law until the divergence fits, by bisection.
    low, high = np.zeros(len(rivals)), np.ones(len(rivals))
    for _ in range(60):
        middle = (low + high) / 2
        mixed = (1 - middle)[:, None] * rivals + (middle / vocab_size)[:, None]
        fits = -np.log(vocab_size * mixed).mean(axis=1) <= epsilon
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    mixed = (1 - high)[:, None] * rivals + (high / vocab_size)[:, None]
    assert (mixed**2).sum(axis=1).max() <= most_agreement(vocab_size, epsilon) + 1e-12


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_pairs_are_independent(schedule):
    language = EqualPairs(vocab_size=2)
    denoiser = Favouring(language, 0.1)
    model = MaskedDiffusion(denoiser, sampler="ancestral", steps=3, schedule=schedule)
    whole = error_rate(law(model, language, 5), joint(language, 5))
    options = {"denoiser": "favouring", "epsilon": 0.1}
    assert SER_LOWER_BOUND.check(language, 5, 3, schedule, **options).measured.value == pytest.approx(whole, abs=1e-13)


def test_each_twin_is_refuted():
    twins_refuted(SER_LOWER_BOUND, instances())
    twins_refuted(SER_HALF, halves())
