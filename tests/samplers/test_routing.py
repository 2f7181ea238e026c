"""RDM's decoding step by step, on laws that are given."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule

MASK = 2


def step(sampler, tokens, chances, state=None, ties="lowest"):
    """One step where token 0 has these chances and is drawn everywhere; the state after it, and the tokens."""
    built = as_sampler(f"{sampler}{',' if ':' in sampler else ':'}ties={ties}")
    tokens = np.array([tokens], dtype=np.uint8)
    if state is None:
        state = built.init(1, tokens.shape[1], MASK, 4, as_schedule("linear"))
    chances = np.array(chances)
    laws = np.column_stack([chances, 1 - chances])
    assert built.wants(state, tokens).all()
    return built.step(state, tokens, np.ones(tokens.shape, dtype=bool), laws, np.zeros(tokens.shape[1], dtype=int))


def test_the_best_draws_say_which_positions_are_set_and_set_ones_keep_their_tokens():
    state, after = step("rdm", [MASK] * 4, [0.4, 0.9, 0.2, 0.3])
    assert after.tolist() == [[MASK, 0, MASK, MASK]]
    # Position 1 stands at token 1, which has chance 0.1: what is drawn there is 0, of chance 0.9, and is the best.
    state, after = step("rdm", [MASK, 1, MASK, MASK], [0.4, 0.9, 0.2, 0.3], state)
    assert after.tolist() == [[0, 1, MASK, MASK]]
    # `topk_remask` ranks it by the token that stands.
    remasked = as_sampler("topk_remask:ties=lowest")
    before = remasked.init(1, 4, MASK, 4, as_schedule("linear")).after(np.array([1]))
    tokens = np.array([[MASK, 1, MASK, MASK]], dtype=np.uint8)
    laws = np.array([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    other = remasked.step(before, tokens, np.ones((1, 4), dtype=bool), laws, np.zeros(4, dtype=int))[1]
    assert other.tolist() == [[0, MASK, MASK, 0]]


def test_a_set_token_that_is_not_among_the_best_is_masked():
    state, _ = step("rdm", [MASK] * 4, [0.4, 0.9, 0.2, 0.3])
    _, after = step("rdm", [MASK, 0, MASK, MASK], [0.4, 0.1, 0.2, 0.3], state)
    assert after.tolist() == [[0, MASK, MASK, 0]]


@pytest.mark.parametrize(
    ("stands", "chance", "expected"),
    [
        (0, 0.1, MASK),  # drawn once more, less probable than when it was set, and not among the best
        (1, 0.1, 1),  # another token is drawn there
        (0, 0.95, 0),  # more probable than before, and among the best
    ],
)
def test_conditioned_a_set_token_is_masked_only_where_it_was_drawn_again_and_fell(stands, chance, expected):
    sampler = "rdm:conditioned=true"
    state, _ = step(sampler, [MASK] * 4, [0.4, 0.9, 0.2, 0.3])
    np.testing.assert_array_equal(state.memory[0], [1, 0, 0.9, 0, 0])
    state, after = step(sampler, [MASK, stands, MASK, MASK], [0.4, chance, 0.2, 0.3], state)
    assert after[0, 1] == expected
    assert state.memory[0, 2] == (0 if expected == MASK else 0.9)


def test_conditioned_a_token_that_rose_is_compared_with_when_it_was_set():
    sampler = "rdm:conditioned=true"
    state, _ = step(sampler, [MASK] * 4, [0.4, 0.5, 0.2, 0.3])
    state, _ = step(sampler, [MASK, 0, MASK, MASK], [0.4, 0.9, 0.2, 0.3], state)
    _, after = step(sampler, [0, 0, MASK, MASK], [0.9, 0.6, 0.8, 0.7], state)
    # 0.6 is the least of four and below 0.9, but above the 0.5 with which it was set.
    assert after.tolist() == [[0, 0, 0, 0]] or after[0, 1] == 0


def test_at_temperature_0_the_most_probable_tokens_compete_with_their_probabilities():
    q = mt.as_language("ngram:order=2,vocab_size=3,seed=1")
    model = mt.MaskedDiffusion(mt.Oracle(q, trust=0.999), sampler="rdm:temperature=0,ties=lowest", steps=2)
    marginals = mt.Oracle(q).conditionals(np.full((1, 2), 3))[0]
    first = marginals.max(axis=1).argmax()
    drawn = model.sample(1, 2, 0)
    assert drawn.tokens[0, first] == marginals[first].argmax()
    assert drawn.calls.tolist() == drawn.rounds.tolist() == [2]
