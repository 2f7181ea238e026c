"""Fitting a hidden Markov model by expectation and maximisation (Baum and Welch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Laws(NamedTuple):
    """The law of the first state, of the next state, and of the token of a state."""

    initial: Float[np.ndarray, "states"]
    transition: Float[np.ndarray, "states states"]
    emission: Float[np.ndarray, "states vocab"]


class Expected(NamedTuple):
    """Expected counts of first states, of moves, and of tokens by state, given sequences; log q of these in nats."""

    first: Float[np.ndarray, "states"]
    moves: Float[np.ndarray, "states states"]
    tokens: Float[np.ndarray, "states vocab"]
    nats: float


def drawn_laws(states: int, vocab_size: int, seed: int) -> Laws:
    """Where the search begins: rows that are uniform on the simplex, so that no two states are alike."""
    generator = np.random.default_rng(seed)
    rows = [
        generator.dirichlet(np.ones(size), many) for size, many in ((states, 1), (states, states), (vocab_size, states))
    ]
    return Laws(rows[0][0], rows[1], rows[2])


def expected(laws: Laws, sequences: Sequence[Int[np.ndarray, "_"]]) -> Expected:
    """What the posterior of the hidden states makes of some sequences; those of one length are passed over together."""
    states, vocab_size = laws.emission.shape
    total = Expected(np.zeros(states), np.zeros((states, states)), np.zeros((states, vocab_size)), 0.0)
    for length in sorted({len(each) for each in sequences}):
        found = _expected(laws, np.stack([each for each in sequences if len(each) == length]))
        total = Expected(
            total.first + found.first, total.moves + found.moves, total.tokens + found.tokens, total.nats + found.nats
        )
    return total


def _expected(laws: Laws, tokens: Int[np.ndarray, "count length"]) -> Expected:
    count, length = tokens.shape
    states, vocab_size = laws.emission.shape
    likelihoods = laws.emission.T[tokens]
    before, scales = np.empty((length, count, states)), np.empty((length, count))
    for i in range(length):
        here = (before[i - 1] @ laws.transition if i else laws.initial) * likelihoods[:, i]
        scales[i] = here.sum(axis=1)
        before[i] = here / scales[i, :, None]
    after, moves, law = np.ones((count, states)), np.zeros((states, states)), np.zeros((count, states))
    by_token = np.zeros((vocab_size, states))
    for i in range(length - 1, -1, -1):
        law = before[i] * after
        np.add.at(by_token, tokens[:, i], law)
        if i:
            weighed = likelihoods[:, i] * after / scales[i, :, None]
            moves += before[i - 1].T @ weighed
            after = weighed @ laws.transition.T
    return Expected(law.sum(axis=0), moves * laws.transition, by_token.T, float(np.log(scales).sum()))


def maximised(counts: Expected, before: Laws) -> Laws:
    """The laws that make such counts most probable; a state that is never in one keeps what it had."""

    def rows(found: Float[np.ndarray, "rows columns"], kept: Float[np.ndarray, "rows columns"]) -> np.ndarray:
        sums = found.sum(axis=1, keepdims=True)
        return np.divide(found, sums, out=kept.copy(), where=sums > 0)

    first = counts.first / counts.first.sum()
    return Laws(first, rows(counts.moves, before.transition), rows(counts.tokens, before.emission))


def baum_welch(
    laws: Laws, sequences: Sequence[Int[np.ndarray, "_"]], *, iterations: int, tolerance: float
) -> tuple[Laws, list[float]]:
    """Improve laws until a step gains less than `tolerance` nats a token; and log q, in nats, before each step."""
    tokens = sum(len(each) for each in sequences)
    history: list[float] = []
    for _ in range(iterations):
        counts = expected(laws, sequences)
        history.append(counts.nats)
        if len(history) > 1 and history[-1] - history[-2] < tolerance * tokens:
            break
        laws = maximised(counts, laws)
    return laws, history
