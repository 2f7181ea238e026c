"""The bound of variational diffusion against quadrature: what the exact posterior leaves, what keeps vectors apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import xlogy

import mdmtheory as mt
from mdmtheory.core.prompts import Prompt
from mdmtheory.models.variational import VariationalDiffusion
from mdmtheory.networks.architecture import as_size
from mdmtheory.networks.learned_noise import NOISE_LIMIT
from mdmtheory.networks.transformer import Transformer
from mdmtheory.theory.instances import bigram3
from mdmtheory.training.batches import Batches
from mdmtheory.training.data import as_data
from mdmtheory.training.objectives.registry import as_objective
from tests import brute_force
from tests.training.objectives.enumerating import support

LINE = np.array([[-1.2], [0.1], [1.0]])
ENDS = (-2.0, 3.0)
LANGUAGE = bigram3()
OBJECTIVE = as_objective("vdm:dim=1", 3)


class Exact:
    """The law of two values on a grid, and the posterior of the tokens behind them, by the densities of a language."""

    def __init__(self, vectors, reach=6.5, points=61):
        self.axis = np.linspace(-reach, reach, points)
        self.cell = (self.axis[1] - self.axis[0]) ** 2
        self.values = np.stack(np.meshgrid(self.axis, self.axis, indexing="ij"), axis=2).reshape(-1, 2)
        self.sequences, self.chances = support(LANGUAGE, 2)
        self.vectors = vectors

    def densities(self, gamma):
        """Of the values given each sequence, (points, sequences)."""
        kept, lost = 1 / (1 + math.exp(gamma)), 1 / (1 + math.exp(-gamma))
        off = self.values[:, None] - math.sqrt(kept) * self.vectors[self.sequences][:, :, 0]
        return np.exp(-(off**2).sum(axis=2) / (2 * lost)) / (2 * math.pi * lost)

    def posteriors(self, gamma):
        weights = self.densities(gamma) * self.chances
        weights /= weights.sum(axis=1, keepdims=True)
        return np.stack([weights @ (self.sequences == v) for v in range(3)], axis=2)

    def total_correlation(self, gamma):
        """Of the tokens given the values at a level, on average: what decoding them one by one ignores."""
        joint = self.densities(gamma) * self.chances
        mass = joint.sum(axis=1)
        whole = joint / mass[:, None]
        alone = self.posteriors(gamma)
        each = alone[:, 0][:, self.sequences[:, 0]] * alone[:, 1][:, self.sequences[:, 1]]
        return (mass * (xlogy(whole, whole) - xlogy(whole, each)).sum(axis=1)).sum() * self.cell

    def prior(self, gamma):
        """KL from the law of the values at a level to pure noise."""
        mass = self.densities(gamma) @ self.chances
        noise = np.exp(-(self.values**2).sum(axis=1) / 2) / (2 * math.pi)
        return (mass * np.log(mass / noise)).sum() * self.cell


def bound(vectors, times=48, worse=0.0):
    """The mean of the objective over everything it draws, with the exact posterior for the network's answer."""
    exact = Exact(vectors)
    total = 0.0
    tensors = torch.as_tensor(vectors), [torch.tensor(each, dtype=torch.float64) for each in ENDS]
    # Both kinds of rows as often as they are drawn; the prior is in both.
    drawn = [(0.0, True, 1 / 8)] + [((k + 0.5) / times, False, 7 / 8 / times) for k in range(times)]
    for time, decoded, share in drawn:
        gamma = ENDS[0] + (ENDS[1] - ENDS[0]) * time
        densities, said = exact.densities(gamma), torch.as_tensor(exact.posteriors(gamma))
        said = (1 - worse) * said + worse / 3
        for x, chance, mass in zip(exact.sequences, exact.chances, densities.T, strict=True):
            count = len(mass)
            kept, lost = 1 / (1 + math.exp(gamma)), 1 / (1 + math.exp(-gamma))
            normals = (exact.values - math.sqrt(kept) * vectors[x][:, 0]) / math.sqrt(lost)
            rows = np.tile(x, (count, 1))
            made = OBJECTIVE.at_times(rows, normals[:, :, None], np.full(count, time), np.full(count, decoded))
            noised = OBJECTIVE.placed(*tensors, made.tensors(dtype=torch.float64))
            nats = OBJECTIVE.loss(said.log(), noised).numpy()
            total += share * chance * (mass * nats).sum() * exact.cell
    return total


@pytest.fixture(scope="module")
def entropy():
    return float(LANGUAGE.entropy(2))


@pytest.mark.parametrize("size", [1.0, 2.5])
def test_the_exact_posterior_is_left_with_what_decoding_ignores_and_what_the_prior_misses(size, entropy):
    exact = Exact(size * LINE)
    expected = entropy + exact.total_correlation(ENDS[0]) + exact.prior(ENDS[1])
    assert bound(size * LINE) == pytest.approx(expected, abs=1e-3)
    assert expected > entropy + 1e-2


def test_no_other_answer_is_better():
    assert bound(LINE, times=8, worse=0.02) > bound(LINE, times=8) + 1e-3


def test_vectors_that_collapse_are_no_better_and_leave_the_total_correlation(entropy):
    bounds = [bound(size * LINE, times=12) for size in (1.0, 0.3, 0.01)]
    assert all(np.diff(bounds) > 0.01)
    marginals = [np.bincount(support(LANGUAGE, 2)[0][:, i], support(LANGUAGE, 2)[1], 3) for i in range(2)]
    alone = sum(-(p * np.log(p)).sum() for p in marginals)
    # Their prior costs what values without any signal do at the last level, which is not pure noise.
    left = 1 / (1 + math.exp(-ENDS[1]))
    assert bounds[-1] == pytest.approx(alone + (left - 1 - math.log(left)), abs=1e-3)


def test_the_model_of_many_steps_has_the_bound_of_the_objective():
    """The path weights of `VariationalDiffusion` with the oracle: as N grows their mean is that of continuous time."""
    x = LANGUAGE.sample(1_500, 2, seed=0)
    wide = 2.5 * LINE
    model = VariationalDiffusion(mt.Oracle(LANGUAGE), ends=ENDS, embedding=wide, steps=100)
    gap = LANGUAGE.log_prob(x) - model.elbo(x)
    expected = bound(wide, times=24) - float(LANGUAGE.entropy(2))
    assert gap.mean() == pytest.approx(expected, abs=4 * gap.std() / math.sqrt(len(x)) + 0.02)


def test_rows_of_both_kinds_are_spread_over_a_batch_and_weigh_what_stands_for_all():
    clean = LANGUAGE.sample(64, 5, 0)
    noised = OBJECTIVE.noised(clean, np.random.default_rng(0))
    decoded = noised.step == 0
    assert decoded.sum() == 8
    assert (noised.level[decoded] == 0).all()
    np.testing.assert_allclose(np.diff(np.sort(noised.level[~decoded])), 1 / 56, atol=1e-9)
    np.testing.assert_allclose(noised.weights.mean(axis=0), 2.0)


def test_at_the_noisiest_end_evidence_is_of_the_little_that_is_kept_and_gradients_are_finite():
    network = Transformer(OBJECTIVE.architecture(5, as_size("layers=1,width=8,heads=2"), level=False), seed=0)
    with torch.no_grad():
        network.noise.bounds.copy_(torch.tensor([-3.0, 1e3]))
    noised = OBJECTIVE.noised(LANGUAGE.sample(64, 5, 0), np.random.default_rng(0)).tensors()
    seen = OBJECTIVE.through(network, noised)
    assert network.noise.ends()[1].item() == NOISE_LIMIT
    OBJECTIVE.loss(OBJECTIVE.logits(network, seen).log_softmax(dim=2), seen).mean().backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters() if each.grad is not None)
    gamma = -3 + 15 * noised.level.double()
    vectors, values = seen.vectors.double(), seen.seen.double()
    kept, lost = ((-gamma).sigmoid()[:, None, None], gamma.sigmoid()[:, None, None])
    expected = (kept.sqrt() * (values @ vectors.T) - kept / 2) / lost
    torch.testing.assert_close(OBJECTIVE.log_likelihood(seen).double(), expected, rtol=1e-4, atol=1e-6)


def test_prompts_are_certain_and_answers_alone_cost():
    network = Transformer(OBJECTIVE.architecture(5, as_size("layers=1,width=8,heads=2"), level=False), seed=0)
    clean = LANGUAGE.sample(16, 5, 0)
    prompt = Prompt(np.where([True, False, True, False, False], clean, 3).astype(np.uint8), 3)
    noised = OBJECTIVE.answering(OBJECTIVE.noised(prompt.answers_of(clean), np.random.default_rng(0)), prompt)
    seen = OBJECTIVE.through(network, noised.tensors())
    evidence = OBJECTIVE.all_evidence(seen).exp()
    np.testing.assert_array_equal(evidence[:, [0, 2]].detach(), np.eye(3)[clean[:, [0, 2]]])
    log_probs = OBJECTIVE.logits(network, seen).log_softmax(dim=2)
    OBJECTIVE.loss(log_probs, seen).mean().backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters() if each.grad is not None)
    assert not seen.weights[:, [0, 2]].any()
    other = log_probs.detach().clone()
    other[:, [0, 2]] = math.log(1 / 3)
    torch.testing.assert_close(OBJECTIVE.loss(other, seen), OBJECTIVE.loss(log_probs, seen))


@pytest.mark.parametrize(("lang", "given"), [("ngram:order=1,vocab_size=3", None), ("path:nodes=4,distance=1", "own")])
def test_the_floor_is_what_the_language_itself_loses(lang, given):
    language = mt.as_language(lang)
    length = language.length if given else 6
    objective = as_objective("vdm", language.vocab_size)
    asked = mt.core.given.Given.of(language.prompt(length)) if given else None
    made = Batches(
        objective,
        language,
        as_data("fresh", language, length, 0),
        targets="tokens",
        known=True,
        rows=8,
        device="cpu",
        given=asked,
    ).training(0)
    expected = 0.0 if given else -language.log_prob(made.noised.clean.numpy().astype(np.uint8)).mean() / length
    assert made.floor == pytest.approx(expected)
    assert made.targets is None


def test_vectors_and_ends_are_learnt_kept_and_drawn_with(tmp_path):
    small = {"length": 6, "size": "layers=1,width=8,heads=2", "batch": 8, "tokens": 30 * 8 * 6, "device": "cpu"}
    run = mt.train("vdm:dim=2", lang=LANGUAGE, out=tmp_path / "run", lr=0.03, **small)
    net = mt.Network(run, device="cpu")
    assert net.noise_ends[0] < -2.5
    assert net.noise_ends != (-3.0, 6.0)
    np.testing.assert_allclose((net.noise_embedding**2).sum(axis=1), 1)
    model = VariationalDiffusion(net, steps=4)
    np.testing.assert_allclose(model.kept[[1, 4]], [1 / (1 + math.exp(each)) for each in net.noise_ends])
    assert (model.embedding == net.noise_embedding).all()
    prompt = [0, 3, 3, 1, 3, 3]
    drawn = model.sample(5, 6, 0, prompt=prompt)
    assert (drawn.tokens[:, [0, 3]] == [0, 1]).all()
    assert (drawn.calls == 4).all()
    assert model.log_prob(LANGUAGE.sample(3, 6, 0)).kind == "lower bound"
    with pytest.raises(ValueError, match="not this one"):
        mt.GaussianDiffusion(net, embedding="random:dim=2", steps=2).sample(1, 6, 0)


def test_targets_are_not_known_and_are_not_asked_for():
    noised = OBJECTIVE.noised(LANGUAGE.sample(2, 3, 0), np.random.default_rng(0))
    with pytest.raises(ValueError, match="depends on vectors that are learnt"):
        OBJECTIVE.targets(LANGUAGE.oracle(), noised)


def test_the_steps_of_gaussian_noise_may_end_where_something_of_the_signal_is_left():
    """All sequences of a language by quadrature in the place of draws: the mean weight of a path is a probability."""
    model = VariationalDiffusion(mt.Oracle(LANGUAGE), ends=(-1.0, 0.5), embedding=LINE, steps=3)
    x = brute_force.sequences(3, 2)
    chances = np.exp(model.log_prob_terms(x.repeat(4_000, axis=0))).reshape(9, -1)
    drawn = np.bincount(model.sample(20_000, 2, 0).tokens.astype(int) @ [3, 1], minlength=9)
    error = chances.std(axis=1) / math.sqrt(chances.shape[1])
    assert chances.mean(axis=1).sum() == pytest.approx(1, abs=4 * math.sqrt((error**2).sum()))
    assert (np.abs(drawn / 20_000 - chances.mean(axis=1)) < 4 * np.hypot(error, np.sqrt(drawn) / 20_000) + 1e-3).all()
