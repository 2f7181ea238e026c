"""Block diffusion: the law of its parts, between autoregression and masked diffusion."""

from __future__ import annotations

import functools
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.pricing import reveal_costs
from mdmtheory.metrics.score import Score
from mdmtheory.models import MODELS
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.by_block import PlansByBlock, block_lengths, by_block
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule
from tests import brute_force
from tests.languages.small import hmms, ngrams

INITIAL = np.array([0.5, 0.3, 0.2])
MOVES = np.array([[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
BIGRAM = mt.NGram(INITIAL, MOVES)
HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])

PLANS = ["ancestral", "fixed", "first_hitting", "stride", "bisection"]
RULES = ["confidence", "margin:temperature=0.7", "entropy_bound:gamma=0.5", "threshold:tau=0.6"]
DRAWING = ["draw_confidence", "verify:k=2", "independent:mu=0.05"]
REMASKING = ["remdm-cap:eta=0.5", "remdm-conf", "topk_remask", "redraw:sweeps=2,tau=0.4"]


def conditionals_of(denoiser):
    return functools.cache(lambda row: denoiser.conditionals(np.array([row]), threads=1)[0])


def product_of_blocks(sampler, block, length, steps, schedule="linear", trust=1.0):
    """p(x) of a bigram from the sampler's law on one block at a time: given its past, a block is a bigram again."""

    @functools.cache
    def law_after(start, size):
        language = mt.NGram(start, MOVES)
        return mt.exact.law(
            mt.MaskedDiffusion(mt.Oracle(language, trust=trust), sampler=sampler, steps=steps, schedule=schedule),
            language,
            size,
            threads=1,
        )

    p = np.empty((3,) * length)
    for x in itertools.product(range(3), repeat=length):
        begin, start, p[x] = 0, INITIAL, 1.0
        for size in block_lengths(length, block):
            p[x] *= law_after(tuple(start.round(14)), size)[x[begin : begin + size]]
            for token in x[begin : begin + size]:
                believed = start * (trust * (np.arange(3) == token) + (1 - trust) / 3)
                if believed.sum() == 0:
                    p[x] = 0.0
                    break
                start = believed / believed.sum() @ MOVES
            begin += size
            if p[x] == 0:
                break
    return p


@pytest.mark.parametrize("sampler", [*PLANS, *RULES, *DRAWING])
def test_a_block_is_drawn_as_if_it_were_the_whole(sampler):
    p = mt.exact.law(
        BlockDiffusion(mt.Oracle(BIGRAM), block=2, steps=2, sampler=sampler, schedule="cosine"), BIGRAM, 3, threads=1
    )
    np.testing.assert_allclose(p, product_of_blocks(sampler, 2, 3, 2, "cosine"), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("sampler", REMASKING)
def test_samplers_that_remask_stay_inside_their_block(sampler):
    p = mt.exact.law(
        BlockDiffusion(mt.Oracle(BIGRAM, trust=0.9), block=2, steps=2, sampler=sampler), BIGRAM, 3, threads=1
    )
    np.testing.assert_allclose(p, product_of_blocks(sampler, 2, 3, 2, trust=0.9), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    "denoiser", [mt.Oracle(HMM), mt.Perturbed(mt.Oracle(HMM), epsilon=0.05), mt.Oracle(mt.Parity())]
)
@pytest.mark.parametrize("schedule", ["linear", [0, 0.2, 1]])
def test_ancestral_blocks_are_the_mixture_over_all_their_plans(denoiser, schedule):
    language = getattr(denoiser, "language", HMM)
    model = BlockDiffusion(
        denoiser, block=3, steps=None if isinstance(schedule, list) else 2, sampler="ancestral", schedule=schedule
    )
    weights, expected = np.diff(as_schedule(schedule).revealed_fractions(2)), 0.0
    conditional = conditionals_of(denoiser)
    for plan in itertools.product((1, 2), repeat=4):
        probability = math.prod(weights[k - 1] for k in plan)
        # The fourth position is a block of its own, after the two steps of the first three.
        whole = (*plan[:3], plan[3] + 2)
        expected += probability * brute_force.plan_law(conditional, model.vocab_size, whole)
    law = mt.exact.law(model, language, 4, threads=1)
    np.testing.assert_allclose(law.reshape(-1), expected, rtol=1e-12, atol=1e-16)


@given(language=st.one_of(hmms(), ngrams()), sampler=st.sampled_from([*PLANS, *RULES, *DRAWING]))
@settings(max_examples=12)
def test_one_token_is_autoregression_and_all_are_masked_diffusion(language, sampler):
    denoiser = mt.Oracle(language)
    if "temperature" not in sampler:
        one = mt.exact.law(BlockDiffusion(denoiser, block=1, steps=2, sampler=sampler), language, 3, threads=1)
        np.testing.assert_allclose(one, mt.exact.joint(language, 3), rtol=1e-9, atol=1e-15)
    masked = mt.exact.law(mt.MaskedDiffusion(denoiser, sampler=sampler, steps=2), language, 3, threads=1)
    for block in (3, 64):
        whole = mt.exact.law(BlockDiffusion(denoiser, block=block, steps=2, sampler=sampler), language, 3, threads=1)
        np.testing.assert_allclose(whole, masked, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "confidence", *DRAWING, "remdm-cap:eta=0.5", "redraw"])
def test_draws_follow_the_law(sampler):
    remasks = sampler in ("remdm-cap:eta=0.5", "redraw")
    spec = "redraw:sweeps=1,tau=0.4" if sampler == "redraw" else sampler
    model = BlockDiffusion(mt.Oracle(BIGRAM, trust=0.9 if remasks else 1.0), block=2, steps=2, sampler=spec)
    law = mt.exact.law(model, BIGRAM, 3, threads=1).reshape(-1)
    samples = model.sample(8000, 3, seed=1, threads=1)
    whole = samples.tokens[~samples.impossible].astype(int)
    counts = np.append(np.bincount(whole @ [9, 3, 1], minlength=27), samples.impossible.sum())
    law = np.append(law, max(0.0, 1 - law.sum()))
    assert brute_force.g_test(counts, law) > 1e-3
    # The twin that must fail: masked diffusion over the whole, in as many steps.
    if sampler in ("ancestral", "remdm-cap:eta=0.5"):
        other = mt.exact.law(mt.MaskedDiffusion(model.denoiser, sampler=spec, steps=2), BIGRAM, 3, threads=1).reshape(
            -1
        )
        assert brute_force.g_test(counts, np.append(other, max(0.0, 1 - other.sum()))) < 1e-6


def test_the_likelihood_is_exact_where_that_of_the_sampler_inside_is():
    q = mt.as_language("hmm")
    x = q.sample(5, 22, seed=0)
    exact = [
        "stride",
        "first_hitting",
        "bisection",
        "entropy:ties=lowest",
        "threshold:tau=0.3,ties=lowest",
        "verify:k=4",
    ]
    for sampler in exact:
        model = BlockDiffusion(mt.Oracle(q), block=5, steps=3, sampler=sampler)
        assert model.log_prob_kind == model.log_prob(x).kind == "exact"
    assert mt.ter(model, q, 22, count=60).kind == "estimate"
    np.testing.assert_allclose(
        BlockDiffusion(mt.Oracle(q), block=5, steps=3, sampler="verify:k=4").log_prob(x).values, q.log_prob(x)
    )
    for sampler in ("fixed", "entropy"):
        assert BlockDiffusion(mt.Oracle(q), block=5, steps=3, sampler=sampler).log_prob_kind == "lower bound"
    # Blocks of one token leave nothing to chance, whatever the denoiser.
    window = mt.Window(q, width=2)
    ones = BlockDiffusion(window, block=1, steps=3).log_prob(x)
    assert ones.kind == "exact"
    np.testing.assert_array_equal(ones.values, mt.MaskedDiffusion(window, sampler="left_to_right").log_prob(x).values)
    with pytest.raises(ValueError, match="draw_confidence chooses by tokens that it draws and drops"):
        BlockDiffusion(mt.Oracle(q), block=5, steps=3, sampler="draw_confidence").log_prob(x)


def test_a_replay_shows_the_steps_of_each_block():
    q = mt.as_language("hmm")
    model = BlockDiffusion(mt.Oracle(q), block=4, steps=2, sampler="entropy", schedule="cosine")
    x = q.sample(6, 10, seed=0)
    run = model.replay(x)
    sizes = as_schedule("cosine").sizes(4, 2).tolist()
    for plan in run.plan:
        for number in (0, 1):
            assert np.bincount(plan[4 * number : 4 * number + 4])[2 * number + 1 :].tolist() == sizes
        assert sorted(plan[8:]) == [5, 6]
    scored = model.masked.run(run.plan, tokens=x)
    np.testing.assert_allclose(run.log_probs, scored.log_probs, rtol=1e-9, atol=1e-12)


def test_drawn_plans_and_priced_reveals_are_one_bound_that_holds():
    # The bound of 2503.09573, sum_b L(x^b, x^<b), by enumeration, by drawn plans, and from reveals one at a time.
    model = BlockDiffusion(mt.Oracle(HMM), block=3, steps=2, sampler="ancestral", schedule="cosine")
    weights = np.diff(as_schedule("cosine").revealed_fractions(2))
    q = mt.exact.joint(HMM, 4).reshape(-1)
    bound, conditional = 0.0, conditionals_of(model.denoiser)
    for plan in itertools.product((1, 2), repeat=3):
        p = brute_force.plan_law(conditional, 3, (*plan, 3))
        bound -= math.prod(weights[k - 1] for k in plan) * (q[q > 0] * np.log(p[q > 0])).sum()
    p = mt.exact.law(model, HMM, 4).reshape(-1)
    assert -(q[q > 0] * np.log(p[q > 0])).sum() < bound - 1e-3
    count = 8000
    [priced] = Score().count([model], Sequences(HMM, 4, 0, 0, count))
    drawn = -model.log_prob(HMM.sample(count, 4, 0), 0).values
    for mean, spread in (
        (priced["nats"] / count, math.sqrt(priced["nats_squared"] / count - (priced["nats"] / count) ** 2)),
        (drawn.mean(), drawn.std()),
    ):
        assert abs(mean - bound) < 4.5 * spread / math.sqrt(count)
    assert mt.ter(model, HMM, 4, count=50).kind == "upper bound"


def test_reveals_are_priced_block_by_block():
    q = mt.as_language("hmm")
    x = q.sample(3, 8, seed=0)
    # Blocks of one token: the chain rule itself.
    costs = reveal_costs(mt.Oracle(q), x, 0, 0, block=1)
    np.testing.assert_allclose(costs.sum(axis=1), -q.log_prob(x), rtol=1e-12)
    np.testing.assert_allclose(
        reveal_costs(mt.Oracle(q), x, 0, 0, block=4)[:, :4].sum(axis=1), -q.log_prob(x[:, :4]), rtol=1e-10
    )


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "entropy_sum:h=1", "verify:k=3", "remdm-rescale"])
def test_sequences_depend_on_their_number_alone(sampler):
    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    trust = 0.99 if sampler == "remdm-rescale" else 1.0
    model = BlockDiffusion(mt.Oracle(q, trust=trust), block=5, steps=3, sampler=sampler)
    whole = model.sample(9, 17, seed=2, threads=2)
    pieces = [model.sample(n, 17, seed=2, first=first, threads=1) for first, n in ((0, 4), (4, 4), (8, 1))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()


def test_calls_and_rounds_are_those_of_all_blocks():
    q = mt.as_language("hmm:prune_transition=0.0,prune_emission=0.0")
    d = mt.Oracle(q)
    for sampler in ("fixed", "confidence"):
        samples = BlockDiffusion(d, block=4, steps=3, sampler=sampler).sample(5, 10, seed=0)
        # 3 steps in each block of 4, and 2 in the last one of 2.
        assert samples.calls.tolist() == samples.rounds.tolist() == [8] * 5
    for sampler in ("ancestral", "fixed", "entropy", "stride"):
        assert (BlockDiffusion(d, block=1, steps=3, sampler=sampler).sample(5, 10, seed=0).calls == 10).all()
    drafted = BlockDiffusion(d, block=4, sampler="verify:k=4").sample(50, 10, seed=0)
    assert (drafted.rounds < drafted.calls).all()
    assert (drafted.calls >= 10).all()


def test_plans_follow_one_another():
    law = by_block(as_sampler("ancestral"), 4)
    states = stream_states("plans", 0, 200)
    plans = law.draw(states.copy(), 10, 3, as_schedule("linear"))
    number = np.arange(10) // 4
    assert ((plans > 3 * number) & (plans <= 3 * number + 3)).all()
    assert law.steps_taken(10, 3) == plans.max() == 9
    # The first block's plans are the law's own from the same streams.
    assert (plans[:, :4] == as_sampler("ancestral").draw(states, 4, 3, as_schedule("linear"))).all()
    assert isinstance(law, PlansByBlock)
    assert not law.fixed
    assert by_block(as_sampler("ancestral"), 1).fixed
    assert block_lengths(3, 8) == [3]


def test_what_a_sampler_asks_for_is_asked_for_by_its_blocks():
    blank = np.full((1, 3), 2, dtype=np.uint8)
    for spec in (*RULES, *DRAWING, *REMASKING, "ancestral:precision=float32", "entropy:temperature=0.5"):
        inside = as_sampler(spec)
        outside = by_block(inside, 3)
        begun = [each.init(1, 3, 2, 3, as_schedule("linear")) for each in (inside, outside)]
        for asks in ("chances", "charges"):
            told = [getattr(each, asks)(state, blank) for each, state in zip((inside, outside), begun, strict=True)]
            np.testing.assert_equal(told[1], told[0])
        for said in (*SamplerBase.facts, "precision", "changed", "has_closed_law"):
            assert getattr(outside, said) == getattr(inside, said), (spec, said)
        assert outside.scored_as == (inside.scored_as and by_block(inside.scored_as, 3))
        assert (outside.scored_as is outside) is (inside.scored_as is inside)
        assert pickle.loads(pickle.dumps(outside)) == outside


def test_names_tell_blocks_apart():
    d = mt.Oracle(BIGRAM)
    models = [
        mt.MaskedDiffusion(d, sampler="entropy", steps=2),
        *(BlockDiffusion(d, block=block, steps=steps, sampler="entropy") for block in (2, 3) for steps in (2, 3)),
    ]
    assert len({str(model.identity) for model in models}) == len({str(model.spec) for model in models}) == 5
    assert str(models[1].spec) == "block:size=2,denoiser=oracle,sampler=entropy,steps=2,schedule=linear"
    assert repr(models[1]).endswith("block=2, steps=2, sampler='entropy', schedule='linear')")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BlockDiffusion(mt.Oracle(BIGRAM), block=0), "block is 0; pass 1 or more"),
        (
            lambda: MODELS.build("block:size=0", BIGRAM, mt.Oracle(BIGRAM), "ancestral", 4, "linear"),
            "size is 0; pass 1 or more",
        ),
        (lambda: BlockDiffusion(mt.Oracle(BIGRAM), block=4, steps=0), "steps is 0"),
        (lambda: BlockDiffusion(mt.Oracle(BIGRAM), block=4, steps=2, sampler="nothing"), "unknown sampler 'nothing'"),
        (
            lambda: BlockDiffusion(mt.Oracle(BIGRAM), block=4, steps=2, sampler="redraw"),
            "may change tokens, but to denoiser oracle what is",
        ),
        (
            lambda: BlockDiffusion(mt.Oracle(BIGRAM), block=2, steps=1 << 20).sample(1, 4, 0),
            "2 blocks of 2 in 1048576 steps each take 2,097,152 steps, more than 1,048,576; use fewer steps",
        ),
        (
            lambda: BlockDiffusion(
                mt.Oracle(BIGRAM), block=4, steps=None, sampler="fixed", schedule=mt.Schedule.from_sizes([3, 1])
            ).sample(1, 6, 0),
            "sum to 4, not to 2",
        ),
        (
            lambda: mt.exact.law(BlockDiffusion(mt.Oracle(BIGRAM), block=20, steps=8), BIGRAM, 40),
            r"enumerating 3\^40 sequences",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
