"""Answers that are drawn from latents: prompts, calls, streams, and what such a run is not."""

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.misfits import MisfitError

V, LENGTH = 4, 6
LANGUAGE = mt.as_language(f"ngram:order=1,vocab_size={V}")
SMALL = {"lang": LANGUAGE, "length": LENGTH, "size": "layers=1,width=16,heads=2", "batch": 4, "device": "cpu"}


@pytest.fixture(scope="module", params=["in_context", "cross", "adaln_zero"])
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("latent") / "run"
    objective = f"latent:latents=2,dim=4,levels=10,conditioning={request.param}"
    more = {"prompt": "prefix:size=2", "tokens": 8 * 4 * LENGTH, "targets": "tokens", "lr": 0.03}
    return mt.train(objective, out=out, **SMALL, **more)


def prompts(count):
    tokens = LANGUAGE.sample(count, LENGTH, seed=1)
    tokens[:, 2:] = V
    return tokens


def model(run, **options):
    return mt.LatentDiffusion(mt.LatentNetwork(run, device="cpu"), **{"steps": 3, **options})


def test_it_keeps_the_prompt_and_counts_every_pass(run):
    drawn = model(run).sample(5, LENGTH, seed=0, prompt=prompts(5))
    assert (drawn.tokens[:, :2] == prompts(5)[:, :2]).all()
    assert drawn.tokens.max() < V
    assert (set(drawn.calls), set(drawn.rounds)) == ({4}, {4})  # three steps, and one to decode
    guided = model(run, guidance=2.5).sample(5, LENGTH, seed=0, prompt=prompts(5))
    assert (set(guided.calls), set(guided.rounds)) == ({7}, {4})
    assert not drawn.impossible.any()


@pytest.mark.parametrize("update", ["ddpm", "ddim"])
def test_each_sequence_has_a_stream_of_its_own(run, update):
    made = model(run, update=update, decode="draw")
    whole = made.sample(6, LENGTH, seed=3, prompt=prompts(6)).tokens
    assert (made.sample(2, LENGTH, seed=3, first=4, prompt=prompts(6)[4:]).tokens == whole[4:]).all()
    assert (made.sample(6, LENGTH, seed=4, prompt=prompts(6)).tokens != whole).any()


def test_its_repr_evaluates_and_its_identity_has_what_changes_its_draws(run):
    made = model(run, guidance=2.0)
    names = {"LatentDiffusion": mt.LatentDiffusion, "LatentNetwork": mt.LatentNetwork}
    again = eval(repr(made), names)
    assert (repr(again), again.identity) == (repr(made), made.identity)
    others = [model(run), model(run, steps=4, guidance=2.0), model(run, guidance=2.0, decode="draw")]
    assert all(made.identity != each.identity for each in others)


def test_a_draw_follows_the_decoders_laws_and_argmax_takes_their_largest(run):
    made = model(run, decode="draw")
    decoder = made.denoiser.network.autoencoder.out
    with torch.no_grad():  # whatever the latents are
        decoder.weight.zero_()
        decoder.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]).log())
    seen = np.bincount(made.sample(1000, LENGTH, seed=0, prompt=prompts(1)[0]).tokens[:, 2:].ravel(), minlength=V)
    expected = 4000 * np.array([0.1, 0.2, 0.3, 0.4])
    assert ((seen - expected) ** 2 / expected).sum() < 25
    made.decode = "argmax"
    assert (made.sample(10, LENGTH, seed=0, prompt=prompts(10)).tokens[:, 2:] == 3).all()


def test_it_has_no_log_prob_and_its_run_is_no_denoiser_of_tokens(run):
    made = model(run)
    with pytest.raises(ValueError, match="has no log p: .*; measure ser"):
        made.log_prob(prompts(1))
    with pytest.raises(ValueError, match="says no law of a token given others; give it to LatentDiffusion"):
        mt.Network(run)
    with pytest.raises(MisfitError, match=r"takes no masked noise: .*use LatentDiffusion \(--model latent\)"):
        mt.MaskedDiffusion(made.denoiser, steps=2)
    with pytest.raises(MisfitError, match="takes no latent noise; it takes"):
        mt.LatentDiffusion(mt.Oracle(LANGUAGE))
    with pytest.raises(ValueError, match="says no laws of tokens under latent noise"):
        mt.learning_error(made.denoiser, LANGUAGE, LENGTH, prompt="prefix:size=2")


def test_what_does_not_go_with_its_training_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match="was trained with positions 0-1 given, and 0 of 6 positions are given here"):
        model(run).sample(2, LENGTH, seed=0)
    with pytest.raises(MisfitError, match="steps is 11, and .* was trained with 10 levels of noise"):
        model(run, steps=11)
    with pytest.raises(ValueError, match="unknown update 'euler' of latent diffusion; known: ddpm, ddim"):
        model(run, update="euler")
    with pytest.raises(ValueError, match="guidance is nan; pass a finite number"):
        model(run, guidance=float("nan"))
    other = mt.train("mdm", out=tmp_path / "mdm", tokens=4 * LENGTH, **SMALL)
    with pytest.raises(ValueError, match="was trained for mdm, and latent diffusion takes what was trained for latent"):
        mt.LatentDiffusion(other)


def test_a_sweep_takes_it_by_name_and_counts_its_errors(run, tmp_path):
    cells = mt.cells(
        str(LANGUAGE.spec),
        length=LENGTH,
        model="latent",
        denoiser=str(run.path),
        steps="2,3",
        metrics="ser",
        samples=50,
        prompt="prefix:size=2",
    )
    found = mt.collect(cells, out=tmp_path / "store.db", workers=1)
    assert set(found["metric"]) == {"ser"}  # nothing that a network's laws would bring along
    assert found["model"].tolist() == ["latent", "latent"]
    assert found["value"].between(0, 1).all()
    assert found["calls"].tolist() == [3, 4]


def test_without_a_prompt_whole_sequences_are_drawn_and_nothing_can_be_guided(tmp_path):
    more = {"tokens": 4 * 4 * LENGTH, "targets": "tokens"}
    run = mt.train("latent:latents=2,dim=4,levels=4", out=tmp_path / "run", **SMALL, **more)
    assert model(run).sample(3, LENGTH, seed=0).tokens.shape == (3, LENGTH)
    with pytest.raises(MisfitError, match="was trained with no prompt; pass 1"):
        model(run, guidance=2.0)
    with pytest.raises(ValueError, match="was trained with nothing given, and 2 of 6 positions are given here"):
        model(run).sample(3, LENGTH, seed=0, prompt=prompts(3))
