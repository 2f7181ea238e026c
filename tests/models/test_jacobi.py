"""Jacobi decoding: the tokens of autoregression, in rounds that are counted."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.models.jacobi import run_in_rounds
from mdmtheory.models.noise import uniforms_of
from tests.models.test_prompts import BIGRAM, HMM, Causal
from tests.networks.runs import written_run

ALIKE = mt.NGram(1.0, [0.6, 0.3, 0.1])
TURNING = mt.NGram([0.25] * 4, np.roll(np.eye(4), 1, axis=1))
"""Each token is the one before and 1, so that nothing is forgotten."""


def same(denoiser, length, window, count=24, **options):
    """The sequences of Jacobi decoding, which are those of autoregression."""
    found = mt.Jacobi(denoiser, window=window).sample(count, length, 5, **options)
    expected = mt.Autoregressive(denoiser).sample(count, length, 5, **options)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.impossible, expected.impossible)
    assert (found.rounds <= expected.rounds).all()
    return found


@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize(
    "denoiser",
    [
        mt.Oracle(HMM),
        mt.Oracle(BIGRAM, trust=0.9),
        mt.Window(BIGRAM, width=1),
        mt.Perturbed(mt.Oracle(HMM), epsilon=0.1),
        Causal(),
        mt.Oracle(mt.Permutation(items=5)),
    ],
    ids=lambda each: str(each.spec),
)
def test_the_tokens_are_those_of_autoregression(denoiser, window):
    found = same(denoiser, 5, window)
    if window == 1:
        assert (found.rounds[~found.impossible] == 5).all()
        assert (found.calls == found.rounds).all()


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_so_are_those_of_a_network(tmp_path, attention, window):
    net = mt.Network(written_run(tmp_path / "run", attention=attention), batch=5, device="cpu")
    assert same(net, 8, window).rounds.mean() < 8


@pytest.mark.parametrize("window", [None, 2])
def test_given_a_prompt_the_answer_alone_is_guessed(window):
    prompt = np.array([3, 1, 3, 3, 0])
    found = same(mt.Oracle(HMM), 5, window, prompt=prompt)
    assert (found.rounds <= 3).all()


def test_of_a_language_it_is_the_exact_denoisers():
    found, expected = (mt.Jacobi(each).sample(8, 5, 0).tokens for each in (BIGRAM, mt.Oracle(BIGRAM)))
    assert found.shape == expected.shape
    assert (BIGRAM.log_prob(found) > -np.inf).all()
    np.testing.assert_allclose(mt.Jacobi(BIGRAM).log_prob(found).values, BIGRAM.log_prob(found), atol=1e-12)


def test_other_uniforms_are_another_sequence_and_the_probabilities_are_those_of_its_tokens():
    states = stream_states(["mine"], 0, 16)
    run = run_in_rounds(mt.Oracle(BIGRAM), uniforms_of(states, np.arange(16), 6))
    np.testing.assert_allclose(run.log_probs.sum(axis=1), BIGRAM.log_prob(run.tokens), atol=1e-12)
    again = run_in_rounds(mt.Oracle(BIGRAM), uniforms_of(states, np.arange(16), 6))
    assert (run.tokens != again.tokens).any()


def test_independent_tokens_take_two_rounds():
    found = mt.Jacobi(mt.Oracle(ALIKE)).sample(16, 12, 0)
    assert (found.rounds == 2).all()  # one that draws them, one that finds them unchanged
    assert (found.calls == 12 + 11).all()
    assert (mt.Jacobi(mt.Oracle(ALIKE)).sample(16, 1, 0).rounds == 1).all()


def test_no_more_rounds_than_the_longest_chain_of_tokens_that_depend_on_each_other_and_one():
    assert mt.Jacobi(mt.Oracle(mt.EqualPairs(vocab_size=3))).sample(64, 12, 0).rounds.max() <= 3
    assert mt.Jacobi(mt.Oracle(mt.Copy(distance=4, vocab_size=3))).sample(64, 12, 0).rounds.max() <= 4
    # Where each depends on the one before, the chain is as long as the sequence.
    assert mt.Jacobi(mt.Oracle(TURNING)).sample(64, 12, 0).rounds.max() > 4


def test_calls_are_the_positions_of_each_round():
    """A chain that is guessed wrong everywhere is known one position a round: 4 + 3 + 2 + 1 calls."""
    mostly = mt.Oracle(mt.NGram([0.25] * 4, 0.96 * np.roll(np.eye(4), 1, axis=1) + 0.01))
    uniforms = np.full((1, 4), 0.1)
    run, narrow = run_in_rounds(mostly, uniforms), run_in_rounds(mostly, uniforms, window=2)
    assert run.tokens.tolist() == narrow.tokens.tolist() == [[0, 1, 2, 3]]
    assert (run.rounds[0], run.calls[0]) == (4, 10)
    assert (narrow.rounds[0], narrow.calls[0]) == (4, 7)


def test_a_sequence_whose_own_context_is_impossible_is_given_up_or_finished_as_autoregression_does():
    wrong = mt.Perturbed(mt.Oracle(TURNING), epsilon=0.5)
    given_up = same(wrong, 6, None)
    assert given_up.impossible.any()
    same(wrong, 6, None, finish=True)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="window is 0"):
        mt.Jacobi(HMM, window=0)
