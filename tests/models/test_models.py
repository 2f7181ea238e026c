"""Models: exact where they must be, the same whatever is asked around them."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt


def test_bisection_on_a_bigram_is_exactly_q():
    q = mt.as_language("ngram:order=2")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="bisection")
    x = q.sample(40, 100, seed=0)
    scored = p.log_prob(x)
    assert scored.kind == "exact"
    np.testing.assert_allclose(scored.values, q.log_prob(x), rtol=1e-11)
    samples = p.sample(100, 100, seed=0)
    assert q.in_support(samples.tokens).all()
    assert (samples.rounds == 7).all()


def test_bisection_on_an_hmm_is_not():
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="bisection")
    x = q.sample(40, 100, seed=0)
    assert (q.log_prob(x) - p.log_prob(x).values).mean() > 1


@pytest.mark.parametrize("sampler", ["first_hitting", "left_to_right"])
@pytest.mark.parametrize("lang", ["hmm", "ngram:order=3", "equal_pairs", "parity"])
def test_one_at_a_time_is_exactly_q(sampler, lang):
    q = mt.as_language(lang)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler)
    x = q.sample(40, 24, seed=0)
    scored = p.log_prob(x)
    assert scored.kind == "exact"
    np.testing.assert_allclose(scored.values, q.log_prob(x), rtol=1e-10)
    assert q.in_support(p.sample(200, 24, seed=1).tokens).all()


def test_equal_pairs_needs_two_rounds_in_the_right_order():
    q = mt.EqualPairs(vocab_size=16)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=2)
    samples = p.sample(200, 64, seed=0)
    assert q.in_support(samples.tokens).all()
    assert (samples.calls == 2).all()


def test_one_step_is_the_product_of_marginals():
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=1)
    x = q.sample(20, 30, seed=0)
    marginals = mt.Oracle(q).conditionals(np.full((1, 30), 8))[0]
    expected = np.log(np.take_along_axis(marginals[None], x[:, :, None].astype(int), axis=2)).sum(axis=(1, 2))
    np.testing.assert_allclose(p.log_prob(x).values, expected, rtol=1e-11)


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "stride"])
def test_sequences_and_scores_depend_on_their_number_alone(sampler):
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=5)
    whole = p.sample(9, 40, seed=2, threads=2)
    pieces = [p.sample(n, 40, seed=2, first=first, threads=1) for first, n in ((0, 4), (4, 4), (8, 1))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    x = q.sample(9, 40, seed=0)
    scores = p.log_prob(x, 3, plans=2).values
    assert (p.log_prob(x[5:], 3, first=5, plans=2, threads=1).values == scores[5:]).all()


def test_more_plans_inside_the_logarithm_tighten_the_bound():
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=8)
    loose, tight = (mt.ter(p, q, 32, count=400, plans=plans) for plans in (1, 16))
    assert loose.kind == tight.kind == "upper bound"
    assert tight.high < loose.low


def test_calls_count_the_steps_that_reveal():
    q = mt.as_language("hmm:prune_transition=0.0,prune_emission=0.0")
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=4, sampler="fixed")
    assert (p.sample(10, 3, seed=0).calls == 3).all()
    assert (p.sample(10, 8, seed=0).calls == 4).all()
    assert (mt.Autoregressive(q).sample(10, 8, seed=0).calls == 8).all()


def test_schedules_may_be_arrays_and_then_steps_are_theirs():
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), schedule=np.array([0.0, 0.5, 0.9, 1.0]))
    assert p.steps == 3
    with pytest.raises(ValueError, match="leave steps out"):
        mt.MaskedDiffusion(mt.Oracle(q), steps=4, schedule=np.array([0.0, 0.5, 0.9, 1.0]))
    for steps in (0, 10**20):
        with pytest.raises(ValueError, match="pass from 1 to 1048576"):
            mt.MaskedDiffusion(mt.Oracle(q), steps=steps)


def test_two_models_draw_from_different_streams_and_equal_ones_from_the_same():
    q = mt.as_language("hmm")
    one, same, other = (mt.MaskedDiffusion(mt.Oracle(q), steps=n) for n in (30, 30, 31))
    assert (one.sample(3, 20, 0).tokens == same.sample(3, 20, 0).tokens).all()
    assert (one.sample(3, 20, 0).tokens != other.sample(3, 20, 0).tokens).any()
