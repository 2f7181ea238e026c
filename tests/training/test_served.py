"""What an objective trains is a denoiser of the model that it is for, with nothing else said than its run."""

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.models.variational import VariationalDiffusion
from mdmtheory.oracles.evidence import GaussianEvidence, UniformEvidence
from mdmtheory.training.objectives.registry import OBJECTIVES, as_objective

MODELS = {
    "ar": mt.Autoregressive,
    "encdec": mt.Autoregressive,
    "latent": mt.LatentDiffusion,
    "mdm": lambda net: mt.MaskedDiffusion(net, steps=2),
    "mgdm": lambda net: mt.MaskedDiffusion(net, steps=2),
    "block:size=2": lambda net: mt.BlockDiffusion(net, block=2, steps=2),
    "d3pm:steps=3": lambda net: mt.MaskedDiffusion(net, steps=3),
    "d3pm:kind=uniform,steps=3": lambda net: mt.UniformDiffusion(net, steps=3),
    "rdm:steps=3": lambda net: mt.MaskedDiffusion(net, sampler="rdm", steps=3),
    "uniform:steps=3": lambda net: mt.UniformDiffusion(net, steps=3),
    "gaussian": lambda net: mt.GaussianDiffusion(net, steps=3),
    "gaussian:embedding=random,dim=3": lambda net: mt.GaussianDiffusion(net, steps=3),
    "ssd:size=2,k=2.0": lambda net: mt.SimplexDiffusion(net, block=2, steps=3),
    "vdm:dim=3": lambda net: VariationalDiffusion(net, steps=3),
}


def test_there_is_a_model_for_every_objective():
    assert {name.partition(":")[0] for name in MODELS} == set(OBJECTIVES)


@pytest.mark.parametrize("objective", sorted(MODELS.keys() - {"encdec", "latent"}))  # have tests of their own
def test_a_trained_network_draws_and_has_a_learning_error(objective, tmp_path):
    q = mt.as_language("ngram:order=1,vocab_size=4")
    small = {"length": 6, "size": "layers=1,width=8,heads=2", "batch": 4, "tokens": 5 * 4 * 6}
    run = mt.train(objective, lang=q, out=tmp_path / "run", device="cpu", **small)
    net = mt.Network(run, device="cpu")
    assert MODELS[objective](net).sample(3, 6, seed=0).tokens.max() < 4
    found = mt.learning_error(net, q, 6, count=64)
    assert found.mean.value > 0
    assert ("not proper" in repr(found)) is (objective == "mgdm")
    if run.record.noise != "masked" and net.sees == "all":
        assert_what_was_trained_answers(net, q)


def assert_what_was_trained_answers(net, q):
    """A model's evidence leads to the laws whose loss training made small."""
    objective = as_objective(net.run.objective, 4)
    for row in range(8):
        made = objective.noised(q.sample(1, 6, row), np.random.default_rng(row)).tensors()
        with torch.no_grad():
            noised = objective.through(net.transformer, made)
        kept = 1 - float(noised.level[0])
        if net.noise_embedding is None:
            seen = UniformEvidence(noised.seen.numpy().astype(np.uint8), kept, 4)
        else:
            seen = GaussianEvidence(noised.seen.double().numpy(), kept, net.noise_embedding)
        with torch.no_grad():
            trained = objective.logits(net.transformer, noised).softmax(dim=2)
        asked = net.open(1, 6, noise=objective.noise).posterior(seen)
        torch.testing.assert_close(asked, trained, atol=1e-5, rtol=0)
