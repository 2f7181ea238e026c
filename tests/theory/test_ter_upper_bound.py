"""Steps for TER without the length in them, with twins that round down, ask for more, or trust a short length."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from mdmtheory import NGram, Parity, Repetition, as_language
from mdmtheory.exact import Curve, information_curve
from mdmtheory.theory.instances import cycle3, golden_chain
from mdmtheory.theory.ter_upper_bound import STEPS_FOR_TER, TER_LENGTH_FREE, TER_UPPER_BOUND, fewest_steps
from tests.languages.small import ngrams
from tests.theory.property import any_language, enumerable, stands, twins_refuted

EPSILONS = st.sampled_from([1.0, 0.5, 0.24, 0.1, 0.07, 0.03, 0.01])
SIZES = st.sampled_from(["optimal", "linear", "cosine"])
REPEATED = NGram([0.5, 0.5], np.eye(2))
"""Repetition as a bigram: the slowest of all."""


@st.composite
def long(draw, statement, languages, most_length=400, **options):
    chosen = {name: draw(strategy) for name, strategy in options.items()}
    return statement.setting(draw(languages), draw(st.integers(1, most_length)), epsilon=draw(EPSILONS), **chosen)


BIGRAMS = st.one_of(ngrams(orders=(2,)), st.sampled_from([REPEATED, cycle3(), cycle3(0.001)]))
CLOSED = st.one_of(BIGRAMS, st.sampled_from([Repetition(vocab_size=2), Repetition(vocab_size=5), Parity()]))
PAPER = st.one_of(
    enumerable(
        TER_UPPER_BOUND, languages=ngrams(orders=(2, 3, 4), most_tokens=2), stepped=False, epsilon=EPSILONS, sizes=SIZES
    ),
    long(TER_UPPER_BOUND, BIGRAMS, sizes=SIZES),
)
OURS = st.one_of(
    enumerable(STEPS_FOR_TER, languages=any_language(), stepped=False, epsilon=EPSILONS), long(STEPS_FOR_TER, CLOSED)
)
LENGTHS = long(TER_LENGTH_FREE, CLOSED)


def test_the_steps_of_the_paper_suffice_with_its_hidden_constant_1():
    stands(TER_UPPER_BOUND, PAPER)


def test_the_steps_of_the_curve_suffice_at_every_length():
    stands(STEPS_FOR_TER, OURS)


def test_the_steps_without_the_length_suffice():
    stands(TER_LENGTH_FREE, LENGTHS, max_examples=10)


def test_an_estimated_curve_brackets_the_steps():
    language, target = golden_chain(), 64 * 0.01
    exact = information_curve(language, 64)
    half = np.full(64, 0.004)
    estimated = Curve(exact.values, exact.values - half, exact.values + half, 0.95, "estimate", 100)
    for sizes in ("optimal", "linear", "cosine"):
        known, bracket = fewest_steps(exact, sizes, target), fewest_steps(estimated, sizes, target)
        assert known.kind == "exact"
        assert bracket.low <= bracket.value == known.value <= bracket.high
        assert bracket.low < bracket.high


def test_optimal_sizes_need_no_more_steps_than_the_schedules():
    curve = information_curve(as_language("ngram:order=2,vocab_size=4,prune=0.5"), 512)
    for nats in (100.0, 30.0, 10.0):
        best, linear, cosine = (fewest_steps(curve, sizes, nats).value for sizes in ("optimal", "linear", "cosine"))
        assert best <= linear
        assert best <= cosine


def test_each_twin_is_refuted():
    twins_refuted(TER_UPPER_BOUND, PAPER)
    twins_refuted(STEPS_FOR_TER, OURS)
    twins_refuted(TER_LENGTH_FREE, LENGTHS)
