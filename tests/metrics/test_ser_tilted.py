"""SER by tilted walks, against exact rates: those that drawing sees, and those that no plain walk would."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import TAIL_UNSEEN, WithheldError
from mdmtheory.core.intervals import hoeffding_end
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.ser_tilted import SerTilted, TiltedSize, TiltedWalks
from mdmtheory.metrics.sums import Sums
from mdmtheory.theory.instances import bigram3, hmm2x3, trigram2

Q = hmm2x3()
LENGTH = 6


def masked(q=Q, **options):
    return mt.MaskedDiffusion(mt.Oracle(q), **{"steps": 3, "sampler": "stride", **options})


def rarely_remembers(rare):
    """Two states with tokens of their own, which a rare token hides, and a third on the way from one to the other."""
    move = [[0.5, 0, 0.5], [0, 0.5, 0.5], [0.25, 0.25, 0.5]]
    say = [[1 - rare, 0, rare, 0], [0, 1 - rare, rare, 0], [0, 0, 0, 1]]
    return mt.HMM([0.4, 0.4, 0.2], move, say)


@pytest.mark.parametrize(
    ("q", "length", "options"),
    [
        (Q, 6, {}),
        (Q, 6, {"sampler": "bit_reversed", "steps": 2}),
        (Q, 5, {"sampler": "blocks", "steps": 2}),
        (trigram2(), 6, {}),
        (bigram3(), 5, {"sampler": "blocks", "steps": 3}),
        (rarely_remembers(0.1), 5, {"steps": 2}),
    ],
)
def test_the_mean_is_the_enumerated_rate(q, length, options):
    model, count = masked(q, **options), 4000
    exact = error_rate(mt.exact.law(model, q, length), joint(q, length))
    walk = model.walk_tilted(q, count, length, seed=0)
    assert walk.wrong.mean() == pytest.approx(exact, abs=4 * walk.wrong.std() / math.sqrt(count))
    assert (walk.wrong >= 0).all()
    assert (walk.wrong <= walk.most).all()
    assert walk.most == 2
    own = walk.targets < 0
    assert own.mean() == pytest.approx(0.5, abs=0.04)
    assert q.in_support(walk.tokens).all()
    found = mt.ser(model, q, length, count=count, method="tilted")
    assert found.kind == TAIL_UNSEEN
    assert found.value == pytest.approx(walk.wrong.mean(), rel=1e-12)
    assert found.low <= exact <= found.high


@pytest.mark.parametrize("rare", [1e-5, 1e-8])
def test_a_rate_that_no_plain_walk_would_see_to_a_few_percent(rare):
    q = rarely_remembers(rare)
    model, count = masked(q, steps=2), 1000
    exact = error_rate(mt.exact.law(model, q, 4), joint(q, 4))
    assert exact < rare
    assert model.walk_steps(q, count, 4, seed=0).wrong.sum() == 0
    walk = model.walk_tilted(q, count, 4, seed=0)
    error = walk.wrong.std() / math.sqrt(count)
    assert error < 0.06 * exact
    assert walk.wrong.mean() == pytest.approx(exact, abs=4 * error, rel=0)


def test_where_no_mass_can_die_all_walks_are_plain():
    walk = masked(sampler="left_to_right").walk_tilted(Q, 50, LENGTH, seed=0)
    assert (walk.targets == -1).all()
    assert (walk.most, walk.wrong.sum()) == (1, 0)
    coins = mt.NGram([0.5, 0.5], [[0.5, 0.5]] * 2)
    assert (masked(coins, steps=1).walk_tilted(coins, 50, LENGTH, seed=0).targets == -1).all()


def test_a_walk_depends_on_its_number_alone():
    whole, part = masked().walk_tilted(Q, 40, LENGTH, seed=3), masked().walk_tilted(Q, 9, LENGTH, seed=3, first=20)
    assert np.array_equal(whole.wrong[20:29], part.wrong)
    assert np.array_equal(whole.tokens[20:29], part.tokens)
    assert np.array_equal(whole.targets[20:29], part.targets)
    one, two = (masked().walk_tilted(Q, 50, LENGTH, seed=3, threads=each).wrong for each in (1, 2))
    assert np.array_equal(one, two)
    assert len(masked().walk_tilted(Q, 0, LENGTH, seed=3).wrong) == 0


def test_chunks_add_up_and_tell_what_they_are_worth():
    [whole] = TiltedWalks().count([masked()], Sequences(Q, LENGTH, 0, 0, 60))
    parts = [TiltedWalks().count([masked()], Sequences(Q, LENGTH, 0, first, 20))[0] for first in (0, 20, 40)]
    assert Sums.over(parts)["wrong"] == pytest.approx(whole["wrong"], rel=1e-12)
    wrong = masked().walk_tilted(Q, 60, LENGTH, seed=0).wrong
    assert float(TiltedSize().estimate(Measured(whole, LENGTH))) == pytest.approx(wrong.sum() ** 2 / (wrong**2).sum())


def sums_of(wrong, most):
    powers = {"wrong": wrong.sum(), "wrong_squared": (wrong**2).sum(), "wrong_cubed": (wrong**3).sum()}
    return Sums({"sequences": len(wrong), "tokens": len(wrong)}, **powers, most=most * len(wrong))


def test_the_upper_end_is_hoeffding_s_for_terms_up_to_the_bound_and_few_walks_withhold_the_value():
    wrong = np.full(500, 1e-7)
    found = SerTilted().estimate(Measured(sums_of(wrong, 2.0), 4))
    assert found.value == pytest.approx(1e-7)
    assert found.high == pytest.approx(2 * hoeffding_end(500, 0.5e-7, 0.95), rel=1e-12)
    wrong[:490] = 0
    with pytest.raises(WithheldError, match="500 walks are worth 10 of equal size"):
        SerTilted().estimate(Measured(sums_of(wrong, 2.0), 4))
    assert SerTilted().estimate(Measured(sums_of(np.full(500, 1.9), 2.0), 4)).high == 1


def test_what_has_no_such_walk_is_refused_in_one_line():
    for model, q, said in (
        (masked(sampler="ancestral"), Q, "no plan that is known beforehand"),
        (masked(sampler="stride:temperature=0.7"), Q, "or options"),
        (masked(sampler="confidence"), Q, "no plan that is known beforehand"),
        (masked(sampler="stride:constrained=true"), Q, "no error to be"),
        (mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(Q), epsilon=0.1), sampler="stride", steps=3), Q, "is not exact, so"),
        (masked(), mt.NGram.random(order=2, vocab_size=3, seed=0), "is not exact for"),
        (masked(mt.Parity()), mt.Parity(), "no chain of hidden states"),
        (mt.Autoregressive(mt.Oracle(Q)), Q, "no tilted walk"),
        (mt.BlockDiffusion(mt.Oracle(Q), block=2, sampler="stride", steps=2), Q, "no tilted walk"),
    ):
        with pytest.raises(ValueError, match=said) as refused:
            mt.ser(model, q, LENGTH, method="tilted")
        assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="no prompt"):
        mt.ser(masked(), Q, LENGTH, method="tilted", prompt="prefix:size=1")
