"""The networks of latent diffusion: latents of unit scale, and prompts that come to them in three ways."""

import numpy as np
import pytest
import torch

from mdmtheory.networks.conditioning import ModulatedLayer
from mdmtheory.networks.latent_architecture import CONDITIONINGS, LatentArchitecture
from mdmtheory.networks.latent_canvas import LatentCanvas
from mdmtheory.networks.latent_diffuser import LatentDiffuser

V, LENGTH, GIVEN = 5, 7, "0-1,4"


def architecture(conditioning="in_context", **changed):
    sizes = {"layers": 2, "width": 16, "heads": 2, "latents": 3, "dim": 4, "levels": 10, "given": GIVEN} | changed
    return LatentArchitecture(V, LENGTH, conditioning=conditioning, **sizes)


def told_apart(conditioning="in_context"):
    """Networks whose estimates depend on what goes in."""
    network = LatentDiffuser(architecture(conditioning), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "out." in name or "modulation" in name:
                weight.normal_(0.0, 0.3, generator=generator)
    return network


def test_each_latent_has_mean_0_and_variance_1_over_its_numbers():
    answers = torch.randint(V, (6, 4), generator=torch.Generator().manual_seed(0))
    latents = LatentDiffuser(architecture(), seed=0).autoencoder.encode(answers)
    assert latents.shape == (6, 3, 4)
    assert latents.mean(dim=2).abs().max() < 1e-6
    assert (latents.var(dim=2, correction=0) - 1).abs().max() < 1e-3
    assert not torch.allclose(latents[0, 0], latents[0, 1]), "two latents gather the same"


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_every_latent_is_told_the_prompt_the_level_and_the_other_latents(conditioning):
    network = told_apart(conditioning).denoiser
    latents = torch.randn((1, 3, 4), generator=torch.Generator().manual_seed(0))
    prompt, level = torch.tensor([[0, 1, 2]]), torch.tensor([0.5])
    with torch.no_grad():
        before = network(latents, level, prompt)
        for changed in range(3):
            other = prompt.clone()
            other[0, changed] = 3
            assert ((network(latents, level, other) - before).abs().amax(dim=2) > 1e-5).all()
            moved = latents.clone()
            moved[0, changed] += 1
            assert ((network(moved, level, prompt) - before).abs().amax(dim=2) > 1e-5).all()
        assert ((network(latents, level + 0.1, prompt) - before).abs().amax(dim=2) > 1e-5).all()
        swapped = torch.tensor([[1, 0, 2]])  # the prompt is no bag of tokens
        assert ((network(latents, level, swapped) - before).abs().amax(dim=2) > 1e-5).all()


def test_layers_whose_gates_are_closed_change_nothing_and_so_they_begin():
    network = LatentDiffuser(architecture("adaln_zero"), seed=0).denoiser
    hidden = torch.randn((2, 3, 16), generator=torch.Generator().manual_seed(0))
    prompt, told = torch.randn((2, 3, 16)), torch.randn((2, 16))
    assert torch.equal(network.body(hidden, prompt, told), hidden)
    drawn = ModulatedLayer(16, 2)  # as torch draws it, with open gates
    assert not torch.allclose(drawn(hidden, told), hidden)


def test_the_seed_alone_makes_the_weights():
    one, other = (LatentDiffuser(architecture(), seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(each, other[name]) for name, each in one.items())
    third = LatentDiffuser(architecture(), seed=4).state_dict()
    assert not torch.equal(one["denoiser.embed.weight"], third["denoiser.embed.weight"])
    assert not torch.equal(one["autoencoder.embed.weight"], third["autoencoder.embed.weight"])


def test_guidance_takes_the_estimate_without_the_prompt_and_so_much_of_what_the_prompt_changes():
    values = np.random.default_rng(0).standard_normal((2, 3, 4))
    canvas = LatentCanvas(told_apart(), np.array([[0, 1, 2], [3, 3, 0]]), "cpu")
    masked = LatentCanvas(told_apart(), np.full((2, 3), V), "cpu")
    known, without = canvas.clean(values, 5), masked.clean(values, 5)
    assert np.abs(known - without).max() > 1e-3
    np.testing.assert_array_equal(canvas.clean(values, 5, guidance=1.0), known)
    np.testing.assert_array_equal(canvas.clean(values, 5, guidance=0.0), without)
    assert canvas.calls.tolist() == [3, 3]  # one call each
    np.testing.assert_allclose(canvas.clean(values, 5, guidance=3.0), without + 3 * (known - without), atol=1e-12)
    assert (canvas.calls.tolist(), canvas.rounds.tolist()) == ([5, 5], [4, 4])


def test_an_architecture_is_what_its_json_says_and_refuses_what_none_has():
    made = architecture()
    assert LatentArchitecture.from_json(made.to_json()) == made
    assert (made.prompt.tolist(), made.answer.tolist()) == ([0, 1, 4], [2, 3, 5, 6])
    with pytest.raises(ValueError, match="unknown conditioning 'film'; known: in_context, cross, adaln_zero"):
        architecture("film")
    with pytest.raises(ValueError, match="conditioning cross is on a prompt, and none is given"):
        architecture("cross", given=None)
    with pytest.raises(ValueError, match="an architecture of latent diffusion has .*; got list"):
        LatentArchitecture.from_json([])
    with pytest.raises(ValueError, match="levels of an architecture of latent diffusion is 10.0; no run has that"):
        LatentArchitecture.from_json(made.to_json() | {"levels": 10.0})
