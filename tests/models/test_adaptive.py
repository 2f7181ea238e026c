"""Samplers that look: the same whatever runs beside them, replayed exactly, counted for each sequence."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.models import asking
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.samplers.protocol import Sampler, State
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule

RULES = [
    "confidence",
    "draw_confidence",
    "margin",
    "entropy:temperature=0.7",
    "entropy_bound:gamma=0.7",
    "entropy_sum:h=2",
    "threshold:tau=0.5",
    "independent:mu=0.05",
]
REPLAYED = [rule for rule in RULES if rule != "draw_confidence"]
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])


@pytest.mark.parametrize("rule", RULES)
def test_a_sequence_depends_on_its_number_alone(rule, monkeypatch):
    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=rule, steps=9)
    whole = p.sample(9, 24, seed=2, threads=2)
    monkeypatch.setattr(asking, "BATCH_ENTRIES", 200)
    pieces = [p.sample(n, 24, seed=2, first=first, threads=1) for first, n in ((0, 5), (5, 3), (8, 1))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    assert (p.sample(9, 24, seed=3).tokens != whole.tokens).any()


def with_ties(rule, ties):
    return rule + ("," if ":" in rule else ":") + f"ties={ties}"


@pytest.mark.parametrize("rule", REPLAYED)
def test_scores_depend_on_the_sequence_alone(rule):
    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=with_ties(rule, "lowest"), steps=9)
    x = q.sample(9, 24, seed=0)
    whole = p.log_prob(x, threads=2)
    assert whole.kind == p.log_prob_kind == "exact"
    np.testing.assert_allclose(p.log_prob(x[4:], seed=5, first=4, plans=3, threads=1).values, whole.values[4:], 1e-12)
    # With ties broken at random on its number too, by which its shuffles are known.
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=with_ties(rule, "random"), steps=9)
    for plans in (1, 3):
        whole = p.log_prob(x, 5, plans=plans, threads=2)
        assert whole.kind == p.log_prob_kind == "lower bound"
        part = p.log_prob(x[4:], 5, first=4, plans=plans, threads=1)
        np.testing.assert_allclose(part.values, whole.values[4:], 1e-12)


@pytest.mark.parametrize("lang", ["hmm", "ngram:order=3", "equal_pairs", "permutation:items=24"])
@pytest.mark.parametrize(
    "rule", ["confidence", "margin", "entropy_bound:gamma=1", "threshold:tau=0.4", "independent:mu=0.1"]
)
def test_replay_is_scoring_its_own_plan(rule, lang):
    q = mt.as_language(lang)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=rule, steps=5)
    x = q.sample(20, 24, seed=1)
    replayed = p.replay(x)
    assert replayed.plan.min() >= 1
    scored = p.denoiser.run_plan(replayed.plan, tokens=x)
    np.testing.assert_allclose(replayed.log_probs, scored.log_probs, rtol=1e-9, atol=1e-12)
    assert (replayed.calls == scored.calls).all()
    assert (replayed.calls == replayed.plan.max(axis=1)).all()


@pytest.mark.parametrize("denoiser", ["perturbed", "window"])
def test_replay_takes_any_denoiser(denoiser):
    q = mt.as_language("hmm")
    d = mt.Perturbed(mt.Oracle(q), epsilon=0.05) if denoiser == "perturbed" else mt.Window(q, width=3)
    p = mt.MaskedDiffusion(d, sampler="entropy", steps=6)
    x = q.sample(10, 20, seed=0)
    replayed = p.replay(x)
    scored = p.run(replayed.plan, tokens=x)
    np.testing.assert_allclose(replayed.log_probs, scored.log_probs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["confidence", "entropy", "margin", "threshold:tau=1", "entropy_sum:h=0"])
@pytest.mark.parametrize("lang", ["hmm", "equal_pairs"])
def test_one_at_a_time_by_the_context_is_exactly_q(rule, lang):
    q = mt.as_language(lang)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=rule, steps=16)
    x = q.sample(30, 16, seed=0)
    np.testing.assert_allclose(p.log_prob(x).values, q.log_prob(x), rtol=1e-10)
    assert q.in_support(p.sample(100, 16, seed=0).tokens).all()
    assert mt.ter(p, q, 16, count=50).kind == "upper bound"
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=with_ties(rule, "lowest"), steps=16)
    np.testing.assert_allclose(p.log_prob(x).values, q.log_prob(x), rtol=1e-10)
    assert mt.ter(p, q, 16, count=50).kind == "estimate"


def test_a_budget_is_spent_step_by_step_and_nothing_is_called_for_afterwards():
    q = mt.as_language("hmm:prune_transition=0.0,prune_emission=0.0")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="confidence", steps=4, schedule="cosine")
    x = q.sample(5, 10, seed=0)
    sizes = as_schedule("cosine").sizes(10, 4)
    for plan in p.replay(x).plan:
        assert np.bincount(plan)[1:].tolist() == sizes.tolist()
    samples = p.sample(50, 10, seed=0)
    assert (samples.calls == 4).all()
    assert (samples.rounds == 4).all()
    assert (
        mt.MaskedDiffusion(mt.Oracle(q), sampler="draw_confidence", steps=64).sample(20, 3, seed=0).calls == 3
    ).all()


def test_calls_are_counted_for_each_sequence():
    # A pair's second token is certain once the first is known, so gamma = 0 takes it along with the next pair's first.
    q = mt.EqualPairs(vocab_size=4)
    assert (mt.MaskedDiffusion(mt.Oracle(q), sampler="entropy_bound:gamma=0").sample(20, 12, seed=0).calls == 7).all()
    calls = (
        mt.MaskedDiffusion(mt.Oracle(mt.as_language("hmm")), sampler="entropy_bound:gamma=1")
        .sample(50, 24, seed=0)
        .calls
    )
    assert len(set(calls.tolist())) > 1


def test_an_impossible_context_stops_its_sequence_and_is_counted():
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy", steps=3)
    samples = p.sample(500, 6, seed=0)
    assert 0 < samples.impossible.sum() < 500
    assert ((samples.tokens == 3).any(axis=1) == samples.impossible).all()
    # The call that found it out is counted, those after it are not made.
    assert set(samples.calls[samples.impossible].tolist()) <= {2, 3}
    assert (samples.calls[~samples.impossible] == 3).all()


def test_an_impossible_sequence_has_probability_zero():
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy", steps=5)
    assert p.log_prob([[0, 2, 0, 0, 0], [0, 0, 0, 1, 1]]).values.tolist()[0] == -np.inf
    assert np.isfinite(p.log_prob([[0, 0, 0, 1, 1]]).values).all()


def test_temperature_zero_is_greedy():
    q = mt.as_language("hmm")
    for rule in ("confidence", "draw_confidence", "entropy_bound:gamma=1"):
        spec = rule + ("," if ":" in rule else ":") + "temperature=0,ties=lowest"
        samples = mt.MaskedDiffusion(mt.Oracle(q), sampler=spec, steps=8).sample(30, 16, seed=0)
        assert (samples.tokens == samples.tokens[0]).all()
    one, other = (
        mt.MaskedDiffusion(mt.Oracle(q), sampler=f"{name}:temperature=0,ties=lowest", steps=8).sample(1, 16, 0).tokens
        for name in ("confidence", "draw_confidence")
    )
    assert (one == other).all()
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="confidence:temperature=0,ties=lowest", steps=16)
    greedy = p.sample(1, 16, 0).tokens
    assert p.log_prob(np.vstack([greedy, q.sample(1, 16, 0)])).values.tolist() == [0.0, -np.inf]


def test_samples_are_named_by_the_sampler_they_come_from():
    q = mt.as_language("hmm")
    names = ["confidence", "confidence:temperature=0.9", "entropy_sum:h=1", "entropy_sum:h=2"]
    models = [mt.MaskedDiffusion(mt.Oracle(q), sampler=name, steps=4) for name in names]
    assert len({str(model.identity) for model in models}) == 4
    assert len({str(model.spec) for model in models}) == 4
    # What a rule does not use names nothing.
    assert (
        models[3].identity
        == mt.MaskedDiffusion(mt.Oracle(q), sampler="entropy_sum:h=2", steps=99, schedule="cosine").identity
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.log_prob([[0, 0]]), "draw_confidence chooses by tokens that it draws and drops.*measure ser"),
        (lambda p: p.replay([[0, 0]]), "draw_confidence chooses by tokens"),
        (lambda p: mt.ter(p, BIGRAM, 4), "draw_confidence chooses by tokens"),
        (lambda p: p.draw_plans(stream_states("any", 0, 1), 4), "plans of sampler draw_confidence depend on tokens"),
        (lambda p: mt.MaskedDiffusion(p.denoiser, sampler="stride", steps=2).replay([[0, 0]]), "stride does not look"),
        (lambda p: p.sample(1, 0, 0), "length is 0"),
        (
            lambda p: mt.MaskedDiffusion(p.denoiser, sampler="margin", schedule=mt.Schedule.from_sizes([3, 1])).sample(
                1, 5, 0
            ),
            "sum to 4, not to 5",
        ),
        (
            lambda p: run_adaptive(p.denoiser, as_sampler("entropy"), 4, 2, as_schedule("linear")),
            "pass one of them",
        ),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="draw_confidence", steps=2))
    assert "\n" not in str(caught.value)


class Leftmost:
    """A sampler as somebody else may write it: the first masked position."""

    spec, identity = Spec.of("leftmost"), ["leftmost"]
    uses_steps = uses_schedule = remasks = False
    context_only = True

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros((count, 0)), vocab_size)

    def finished(self, state, tokens):
        return (tokens < state.shared).all(axis=1)

    def wants(self, state, tokens):
        masked = tokens == state.shared
        return masked & (np.cumsum(masked, axis=1) == 1)

    def law(self, marginals):
        return marginals

    def step(self, state, tokens, wanted, marginals, drawn):
        after = tokens.copy()
        after[wanted] = drawn
        return state, after


class Idle(Leftmost):
    def step(self, state, tokens, wanted, marginals, drawn):
        return state, tokens


class Remasks(Leftmost):
    remasks = True


def test_a_sampler_of_ones_own():
    q = mt.as_language("hmm")
    assert isinstance(Leftmost(), Sampler)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=Leftmost())
    x = q.sample(5, 12, seed=0)
    assert (p.replay(x).plan == np.arange(1, 13)).all()
    np.testing.assert_allclose(p.log_prob(x).values, q.log_prob(x), rtol=1e-10)
    assert (p.sample(5, 12, 0).calls == 12).all()


def test_a_sampler_that_makes_no_progress_or_remasks_is_told_so():
    with pytest.raises(ProtocolError, match="leftmost set no token in a step"):
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Idle()).sample(1, 4, 0)
    with pytest.raises(ValueError, match="leftmost may change tokens, so one sequence has many histories"):
        mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=0.9), sampler=Remasks()).log_prob([[0, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1])
def test_bad_marginals_are_refused(bad):
    oracle = mt.Oracle(BIGRAM)
    truth = oracle.conditionals
    oracle._canvas = lambda *arguments: ConditionalsCanvas(oracle, *arguments)
    oracle.conditionals = lambda tokens, threads=None: truth(tokens) + bad
    with pytest.raises(ValueError, match="; return probabilities"):
        mt.MaskedDiffusion(oracle, sampler="entropy", steps=2).sample(1, 4, 0)
