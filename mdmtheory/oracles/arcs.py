"""The exact posterior of an automaton of arcs: messages from both ends, as many products a position as it has arcs."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.register import registered
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.languages.chain import least_positive
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.oracles.by_evidence import OracleByEvidence, normalised
from mdmtheory.oracles.under_noise import Laws

MOST_LOST = 1e-200
"""Rows of which less is left are done again in logarithms, in which nothing is too small (kernels/evidence.py)."""


class ArcTables(NamedTuple):
    """The arrays that kernels/arcs.py runs on; below `faint` a product with a probability may be lost."""

    edges: Int[np.ndarray, "states+1"]
    sources: Int[np.ndarray, "arcs"]
    tokens: Int[np.ndarray, "arcs"]
    targets: Int[np.ndarray, "arcs"]
    probabilities: Float[np.ndarray, "arcs"]
    by_token: Int[np.ndarray, "arcs"]
    token_edges: Int[np.ndarray, "vocab+1"]
    places: Int[np.ndarray, "places"]
    place_edges: Int[np.ndarray, "vocab+3"]
    faint: float


@registered("oracle", "arcs")
class ArcsOracle(OracleByEvidence):
    """Forward and backward messages over states; in logarithms where a float could have lost what is left."""

    language: PDFA

    @cached_property
    def _arcs(self) -> ArcTables:
        """Arrays as kernels are compiled for: those of a language may not be written to."""
        q = self.language
        by_token = np.argsort(q.tokens, kind="stable")
        entered = [np.unique(q.targets[q.tokens == v]) for v in range(q.vocab_size)]
        places = [*entered, np.arange(q.states), np.zeros(1, dtype=np.int64)]
        return ArcTables(
            q.edges,
            q.sources.copy(),
            q.tokens.copy(),
            q.targets.copy(),
            q.probabilities.copy(),
            by_token,
            np.searchsorted(q.tokens[by_token], np.arange(q.vocab_size + 1)),
            np.concatenate(places),
            np.cumsum([0, *map(len, places)]),
            LEAST_PRODUCT / least_positive(q.probabilities),
        )

    def _left_out(self, logs: Laws) -> Laws:
        out, least, _ = self._smooth(np.full(logs.shape[:2], self.vocab_size), logs)
        for row in np.flatnonzero(~(least >= MOST_LOST)):
            out[row] = self._in_logs(logs[row])
        return out

    def _given_masks(self, tokens: Tokens, threads: int | None) -> Laws:
        with np.errstate(divide="ignore"):
            certain = np.log(np.vstack([np.eye(self.vocab_size), np.ones(self.vocab_size)]))
        out = np.empty((*tokens.shape, self.vocab_size))

        def work(a: int, b: int) -> None:
            logs = certain[tokens[a:b]]
            out[a:b], least, faint = self._smooth(tokens[a:b].astype(np.int64), logs)
            for row in np.flatnonzero(~(least >= MOST_LOST)):
                # Where nothing of certain evidence was lost and yet nothing is left, that is impossible.
                out[a + row] = self._in_logs(logs[row]) if faint[row] or least[row] > 0 else -np.inf

        over_rows(work, len(tokens), threads)
        return normalised(out)

    def _smooth(
        self, given: Int[np.ndarray, "count length"], logs: Laws
    ) -> tuple[Laws, Float[np.ndarray, "count"], Bool[np.ndarray, "count"]]:
        """Logarithms of what `smooth_arcs` finds, and what it says of each row."""
        from mdmtheory.kernels.arcs import smooth_arcs

        out, least, faint = np.empty(logs.shape), np.empty(len(logs)), np.empty(len(logs), dtype=np.bool_)
        smooth_arcs(self._arcs, given, np.exp(logs), out, least, faint)
        with np.errstate(divide="ignore"):
            return np.log(out), least, faint

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
