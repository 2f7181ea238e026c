"""λ(N) against known values, spectral radii, closed forms, and the probabilities of long right sequences."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.bigrams import initial_and_transition
from mdmtheory.exact.spans import open_values, span_tables
from tests.exact.bigrams import CHAINS, GOLDEN_CHAIN, GROWTH, GROWTH_CHAIN


def rate(language, steps=None, schedule="linear"):
    value = mt.exact.growth_rate(language, steps=steps, schedule=schedule)
    assert value.kind == "exact"
    return float(value)


@pytest.mark.parametrize("case", GROWTH["cases"], ids=lambda case: str(case["steps"]))
def test_the_growth_chain(case):
    assert rate(GROWTH_CHAIN, case["steps"]) == pytest.approx(case["growth_rate"], abs=1e-12)


@pytest.mark.parametrize("case", GROWTH["golden_chain"]["cases"], ids=lambda case: str(case["steps"]))
def test_the_golden_chain(case):
    assert rate(GOLDEN_CHAIN, case["steps"]) == pytest.approx(case["growth_rate"], abs=1e-12)


@pytest.mark.parametrize("name", ["growth", "golden", "sticky"])
def test_one_step_multiplies_marginals_along_what_is_allowed(name):
    language = CHAINS[name]
    law = np.linalg.matrix_power(language.conditional, 1 << 12)[0]
    radius = np.abs(np.linalg.eigvals((language.conditional > 0) * law)).max()
    assert rate(language, 1) == pytest.approx(radius, abs=1e-11)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "polynomial:power=2"])
def test_many_steps_lose_kappa(schedule):
    # N (1 - λ) -> κ, with an error of order 1/N that one halving removes.
    slopes = [steps * (1 - rate(GROWTH_CHAIN, steps, schedule)) for steps in (150, 300)]
    kappa = float(mt.exact.kappa(GROWTH_CHAIN, schedule=schedule))
    assert 2 * slopes[1] - slopes[0] == pytest.approx(kappa, abs=2e-5)


@pytest.mark.parametrize("name", ["growth", "unstationary", "periodic", "adrift", "sticky", "leaky", "frozen"])
@pytest.mark.parametrize("steps", [1, 2])
def test_it_is_what_one_more_token_costs_at_length(name, steps):
    language = CHAINS[name]
    period = 2 if name in ("periodic", "adrift") else 1
    spans, _ = span_tables(*initial_and_transition(language)[:2], 250, np.full(steps, 250), errors=False)
    right = open_values(spans, np.linspace(0, 1, steps + 1), np.full(steps, 250))
    assert rate(language, steps) == pytest.approx((right[250] / right[250 - period]) ** (1 / period), abs=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_what_is_revealed_first_must_agree(steps):
    # Repetition of m tokens: 1 - SER = sum over steps of m [(w/m + 1 - a)^L - (1 - a)^L]; docs/theory.md, 7.
    for law in ([0.5, 0.5], [0.1, 0.7, 0.2]):
        largest = max(law)
        constant = mt.NGram(law, np.eye(len(law)))
        assert rate(constant, steps) == pytest.approx(1 - (1 - largest) / steps, abs=1e-12)
        turning = mt.NGram(law, np.roll(np.eye(len(law)), 1, axis=1))
        assert rate(turning, steps) == pytest.approx(1 - (1 - largest) / steps, abs=1e-12)
    # One place in the cycle to begin from: nothing to agree on.
    assert rate(mt.NGram([1.0, 0.0], [[0, 1], [1, 0]]), steps) == 1


def test_the_larger_of_two_parts_counts():
    golden = GOLDEN_CHAIN.conditional
    parts = np.zeros((4, 4))
    parts[:2, :2], parts[2:, 2:] = golden, 0.5
    heavy = mt.NGram([0.9, 0.0, 0.1, 0.0], parts)
    light = mt.NGram([0.1, 0.0, 0.9, 0.0], parts)
    assert rate(light, 3) == pytest.approx(1 - 0.1 / 3, abs=1e-12)
    spans, _ = span_tables(*initial_and_transition(heavy)[:2], 250, np.full(3, 250), errors=False)
    right = open_values(spans, np.linspace(0, 1, 4), np.full(3, 250))
    assert rate(heavy, 3) == pytest.approx(right[250] / right[249], abs=1e-9)
    # Tokens that are left for good do not matter.
    transient = np.zeros((3, 3))
    transient[0], transient[1:, 1:] = [0.5, 0.2, 0.3], golden
    assert rate(mt.NGram([1.0, 0, 0], transient), 3) == pytest.approx(rate(GOLDEN_CHAIN, 3), abs=1e-12)


def test_full_support_and_independent_tokens_grow_without_loss():
    assert rate(mt.NGram([0.5, 0.5], [[0.1, 0.9], [0.6, 0.4]]), 2) == 1
    assert rate(mt.NGram(1.0, [0.2, 0.0, 0.8]), 1) == 1


def test_explicit_schedules():
    assert rate(GOLDEN_CHAIN, None, [0, 0.5, 1]) == rate(GOLDEN_CHAIN, 2)
    uneven = rate(GOLDEN_CHAIN, None, [0, 0.2, 1])
    curve = mt.exact.ser_curve(GOLDEN_CHAIN, 60, schedule=[0, 0.2, 1])
    assert uneven == pytest.approx((1 - curve[-1]) / (1 - curve[-2]), abs=1e-10)


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (mt.Parity(), "parity is no bigram; the growth law is known for n-grams of order 1 and 2 only"),
        (
            mt.NGram([1.0, 0, 0], [[0.999, 0.001, 0], [0, 0.999, 0.001], [0.001, 0, 0.999]]),
            r"mixes too slowly: its growth is read off at length .*, where the recursion .* takes .* operations",
        ),
    ],
)
def test_refusals(language, message):
    with pytest.raises(ValueError, match=message) as caught:
        mt.exact.growth_rate(language, steps=4)
    assert "\n" not in str(caught.value)


def test_the_start_does_not_matter_to_a_chain_that_forgets():
    assert rate(CHAINS["unstationary"], 3) == pytest.approx(rate(GROWTH_CHAIN, 3), abs=1e-12)
