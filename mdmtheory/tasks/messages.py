"""The exact posterior of tasks whose sequences are too many to list: messages that are passed along their structure."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.tasks.listing import ListedOracle


class MessageOracle(ListedOracle):
    """The exact posterior of a task of which nothing is given, by its `messages`; with `trust` as the listed one.

    `task.messages(evidence)` takes how well each token explains what is seen at each position, (count, length, V), and
    returns, up to a factor for each position, the law of its token by all evidence but its own.
    """

    exact_for = Posterior.exact_for

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas:
        """A canvas of `count` sequences that begin as `prompt`."""
        return MessageCanvas(self.language, self._shown(count, length, noise, prompt), self.trust)


class MessageCanvas:
    """Sequences whose tokens are parts of one structure; each call passes messages over it (MarginalsCanvas)."""

    def __init__(self, task: Any, shown: Tokens, trust: float) -> None:
        self._task, self._trust = task, trust
        self._shown = shown.astype(np.int64)
        mask = task.vocab_size
        # What a token shown says of each token, and last of all what the mask says: nothing.
        self._said = np.ones((mask + 1, mask))
        self._said[:mask] = trust * np.eye(mask) + (1 - trust) / mask
        self.calls: Int[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.bool_)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        self._shown[rows, positions] = tokens

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior at each (row, position); every row named is charged one call and one round."""
        asked, which = np.unique(rows, return_inverse=True)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        evidence = self._said[self._shown[asked]]
        laws = self._task.messages(evidence)[which, positions]
        if self._trust == 1:
            laws = laws * evidence[which, positions]
        totals = laws.sum(axis=1, keepdims=True)
        self.impossible[np.asarray(rows)[totals[:, 0] == 0]] = True
        return np.divide(laws, totals, out=np.zeros_like(laws), where=totals > 0)
