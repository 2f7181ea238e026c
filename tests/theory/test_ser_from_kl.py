"""SER against the divergence, with twins that forget a factor or take the divergence per token."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from mdmtheory import Copy, EqualPairs, Parity, Permutation, Repetition
from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.ser_from_kl import STATEMENT
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands, twin

SAMPLERS = [
    "ancestral",
    "fixed",
    "blocks",
    "stride",
    "bisection",
    "entropy",
    "confidence",
    "margin",
    "threshold:tau=0.6",
]
DENOISERS = ["oracle", "perturbed:epsilon=0.1", "window:width=1"]
UNIFORM = [Parity(), Repetition(vocab_size=3), Permutation(items=4), Copy(distance=2, vocab_size=2)]
UNIFORM += [EqualPairs(vocab_size=2), EqualPairs(vocab_size=3)]
INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_sequences=130,
    sampler=st.sampled_from(SAMPLERS),
    denoiser=st.sampled_from(DENOISERS),
)
UNIFORM_INSTANCES = enumerable(
    STATEMENT,
    languages=st.sampled_from(UNIFORM),
    most_length=4,
    sampler=st.sampled_from(SAMPLERS),
    denoiser=st.sampled_from(DENOISERS[:2]),
)


def test_errors_are_at_most_what_the_divergence_allows():
    stands(STATEMENT, INSTANCES)


def test_uniform_languages_reach_the_bound():
    stands(STATEMENT, UNIFORM_INSTANCES)


def test_the_bound_a_thousandth_smaller_is_refuted():
    refuted(scaled_twin(STATEMENT, 0.999), UNIFORM_INSTANCES)


def test_the_reversed_direction_is_refuted():
    refuted(reversed_twin(STATEMENT), INSTANCES)


def test_half_the_divergence_in_the_exponent_is_refuted():
    """As Pinsker's inequality would have it for the square of a distance."""

    def broken(setting, sides):
        return replace(sides, bound=Estimate.exact(1 - math.sqrt(1 - sides.bound.value)))

    refuted(twin(STATEMENT, broken), INSTANCES)


def test_the_divergence_of_one_token_is_refuted():
    def broken(setting, sides):
        return replace(sides, bound=Estimate.exact(1 - (1 - sides.bound.value) ** (1 / setting.length)))

    refuted(twin(STATEMENT, broken), INSTANCES)


def test_equality_is_not_claimed_everywhere():
    refuted(replace(STATEMENT, tight=lambda setting: True), INSTANCES)
