"""SER by walks of whole steps, against exact rates, far below what can be counted; its ends, and when withheld."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.core.estimate import TAIL_UNSEEN, WithheldError
from mdmtheory.core.intervals import clopper_pearson, hoeffding_end
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.ser_sharp import SerSharp, SharpLargest, SharpSize, StepWalks, effective_size
from mdmtheory.metrics.sums import Sums, moments
from mdmtheory.theory.ser_of_steps import STATEMENT, walks
from tests.metrics.test_ser_walk import LENGTH, PERTURBED, Q, masked
from tests.metrics.test_ser_walk import MODELS as WALKED
from tests.networks.runs import written_run

MODELS = {name: model for name, model in WALKED.items() if model.plan_law is not None}


@pytest.mark.parametrize("name", MODELS)
def test_the_mean_is_the_enumerated_rate(name):
    exact = error_rate(mt.exact.law(MODELS[name], Q, LENGTH), joint(Q, LENGTH))
    count = 4000
    wrong = MODELS[name].walk_steps(Q, count, LENGTH, seed=0).wrong
    assert wrong.mean() == pytest.approx(exact, abs=5 * wrong.std() / math.sqrt(count) + 1e-12)
    found = mt.ser(MODELS[name], Q, LENGTH, count=count, method="sharp")
    assert found.kind == TAIL_UNSEEN
    assert found.value == pytest.approx(wrong.mean(), rel=1e-12)
    assert found.low <= exact + 1e-12
    assert exact <= found.high


@pytest.mark.parametrize("name", MODELS)
def test_whole_steps_vary_no_more_than_tokens_one_by_one(name):
    """Given plan and tokens before it, Z of a step is the mean of the product of its 1 - z."""
    steps, tokens = MODELS[name].walk_steps(Q, 4000, LENGTH, seed=1), MODELS[name].walk(Q, 4000, LENGTH, seed=1)
    ended = (steps.tokens == Q.vocab_size).any(axis=1)
    assert Q.in_support(steps.tokens[~ended]).all()
    assert (steps.wrong[ended] == 1).all()
    assert steps.wrong.var() <= 1.15 * tokens.wrong.var() + 1e-15
    mean = steps.wrong.mean()
    assert steps.wrong.var() <= mean * (1 - mean) + 1e-15


@pytest.mark.parametrize(("sampler", "steps"), [("stride", 2), ("ancestral", 2), ("first_hitting", 4)])
def test_walks_have_the_enumerated_law(sampler, steps):
    setting = STATEMENT.setting(Q, LENGTH, steps, denoiser="perturbed:epsilon=0.1", sampler=sampler)
    law = np.zeros(joint(Q, LENGTH).shape)
    law[joint(Q, LENGTH) > 0] = walks(setting)[0].sum(axis=0)
    assert follows(masked(sampler=sampler, steps=steps).walk_steps(Q, 4000, LENGTH, seed=2).tokens, law)


@pytest.mark.parametrize("rare", [1e-5, 1e-7, 1e-12])
def test_a_rate_that_no_count_would_see_keeps_all_its_digits(rare):
    """In one step there is one context, so that one walk says all; the enumerated law has no digits left of 1e-14."""
    q = mt.NGram([1.0, 0.0], [[1 - rare, rare], [1.0, 0.0]])
    found = mt.ser(masked(mt.Oracle(q), steps=1), q, 3, count=50, method="sharp")
    assert found.value == pytest.approx(mt.exact.ser(q, 3, steps=1).value, rel=1e-9, abs=0)
    assert found.value < 2 * rare**2
    assert found.low == pytest.approx(found.value, rel=0.1, abs=0)


def test_the_rate_of_many_steps_is_that_of_the_recursion_over_spans():
    q = mt.as_language("ngram:order=2,vocab_size=4")
    found = mt.ser(mt.MaskedDiffusion(mt.Oracle(q), steps=40), q, 12, count=3000, method="sharp", level=0.99999)
    assert found.low < mt.exact.ser(q, 12, steps=40).value < found.high
    assert found.low > 0.8 * found.value


def test_prompts_are_drawn_from_the_language():
    model, prompt = masked(steps=2), "prefix:size=1"
    exact = error_rate(mt.exact.law(model, Q, LENGTH, prompt=prompt), joint(Q, LENGTH))
    found = mt.ser(model, Q, LENGTH, count=3000, method="sharp", prompt=prompt, level=0.999999)
    assert found.low <= exact <= found.high


def test_a_walk_depends_on_its_number_alone():
    for model in MODELS.values():
        whole, part = model.walk_steps(Q, 7, LENGTH, seed=3), model.walk_steps(Q, 2, LENGTH, seed=3, first=4)
        assert np.array_equal(whole.tokens[4:6], part.tokens)
        assert np.array_equal(whole.log_kept[4:6], part.log_kept)
    one, two = (MODELS["ancestral"].walk_steps(Q, 50, LENGTH, seed=3, threads=each) for each in (1, 2))
    assert np.array_equal(one.log_kept, two.log_kept)


def test_a_network_is_walked_with(tmp_path):
    q = mt.as_language("ngram:order=2,vocab_size=4")
    net = mt.Network(written_run(tmp_path, language=str(q.spec), length=6), device="cpu", batch=64)
    model = masked(net, sampler="ancestral:temperature=8.0", steps=3)
    walked = mt.ser(model, q, 6, count=400, method="sharp", level=0.999999)
    counted = mt.ser(model, q, 6, count=400, level=0.999999)
    assert walked.low < counted.high
    assert counted.low < walked.high


def measured(wrong):
    return Measured(Sums(sequences=len(wrong), **moments("wrong", np.asarray(wrong))), LENGTH)


def test_of_walks_of_one_size_the_ends_are_what_was_seen_and_what_drawing_gives():
    found = SerSharp().estimate(measured(np.full(2048, 1e-9) * (1 + 0.1 * np.cos(np.arange(2048)))), 0.95)
    assert found.kind == TAIL_UNSEEN
    assert found.value == pytest.approx(1e-9, rel=1e-3, abs=0)
    assert 0.9e-9 < found.low < found.value
    assert found.high == pytest.approx(clopper_pearson(0, 2048, 0.95)[1], rel=1e-4)


def test_what_no_walk_shows_is_still_below_the_upper_end():
    """Values that are 1 with a chance c, of which none is: at the end that has the chance of half of 1 - level."""
    end = hoeffding_end(500, 0.0, 0.9)
    assert (1 - end) ** 500 == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("mean", [0.003, 0.04, 0.5, 0.97])
def test_hoeffdings_end_holds_for_coins_of_every_chance(mean):
    count, level = 200, 0.9
    seen = np.arange(count + 1)
    missed = [hoeffding_end(count, each / count, level) < mean for each in seen]
    assert binom.pmf(seen, count, mean) @ missed <= (1 - level) / 2


def test_walks_of_which_few_carry_the_mean_are_withheld_with_their_upper_end():
    wrong = np.r_[np.full(997, 1e-12), np.full(3, 1e-6)]
    assert effective_size(measured(wrong).sums) == pytest.approx(3, rel=1e-2)
    with pytest.raises(WithheldError, match=r"1000 walks are worth 3 of equal size, below 20; at most 0\.0037"):
        SerSharp().estimate(measured(wrong), 0.95)


def test_their_worth_and_the_largest_are_those_of_the_terms():
    wrong = np.r_[np.full(8, 1e-5), np.zeros(12)]
    assert float(SharpSize().estimate(measured(wrong))) == pytest.approx(8)
    assert float(SharpLargest().estimate(measured(wrong))) == pytest.approx(8 ** (-2 / 3))
    alone = measured(np.r_[1e-5, np.zeros(19)])
    assert float(SharpLargest().estimate(alone)) == pytest.approx(1)
    assert SharpLargest().estimate(alone).kind == "upper bound"
    assert float(SharpSize().estimate(measured(np.zeros(20)))) == 20
    assert float(SharpLargest().estimate(measured(np.full(9, 1e-120)))) == pytest.approx(1 / 3)
    assert float(SharpSize().estimate(measured(np.full(9, 1e-200)))) == 1
    rng = np.random.default_rng(0)
    for _ in range(50):
        wrong = rng.random(30) ** rng.uniform(1, 40)
        assert wrong.max() / wrong.sum() <= float(SharpLargest().estimate(measured(wrong))) + 1e-12


def test_no_mass_that_dies_is_no_error():
    found = mt.ser(masked(mt.Oracle(Q), sampler="left_to_right"), Q, LENGTH, count=100, method="sharp")
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(clopper_pearson(0, 100, 0.95)[1], rel=1e-12)


def test_chunks_add_up():
    [whole] = StepWalks().count([MODELS["ancestral"]], Sequences(Q, LENGTH, 0, 0, 60))
    parts = [StepWalks().count([MODELS["ancestral"]], Sequences(Q, LENGTH, 0, first, 20))[0] for first in (0, 20, 40)]
    assert sum(each["wrong"] for each in parts) == pytest.approx(whole["wrong"], rel=1e-12)


class Own(mt.MaskedDiffusion):
    """Of a user's own."""


def test_what_has_no_such_walk_is_refused_in_one_line():
    for model, said in (
        (masked(sampler="confidence"), "looks at the sequence"),
        (masked(sampler="stride:precision=float32"), "float32"),
        (mt.Autoregressive(PERTURBED), "no walk by whole steps"),
        (Own(PERTURBED, steps=2), "does not come with mdmtheory"),
    ):
        with pytest.raises(ValueError, match=said) as refused:
            mt.ser(model, Q, LENGTH, method="sharp")
        assert "\n" not in str(refused.value)
    square = mt.as_language("latin")
    with pytest.raises(ValueError, match="no automaton"):
        mt.ser(mt.MaskedDiffusion(mt.Oracle(square), steps=2), square, 16, method="sharp")
    with pytest.raises(ValueError, match="max_errors"):
        mt.ser(masked(), Q, LENGTH, method="sharp", max_errors=3)
