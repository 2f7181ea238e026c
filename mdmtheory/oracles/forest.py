"""The exact posterior of a forest: messages from the leaves to the roots and back, in logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.register import registered
from mdmtheory.languages.forest import Forest
from mdmtheory.oracles.by_evidence import MESSAGE_ENTRIES, OracleByEvidence
from mdmtheory.oracles.under_noise import Laws

Messages = Float[np.ndarray, "count nodes vocab"]


@registered("oracle", "forest")
class ForestOracle(OracleByEvidence):
    """Belief propagation, which is exact on trees; in logarithms nothing is too small for a float."""

    language: Forest

    def _left_out(self, logs: Laws) -> Laws:
        count, length, vocab_size = logs.shape
        out = np.empty(logs.shape)
        size = max(1, MESSAGE_ENTRIES // (length * vocab_size**2))
        for first in range(0, count, size):
            out[first : first + size] = self._passed(logs[first : first + size])
        return out

    def _passed(self, own: Laws) -> Laws:
        parents, levels = self.language.shape(own.shape[1])
        with np.errstate(divide="ignore"):
            start, moves = np.log(self.language.initial), np.log(self.language.conditional)
        below, messages = _Sum(own.shape), np.zeros(own.shape)
        for nodes in reversed(levels[1:]):
            messages[:, nodes] = _sent(own[:, nodes] + below.at(nodes), moves.T)
            below.add(parents[nodes], messages[:, nodes])
        above = np.empty(own.shape)
        above[:, levels[0]] = start
        for nodes in levels[1:]:
            at_parent = above[:, parents[nodes]] + own[:, parents[nodes]]
            above[:, nodes] = _sent(at_parent + below.without(parents[nodes], messages[:, nodes]), moves)
        found = above + below.at(np.arange(own.shape[1]))
        # A contradiction anywhere leaves no sequence, in whichever tree it is.
        roots = levels[0]
        impossible = ((found + own)[:, roots].max(axis=2) == -np.inf).any(axis=1)
        found[impossible] = -np.inf
        return found


class _Sum:
    """Sums of messages by position, from which any one of them can be taken away, also where others are -inf."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._finite, self._none = np.zeros(shape), np.zeros(shape, dtype=np.int64)

    def add(self, positions: np.ndarray, messages: Messages) -> None:
        none = messages == -np.inf
        places: Any = (slice(None), positions)
        np.add.at(self._finite, places, np.where(none, 0.0, messages))
        np.add.at(self._none, places, none)

    def at(self, positions: np.ndarray) -> Messages:
        return np.where(self._none[:, positions] > 0, -np.inf, self._finite[:, positions])

    def without(self, positions: np.ndarray, messages: Messages) -> Messages:
        none = messages == -np.inf
        left = self._finite[:, positions] - np.where(none, 0.0, messages)
        return np.where(self._none[:, positions] > none, -np.inf, left)


def _sent(beliefs: Messages, moves: Float[np.ndarray, "vocab vocab"]) -> Messages:
    """log sum_v exp(beliefs[v] + moves[v, w]) for every w."""
    terms = beliefs[..., :, None] + moves
    most = terms.max(axis=-2)
    most = np.where(most > -np.inf, most, 0.0)
    with np.errstate(divide="ignore"):
        found: Messages = most + np.log(np.exp(terms - most[..., None, :]).sum(axis=-2))
    return found
