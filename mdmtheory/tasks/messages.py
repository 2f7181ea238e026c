"""The exact posterior of tasks whose answers are too many to list: counted along their structure at every call."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.tasks.listing import ListedOracle, columns_of


class MessageOracle(ListedOracle):
    """The exact posterior of a task by its `messages`; with `trust` as the listed one.

    `task.messages(prompts, evidence)` takes prompts (count, given) and how well each token explains what is seen at
    each position of the answer, (count, answered, V), and returns, up to a factor for each position, the law of its
    token by all evidence but its own; what stands there for a token that its own evidence excludes is not read.
    `task.counts(prompts)` refuses what is no prompt.
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
        """A canvas of `count` sequences that begin as `prompt`, which the task has to know; ValueError of others."""
        shown = self._shown(count, length, noise, prompt)
        known = shown[:, self.language.given]
        if (known == self.vocab_size).any():
            return super().open(count, length, noise=noise, prompt=prompt, threads=threads)
        self.language.counts(np.unique(known, axis=0))
        return MessageCanvas(self.language, shown, self.trust)


class MessageCanvas:
    """Answers whose tokens are parts of one structure; each call passes messages over it (MarginalsCanvas)."""

    def __init__(self, task: Any, shown: Tokens, trust: float) -> None:
        self._task, self._trust = task, trust
        self._prompts, self._shown = shown[:, task.given], shown[:, ~task.given].astype(np.int64)
        self._column = np.where(task.given, -1, np.cumsum(~task.given) - 1)
        mask = task.vocab_size
        # What a token shown says of each token, and last of all what the mask says: nothing.
        self._said = np.ones((mask + 1, mask))
        self._said[:mask] = trust * np.eye(mask) + (1 - trust) / mask
        self.calls: Int[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(len(shown), dtype=np.bool_)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs of the answers; the mask erases."""
        self._shown[rows, columns_of(self._column, positions)] = tokens

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior at each (row, position); every row named is charged one call and one round."""
        columns = columns_of(self._column, positions)
        asked, which = np.unique(rows, return_inverse=True)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        evidence = self._said[self._shown[asked]]
        laws = self._task.messages(self._prompts[asked], evidence)[which, columns]
        if self._trust == 1:
            laws = laws * evidence[which, columns]
        totals = laws.sum(axis=1, keepdims=True)
        self.impossible[np.asarray(rows)[totals[:, 0] == 0]] = True
        return np.divide(laws, totals, out=np.zeros_like(laws), where=totals > 0)
