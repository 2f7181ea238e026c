"""The law of a model by subset recursion against a plain sum over plans, and the facts that it must obey."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.protocols import LogProb
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.exact.law import context_marginals, context_numbers
from mdmtheory.plans import GivenPlan
from tests import brute_force
from tests.languages.small import hmms, ngrams

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
TRIGRAM = mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]])


def plans_of(model, length):
    """All plans of a model with their probabilities, told from docs/theory.md, section 1, alone."""
    steps, name = model.steps, model.plan_law.spec.name
    if name == "ancestral":
        weights = np.diff(model.schedule.revealed_fractions(steps))
        for plan in itertools.product(range(1, steps + 1), repeat=length):
            yield plan, math.prod(weights[k - 1] for k in plan)
        return
    sizes = [1] * length if name == "first_hitting" else model.schedule.sizes(length, steps)
    every = sorted(set(itertools.permutations([k for k, size in enumerate(sizes, 1) for _ in range(size)])))
    for plan in every:
        yield plan, 1 / len(every)


def summed_over_plans(model, length):
    """p(x) of every sequence as the mixture over plans of products of conditionals."""
    memory = {}

    def conditional(row):
        if row not in memory:
            memory[row] = model.denoiser.conditionals(np.array([row]))[0]
        return memory[row]

    total = 0.0
    for plan, probability in plans_of(model, length):
        total = total + probability * brute_force.plan_law(conditional, model.vocab_size, plan)
    return total.reshape((model.vocab_size,) * length)


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "first_hitting"])
@pytest.mark.parametrize("schedule", ["linear", "cosine", [0, 0.1, 1.0]])
@pytest.mark.parametrize(
    "denoiser",
    [
        mt.Oracle(HMM),
        mt.Oracle(BIGRAM),
        mt.Oracle(TRIGRAM),
        mt.Oracle(BIGRAM, trust=0.8),
        mt.Perturbed(mt.Oracle(HMM), epsilon=0.05),
        mt.Window(BIGRAM, width=1),
        mt.Oracle(mt.Parity()),
        mt.Oracle(mt.Permutation(items=3)),
    ],
    ids=lambda denoiser: f"{denoiser.spec}-{denoiser.vocab_size}",
)
def test_the_recursion_is_the_sum_over_plans(sampler, schedule, denoiser):
    language = getattr(denoiser, "language", HMM)
    model = mt.MaskedDiffusion(
        denoiser, sampler=sampler, steps=None if isinstance(schedule, list) else 3, schedule=schedule
    )
    law = mt.exact.law(model, language, 3)
    assert law.shape == (language.vocab_size,) * 3
    np.testing.assert_allclose(law, summed_over_plans(model, 3), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sampler", ["left_to_right", "blocks", "stride", "bisection", "bit_reversed"])
@pytest.mark.parametrize("language", [HMM, TRIGRAM], ids=["hmm", "trigram"])
def test_a_fixed_plan_is_a_product_of_marginals(sampler, language):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=2)
    plan = model.draw_plans(stream_states("any", 0, 1), 4)[0]
    joint = mt.exact.joint(language, 4).reshape(-1)
    expected = brute_force.plan_law(
        lambda row: brute_force.conditionals(joint, language.vocab_size, row), language.vocab_size, plan.tolist()
    )
    np.testing.assert_allclose(mt.exact.law(model, language, 4).reshape(-1), expected, rtol=1e-12, atol=1e-15)


def test_the_joint_is_the_language():
    np.testing.assert_allclose(
        mt.exact.joint(HMM, 4).reshape(-1),
        brute_force.hmm_joint(HMM.initial, HMM.transition, HMM.emission, 4),
        rtol=1e-12,
    )


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), seed=st.integers(0, 100))
def test_any_order_one_at_a_time_is_exactly_q(language, length, seed):
    q = mt.exact.joint(language, length)
    order = tuple((np.random.default_rng(seed).permutation(length) + 1).tolist())
    for sampler in ("first_hitting", "left_to_right", GivenPlan(order)):
        p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler), language, length)
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-14)


@given(language=ngrams(orders=(1, 2)), length=st.integers(1, 5))
def test_bisection_of_a_bigram_is_exactly_q(language, length):
    p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler="bisection"), language, length)
    np.testing.assert_allclose(p, mt.exact.joint(language, length), rtol=1e-9, atol=1e-14)


def test_bisection_of_a_trigram_is_not_q():
    p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(TRIGRAM), sampler="bisection"), TRIGRAM, 5)
    assert np.abs(p - mt.exact.joint(TRIGRAM, 5)).max() > 1e-3


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4))
def test_one_step_is_the_product_of_marginals(language, length):
    q = mt.exact.joint(language, length)
    product = np.ones(())
    for position in range(length):
        product = product[..., None] * q.sum(axis=tuple(k for k in range(length) if k != position))
    for sampler in ("ancestral", "fixed", "stride"):
        p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=1), language, length)
        np.testing.assert_allclose(p, product, rtol=1e-9, atol=1e-14)


@given(
    language=st.one_of(hmms(), ngrams()),
    length=st.integers(1, 4),
    steps=st.integers(1, 6),
    sampler=st.sampled_from(["ancestral", "fixed", "stride", "blocks", "bisection"]),
    schedule=st.sampled_from(["linear", "cosine", "polynomial:power=2", "geometric"]),
)
def test_mass_nll_and_error_obey_the_theory(language, length, steps, sampler, schedule):
    q = mt.exact.joint(language, length)
    p = mt.exact.law(
        mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps, schedule=schedule), language, length
    )
    divergence = mt.exact.expected_nll(p, q) - mt.exact.entropy_nats(q)
    error = mt.exact.error_rate(p, q)
    assert p.min() >= 0
    assert p.sum() <= 1 + 1e-12
    # TER is at least TER(q), and KL(q || p) >= -log p(support).
    assert divergence >= -1e-12
    assert -1e-12 <= error <= 1 - math.exp(-divergence) + 1e-12


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 5))
def test_the_information_curve_falls_and_sums_to_the_entropy(language, length):
    q = mt.exact.joint(language, length)
    curve = mt.exact.enumerated_information_curve(q)
    assert curve.shape == (length,)
    assert (np.diff(curve) <= 1e-12).all()
    assert curve.min() >= -1e-12
    assert curve.sum() == pytest.approx(mt.exact.entropy_nats(q), abs=1e-12)


def test_the_information_curve_is_its_definition():
    q = mt.exact.joint(HMM, 4)
    curve = np.zeros(4)
    for m in range(4):
        terms = []
        for shown in itertools.combinations(range(4), m):
            for i in set(range(4)) - set(shown):
                both = q.sum(axis=tuple(k for k in range(4) if k != i and k not in shown))
                alone = q.sum(axis=tuple(k for k in range(4) if k not in shown))
                terms.append(mt.exact.entropy_nats(both) - mt.exact.entropy_nats(np.asarray(alone)))
        curve[m] = np.mean(terms)
    np.testing.assert_allclose(mt.exact.enumerated_information_curve(q), curve, rtol=1e-12)


def test_missing_mass_went_to_impossible_contexts():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="blocks", steps=2)
    law = mt.exact.law(model, BIGRAM, 4)
    samples = model.sample(20_000, 4, seed=0)
    missing = 1 - law.sum()
    assert missing > 0.1
    whole = samples.tokens[~samples.impossible].astype(int)
    counts = np.bincount(whole @ 3 ** np.arange(4)[::-1], minlength=81)
    assert brute_force.g_test([*counts, samples.impossible.sum()], [*law.reshape(-1), missing]) > 1e-4


@pytest.mark.parametrize("sampler", ["ancestral", "fixed"])
@pytest.mark.parametrize(
    "language",
    [HMM, BIGRAM, TRIGRAM, mt.EqualPairs(vocab_size=2), mt.Permutation(items=3), mt.Repetition(vocab_size=2)],
    ids=["hmm", "bigram", "trigram", "equal_pairs", "permutation", "repetition"],
)
def test_a_model_draws_from_its_law(sampler, language):
    length = 3
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=2, schedule="cosine")
    law = mt.exact.law(model, language, length)
    samples = model.sample(10_000, length, seed=5)
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    cells = [*counts.reshape(-1), samples.impossible.sum()]
    assert brute_force.g_test(cells, [*law.reshape(-1), max(1 - law.sum(), 0)]) > 1e-4
    # The twin that must fail: the law of a different number of steps.
    other = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=1), language, length)
    assert brute_force.g_test(cells, [*other.reshape(-1), max(1 - other.sum(), 0)]) < 1e-4


def test_autoregression_has_the_law_of_its_language():
    np.testing.assert_allclose(
        mt.exact.law(mt.Autoregressive(HMM), HMM, 4), mt.exact.joint(HMM, 4), rtol=1e-12, atol=1e-300
    )


def test_the_law_does_not_depend_on_threads():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="ancestral", steps=3)
    laws = [mt.exact.law(model, BIGRAM, 5, threads=threads) for threads in (1, 3)]
    np.testing.assert_array_equal(*laws)


def test_contexts_are_numbered_in_the_order_of_their_marginals():
    oracle = mt.Oracle(BIGRAM)
    marginals = context_marginals(oracle, 3)
    sequences = mt.exact.all_sequences(3, 3).astype(np.int64)
    revealed = np.array([True, False, True])
    shown = np.where(revealed, sequences, 3)
    np.testing.assert_array_equal(marginals[context_numbers(sequences, revealed, 3)], oracle.conditionals(shown))


class _Sampled:
    """A model that knows its log_prob only as a bound."""

    vocab_size, spec, identity = 3, Spec.of("sampled"), ["sampled"]

    def sample(self, count, length, seed, *, first=0, threads=None):
        raise NotImplementedError

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return LogProb(np.zeros(len(tokens)), "lower bound")


class _Unnamed:
    """A law over plans that can be drawn from but not enumerated."""

    spec, identity, uses_steps, uses_schedule, fixed, one_at_a_time = Spec.of("mine"), [], True, False, False, False

    def draw(self, states, length, steps, schedule):
        return np.ones((len(states), length), dtype=np.int32)

    def steps_taken(self, length, steps):
        return 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=64), BIGRAM, 12),
            r"enumerating 3\^12 sequences in 64 steps takes 1.8e\+13 operations .*; use a shorter length",
        ),
        (lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="stride"), BIGRAM, 40), r"3\^40 sequences"),
        (lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM)), BIGRAM, 5000), "takes inf operations"),
        (lambda: mt.exact.joint(BIGRAM, 30), r"enumerating 3\^30 sequences takes"),
        (lambda: context_marginals(mt.Oracle(BIGRAM), 14), r"enumerating 4\^14 contexts"),
        (
            lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM)), TRIGRAM, 3),
            "has 3 tokens and the language .* has 2",
        ),
        (lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM)), BIGRAM, 0), "length is 0"),
        (lambda: mt.exact.law(_Sampled(), BIGRAM, 3), "log_prob of the model sampled is a lower bound"),
        (
            lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=_Unnamed()), BIGRAM, 3),
            "mine is neither fixed nor has a `subset_law`",
        ),
    ],
)
def test_what_cannot_be_enumerated_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
