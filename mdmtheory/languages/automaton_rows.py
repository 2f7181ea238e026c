"""Rows of which each step draws its tokens together, on condition that what an automaton reads can come of it.

A step's product of laws puts the mass Z on tokens with which what stands can be completed: Z, and what is drawn given
that, come from one pass over weighted sets of the states of the language's automaton (docs/theory.md, 5.2; ours).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt64

from mdmtheory.core.limits import MOST_STATE_SETS
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.completion import Kept, Laws, Numbers, Rows

Words = UInt64[np.ndarray, "states words"]


class StateSets(NamedTuple):
    """The automaton as kernels/completable.py takes it: sets of states as 64-bit words, the mask's emitters all."""

    start: UInt64[np.ndarray, "words"]
    successors: Words
    predecessors: Words
    emitters: UInt64[np.ndarray, "evidence words"]
    ends: UInt64[np.ndarray, "words"]


class AutomatonRows:
    """Partly revealed sequences, with the states in which an automaton may be at every position that it reads."""

    def __init__(self, sets: StateSets, order: Int[np.ndarray, "read"], shown: Tokens, spec: Spec) -> None:
        from mdmtheory.kernels.completable import open_sets

        self._sets, self._spec = sets, spec
        self.vocab_size = len(sets.emitters) - 1
        self._time = np.full(shown.shape[1], -1, dtype=np.int64)
        self._time[order] = np.arange(len(order))
        self._seen = np.ascontiguousarray(shown[:, order].astype(np.int64))
        self._ahead = np.zeros((*self._seen.shape, len(sets.start)), dtype=np.uint64)
        self._behind = np.zeros_like(self._ahead)
        self.widest = 1
        """The most sets of states that were told apart at one position so far."""
        if len(order):
            open_sets(*sets, self._seen, self._ahead, self._behind)

    def draw(self, rows: Rows, positions: Rows, laws: Laws, uniforms: Numbers) -> tuple[Rows, Kept]:
        """Tokens for one step's pairs, and log(1 - d) of each, as `CompletableRows` has it.

        d is the share of the product's mass that dies at the position, of what is left to the left of it in the order
        of the automaton. ValueError where the sets of states outgrow MOST_STATE_SETS (mdmtheory.core.limits),
        FloatingPointError where probabilities are too small for float64.
        """
        return self._step(rows, positions, laws, np.full(len(rows), self.vocab_size), uniforms, best=False)

    def best(self, rows: Rows, positions: Rows, laws: Laws) -> tuple[Rows, Kept]:
        """The tokens of the largest product that can be completed, of equal ones the first; logarithms as `draw`."""
        return self._step(rows, positions, laws, np.full(len(rows), self.vocab_size), None, best=True)

    def score(self, rows: Rows, positions: Rows, laws: Laws, tokens: Rows) -> Kept:
        """As `draw`, of the tokens given: the logarithms alone."""
        return self._step(rows, positions, laws, tokens.astype(np.int64), None, best=False)[1]

    def _step(
        self, rows: Rows, positions: Rows, laws: Laws, tokens: Rows, uniforms: Numbers | None, *, best: bool
    ) -> tuple[Rows, Kept]:
        from mdmtheory.kernels.completable import FAINT, IMPOSSIBLE, OUTGROWN, complete
        from mdmtheory.kernels.marginals import draw_rows

        log_kept, times = np.zeros(len(rows)), self._time[positions]
        tokens = tokens.astype(np.int64)
        free = np.flatnonzero(times < 0)
        if len(free) and best:
            tokens[free] = laws[free].argmax(axis=1)
        elif len(free) and uniforms is not None:
            drawn = np.empty(len(free), dtype=np.int64)
            draw_rows(np.ascontiguousarray(laws[free]), np.ascontiguousarray(uniforms[free]), drawn)
            tokens[free] = drawn
        bound = np.flatnonzero(times >= 0)
        bound = bound[np.lexsort((times[bound], rows[bound]))]
        if not len(bound):
            return tokens, log_kept
        named, first = np.unique(rows[bound], return_index=True)
        edges = np.append(first, len(bound)).astype(np.int64)
        own = (tokens[bound], np.zeros(len(bound)), np.empty(len(named), np.int64), np.empty(len(named), np.int64))
        complete(
            *self._sets[1:],
            self._ahead,
            self._behind,
            self._seen,
            named.astype(np.int64),
            edges,
            np.ascontiguousarray(times[bound]),
            np.ascontiguousarray(laws[bound]),
            np.empty(0) if uniforms is None else np.ascontiguousarray(uniforms[bound]),
            best,
            MOST_STATE_SETS,
            *own,
        )
        drawn, kept, trouble, widest = own
        self.widest = max(self.widest, int(widest.max()))
        if (trouble == OUTGROWN).any():
            raise ValueError(
                f"a step of {self._spec} tells more than MOST_STATE_SETS = {MOST_STATE_SETS:,} sets of states "
                "apart at one position (mdmtheory.core.limits); use more steps, a shorter length or a smaller language"
            )
        if (trouble == FAINT).any():
            raise FloatingPointError(
                f"a step of {self._spec} can be completed with a probability too small for float64 only; use more steps"
            )
        tokens[bound], log_kept[bound] = drawn, kept
        lost = trouble == IMPOSSIBLE
        if lost.any():
            wrong = np.isin(rows, named[lost])
            tokens[wrong], log_kept[wrong] = self.vocab_size, 0.0
            log_kept[bound[first[lost]]] = -np.inf
        return tokens, log_kept
