"""The two stages of latent diffusion: what they weigh, what they learn, and that they go on to the bit."""

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.given import Given
from mdmtheory.core.prompts import Prompt
from mdmtheory.networks.architecture import as_size
from mdmtheory.training.objectives.registry import as_objective
from mdmtheory.training.training import Training

V, LENGTH = 3, 5
LANGUAGE = mt.as_language(f"ngram:order=1,vocab_size={V}")
SIZE = "layers=1,width=16,heads=2"
SMALL = {"lang": LANGUAGE, "length": LENGTH, "prompt": "prefix:size=2", "size": SIZE, "batch": 16, "device": "cpu"}
SMALL |= {"targets": "tokens"}
TINY = "latent:latents=2,dim=4,levels=10"


def steps(number):
    return number * SMALL["batch"] * LENGTH


def batch(objective, rows, dropped=None):
    """A batch of answers to prompts of two tokens, as the networks take it."""
    clean = LANGUAGE.sample(rows, LENGTH, seed=0)
    prompt = Prompt(np.where(np.arange(LENGTH) < 2, clean, V).astype(clean.dtype), V)
    noised = objective.noised(prompt.answers_of(clean), np.random.default_rng(0))
    if dropped is not None:
        noised.dropped[:] = dropped
    return noised.given(prompt)


def test_errors_are_weighed_by_the_signal_to_noise_ratio_up_to_gamma():
    objective = as_objective("latent:gamma=5", V)
    kept = objective.kept
    expected = [min(each / (1 - each), 5) for each in kept[1:]]
    np.testing.assert_allclose(objective.error_weights[1:], expected)
    middle = np.argmin(abs(kept - 0.5))  # half signal, half noise
    assert objective.error_weights[middle] == pytest.approx(1, abs=0.01)
    assert objective.error_weights[1] == 5 < kept[1] / (1 - kept[1])
    assert as_objective("latent:gamma=1", V).error_weights[1] == 1


def test_a_denoiser_that_says_nothing_loses_the_weights_for_latents_have_unit_scale():
    objective = as_objective(TINY, V)
    network = objective.network(
        objective.architecture(LENGTH, as_size(SIZE), level=False, given=Given("0-1", LENGTH)), seed=0
    )
    noised = batch(objective, 20)
    losses = objective.row_losses(network, noised.tensors(), 1)
    torch.testing.assert_close(
        losses.double(), torch.as_tensor(3 * objective.error_weights[noised.step]), rtol=1e-2, atol=0
    )
    losses.sum().backward()
    assert all(each.grad is None for each in network.autoencoder.parameters()), "the second stage moves the latents"


def test_a_decoder_that_says_nothing_loses_log_v_a_token():
    objective = as_objective(TINY, V)
    network = objective.network(objective.architecture(LENGTH, as_size(SIZE), level=False), seed=0)
    noised = objective.noised(LANGUAGE.sample(6, LENGTH, seed=0), np.random.default_rng(0))
    losses = objective.row_losses(network, noised.tensors(), 0)
    torch.testing.assert_close(losses, torch.full((6,), LENGTH * np.log(V), dtype=torch.float32))


def test_rows_that_are_dropped_do_not_see_their_prompts():
    objective = as_objective("latent:drop=0.25", V)
    shown = batch(objective, 8, dropped=np.arange(8) < 3).seen
    assert (shown[:3] == V).all()
    assert (shown[3:, :2] < V).all()
    assert (shown[3:, 2:] == V).all()
    often = objective.noised(np.zeros((4000, 3), dtype=np.uint8), np.random.default_rng(0)).dropped.mean()
    assert often == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / 4000))


def test_the_autoencoder_reconstructs_a_small_language(tmp_path):
    run = mt.train(f"{TINY},share=0.9", out=tmp_path / "run", tokens=steps(200), lr=0.01, **SMALL)
    assert run.record.results["reconstruction"] < 0.1 < np.log(V)
    net = mt.LatentNetwork(run, device="cpu")
    answers = torch.from_numpy(LANGUAGE.sample(200, LENGTH, seed=9)[:, 2:].astype(np.int64))
    laws = net.network.autoencoder.decode(net.network.autoencoder.encode(answers))
    assert (laws.argmax(dim=2) == answers).float().mean() > 0.99


@pytest.mark.parametrize("at", [2, 5, 9])  # in the first stage, where the second begins, in it
def test_a_training_that_was_stopped_in_either_stage_goes_on_to_the_same_bits(tmp_path, monkeypatch, at):
    straight = mt.train(TINY, out=tmp_path / "straight", tokens=steps(20), **SMALL)
    learn = Training._learn

    class Killed(BaseException):
        pass

    def learning(self, step, batch):
        if step == at:
            raise Killed
        learn(self, step, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", learning)
        with pytest.raises(Killed):
            mt.train(TINY, out=tmp_path / "run", tokens=steps(20), checkpoint_minutes=0, **SMALL)
    run = mt.train(TINY, out=tmp_path / "run", tokens=steps(20), resume=True, **SMALL)
    assert run.digest == straight.digest
    assert run.record.results == straight.record.results


def test_settings_that_cannot_be_are_refused(tmp_path):
    for options, message in {
        "drop=1.0": "drop is 1.0 and share 0.25; pass 0 <= drop < 1",
        "blur=-1.0": "gamma is 5.0 and blur -1.0; pass gamma above 0 and blur 0 or more",
        "dim=1": "dim is 1",
    }.items():
        with pytest.raises(ValueError, match=message):
            as_objective(f"latent:{options}", V)
    with pytest.raises(ValueError, match="conditioning adaln_zero is on a prompt, and none is given"):
        mt.train(f"{TINY},conditioning=adaln_zero", out=tmp_path / "run", tokens=steps(4), **SMALL | {"prompt": "none"})
    with pytest.raises(ValueError, match="the training has 1 step, and latent diffusion has two stages"):
        mt.train(TINY, out=tmp_path / "run", tokens=steps(1), **SMALL)
    with pytest.raises(ValueError, match="what latents should be is known of no language; pass --targets tokens"):
        mt.train(TINY, out=tmp_path / "run", tokens=steps(4), **SMALL | {"targets": "oracle"})
