"""The exact posterior of an automaton of arcs: messages from both ends, as many products a position as it has arcs."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float

from mdmtheory.core.register import registered
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.oracles.by_evidence import OracleByEvidence
from mdmtheory.oracles.under_noise import Laws

MOST_LOST = 1e-200
"""Rows of which less is left are done again in logarithms, in which nothing is too small (kernels/evidence.py)."""


@registered("oracle", "arcs")
class ArcsOracle(OracleByEvidence):
    """Forward and backward messages over states; in logarithms where a float could have lost what is left."""

    language: PDFA

    @cached_property
    def _arcs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Arrays as kernels are compiled for: those of a language may not be written to."""
        q = self.language
        return q.edges, q.tokens.copy(), q.targets.copy(), q.probabilities.copy()

    def _left_out(self, logs: Laws) -> Laws:
        from mdmtheory.kernels.arcs import smooth_arcs

        out, least = np.empty(logs.shape), np.empty(len(logs))
        smooth_arcs(*self._arcs, np.exp(logs), out, least)
        with np.errstate(divide="ignore"):
            out = np.log(out)
        for row in np.flatnonzero(~(least >= MOST_LOST)):
            out[row] = self._in_logs(logs[row])
        return out

    def _in_logs(self, own: Float[np.ndarray, "length vocab"]) -> Float[np.ndarray, "length vocab"]:
        """The same of one sequence."""
        q = self.language
        length, chances = len(own), np.log(q.probabilities)
        before, after = np.full((length + 1, q.states), -np.inf), np.full((length + 1, q.states), -np.inf)
        before[0, 0], after[length] = 0.0, 0.0
        for i in range(length):
            np.logaddexp.at(before[i + 1], q.targets, before[i, q.sources] + chances + own[i, q.tokens])
        found = np.full(own.shape, -np.inf)
        for i in range(length - 1, -1, -1):
            rest = chances + after[i + 1, q.targets]
            np.logaddexp.at(found[i], q.tokens, before[i, q.sources] + rest)
            np.logaddexp.at(after[i], q.sources, rest + own[i, q.tokens])
        return np.full(own.shape, -np.inf) if after[0, 0] == -np.inf else found
