"""Models given prompts: what they keep, what they refuse, and that to score is what to draw is."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.settings import untied
from mdmtheory.oracles.canvas import ConditionalsCanvas

BIGRAM, HMM, TRIGRAM = untied()
PROMPT = np.array([3, 1, 3, 3, 0])


class Causal:
    """The exact next-token law: it sees what is left of a position alone."""

    vocab_size, identity, noises, sees = 3, ["causal"], frozenset({"masked"}), "left"
    spec = mt.Spec.of("causal")

    def conditionals(self, tokens, *, threads=None):
        found = np.empty((*tokens.shape, 3))
        for position in range(tokens.shape[1]):
            shown = np.array(tokens)
            shown[:, position:] = 3
            found[:, position] = mt.Oracle(BIGRAM).conditionals(shown)[:, position]
        return found

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return ConditionalsCanvas(self, count, length, prompt, threads)


def models():
    oracle = mt.Oracle(HMM)
    return [
        mt.MaskedDiffusion(oracle, sampler="ancestral", steps=3),
        mt.MaskedDiffusion(oracle, sampler="fixed:temperature=0.5", steps=2),
        mt.MaskedDiffusion(oracle, sampler="entropy_bound:gamma=0.3", steps=3),
        mt.MaskedDiffusion(mt.Oracle(HMM, trust=0.99), sampler="remdm-cap:eta=0.4", steps=6),
        mt.MaskedDiffusion(mt.Oracle(HMM, trust=0.99), sampler="topk_remask", steps=4),
        mt.MaskedDiffusion(oracle, sampler="verify:k=2", steps=3),
        mt.BlockDiffusion(oracle, block=2, steps=1),
        mt.Autoregressive(HMM),
        mt.Autoregressive(mt.Perturbed(oracle, epsilon=0.1)),
        mt.UniformDiffusion(oracle, steps=3),
        mt.GaussianDiffusion(oracle, steps=3),
        mt.GaussianDiffusion(mt.Perturbed(oracle, epsilon=0.1), steps=2, update="ddim"),
    ]


@pytest.mark.parametrize("p", models(), ids=str)
def test_whole_sequences_come_back_with_the_prompt_as_it_was(p):
    drawn = p.sample(40, 5, 0, prompt=PROMPT)
    given = PROMPT < 3
    assert (drawn.tokens[:, given] == PROMPT[given]).all()
    assert ((drawn.tokens < 3).all(axis=1) | drawn.impossible).all()
    assert (drawn.rounds <= drawn.calls).all()


@pytest.mark.parametrize("p", models(), ids=str)
def test_each_prompt_has_its_own_answer_whatever_stands_beside_it(p):
    prompts = np.where(PROMPT < 3, HMM.sample(12, 5, 1), 3).astype(np.uint8)
    together = p.sample(12, 5, 0, prompt=prompts)
    for number in (0, 5, 11):
        alone = p.sample(1, 5, 0, first=number, prompt=prompts[number : number + 1], threads=1)
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[number])
        assert alone.calls[0] == together.calls[number]


def test_a_prompt_of_masks_is_none_and_one_of_another_shape_or_of_everything_is_refused():
    p = models()[0]
    np.testing.assert_array_equal(p.sample(5, 4, 0, prompt=[3] * 4).tokens, p.sample(5, 4, 0).tokens)
    for prompt in ([3, 3, 0], [0, 1, 2, 0], [[0, 3, 3, 3], [3, 0, 3, 3]], [0, 3, 3, 4], [0.5, 3, 3, 3]):
        with pytest.raises(ValueError, match=".") as error:
            p.sample(2, 4, 0, prompt=prompt)
        assert "\n" not in str(error.value)


def test_plans_of_an_answer_take_as_many_steps_as_an_answer_has_tokens():
    oracle = mt.Oracle(BIGRAM)
    assert (mt.MaskedDiffusion(oracle, sampler="left_to_right").sample(9, 5, 0, prompt=PROMPT).calls <= 3).all()
    whole = mt.MaskedDiffusion(oracle, sampler="stride", steps=2).sample(9, 5, 0, prompt=PROMPT)
    assert whole.calls.max() == 2
    assert mt.BlockDiffusion(oracle, block=2, steps=1).sample(9, 5, 0, prompt=PROMPT).calls.max() == 2


@pytest.mark.parametrize("prompt", [[1, 3, 3, 3], [3, 3, 3, 0], [3, 2, 3, 0]])
def test_a_next_token_law_of_a_language_given_a_prompt_is_bayes(prompt):
    sequences = mt.exact.all_sequences(3, 4)
    law = mt.exact.joint(BIGRAM, 4, prompt=prompt).reshape(-1)
    inside = law > 0
    asked = np.where(np.array(prompt) < 3, sequences[inside], 3)
    for p in (mt.Autoregressive(BIGRAM), mt.Autoregressive(mt.Oracle(BIGRAM))):
        found = p.log_prob(sequences[inside], prompt=asked)
        assert found.kind == "exact"
        np.testing.assert_allclose(np.exp(found.values), law[inside], rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="not what the prompt gives"):
        mt.Autoregressive(BIGRAM).log_prob(sequences[:1], prompt=[2, 3, 3, 3])


def test_who_sees_the_left_alone_takes_first_tokens_and_no_others():
    p = mt.Autoregressive(Causal())
    law = mt.exact.joint(BIGRAM, 4, prompt=[1, 2, 3, 3])
    drawn = p.sample(50, 4, 0, prompt=[1, 2, 3, 3]).tokens
    assert (law[tuple(drawn.T.astype(int))] > 0).all()
    inside = mt.exact.all_sequences(3, 4)[law.reshape(-1) > 0]
    scored = p.log_prob(inside, prompt=np.where([True, True, False, False], inside, 3)).values
    np.testing.assert_allclose(np.exp(scored), law[law > 0], rtol=0, atol=1e-12)
    for act in (
        lambda: p.sample(2, 4, 0, prompt=[1, 3, 3, 0]),
        lambda: p.log_prob(inside, prompt=np.where([True, False, True, False], inside, 3)),
        lambda: mt.ser(p, BIGRAM, 4, prompt="suffix:size=1"),
        lambda: mt.ter(p, BIGRAM, 4, prompt="every:stride=2"),
    ):
        with pytest.raises(
            ValueError, match="sees what is to the left alone, and the prompt gives tokens to the right"
        ):
            act()
    assert mt.ter_ratio(p, BIGRAM, 4, prompt="prefix:size=2").value == pytest.approx(1)


def test_autoregression_by_a_denoiser_has_a_ter_of_its_own():
    p = mt.Autoregressive(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1))
    assert mt.ter(p, BIGRAM, 8).kind == "estimate"
    assert mt.ter(mt.Autoregressive(BIGRAM), BIGRAM, 8).kind == "exact"
    assert mt.ter_ratio(p, BIGRAM, 8).low > 1


@pytest.mark.parametrize("kind", [mt.UniformDiffusion, mt.GaussianDiffusion])
def test_answers_to_a_prompt_under_other_noises_have_the_mean_path_weight_for_their_probability(kind):
    p, prompt = kind(mt.Oracle(BIGRAM), steps=3), np.array([3, 1, 3])
    every = np.array([[a, 1, b] for a in range(3) for b in range(3)], dtype=np.uint8)
    weights = np.exp(p.log_prob_terms(every.repeat(3_000, axis=0), prompt=prompt)).reshape(9, -1)
    drawn = np.bincount(p.sample(20_000, 3, 0, prompt=prompt).tokens[:, [0, 2]].astype(int) @ [3, 1], minlength=9)
    error = np.hypot(weights.std(axis=1) / np.sqrt(3_000), np.sqrt(drawn + 1) / 20_000)
    assert (np.abs(drawn / 20_000 - weights.mean(axis=1)) < 4.5 * error).all()
    unaware = np.exp(p.log_prob_terms(every.repeat(3_000, axis=0))).reshape(9, -1).mean(axis=1)
    assert (np.abs(drawn / 20_000 - unaware) > 4.5 * error).any()


@pytest.mark.parametrize("kind", [mt.UniformDiffusion, mt.GaussianDiffusion])
def test_a_prompt_that_no_sequence_has_is_impossible_under_other_noises_too(kind):
    p = kind(mt.Oracle(mt.Repetition(vocab_size=2)), steps=3)
    prompts = np.array([[0, 1, 2], [1, 1, 2]], dtype=np.uint8)
    cut, ended = p.sample(2, 3, 0, prompt=prompts), p.sample(2, 3, 0, prompt=prompts, finish=True)
    assert cut.impossible.tolist() == ended.impossible.tolist() == [True, False]
    assert cut.tokens.tolist() == [[0, 1, 2], [1, 1, 1]]
    assert ended.tokens[0, 2] < 2
    assert p.log_prob([[0, 1, 0]], prompt=[0, 1, 2]).values.tolist() == [-np.inf]
