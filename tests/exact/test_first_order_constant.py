"""The first-order constant: by the whole law of the sampler, in closed form, by enumeration and from contexts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.languages import ngram as ngram_module
from mdmtheory.theory.instances import early_choice
from tests.exact.known import BIGRAM3, GOLDEN, GROWTH, HMM2X3, TRIGRAM2, cycle
from tests.languages.small import hmms, ngrams

exact = mt.exact
MODULE = "mdmtheory.exact.first_order_constant"

# Found by summing over all contexts; docs/theory.md, section 5.
KNOWN = [(BIGRAM3, 5, 1.0191554711), (TRIGRAM2, 6, 0.6217383962), (HMM2X3, 4, 0.2555497988)]
NAMES = ["bigram3", "trigram2", "hmm2x3"]


def plain(language, length):
    """The sum as it is written, sequence by sequence."""
    q = exact.joint(language, length)
    total = 0.0
    for i, j in itertools.combinations(range(length), 2):
        others = [k for k in range(length) if k not in (i, j)]
        for size in range(length - 1):
            weight = math.gamma(size + 1) * math.gamma(length - 1 - size) / math.gamma(length)
            for shown in itertools.combinations(others, size):
                hidden = tuple(k for k in others if k not in shown)
                law = np.moveaxis(q.sum(axis=hidden, keepdims=True), (i, j), (-2, -1)).reshape(-1, *q.shape[:2])
                for pair in law:
                    if pair.sum() > 0:
                        apart = np.outer(pair.sum(axis=1), pair.sum(axis=0)) / pair.sum()
                        total += weight * apart[pair == 0].sum()
    return total


def measured(language, length, steps):
    """N·SER and N·KL(q||p) of the mixture over plans."""
    q = exact.joint(language, length)
    p = exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=steps), language, length)
    return np.array([steps * exact.error_rate(p, q), steps * (exact.expected_nll(p, q) - exact.entropy_nats(q))])


def extrapolated(language, length, steps):
    """What N·SER and N·KL tend to, without their terms in 1/N and 1/N²."""
    one, two, four = (measured(language, length, steps * factor) for factor in (1, 2, 4))
    return (8 * four - 6 * two + one) / 3


def without_closed_forms(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.ENUMERATED_COST", 0.0)
    monkeypatch.setattr(f"{MODULE}.stationary_clashes", lambda language: None)


@pytest.mark.parametrize(("language", "length", "value"), KNOWN, ids=NAMES)
def test_known_constants(language, length, value):
    found = exact.first_order(language, length)
    assert found.value == pytest.approx(value, abs=6e-11)
    assert (found.kind, found.low, found.high) == ("exact", found.value, found.value)


@pytest.mark.parametrize(("language", "length", "value"), KNOWN, ids=NAMES)
def test_both_metrics_have_the_constant(language, length, value):
    length = min(length, 4)
    constant = exact.first_order(language, length).value
    ser, divergence = extrapolated(language, length, 64)
    assert ser == pytest.approx(constant, rel=1e-5)
    assert divergence == pytest.approx(constant, rel=1e-4)
    # At finite N the two differ from each other, and from it, by order 1/N.
    near, nearer = (np.abs(measured(language, length, steps) - constant) for steps in (32, 128))
    assert (nearer < 0.3 * near).all()
    # The twin that must fail: the plan-averaged constant is not theirs.
    plan_averaged = exact.s_information(exact.information_curve(language, length)) / 2
    assert plan_averaged > 1.2 * constant


@given(language=st.one_of(hmms(), ngrams()))
def test_ser_has_the_constant_whatever_the_language(language):
    constant = exact.first_order(language, 3).value
    assert extrapolated(language, 3, 32)[0] == pytest.approx(constant, abs=1e-4)


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4))
def test_the_enumeration_is_the_sum_as_written(language, length):
    assert exact.first_order(language, length).value == pytest.approx(plain(language, length), abs=1e-12)


def test_a_language_of_full_support_has_none():
    language = mt.NGram([0.5, 0.5], [[0.7, 0.3], [0.4, 0.6]])
    assert exact.first_order(language, 4).value == 0
    coarse, fine = measured(language, 4, 32), measured(language, 4, 64)
    assert coarse[0] == pytest.approx(0, abs=1e-12)
    # KL itself falls as 1/N², so N·KL halves.
    assert fine[1] == pytest.approx(coarse[1] / 2, rel=0.05)
    assert exact.first_order(language, 600).value == 0


@pytest.mark.parametrize("language", [GOLDEN, GROWTH, cycle(3, 0.9)], ids=["golden", "growth", "sticky"])
@pytest.mark.parametrize("length", [2, 3, 6])
def test_stationary_bigrams_in_closed_form(language, length, monkeypatch):
    enumerated = exact.first_order(language, length).value
    monkeypatch.setattr(f"{MODULE}.ENUMERATED_COST", 0.0)
    closed = exact.first_order(language, length)
    assert closed.kind == "exact"
    assert closed.value == pytest.approx(enumerated, rel=1e-10)


@pytest.mark.parametrize(("language", "length"), [(GOLDEN, 40), (GROWTH, 16)], ids=["golden", "growth"])
def test_the_closed_form_is_the_limit_of_exact_error_rates(language, length):
    one, two, four = (steps * exact.ser(language, length, steps=steps).value for steps in (32, 64, 128))
    found = exact.first_order(language, length)
    assert found.value == pytest.approx((8 * four - 6 * two + one) / 3, rel=2e-4)
    # The twin that must fail: kappa a token, without what the ends of the sequence spare.
    assert abs(length * exact.kappa(language).value - found.value) > 2e-3 * found.value


@pytest.mark.parametrize("language", [GOLDEN, GROWTH], ids=["golden", "growth"])
def test_long_sequences_have_kappa_a_token(language):
    constant = exact.kappa(language).value
    errors = [abs(exact.first_order(language, length).value / length - constant) for length in (200, 800)]
    assert errors[1] < 0.3 * errors[0] < 0.01 * constant


@pytest.mark.parametrize(
    ("language", "lengths", "constant"),
    [
        (mt.EqualPairs(vocab_size=3), [1, 2, 5], lambda length: (length // 2) * 2 / 3),
        (mt.Copy(distance=2, vocab_size=2), [3, 6, 7], lambda length: {3: 1, 6: 2, 7: 3}[length] / 2),
        (mt.Parity(), [2, 6], lambda length: length / 4),
        (mt.Repetition(vocab_size=4), [2, 5], lambda length: length / 2 * 3 / 4),
        (mt.Permutation(items=5), [2, 5], lambda length: length / 2 * sum(1 / (5 - m) for m in range(length - 1))),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_uniform_languages(language, lengths, constant):
    for length in lengths:
        found = exact.first_order(language, length)
        assert found.kind == "exact"
        assert found.value == pytest.approx(plain(language, length), abs=1e-12)
        if length > 1:
            assert found.value == pytest.approx(constant(length), rel=1e-12)


@pytest.mark.parametrize(("language", "length", "value"), KNOWN, ids=NAMES)
@pytest.mark.parametrize("count", [60, 2_000, 20_000])
def test_drawn_contexts_cover_the_enumeration(language, length, value, count, monkeypatch):
    without_closed_forms(monkeypatch)
    found = exact.first_order(language, length, count=count, seed=1, level=0.9999)
    assert (found.kind, found.count, found.level) == ("estimate", count, 0.9999)
    assert found.low <= value <= found.high
    if count == 20_000:
        # The twins that must fail: pairs counted in both orders, or a length off by one.
        assert not found.low <= 2 * value <= found.high
        assert not found.low <= exact_at(language, length - 1, monkeypatch) <= found.high


def exact_at(language, length, monkeypatch):
    monkeypatch.undo()
    return exact.first_order(language, length).value


@pytest.mark.parametrize("length", [24, 100])
def test_drawn_contexts_cover_the_closed_form(length, monkeypatch):
    constant = exact.first_order(GROWTH, length).value
    without_closed_forms(monkeypatch)
    found = exact.first_order(GROWTH, length, count=4000, level=0.999)
    assert found.low <= constant <= found.high
    # The twin that must fail: 15 % off.
    assert found.high < 1.15 * constant


def test_intervals_cover_as_often_as_they_say(monkeypatch):
    constant = exact.first_order(HMM2X3, 5).value
    without_closed_forms(monkeypatch)
    runs, covered = 300, 0
    for seed in range(runs):
        found = exact.first_order(HMM2X3, 5, count=200, seed=seed, level=0.9, threads=1)
        covered += found.low <= constant <= found.high
    # Three standard errors of a share of 0.9.
    assert abs(covered / runs - 0.9) < 3 * math.sqrt(0.09 / runs)


def test_contexts_that_are_all_equal_leave_room_for_those_not_seen(monkeypatch):
    language = early_choice()
    constant = exact.first_order(language, 6).value
    without_closed_forms(monkeypatch)
    for count in (200, 1000):
        shown = 0
        for seed in range(60):
            try:
                found = exact.first_order(language, 6, count=count, seed=seed, threads=1)
            except WithheldError:  # two or fewer carry it
                continue
            shown += 1
            assert found.high - found.low > 1e-3
            assert found.low <= constant <= found.high
        assert shown > 20


def chainless(language, monkeypatch):
    """The same n-gram, but too large to run as a chain."""
    monkeypatch.setattr(ngram_module, "CHAIN_STATES", 0)
    again = mt.NGram(language.initial, language.conditional)
    assert again.chain is None
    monkeypatch.setattr(ngram_module, "CHAIN_STATES", 600)
    return again


@pytest.mark.parametrize(
    ("language", "length"),
    [
        (BIGRAM3, 5),
        (TRIGRAM2, 9),
        (mt.NGram.random(order=3, vocab_size=3, seed=3, prune=1.2), 12),
        (mt.NGram.random(order=4, vocab_size=2, seed=5, prune=0.8), 14),
        (mt.NGram.random(order=2, vocab_size=70, seed=0, prune=1.0), 4),  # bit sets of two words
    ],
    ids=["bigram", "trigram", "random trigram", "4-gram", "many tokens"],
)
def test_sets_of_contexts_are_sets_of_chain_states(language, length, monkeypatch):
    without_closed_forms(monkeypatch)
    monkeypatch.setattr("mdmtheory.exact.clashes.FEW_POSITIONS", length)
    by_chain = exact.first_order(language, length, count=300)
    by_contexts = exact.first_order(chainless(language, monkeypatch), length, count=300)
    assert by_chain.value > 0
    assert by_contexts.value == pytest.approx(by_chain.value, rel=1e-12)


def test_a_few_positions_stand_for_all(monkeypatch):
    value = exact.first_order(TRIGRAM2, 6).value
    without_closed_forms(monkeypatch)
    monkeypatch.setattr("mdmtheory.exact.clashes.FEW_POSITIONS", 2)
    found = exact.first_order(chainless(TRIGRAM2, monkeypatch), 6, count=1000, level=0.9999)
    assert found.low <= value <= found.high
    assert found.high - found.low < value


def test_sampling_at_length_agrees():
    """SER drawn at N = 256 against 1 - exp(-constant/N), whose error is of order 1/N²."""
    language = mt.as_language("hmm:states=8,vocab_size=4")
    constant = exact.first_order(language, 32, count=2000, level=0.999)
    assert constant.kind == "estimate"
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=256)
    drawn = mt.ser(model, language, 32, count=8000, level=0.999)
    low, high = (1 - math.exp(-end / 256) for end in (constant.low, constant.high))
    assert low < drawn.high * 1.05
    assert drawn.low * 0.95 < high
    assert drawn.value > 0


def test_numbers_do_not_depend_on_threads_but_on_the_seed(monkeypatch):
    without_closed_forms(monkeypatch)
    monkeypatch.setattr("mdmtheory.exact.contexts.CHUNK_ENTRIES", 500)
    one = exact.first_order(HMM2X3, 5, count=500, threads=1)
    assert one == exact.first_order(HMM2X3, 5, count=500, threads=3)
    assert one != exact.first_order(HMM2X3, 5, count=500, seed=1)
    monkeypatch.setattr("mdmtheory.exact.contexts.CHUNK_ENTRIES", 1 << 22)
    assert one == exact.first_order(HMM2X3, 5, count=500)


def test_order_one_and_single_tokens_have_none():
    assert exact.first_order(mt.NGram(1.0, [0.5, 0.5, 0]), 1000).value == 0
    assert exact.first_order(HMM2X3, 1).value == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"count": 1}, "count is 1; draw 50 contexts or more"), ({"level": 0.0}, "level is 0.0; pass a number above 0")],
)
def test_bad_requests_are_refused(options, message, monkeypatch):
    without_closed_forms(monkeypatch)
    with pytest.raises(ValueError, match=message):
        exact.first_order(HMM2X3, 5, **options)


class Unknown(mt.HMM.__mro__[1]):
    """A language whose support is known sequence by sequence only."""

    kind = "unknown"
    vocab_size = 2

    def __init__(self, inner):
        self.inner = inner
        self.vocab_size = inner.vocab_size
        self._named(None)

    def sample(self, *arguments, **options):
        return self.inner.sample(*arguments, **options)

    def log_prob(self, tokens, *, threads=None):
        return self.inner.log_prob(tokens)

    def in_support(self, tokens):
        return self.inner.in_support(tokens)

    def entropy(self, length, count=10_000, seed=0):
        return self.inner.entropy(length)

    def entropy_rate(self):
        return self.inner.entropy_rate()

    def oracle(self, trust=1.0):
        return self.inner.oracle(trust)

    def parameters(self):
        return {}


def test_other_languages_are_enumerated_or_refused(monkeypatch):
    language = Unknown(TRIGRAM2)
    assert exact.first_order(language, 6).value == pytest.approx(0.6217383962, abs=6e-11)
    without_closed_forms(monkeypatch)
    with pytest.raises(ValueError, match="which pairs unknown:digest=.* allows is known for HMMs, n-grams and"):
        exact.first_order(language, 6, count=100)
