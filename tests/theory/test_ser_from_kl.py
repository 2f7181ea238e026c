"""SER against the divergence, with twins that forget a factor or take the divergence per token."""

from __future__ import annotations

from hypothesis import strategies as st

from mdmtheory import Copy, EqualPairs, Parity, Permutation, Repetition
from mdmtheory.theory.ser_from_kl import STATEMENT
from tests.theory.property import any_language, enumerable, stands, twins_refuted

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


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, st.one_of(INSTANCES, UNIFORM_INSTANCES))
