"""Sequences one by one, their states side by side, to the last bit what many of them side by side come to."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.kernels.alone import FEW

# Whole eights and fours of states and of tokens, and neither.
SIZES = [(8, 4), (13, 11)]


def language(states: int, vocab_size: int) -> mt.HMM:
    return mt.HMM.random(states=states, vocab_size=vocab_size, seed=2, prune_transition=1.5, prune_emission=1.0)


def rows(q: mt.HMM, length: int) -> np.ndarray:
    """Rows of the language, one outside of its support, more than go one by one in two threads."""
    tokens = q.sample(3 * FEW, length, seed=1, threads=1)
    tokens[1] = np.random.default_rng(0).integers(0, q.vocab_size, length)
    return tokens


@pytest.mark.parametrize(("states", "vocab_size"), SIZES)
def test_a_row_has_one_log_probability_in_any_company(states: int, vocab_size: int) -> None:
    q = language(states, vocab_size)
    # So long that products of its factors fall below what float64 holds, and their logarithms are taken on the way.
    tokens = rows(q, 800)
    together = q.log_prob(tokens, threads=1)
    assert np.isneginf(together[1])
    assert together[0] < -710
    for count in (1, FEW, FEW + 1):
        assert q.log_prob(tokens[:count], threads=1).tolist() == together[:count].tolist()


@pytest.mark.parametrize(("states", "vocab_size"), SIZES)
@pytest.mark.parametrize("trust", [1.0, 0.9])
def test_a_row_has_one_set_of_marginals_in_any_company(
    states: int, vocab_size: int, trust: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    q = language(states, vocab_size)
    tokens = rows(q, 40)
    tokens[:, ::3] = vocab_size
    assert not q.chain.possible(tokens, 1)[1]
    tokens[3] = vocab_size
    together, sure = q.chain.smooth(tokens, trust, 1)
    for threads in (1, 2):
        # So few tokens would have one thread.
        monkeypatch.setattr("mdmtheory.languages.chain.THREADED_OPERATIONS", 0.0)
        for count in (1, FEW):
            found, as_sure = q.chain.smooth(tokens[:count], trust, threads)
            np.testing.assert_array_equal(found, together[:count])
            np.testing.assert_array_equal(as_sure, sure[:count])


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_shortest_sequences_have_a_middle_too(length: int) -> None:
    q = language(8, 4)
    tokens = q.sample(3 * FEW, length, seed=1, threads=1)
    np.testing.assert_array_equal(q.chain.smooth(tokens[:2], 1.0, 1)[0], q.chain.smooth(tokens, 1.0, 1)[0][:2])


def test_a_row_that_float64_may_lose_is_as_unsure_alone() -> None:
    faint = mt.HMM([1.0, 0.0], [[1.0, 1e-160], [1e-160, 1.0]], [[1.0, 1e-160], [1e-160, 1.0]])
    tokens = np.tile(np.array([[0, 1, 0, 1]], dtype=np.uint8), (2 * FEW, 1))
    tokens[0] = 0
    _, together = faint.chain.smooth(tokens, 1.0, 1)
    _, alone = faint.chain.smooth(tokens[:2], 1.0, 1)
    assert together.tolist() == [alone[0]] + [alone[1]] * (len(together) - 1)
    assert not alone[1]
