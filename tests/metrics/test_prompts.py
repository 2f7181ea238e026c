"""TER, SER and distances of answers given prompts, against the enumerated law of prompts and the answers to them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.settings import LENGTH, small_languages, untied
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.metrics import distances as module
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.score import Score, ScorePlans
from mdmtheory.metrics.ser_scored import SerScored
from mdmtheory.prompts.registry import given_positions

BIGRAM, HMM, TRIGRAM = untied()
KINDS = ("prefix:size=2", "every:stride=2", "infill:size=2")
LEVEL = 0.9999
"""So few of these intervals miss that none of them does."""


class Task(mt.NGram):
    """A bigram whose first half is given."""

    def __init__(self):
        super().__init__([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])

    def prompt(self, length):
        return np.arange(length) < length // 2


def models(q):
    """Of each way in which given answers are drawn and scored one."""
    oracle = mt.Oracle(q)
    return {
        "ancestral": mt.MaskedDiffusion(oracle, sampler="ancestral", steps=2),
        "stride": mt.MaskedDiffusion(oracle, sampler="stride", steps=1),
        "entropy": mt.MaskedDiffusion(oracle, sampler="entropy:ties=lowest", steps=1),
        "ties at random": mt.MaskedDiffusion(oracle, sampler="confidence", steps=1),
        "tempered": mt.MaskedDiffusion(oracle, sampler="stride:temperature=0.7", steps=2),
        "block": mt.BlockDiffusion(oracle, block=1, steps=1),
        "perturbed": mt.MaskedDiffusion(mt.Perturbed(oracle, epsilon=0.05), sampler="stride", steps=2),
        "window": mt.MaskedDiffusion(mt.Window(q, width=1), sampler="stride", steps=2),
        "ar": mt.Autoregressive(q),
    }


def conditional(law, q, given):
    """-log of law(x)/q(prompt of x), over the support of q, and q there: E of the first is in nats of an answer."""
    of_prompt = np.broadcast_to(q.sum(axis=tuple(np.flatnonzero(~given.positions)), keepdims=True), q.shape)
    with np.errstate(divide="ignore"):
        return -np.log(law[q > 0] / of_prompt[q > 0]), q[q > 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("q", small_languages(), ids=lambda q: str(q.spec))
def test_ser_is_that_of_prompts_of_q_and_the_answers_to_them(q, kind):
    for name, p in models(q).items():
        exact = error_rate(mt.exact.law(p, q, LENGTH, prompt=kind), joint(q, LENGTH))
        found = mt.ser(p, q, LENGTH, count=1000, seed=1, level=LEVEL, prompt=kind)
        assert found.low - 1e-9 <= exact <= found.high + 1e-9, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("q", [BIGRAM, HMM, mt.Parity()], ids=lambda q: str(q.spec))
def test_ter_is_that_of_answers_given_prompts_per_token_of_an_answer(q, kind):
    given, law_of_q = given_positions(kind, q, LENGTH), joint(q, LENGTH)
    for name, p in models(q).items():
        nats, weights = conditional(mt.exact.law(p, q, LENGTH, prompt=kind), law_of_q, given)
        exact = math.exp(float(weights @ nats) / given.answer_length)
        found = mt.ter(p, q, LENGTH, count=1500, seed=1, level=LEVEL, prompt=kind)
        # One plan or shuffle a sequence makes an upper bound.
        assert exact <= found.high + 1e-9, name
        assert found.kind == ("upper bound" if name in ("ancestral", "ties at random") else "estimate")
        if found.kind == "estimate":
            assert found.low - 1e-9 <= exact, name
        nats_of_q, _ = conditional(law_of_q, law_of_q, given)
        ratio = mt.ter_ratio(p, q, LENGTH, count=1500, seed=1, level=LEVEL, prompt=kind)
        assert exact / math.exp(float(weights @ nats_of_q) / given.answer_length) <= ratio.high + 1e-9, name


def test_an_answer_is_another_than_a_whole_sequence():
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="stride", steps=1)
    given, whole = (
        mt.ser(p, BIGRAM, LENGTH, count=3000, level=LEVEL, prompt=kind) for kind in ("suffix:size=2", "none")
    )
    assert given.high < whole.low
    # A twin that scores the prompt too would give this.
    assert mt.ter(p, BIGRAM, LENGTH, prompt="suffix:size=2").value != mt.ter(p, BIGRAM, LENGTH).value


@pytest.mark.parametrize("block", [None, 2])
def test_the_curve_prices_answers_as_the_mean_over_their_plans(block):
    oracle, kind = mt.Oracle(BIGRAM), "every:stride=3"
    p = (
        mt.MaskedDiffusion(oracle, sampler="ancestral", steps=2)
        if block is None
        else mt.BlockDiffusion(oracle, block=block, steps=2)
    )
    [sums] = Score().count([p], Sequences(BIGRAM, 7, 0, 0, 2000, kind))
    tokens = BIGRAM.sample(2000, 7, 0)
    prompt = given_positions(kind, BIGRAM, 7).prompts_of(tokens, 3)
    by_plan = -np.mean([p.log_prob(tokens, seed, prompt=prompt).values for seed in range(60)], axis=0)
    error = (by_plan - sums["nats"] / 2000).std() / math.sqrt(2000)
    assert abs(by_plan.mean() - sums["nats"] / 2000) < 5 * error
    assert sums.whole("tokens") == 2000 * 4


def test_ratios_of_answers_have_the_mean_one_minus_ser():
    p, kind = mt.MaskedDiffusion(mt.Oracle(TRIGRAM), sampler="stride", steps=2), "prefix:size=1"
    [sums] = ScorePlans().count([p], Sequences(TRIGRAM, LENGTH, 0, 0, 20_000, kind))
    exact = error_rate(mt.exact.law(p, TRIGRAM, LENGTH, prompt=kind), joint(TRIGRAM, LENGTH))
    found = SerScored().estimate(Measured(sums, 3), LEVEL)
    assert found.low <= exact <= found.high


def test_the_cross_entropy_of_right_answers_is_per_token_of_an_answer():
    kind = "prefix:size=2"
    given, law_of_q = given_positions(kind, HMM, LENGTH), joint(HMM, LENGTH)
    nats, weights = conditional(law_of_q, law_of_q, given)
    found = mt.cross_entropy(mt.Autoregressive(HMM), HMM, LENGTH, count=4000, level=LEVEL, prompt=kind)
    assert found.low <= weights @ nats / 2 <= found.high


def test_autoregression_answers_as_q_does():
    for kind in KINDS:
        assert mt.ser(mt.Autoregressive(HMM), HMM, LENGTH, count=500, prompt=kind).value == 0
        assert mt.ter_ratio(mt.Autoregressive(HMM), HMM, LENGTH, count=500, prompt=kind).value == pytest.approx(
            1, abs=1e-12
        )


@pytest.mark.parametrize("kind", KINDS)
def test_exact_distances_are_means_over_prompts(kind):
    p, given = models(TRIGRAM)["stride"], given_positions(kind, TRIGRAM, LENGTH)
    law_of_q = joint(TRIGRAM, LENGTH)
    of_prompts = law_of_q.sum(axis=tuple(np.flatnonzero(~given.positions)))
    variation = kl = 0.0
    for tokens in np.argwhere(of_prompts > 0):
        prompt = np.full(LENGTH, 2)
        prompt[given.positions] = tokens
        ours, theirs = mt.exact.law(p, TRIGRAM, LENGTH, prompt=prompt), mt.exact.joint(TRIGRAM, LENGTH, prompt=prompt)
        assert theirs.sum() == pytest.approx(1)
        variation += of_prompts[tuple(tokens)] * np.maximum(theirs - ours, 0).sum()
        inside = theirs > 0
        kl += of_prompts[tuple(tokens)] * float((theirs[inside] * np.log(theirs[inside] / ours[inside])).sum())
    found = mt.distances(p, TRIGRAM, LENGTH, prompt=kind)
    assert found.total_variation.kind == "exact"
    assert found.total_variation.value == pytest.approx(variation, abs=1e-12)
    assert found.kl.value == pytest.approx(kl, abs=1e-12)


@pytest.mark.parametrize("name", ["stride", "ancestral"])
def test_sampled_distances_hold_the_exact_ones(name, monkeypatch):
    p, kind, method = models(BIGRAM)[name], "prefix:size=1", "mixture"
    exact = mt.distances(p, BIGRAM, LENGTH, prompt=kind)
    monkeypatch.setattr(module, "CHEAP", 0.0)
    found = mt.distances(p, BIGRAM, LENGTH, count=4000, level=LEVEL, method=method, prompt=kind)
    for measure in ("total_variation", "squared_hellinger", "kl", "kl_on_support", "ser"):
        ours, truth = getattr(found, measure), getattr(exact, measure).value
        assert ours.low - 1e-9 <= truth <= ours.high + 1e-9, measure


def test_the_mixture_of_answers_is_known_by_enumeration():
    p, kind = models(BIGRAM)["ancestral"], "infill:size=3"
    given, law_of_q = given_positions(kind, BIGRAM, LENGTH), joint(BIGRAM, LENGTH)
    nats, weights = conditional(mt.exact.law(p, BIGRAM, LENGTH, prompt=kind), law_of_q, given)
    found = mt.ter(p, BIGRAM, LENGTH, count=4000, method="mixture", level=LEVEL, prompt=kind)
    assert found.kind == "estimate"
    assert found.low <= math.exp(weights @ nats / 3) <= found.high
    assert found.high < mt.ter(p, BIGRAM, LENGTH, count=50_000, level=LEVEL, prompt=kind).low
    with pytest.raises(ValueError, match="enumerat"):
        mt.ter(p, BIGRAM, 64, count=100, method="mixture", prompt=kind)


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_answers_under_other_noises_are_measured_and_their_law_is_not_enumerated(kind):
    p = {"uniform": mt.UniformDiffusion, "gaussian": mt.GaussianDiffusion}[kind](mt.Oracle(BIGRAM), steps=2)
    drawn = mt.ser(p, BIGRAM, LENGTH, count=2_000, prompt="prefix:size=2")
    assert 0 < drawn.low < drawn.high < mt.ser(p, BIGRAM, LENGTH, count=2_000).low
    assert mt.ter(p, BIGRAM, LENGTH, count=200, prompt="prefix:size=2").kind == "upper bound"
    with pytest.raises(ValueError, match="its law cannot be enumerated") as error:
        mt.exact.law(p, BIGRAM, LENGTH, prompt="prefix:size=2")
    assert "\n" not in str(error.value)


def test_a_language_that_says_what_is_given_is_measured_so_unless_told_otherwise():
    task = Task()
    p, q = (mt.MaskedDiffusion(mt.Oracle(each), sampler="stride", steps=1) for each in (task, BIGRAM))
    own = mt.ser(p, task, 6, count=400)
    assert own == mt.ser(p, task, 6, count=400, prompt="prefix:size=3") == mt.ser(p, task, 6, count=400, prompt="own")
    assert mt.ser(p, task, 6, count=400, prompt="none") == mt.ser(p, task, 6, count=400, prompt=None)
    assert own != mt.ser(p, task, 6, count=400, prompt="none")
    assert mt.ter(p, task, 6).value != mt.ter(p, task, 6, prompt="none").value
    np.testing.assert_array_equal(mt.exact.law(p, task, 4), mt.exact.law(q, BIGRAM, 4, prompt="prefix:size=2"))
    assert mt.exact.ser(task, 4, steps=2).value == mt.exact.ser(BIGRAM, 4, steps=2, prompt="prefix:size=2").value
    assert mt.exact.ser(task, 4, steps=2).value != mt.exact.ser(BIGRAM, 4, steps=2).value


def test_what_speaks_of_whole_sequences_alone_refuses_a_language_with_a_prompt():
    task = Task()
    for act in (
        lambda: mt.compare_schedules(task, 8, [2]),
        lambda: mt.exact.ser_curve(task, 8, steps=2),
        lambda: mt.theory.statements()["jensen"].check(task, length=4, steps=2),
    ):
        with pytest.raises(ValueError, match="prompt of its own") as error:
            act()
        assert "\n" not in str(error.value)


def test_exact_scores_given_a_prompt_are_those_of_the_exact_law():
    kind = "every:stride=2"
    given, sequences = given_positions(kind, BIGRAM, LENGTH), mt.exact.all_sequences(3, LENGTH)
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="ancestral", steps=3)
    law = mt.exact.law(p, BIGRAM, LENGTH, prompt=kind).reshape(-1)
    of_prompt = np.exp(mt.exact.prompt_log_prob(BIGRAM, sequences, given))
    found = np.exp(mt.exact.log_prob(BIGRAM, sequences, steps=3, prompt=kind))
    np.testing.assert_allclose(found * of_prompt, law, rtol=0, atol=1e-12)
    assert mt.exact.ser(BIGRAM, LENGTH, steps=3, prompt=kind).value == pytest.approx(
        error_rate(law.reshape((3,) * LENGTH), joint(BIGRAM, LENGTH)), abs=1e-12
    )


def test_the_law_given_one_prompt_is_bayes_of_nothing_else():
    p = models(HMM)["tempered"]
    prompt = [3, 0, 3, 3]
    law = mt.exact.law(p, HMM, LENGTH, prompt=prompt)
    assert law.sum() <= 1 + 1e-12
    assert law.sum() == pytest.approx(law[:, 0].sum())
    with pytest.raises(ValueError, match="shape"):
        mt.exact.law(p, HMM, LENGTH, prompt=[3, 0])
    with pytest.raises(ValueError, match="no sequence"):
        mt.exact.joint(BIGRAM, 3, prompt=[0, 2, 3])
