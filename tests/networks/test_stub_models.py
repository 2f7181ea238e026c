"""Stub networks (half precision, gradients, large vocabularies, a device) through every model and sampler."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.score import Score
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.prompts.registry import given_positions
from mdmtheory.samplers.registry import SAMPLERS
from mdmtheory.sweeps.tasks import tasks_of
from tests import brute_force
from tests.networks.stub import Peak, Stub, Twin

BATCH, COUNT, LENGTH, STEPS = 3, 7, 5, 2
VOCABULARIES = [50_257, 131_072]

SPECS = [
    f"{name}:{example}" if example else name
    for name in SAMPLERS.built_in
    for example in SAMPLERS.about(name).examples
    if isinstance(example, str)
]
# What looks at pairs, or completes steps, asks a language for more than a stub has.
TAKEN = [spec for spec in SPECS if not spec.startswith("independent") and "constrained" not in spec]
OPTIONS = [
    "confidence:temperature=0.7,nucleus=0.9",
    "entropy:temperature=0",
    "margin:precision=float32",
    "stride:temperature=0.5",
    "ancestral:precision=float32",
]


def sampled(model, stub, **options):
    """Sequences of a model, whose forward passes are printed: each as wide as the batch, but for what is left."""
    stub.forwards.clear()
    with Peak() as peak:
        samples = model.sample(COUNT, LENGTH, 0, **options)
    print(
        f"{str(model.spec)[:90]:90} V={stub.vocab_size}: {len(stub.forwards)} forwards of at most "
        f"{max(stub.forwards)} rows, {peak.most / 2**20:.1f} MiB of float64"
    )
    assert not samples.impossible.any()
    assert (samples.tokens < stub.vocab_size).all()
    assert max(stub.forwards) == BATCH
    # Three batches, and nothing is asked twice.
    assert len(stub.forwards) <= sum(int(samples.calls[a : a + BATCH].max()) for a in range(0, COUNT, BATCH))
    return samples


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
@pytest.mark.parametrize("spec", TAKEN + OPTIONS)
def test_a_stub_goes_through_every_sampler_in_the_batches_that_it_asks_for(spec, vocab_size):
    stub = Stub(vocab_size, BATCH)
    samples = sampled(mt.MaskedDiffusion(stub, sampler=spec, steps=STEPS), stub)
    assert samples.tokens.dtype == (np.uint16 if vocab_size < 65_536 else np.int32)
    assert len(np.unique(samples.tokens)) >= LENGTH


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_a_stub_goes_through_every_model(vocab_size):
    stub, causal = Stub(vocab_size, BATCH), Stub(vocab_size, BATCH, sees="left")
    for model, network in (
        (mt.BlockDiffusion(stub, block=2, steps=2, sampler="confidence"), stub),
        (mt.BlockDiffusion(stub, block=2, steps=2, sampler="ancestral"), stub),
        (mt.UniformDiffusion(stub, steps=STEPS), stub),
        (mt.UniformDiffusion(stub, steps=STEPS, update="tweedie"), stub),
        (mt.GaussianDiffusion(stub, embedding="random:dim=3", steps=STEPS), stub),
        (mt.GaussianDiffusion(stub, embedding="random:dim=3", steps=STEPS, update="ddim", decode="argmax"), stub),
        (mt.Autoregressive(causal), causal),
        (mt.Autoregressive(stub), stub),
    ):
        sampled(model, network)
    around, before = (np.full(LENGTH, vocab_size) for _ in range(2))
    around[[0, 3]] = before[:2] = [3, 1]
    for model, network, prompt in (
        (mt.MaskedDiffusion(stub, sampler="entropy", steps=2), stub, around),
        (mt.Autoregressive(stub), stub, around),
        (mt.Autoregressive(causal), causal, before),
    ):
        samples = sampled(model, network, prompt=prompt)
        assert (samples.tokens[:, prompt < vocab_size] == [3, 1]).all()


def test_what_no_network_has_is_refused_in_a_line():
    stub, causal = Stub(11, BATCH), Stub(11, BATCH, sees="left")
    with pytest.raises(ValueError, match="looks at pairs of positions, which denoiser stub:sees=all does not know"):
        mt.MaskedDiffusion(stub, sampler="independent:mu=0.1", steps=2).sample(2, 4, 0)
    with pytest.raises(ValueError, match="sees the left of a position alone.*use Autoregressive"):
        mt.MaskedDiffusion(causal, steps=2)


@pytest.mark.parametrize("spec", [*TAKEN, *OPTIONS])
def test_a_stub_and_its_numpy_twin_draw_the_same_sequences(spec):
    stub = Stub(23, 8)
    there = mt.MaskedDiffusion(stub, sampler=spec, steps=3).sample(40, 6, 1)
    here = mt.MaskedDiffusion(Twin(stub), sampler=spec, steps=3).sample(40, 6, 1)
    assert (there.tokens == here.tokens).all()
    assert (there.calls == here.calls).all()
    assert (there.rounds == here.rounds).all()


@pytest.mark.parametrize("spec", ["ancestral", "entropy", "topk_remask", "stride:temperature=0.5", "verify:k=2"])
def test_a_stub_has_the_law_of_its_numpy_twin(spec):
    stub = Stub(3, 1000, dtype=torch.bfloat16)
    law = mt.exact.law(mt.MaskedDiffusion(Twin(stub), sampler=spec, steps=2), language_of(3), length=3)
    tokens = mt.MaskedDiffusion(stub, sampler=spec, steps=2).sample(20_000, 3, 5).tokens
    counts = np.bincount(np.ravel_multi_index(tuple(tokens.T), law.shape), minlength=law.size)
    assert brute_force.g_test(counts, law.reshape(-1)) > 1e-3


def language_of(vocab_size):
    """Any language of so many tokens: a model need not be of it."""
    return mt.NGram.random(order=1, vocab_size=vocab_size, seed=0)


def test_scoring_asks_for_all_contexts_at_once_and_agrees_with_the_twin():
    stub = Stub(23, 16)
    tokens = np.random.default_rng(0).integers(0, 23, (10, 8))
    for spec, kind in (("stride", "exact"), ("first_hitting", "lower bound"), ("stride:temperature=0.5", "exact")):
        there = mt.MaskedDiffusion(stub, sampler=spec, steps=4)
        here = mt.MaskedDiffusion(Twin(stub), sampler=spec, steps=4)
        stub.forwards.clear()
        scored = there.log_prob(tokens, 3)
        contexts = 10 * (8 if spec == "first_hitting" else 4)
        print(f"{spec}: {contexts} contexts in {len(stub.forwards)} forwards of {max(stub.forwards)} rows")
        assert len(stub.forwards) == math.ceil(contexts / 16)
        assert max(stub.forwards) == 16
        assert scored.kind == kind
        np.testing.assert_allclose(scored.values, here.log_prob(tokens, 3).values, rtol=1e-12)
    prompt = tokens.copy()
    prompt[:, 3:] = 23
    given = there.log_prob(tokens, 3, prompt=prompt).values
    np.testing.assert_allclose(given, here.log_prob(tokens, 3, prompt=prompt).values, rtol=1e-12)


def test_a_causal_network_scores_a_sequence_in_one_call():
    causal = Stub(23, 16, sees="left")
    tokens = np.random.default_rng(0).integers(0, 23, (10, 8))
    model = mt.Autoregressive(causal)
    scored = model.log_prob(tokens).values
    assert causal.forwards == [10]
    plan = np.tile(np.arange(1, 9), (10, 1))
    step_by_step = run_on_canvas(Twin(causal), plan, tokens=tokens)
    np.testing.assert_allclose(scored, step_by_step.log_probs.sum(axis=1), rtol=1e-12)
    drawn = run_on_canvas(Twin(causal), plan, stream_states(["draw", model.identity, 8, 4], 0, 10))
    assert (model.sample(10, 8, 4).tokens == drawn.tokens).all()
    whole = np.exp(mt.Autoregressive(Stub(3, 50, sees="left")).log_prob(brute_force.sequences(3, 4)).values)
    assert whole.sum() == pytest.approx(1, abs=1e-12)


def test_canvases_are_told_what_does_not_change_again():
    stub = Stub(11, 4)
    mt.Autoregressive(stub).sample(4, 5, 0)
    assert stub.settled == [1, 2, 3, 4]
    stub.settled.clear()
    mt.BlockDiffusion(stub, block=2, steps=2, sampler="topk_remask").sample(4, 5, 0)
    assert stub.settled == sorted(stub.settled)
    assert {2, 4} <= set(stub.settled) <= {0, 2, 4}
    stub.settled.clear()
    mt.MaskedDiffusion(stub, sampler="topk_remask", steps=3).sample(4, 5, 0)
    assert set(stub.settled) == {0}


def test_what_does_not_change_again_is_told_by_its_place_in_the_whole_sequence():
    stub = Stub(11, 4)
    mt.Autoregressive(stub).sample(4, 6, 0, prompt=[1, 11, 2, 11, 11, 3])
    assert stub.settled == [3, 4]


def test_a_causal_stub_stays_causal_when_it_is_perturbed_and_is_refused_wherever_it_comes_in():
    moved = mt.Perturbed(Stub(3, 16, sees="left", dtype=torch.float64), epsilon=0.01)
    assert moved.sees == "left"
    model = mt.BlockDiffusion(Stub(3, 16), block=2, steps=2)
    for use in (
        lambda: mt.MaskedDiffusion(moved, steps=2),
        lambda: mt.UniformDiffusion(Stub(3, 16, sees="left"), steps=2),
        lambda: setattr(model, "denoiser", moved),
    ):
        with pytest.raises(ValueError, match="sees the left of a position alone.*use Autoregressive"):
            use()
    with pytest.raises(ValueError, match="to the right of the answer"):
        mt.Autoregressive(moved).sample(2, 3, 0, prompt=[3, 1, 3])
    law = np.exp(mt.Autoregressive(moved).log_prob(brute_force.sequences(3, 3)).values)
    assert law.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("batch", [None, 2])
def test_scoring_costs_the_same_calls_whatever_the_batch_and_takes_the_threads_it_is_given(batch):
    language = mt.HMM.random(states=3, vocab_size=4, seed=0, prune_emission=1.0)
    opened = []

    class Batched:
        noises, trust = frozenset({"masked"}), 1.0

        def __init__(self):
            self.oracle = mt.Oracle(language)
            self.vocab_size, self.spec, self.identity = 4, mt.Spec.of("batched"), ["batched"]

        def batch(self, length):
            return batch

        def open(self, count, length, *, noise="masked", prompt=None, threads=None):
            opened.append(threads)
            return self.oracle.open(count, length, noise=noise, prompt=prompt, threads=threads)

    tokens = np.concatenate([language.sample(3, 5, 0), [[0, 1, 2, 3, 0], [3, 3, 0, 0, 1], [1, 1, 1, 1, 1]]])
    model = mt.MaskedDiffusion(Batched(), sampler="left_to_right")
    run = model.run(np.tile(np.arange(1, 6), (6, 1)), tokens=tokens, threads=1)
    expected = mt.Oracle(language).run_plan(np.tile(np.arange(1, 6), (6, 1)), tokens=tokens)
    assert run.impossible.any()
    assert (run.impossible == expected.impossible).all()
    assert (run.calls == expected.calls).all()
    np.testing.assert_allclose(run.log_probs, expected.log_probs, rtol=1e-9)
    assert set(opened) == {1}


def test_canvases_are_told_how_much_is_masked():
    told = []
    stub = Stub(11, 4)
    logits = stub.logits
    stub.logits = lambda tokens, level: told.append((level, (tokens == 11).double().mean(dim=1))) or logits(tokens)
    for model in (
        mt.MaskedDiffusion(stub, sampler="entropy", steps=3),
        mt.MaskedDiffusion(stub, sampler="stride", steps=3),
    ):
        model.sample(4, 6, 0)
        model.sample(4, 6, 0, prompt=[1, 11, 11, 2, 11, 11])
        model.log_prob(model.sample(4, 6, 0).tokens)
    assert len(told) > 10
    for level, masked in told:
        assert torch.equal(level, masked)


def test_weights_and_configuration_key_the_streams_and_precision_the_stored_task():
    half, full = (Stub(11, 4, dtype=dtype) for dtype in (torch.bfloat16, torch.float64))
    assert half.identity == full.identity
    assert half.computed != full.computed
    others = (Stub(11, 4, width=2), Stub(11, 4, sees="left"))
    assert len({half.identity.digest, *(each.identity.digest for each in others)}) == 3
    models = [mt.MaskedDiffusion(each, sampler="stride", steps=3) for each in (half, full)]
    one, other = (model.sample(200, 6, 0).tokens for model in models)
    assert (one == other).mean() > 0.9
    cell = mt.cells(lang="ngram:order=1,vocab_size=11", length=6, steps=3, sampler="stride")[0]
    language = mt.as_language("ngram:order=1,vocab_size=11")
    described = [tasks_of(cell, language, model)[0].description for model in models]
    assert [each["computed"]["precision"] for each in described] == ["bfloat16", "float64"]
    assert described[0]["chunk"] == described[1]["chunk"] == 4
    assert described[0]["identity"] == described[1]["identity"]


@pytest.mark.parametrize("block", [None, 3])
@pytest.mark.parametrize("prompt", ["none", "prefix:size=2"])
def test_a_drawn_subset_of_reveals_has_the_mean_of_all_and_costs_as_many_calls_as_it_has(block, prompt):
    language = mt.NGram.random(order=2, vocab_size=4, seed=3)
    every, some = Stub(4, 64), Stub(4, 64)
    some.reveals = 2
    count, answered = 4000, 8 if prompt == "none" else 6
    nats = []
    for stub in (every, some):
        model = mt.MaskedDiffusion(stub, steps=4)
        if block:
            model = mt.BlockDiffusion(stub, block=block, steps=2)
        stub.forwards.clear()
        of = Sequences(language, 8, 0, 0, count, given_positions(prompt, language, 8))
        [sums] = Score().count([model], of)
        contexts = count * (answered if stub is every else 2)
        assert len(stub.forwards) == math.ceil(contexts / 64)
        nats.append((sums["nats"] / count, math.sqrt(sums["nats_squared"]) / count))
    (exact, _), (sampled_mean, error) = nats
    print(f"block {block}, {prompt}: {exact:.4f} nats from {answered} calls a sequence, {sampled_mean:.4f} from 2")
    assert abs(sampled_mean - exact) < 4 * error


@pytest.mark.parametrize("noise", ["masked", "uniform"])
def test_a_perturbed_stub_is_as_far_from_the_stub_as_it_says(noise):
    stub = Stub(5, 16)
    moved = mt.Perturbed(stub, epsilon=0.05)
    assert (moved.batch(4), moved.device, moved.computed) == (16, "cpu:0", stub.computed)
    if noise == "uniform":
        assert mt.UniformDiffusion(moved, steps=3).sample(40, 4, 0).tokens.max() < 5
        return
    tokens = np.full((6, 4), 5)
    tokens[:, 0] = [0, 1, 2, 3, 4, 4]
    inside, outside = stub_conditionals(stub, tokens)[:, 1:], moved.conditionals(tokens)[:, 1:]
    divergence = (inside * np.log(inside / outside)).sum(axis=2)
    np.testing.assert_allclose(divergence, 0.05, rtol=1e-9)
    assert mt.MaskedDiffusion(moved, sampler="entropy", steps=2).sample(40, 4, 0).tokens.max() < 5


def stub_conditionals(stub, tokens):
    logits = stub.logits(torch.from_numpy(tokens)).detach().double()
    return logits.softmax(dim=2).numpy()
