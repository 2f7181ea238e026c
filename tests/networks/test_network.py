from __future__ import annotations

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.spec import Spec
from mdmtheory.denoisers import DENOISERS
from mdmtheory.models.embedding import as_embedding
from mdmtheory.networks.cached_canvas import CachedCanvas
from tests.networks.runs import written_run

LENGTH, V = 8, 8


def network(folder, **options) -> mt.Network:
    return mt.Network(written_run(folder, **options), device="cpu")


@pytest.fixture
def masked(tmp_path):
    return network(tmp_path / "masked")


@pytest.fixture
def causal(tmp_path):
    return network(tmp_path / "causal", attention="causal")


@pytest.fixture
def by_block(tmp_path):
    return network(tmp_path / "block", attention="block")


def test_a_network_says_what_it_is(masked, causal, by_block):
    assert [each.sees for each in (masked, causal, by_block)] == ["all", "left", "block"]
    assert by_block.block == 4
    assert masked.identity == ("network", 1, masked.run.digest)
    assert masked.computed == {"precision": "float32", "batch": 1024}
    assert mt.Network(masked.run, device="cpu", batch=7).batch(LENGTH) == 7
    assert masked.exact_for is None
    with_options = mt.Network(masked.run.path, device="cpu", batch=7, precision="float32")
    assert str(with_options.spec) == f"network:run={masked.run.path},device=cpu,batch=7,precision=float32"
    assert eval(repr(with_options), {"Network": mt.Network}).spec == with_options.spec


@pytest.mark.parametrize("sampler", ["ancestral", "confidence", "entropy_bound:gamma=0.5", "remdm-cap", "verify:k=2"])
def test_a_masked_network_goes_through_samplers(masked, sampler):
    drawn = mt.MaskedDiffusion(masked, sampler=sampler, steps=4).sample(5, LENGTH, seed=0)
    assert drawn.tokens.max() < V
    assert not drawn.impossible.any()


def test_drawn_tokens_follow_the_networks_law(masked):
    model = mt.MaskedDiffusion(masked, sampler="left_to_right")
    first = model.sample(20_000, LENGTH, seed=0).tokens[:, 0]
    law = masked.conditionals(np.full((1, LENGTH), V))[0, 0]
    seen = np.bincount(first, minlength=V) / 20_000
    assert np.abs(seen - law).max() < 5 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("attention", ["causal", "block"])
def test_what_is_kept_of_settled_positions_changes_nothing(tmp_path, monkeypatch, attention):
    denoiser = network(tmp_path, attention=attention)
    model = (
        mt.Autoregressive(denoiser)
        if attention == "causal"
        else mt.BlockDiffusion(denoiser, block=4, steps=2, sampler="confidence")
    )
    prompt = np.full((6, LENGTH), V)
    prompt[:, :4] = mt.as_language("ngram:order=2").sample(6, LENGTH, seed=0)[:, :4]
    kept = [model.sample(6, LENGTH, seed=0), model.sample(6, LENGTH, seed=0, prompt=prompt)]
    passes: list[int] = []
    pass_through = CachedCanvas._logits

    def anew(self, asked, positions, told):
        self._cached = False
        passes.append(len(asked))
        return pass_through(self, asked, positions, told)

    monkeypatch.setattr(CachedCanvas, "_logits", anew)
    again = [model.sample(6, LENGTH, seed=0), model.sample(6, LENGTH, seed=0, prompt=prompt)]
    assert passes
    for one, other in zip(kept, again, strict=True):
        assert (one.tokens == other.tokens).all()
        assert (one.calls == other.calls).all()


@pytest.mark.parametrize("attention", ["causal", "block"])
def test_a_canvas_that_keeps_says_what_one_that_does_not_says_however_it_is_written_to(tmp_path, attention):
    transformer = network(tmp_path, attention=attention).transformer
    generator = np.random.default_rng(0)
    kept = CachedCanvas(transformer, 5, LENGTH, "cpu")
    anew = CachedCanvas(transformer, 5, LENGTH, "cpu", cached=False)
    short = 0
    for step in range(120):
        low = step // 2 % LENGTH  # mostly from left to right, and now and then anything
        rows = np.flatnonzero(generator.random(5) < 0.8)
        positions = generator.integers(low if generator.random() < 0.9 else 0, LENGTH, size=len(rows))
        tokens = generator.integers(V + 1, size=len(rows))
        for canvas in (kept, anew):
            canvas.write(rows, positions, tokens)
            canvas.settle_before(low)
        asked = np.repeat(np.arange(5) if generator.random() < 0.8 else np.flatnonzero(generator.random(5) < 0.6), 2)
        where = generator.integers(low if generator.random() < 0.9 else 0, LENGTH, size=len(asked))
        if len(asked):
            short += kept._cache.length > 0
            assert np.abs(kept.ask(asked, where).numpy() - anew.ask(asked, where).numpy()).max() < 1e-5
    assert short > 10, "next to nothing was kept"


def test_rows_whose_block_is_done_earlier_come_back_to_what_was_kept_of_them(by_block):
    transformer = by_block.transformer
    kept = CachedCanvas(transformer, 3, LENGTH, "cpu")
    anew = CachedCanvas(transformer, 3, LENGTH, "cpu", cached=False)
    everyone, some = np.arange(3), np.array([0, 2])
    for canvas in (kept, anew):
        canvas.write(np.repeat(everyone, 4), np.tile(np.arange(4), 3), np.arange(12) % V)
        canvas.settle_before(4)
        canvas.ask(everyone, np.full(3, 5))
        canvas.ask(some, np.full(2, 6))
    assert kept._cache.length == 4
    assert (kept._rows == everyone).all(), "rows were forgotten"
    for rows in (some, everyone):
        where = np.full(len(rows), 7)
        assert np.abs(kept.ask(rows, where).numpy() - anew.ask(rows, where).numpy()).max() < 1e-5


@pytest.mark.parametrize("attention", ["causal", "block"])
def test_what_is_told_the_level_says_at_each_level_what_it_says_without_a_cache(tmp_path, attention):
    transformer = network(tmp_path, attention=attention, level=True).transformer
    kept = CachedCanvas(transformer, 2, LENGTH, "cpu")
    anew = CachedCanvas(transformer, 2, LENGTH, "cpu", cached=False)
    rows = np.arange(2)
    for level in (0.9, 0.5, 0.1):
        said = []
        for canvas in (kept, anew):
            canvas.settle_before(4)
            said.append(canvas.ask(rows, np.full(2, 5), level=np.full(2, level)).numpy())
        assert np.abs(said[0] - said[1]).max() < 1e-5


@pytest.mark.parametrize("attention", ["bidirectional", "causal", "block"])
def test_a_networks_conditionals_are_the_softmax_of_its_logits(tmp_path, attention):
    denoiser = network(tmp_path, attention=attention)
    tokens = np.random.default_rng(0).integers(V + 1, size=(4, LENGTH))
    with torch.no_grad():
        laws = denoiser.transformer(torch.from_numpy(tokens)).double().softmax(dim=2).numpy()
    found = denoiser.conditionals(tokens)
    masks = tokens == V
    assert np.abs(found - laws)[masks].max() < 1e-6
    assert np.abs(found.sum(axis=2) - 1).max() < 1e-9


def test_a_causal_network_scores_as_it_draws(causal):
    model = mt.Autoregressive(causal)
    drawn = model.sample(4, LENGTH, seed=0)
    with pytest.raises(ValueError, match="use Autoregressive"):
        mt.MaskedDiffusion(causal, steps=4)
    whole = model.log_prob(drawn.tokens).values
    canvas = causal.open(4, LENGTH)
    stepwise = np.zeros(4)
    rows = np.arange(4)
    for i in range(LENGTH):
        tokens = drawn.tokens[:, i].astype(np.int64)
        stepwise += canvas.ask(rows, np.full(4, i)).log_prob_of(tokens)
        canvas.write(rows, np.full(4, i), tokens)
        canvas.settle_before(i + 1)
    assert np.abs(whole - stepwise).max() < 1e-5


def test_a_network_that_sees_by_blocks_is_for_blocks_of_its_size(by_block):
    drawn = mt.BlockDiffusion(by_block, block=4, steps=2).sample(5, LENGTH, seed=0)
    assert drawn.tokens.max() < V
    for refused in (
        lambda: mt.BlockDiffusion(by_block, block=2, steps=2),
        lambda: mt.MaskedDiffusion(by_block, steps=2),
        lambda: mt.Autoregressive(by_block),
    ):
        with pytest.raises(ValueError, match="use BlockDiffusion with block=4"):
            refused()


def test_networks_of_other_noises_go_through_their_models(tmp_path):
    uniform = network(tmp_path / "u", noise="uniform", level=True)
    assert mt.UniformDiffusion(uniform, steps=3).sample(5, LENGTH, seed=0).tokens.max() < V
    vectors, _ = as_embedding("random:dim=3", V)
    gaussian = network(tmp_path / "g", noise="gaussian", level=True, embedding=torch.from_numpy(vectors))
    model = mt.GaussianDiffusion(gaussian, embedding="random:dim=3", steps=3)
    assert model.sample(5, LENGTH, seed=0).tokens.max() < V
    with pytest.raises(ValueError, match="give Gaussian diffusion the embedding of its objective"):
        mt.GaussianDiffusion(gaussian, embedding="onehot", steps=3).sample(5, LENGTH, seed=0)
    with pytest.raises(ValueError, match="takes no masked noise|trained on uniform noise"):
        mt.MaskedDiffusion(uniform, steps=3).sample(5, LENGTH, seed=0)


def test_another_length_language_or_device_is_refused_in_a_line(masked, tmp_path):
    with pytest.raises(ValueError, match="trained at length 8, not 9"):
        mt.MaskedDiffusion(masked, steps=2).sample(5, 9, seed=0)
    spec = Spec.of("network", run=str(masked.run.path))
    assert DENOISERS.build(spec, mt.as_language("ngram:order=2")).identity == masked.identity
    with pytest.raises(ValueError, match="was trained on ngram:order=2, not on"):
        DENOISERS.build(spec, mt.as_language("hmm"))
    with pytest.raises(ValueError, match="finds no CUDA"):
        mt.Network(masked.run, device="cuda")
    with pytest.raises(ValueError, match="bfloat16 is for CUDA"):
        mt.Network(masked.run, device="cpu", precision="bfloat16")
