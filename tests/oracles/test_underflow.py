"""Probabilities down to 1e-300 in the parameters, whose products no float64 holds: right, against exact fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from tests import brute_force

REFUTES = pytest.mark.refutes("2.1")
LENGTH = 4
EXPONENTS = st.sampled_from([0, 3, 60, 101, 155, 158, 161.8, 180, 204, 260, 300, None])


@st.composite
def faint_laws(draw, size):
    """A row of powers of ten down to 1e-300, one of them about 1."""
    exponents = draw(st.permutations([0, *draw(st.lists(EXPONENTS, min_size=size - 1, max_size=size - 1))]))
    law = np.array([0.0 if each is None else 10.0**-each for each in exponents])
    return law / law.sum()


@st.composite
def faint_hmms(draw):
    states, tokens = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    rows = lambda count, size: np.array([draw(faint_laws(size)) for _ in range(count)])  # noqa: E731
    return mt.HMM(draw(faint_laws(states)), rows(states, states), rows(states, tokens))


@st.composite
def faint_ngrams(draw):
    order = draw(st.integers(1, 3))
    tokens = draw(st.integers(2, 3)) if order < 3 else 2
    contexts = tokens ** (order - 1)
    initial = draw(faint_laws(contexts)).reshape((tokens,) * (order - 1))
    rows = [draw(faint_laws(tokens)) for _ in range(contexts)]
    return mt.NGram(initial, np.array(rows).reshape((tokens,) * order))


FAINT = st.one_of(faint_hmms(), faint_ngrams())


def exact(array):
    return np.vectorize(Fraction, otypes=[object])(np.asarray(array, dtype=np.float64))


def log(fraction):
    """Its logarithm in float64, however large or small it is, and near 1."""
    if not fraction:
        return -np.inf
    if 0.5 < fraction < 2:
        return math.log1p(float(fraction - 1))
    return math.log(fraction.numerator) - math.log(fraction.denominator)


def joint(language, length):
    """q(x) of every sequence as a fraction, in the order of `brute_force.sequences`."""
    if isinstance(language, mt.HMM):
        initial, transition, emission = exact(language.initial), exact(language.transition), exact(language.emission)
        out = []
        for x in brute_force.sequences(language.vocab_size, length):
            message = initial
            for i, token in enumerate(x):
                message = (message @ transition if i else message) * emission[:, token]
            out.append(sum(message, Fraction(0)))
        return np.array(out)
    initial, conditional, order = exact(language.initial), exact(language.conditional), language.order
    out = []
    for x in brute_force.sequences(language.vocab_size, length):
        head = min(order - 1, length)
        start = initial
        while start.ndim > head:
            start = start.sum(axis=-1)
        probability = start[tuple(x[:head])] if head else Fraction(1)
        for i in range(order - 1, length):
            probability *= conditional[tuple(x[i - order + 1 : i + 1])]
        out.append(probability)
    return np.array(out)


def weigh(q, vocab_size, tokens, trust, *left_out):
    """q times the evidence of the tokens, but for those left out."""
    every = brute_force.sequences(vocab_size, len(tokens))
    weights = q.copy()
    for i, token in enumerate(tokens):
        if token < vocab_size and i not in left_out:
            other = Fraction(1.0 - trust) / vocab_size
            weights = weights * np.where(every[:, i] == token, Fraction(trust) + other, other)
    return every, weights


def posterior(q, vocab_size, tokens, position, trust=1.0):
    """The law of the token at a position, its own evidence left out, as fractions; zeros where it is impossible."""
    every, weights = weigh(q, vocab_size, tokens, trust, position)
    law = np.array([sum(weights[every[:, position] == v], Fraction(0)) for v in range(vocab_size)])
    return law / law.sum() if law.sum() else law


def assert_law(found, expected, where):
    """To 1e-9 of every entry, as far as float64 can tell them from 0."""
    for got, wanted in zip(found, expected, strict=True):
        assert got == pytest.approx(float(wanted), rel=1e-9, abs=1e-300), where


def contexts(vocab_size, length, seed, count=6):
    return np.random.default_rng(seed).integers(0, vocab_size + 1, (count, length))


@REFUTES
@given(language=FAINT)
def test_log_prob_refuses_none(language):
    every = brute_force.sequences(language.vocab_size, LENGTH)
    found = language.log_prob(every)
    for x, got, q in zip(every, found, joint(language, LENGTH), strict=True):
        assert got == pytest.approx(log(q), rel=1e-9), x
    # Whatever stands beside a sequence.
    np.testing.assert_array_equal(language.log_prob(every[5:6]), found[5:6])


@REFUTES
@given(language=FAINT, trust=st.sampled_from([1.0, 1.0, 0.9]), seed=st.integers(0, 99))
def test_posteriors_are_exact(language, trust, seed):
    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    rows = contexts(vocab_size, LENGTH, seed)
    for row, found in zip(rows, language.oracle(trust).conditionals(rows), strict=True):
        for i in range(LENGTH):
            if trust < 1 or row[i] == vocab_size:
                possible = trust < 1 or weigh(q, vocab_size, row, 1.0)[1].sum() > 0
                expected = posterior(q, vocab_size, row, i, trust) if possible else [0] * vocab_size
                assert_law(found[i], expected, (row, i))


@REFUTES
@given(language=FAINT, seed=st.integers(0, 99), drawing=st.booleans(), recompute=st.booleans())
def test_plans_draw_and_score_by_the_exact_posterior(language, seed, drawing, recompute):
    assert_plans(language, seed, drawing, recompute)


@REFUTES
@given(language=faint_ngrams(), seed=st.integers(0, 99), drawing=st.booleans())
def test_plans_on_contexts_draw_and_score_by_the_exact_posterior(language, seed, drawing):
    """As n-grams too large for a chain do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mdmtheory.languages.ngram.CHAIN_STATES", 0)
        patch.setattr("mdmtheory.oracles.ngram.POWER_BYTES", 0)
        assert_plans(mt.NGram(language.initial, language.conditional), seed, drawing, False)


def assert_plans(language, seed, drawing, recompute):
    random = np.random.default_rng(seed)
    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    plan = random.integers(1, 4, (4, LENGTH))
    given_tokens = None if drawing else random.integers(0, vocab_size, (4, LENGTH))
    states = stream_states("faint", seed, 4) if drawing else None
    run = language.oracle().run_plan(plan, states, given_tokens, recompute=recompute)
    for row in range(4):
        for i in range(LENGTH):
            shown = np.where(plan[row] < plan[row, i], run.tokens[row], vocab_size)
            possible = weigh(q, vocab_size, shown, 1.0)[1].sum() > 0
            if drawing and not possible:
                assert run.impossible[row]
                assert np.isnan(run.log_probs[row, i])
            else:
                expected = log(posterior(q, vocab_size, shown, i)[run.tokens[row, i]]) if possible else -np.inf
                assert run.log_probs[row, i] == pytest.approx(expected, rel=1e-9, abs=1e-9), (row, i)


@REFUTES
@given(language=FAINT, seed=st.integers(0, 99))
def test_a_canvas_keeps_the_exact_posterior(language, seed):
    random = np.random.default_rng(seed)
    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    canvas = language.oracle().open(3, LENGTH)
    rows, positions = np.repeat(np.arange(3), LENGTH), np.tile(np.arange(LENGTH), 3)
    shown = np.full((3, LENGTH), vocab_size)
    for _ in range(3):
        chosen, tokens = random.integers(0, LENGTH, 3), random.integers(0, vocab_size + 1, 3)
        canvas.write(np.arange(3), chosen, tokens)
        shown[np.arange(3), chosen] = tokens
        for row, i, found in zip(rows, positions, canvas.marginals(rows, positions), strict=True):
            if shown[row, i] == vocab_size:
                possible = weigh(q, vocab_size, shown[row], 1.0)[1].sum() > 0
                assert_law(found, posterior(q, vocab_size, shown[row], i) if possible else [0] * vocab_size, shown[row])


@REFUTES
@given(language=FAINT, seed=st.integers(0, 99))
def test_a_window_shows_the_exact_posterior(language, seed):
    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    rows = contexts(vocab_size, LENGTH, seed)
    for row, found in zip(rows, mt.Window(language, width=1).conditionals(rows), strict=True):
        for i in np.flatnonzero(row == vocab_size):
            seen = np.where(np.abs(np.arange(LENGTH) - i) <= 1, row, vocab_size)
            assert_law(found[i], posterior(q, vocab_size, seen, i), (row, i))


@REFUTES
@given(language=FAINT, seed=st.integers(0, 99))
def test_pairs_share_the_exact_information(language, seed):
    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    rows = contexts(vocab_size, LENGTH, seed, count=3)
    for row, found in zip(rows, language.oracle().pairs(rows), strict=True):
        every, weights = weigh(q, vocab_size, row, 1.0)
        total = weights.sum()
        for i, j in itertools.combinations(range(LENGTH), 2):
            expected = 0.0
            if total and row[i] == row[j] == vocab_size:
                both = {
                    (v, w): sum(weights[(every[:, i] == v) & (every[:, j] == w)], Fraction(0)) / total
                    for v, w in itertools.product(range(vocab_size), repeat=2)
                }
                one = [sum(both[v, w] for w in range(vocab_size)) for v in range(vocab_size)]
                two = [sum(both[v, w] for v in range(vocab_size)) for w in range(vocab_size)]
                expected = sum(float(p) * log(p / (one[v] * two[w])) for (v, w), p in both.items() if p)
            assert found[i, j] == found[j, i] == pytest.approx(expected, abs=1e-9), (row, i, j)


@given(language=FAINT, kept=st.sampled_from([1e-9, 0.5, 0.999]), seed=st.integers(0, 99))
def test_posteriors_of_uniform_noise_are_exact(language, kept, seed):
    from mdmtheory.oracles.evidence import UniformEvidence

    vocab_size, q = language.vocab_size, joint(language, LENGTH)
    rows = np.random.default_rng(seed).integers(0, vocab_size, (4, LENGTH))
    found = language.oracle().posterior(UniformEvidence(rows, kept, vocab_size), leave_one_out=True)
    for row, laws in zip(rows, found, strict=True):
        for i in range(LENGTH):
            assert_law(laws[i], posterior(q, vocab_size, row, i, kept), (row, i))


@REFUTES
def test_the_case_of_the_likelihood():
    e = 10**-161.8
    language = mt.HMM([1, 0], [[1, e], [e, 1]], np.eye(2))
    [found] = language.log_prob([[0, 1] * 50])
    assert found == pytest.approx(99 * math.log(e), rel=1e-12)
    assert round(found, 2) == -36883.27


@REFUTES
def test_one_faint_row_refuses_no_other():
    language = mt.HMM([1], [[1]], [[1, 1e-200]])
    np.testing.assert_allclose(
        language.log_prob([[1, 1, 1], [0, 0, 0], [0, 1, 0]]), np.log(1e-200) * np.array([3, 0, 1]), rtol=1e-12
    )


@REFUTES
def test_states_that_vanish_and_are_all_that_is_left():
    """A state that explains the beginning leaves two others 1e-330 of its mass, and the end is theirs alone."""
    faint = 1e-165
    language = mt.HMM(
        [1 - 3 * faint, 2 * faint, faint],
        np.eye(3),
        [[1, 0, 0, 0], [faint, 0.5, 0.5, 0], [faint, 0.5, 0, 0.5]],
    )
    [law] = language.oracle().conditionals(np.array([[0, 0, 1, 4]]))[:, 3]
    assert law[2] / law[3] == pytest.approx(2, rel=1e-12)


def test_ordinary_rows_beside_faint_ones_keep_their_bits():
    language = mt.HMM([0.5, 0.5], [[0.7, 0.3], [0.2, 0.8]], [[0.6, 0.4, 1e-200], [0.1, 0.9, 0.0]])
    ordinary = np.random.default_rng(0).integers(0, 2, (5, 40))
    alone = language.log_prob(ordinary)
    beside = language.log_prob(np.vstack([ordinary, np.full((1, 40), 2)]))
    assert (beside[:5] == alone).all()
    assert beside[5] == pytest.approx(math.log(0.5) + 39 * math.log(0.7) + 40 * math.log(1e-200), rel=1e-12)


def test_what_no_row_needs_is_not_done_in_logarithms(monkeypatch):
    """Ordinary languages never leave float64, at whatever length."""
    from mdmtheory.oracles.base import OracleBase

    monkeypatch.setattr(OracleBase, "_laws_in_logs", None)
    monkeypatch.setattr("mdmtheory.kernels.lanes.filter_log_probs_in_logs", None)
    for lang in ("hmm", "dyck", "ngram:order=2", "ngram:order=3"):
        language = mt.as_language(lang)
        tokens = language.sample(3, 2048, 0)
        plan = np.random.default_rng(0).integers(1, 400, tokens.shape)
        assert np.isfinite(language.log_prob(tokens)).all()
        assert np.isfinite(language.oracle().run_plan(plan, tokens=tokens).log_probs).all()
        tokens[np.random.default_rng(1).random(tokens.shape) < 0.5] = language.vocab_size
        assert (language.oracle().conditionals(tokens).sum(axis=2) > 0.999).all()


def test_rows_with_faint_messages_are_renewed_before_anything_is_done_in_logarithms(monkeypatch):
    """A bit, 0 or 1, stands at every other place; what stands between leaves one of them 1e-20 at a time."""
    monkeypatch.setattr("mdmtheory.languages.ngram.CHAIN_STATES", 0)
    monkeypatch.setattr("mdmtheory.oracles.base.OracleBase._laws_in_logs", None)
    start, laws = np.zeros((4, 4)), np.zeros((4, 4, 4))
    start[:2, 2:] = 0.25
    laws[:, :2, 2:], laws[2:, 0, 2:] = 0.5, [1e-20, 1.0]
    laws[2:, 1, 2:] = [1.0, 1e-20]
    laws[:, 2:, 0] = 1.0
    laws[1, 2:] = np.eye(4)[1]
    language = mt.NGram(start, laws)
    tokens = np.tile([1, 2], (1, 12))
    plan = np.argsort(np.argsort(np.tile([13, 1], 12) + np.arange(24) // 2)).reshape(1, -1) + 1
    run = mt.Oracle(language).run_plan(plan, tokens=tokens)
    assert run.log_probs.sum() == pytest.approx(language.log_prob(tokens)[0], rel=1e-12)
    drawn = mt.Oracle(language).run_plan(np.tile(plan, (50, 1)), stream_states("bits", 0, 50))
    assert np.isfinite(language.log_prob(drawn.tokens)).all()
