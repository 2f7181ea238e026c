"""D3PM's objectives against the chain of T steps enumerated, and what minimises them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chi2

import mdmtheory as mt
from mdmtheory.exact.enumeration import entropy_nats, factorisation_gap, joint
from mdmtheory.training.objectives.registry import as_objective
from tests.training.objectives.enumerating import LANGUAGES, support

SMALL = {name: (LANGUAGES[name][0], 3) for name in ("hmm", "bigram", "parity", "permutation")}
OPTIONS = ["steps=1", "steps=3", "steps=4,schedule=cosine"]


def every_batch(name, options):
    """Every sequence at every level with every masked set, with probabilities."""
    language, length = SMALL[name]
    objective = as_objective(f"d3pm:{options}", language.vocab_size)
    sets = np.array(list(itertools.product([False, True], repeat=length)))
    clean, hidden, step, chances = [], [], [], []
    for row, probability in zip(*support(language, length), strict=True):
        for level in range(1, objective.steps + 1):
            chance = np.where(sets, 1 - objective.kept[level], objective.kept[level]).prod(axis=1)
            clean += [row] * len(sets)
            hidden += list(sets)
            step += [level] * len(sets)
            chances += list(probability * chance / objective.steps)
    noised = objective.at_step(np.array(clean), np.array(hidden), np.array(step))
    return objective, language, length, noised, np.array(chances)


def minus_the_bound(objective, language, length):
    """E[-log p(x, path)/q(path)] of the T ancestral steps with the oracle: each position draws its step by itself."""
    q = joint(language, length)
    steps = -np.diff(objective.kept)[::-1]
    plans = itertools.product(range(1, objective.steps + 1), repeat=length)
    gaps = [np.prod(steps[np.array(plan) - 1]) * factorisation_gap(q, plan) for plan in plans]
    return entropy_nats(q) + sum(gaps)


@pytest.mark.parametrize("against", ["laws", "tokens"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SMALL)
def test_the_exact_posterior_loses_minus_the_bound_of_the_chain(name, options, against):
    objective, language, length, noised, chances = every_batch(name, options + ",auxiliary=0")
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    tensors = noised.tensors(dtype=torch.float64)
    loss = objective.loss(exact.log(), tensors, exact if against == "laws" else None).numpy()
    assert abs(chances @ loss - minus_the_bound(objective, language, length)) < 1e-12
    assert abs(chances @ (loss - objective.floor(noised, exact.numpy()))) < 1e-12


def test_the_bound_of_other_steps_or_another_schedule_is_another():
    objective, language, length, noised, chances = every_batch("bigram", "steps=3,auxiliary=0")
    floor = chances @ objective.floor(noised, objective.targets(language.oracle(), noised))
    for other in ("steps=4", "steps=3,schedule=cosine"):
        assert abs(floor - minus_the_bound(as_objective(f"d3pm:{other}", 3), language, length)) > 1e-3


def test_the_bound_is_that_of_the_model_of_so_many_ancestral_steps():
    language, length = SMALL["bigram"]
    objective = as_objective("d3pm:steps=3,schedule=cosine", language.vocab_size)
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=3, schedule="cosine")
    sequences, probabilities = support(language, length)
    drawn = model.log_prob_terms(sequences, plans=2000) @ probabilities
    assert abs(-drawn.mean() - minus_the_bound(objective, language, length)) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_the_cross_entropy_of_all_tokens_is_added_at_every_step():
    plain, _, _, noised, _ = every_batch("bigram", "steps=3,auxiliary=0")
    objective = every_batch("bigram", "steps=3,auxiliary=0.5")[0]
    more = objective.at_step(noised.clean, noised.seen == 3, np.rint(noised_steps(noised, plain)).astype(int))
    said = torch.as_tensor(np.random.default_rng(0).dirichlet(np.ones(3), noised.clean.shape)).log()
    lost, lost_more = (
        aim.loss(said, batch.tensors(dtype=torch.float64)).numpy()
        for aim, batch in ((plain, noised), (objective, more))
    )
    nats = -np.take_along_axis(said.numpy(), noised.clean[:, :, None].astype(int), axis=2).sum(axis=(1, 2))
    np.testing.assert_allclose(lost_more - lost, 3 * 0.5 * nats, atol=1e-12)


def noised_steps(noised, objective):
    """The levels of a batch that has every one of them for every set in turn."""
    sets = 2 ** noised.clean.shape[1]
    return np.tile(np.repeat(np.arange(1, objective.steps + 1), sets), len(noised.clean) // (sets * objective.steps))


@pytest.mark.parametrize("kind", ["absorbing", "uniform"])
def test_with_the_cross_entropy_the_posterior_is_still_best(kind):
    language = LANGUAGES["bigram"][0]
    objective = as_objective(f"d3pm:kind={kind},steps=3,auxiliary=0.5", 3)
    noised = objective.noised(language.sample(12, 3, 0), np.random.default_rng(0))
    exact = objective.targets(language.oracle(), noised)
    tensors, laws = noised.tensors(dtype=torch.float64), torch.as_tensor(exact)
    floor = objective.floor(noised, exact)
    for seed in range(20):
        other = exact * np.random.default_rng(seed).uniform(0.5, 1.5, exact.shape)
        said = torch.as_tensor(other / other.sum(axis=2, keepdims=True)).log()
        assert (objective.loss(said, tensors, laws).numpy() >= floor - 1e-12).all()
    table = torch.zeros(exact.shape, dtype=torch.float64, requires_grad=True)
    best = torch.optim.LBFGS([table], max_iter=300, tolerance_grad=1e-12, tolerance_change=1e-14)

    def lost():
        best.zero_grad()
        total = objective.loss(table.log_softmax(dim=2), tensors, laws).sum()
        total.backward()
        return total

    best.step(lost)
    np.testing.assert_allclose(table.detach().softmax(dim=2).numpy(), exact, atol=1e-4)


def test_uniform_without_a_weight_is_the_objective_uniform():
    ours, theirs = as_objective("d3pm:kind=uniform,steps=4", 3), as_objective("uniform:steps=4", 3)
    clean = np.random.default_rng(0).integers(0, 3, (8, 3)).astype(np.uint8)
    batches = [aim.noised(clean, np.random.default_rng(1)).tensors(dtype=torch.float64) for aim in (ours, theirs)]
    said = torch.as_tensor(np.random.default_rng(2).dirichlet(np.ones(3), clean.shape)).log()
    assert torch.equal(ours.loss(said, batches[0]), theirs.loss(said, batches[1]))


def test_masks_come_with_the_probability_of_their_level():
    objective = as_objective("d3pm:steps=4,schedule=cosine", 3)
    rows = 8000
    noised = objective.noised(np.zeros((rows, 2), dtype=np.uint8), np.random.default_rng(0))
    # With one token a sequence is at level t as often as at any other, so masks are as many as the levels say.
    masked, expected = (noised.seen == 3).sum(), 2 * rows * (1 - objective.kept[1:]).mean()
    spread = 2 * rows * (objective.kept[1:] * (1 - objective.kept[1:])).mean()
    assert (masked - expected) ** 2 / spread < chi2.isf(1e-4, 1)
    np.testing.assert_array_equal(noised.level, (noised.seen == 3).mean(axis=1))


def test_a_spec_says_the_kind_and_its_weight():
    assert str(as_objective("d3pm:steps=4", 2).spec) == "d3pm:kind=absorbing,steps=4,schedule=linear,auxiliary=0.01"
    assert str(as_objective("d3pm:kind=uniform", 2).spec) == "d3pm:kind=uniform,steps=64,schedule=linear,auxiliary=0.0"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("d3pm:kind=absorbed", "unknown kind 'absorbed' of d3pm; known: absorbing, uniform"),
        ("d3pm:steps=0", "steps is 0"),
        ("d3pm:auxiliary=-1", "auxiliary is -1"),
        ("d3pm:kind=uniform,auxiliary=-1", "auxiliary is -1"),
        ("d3pm:schedule=linea", "unknown schedule 'linea'"),
    ],
)
def test_options_that_fit_nothing_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        as_objective(spec, 3)
