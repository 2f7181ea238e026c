"""Rows of which each step draws its tokens together, on condition that a sequence of the language can still come of it.

A step's product of laws puts the mass Z on tokens with which what stands can be completed: Z, and what is drawn given
that, come from one pass over weighted sets of the states of the language's automaton (docs/theory.md, 5.2; ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.limits import MOST_STATE_SETS
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import LANGUAGES
from mdmtheory.languages.support import Support
from mdmtheory.oracles.answers import LawAnswers

Rows = Int[np.ndarray, "n"]


def support_of(language: Any, length: int) -> Support:
    """The automaton of a language; MisfitError where it has none."""
    found = language.support(length)
    if found is None:
        read = [name for name in LANGUAGES.built_in if LANGUAGES.about(name).automaton]
        raise MisfitError(
            f"{language.spec} has no automaton that says what can be completed (Language.support); those that have one "
            f"are {', '.join(read)}",
            between=("sampler", "language"),
        )
    return found


class CompletableRows:
    """Partly revealed sequences, with the states in which the automaton of a language may be at every position."""

    def __init__(self, language: Language, shown: Tokens) -> None:
        from mdmtheory.kernels.completable import open_sets

        self.language, self.vocab_size = language, language.vocab_size
        self._support = support_of(language, shown.shape[1])
        sets, order = self._support.sets, self._support.order
        self._time = np.full(shown.shape[1], -1, dtype=np.int64)
        self._time[order] = np.arange(len(order))
        self._seen = np.ascontiguousarray(shown[:, order].astype(np.int64))
        self._ahead = np.zeros((*self._seen.shape, len(sets.start)), dtype=np.uint64)
        self._behind = np.zeros_like(self._ahead)
        self.widest = 1
        """The most sets of states that were told apart at one position so far."""
        if len(order):
            open_sets(*sets, self._seen, self._ahead, self._behind)

    def draw(
        self, rows: Rows, positions: Rows, laws: Float[np.ndarray, "n vocab_size"], uniforms: Float[np.ndarray, "n"]
    ) -> tuple[Rows, Float[np.ndarray, "n"]]:
        """Tokens for one step's (row, position) pairs, given that the row can be completed; and log(1 - d) of each.

        d is the share of the product's mass that dies at the position, of what is left to the left of it in the order
        of the automaton; over a row the logarithms sum to log Z. Where Z is 0 the row's tokens are the mask, and a
        logarithm is -inf. ValueError where the sets of states outgrow MOST_STATE_SETS (mdmtheory.core.limits),
        FloatingPointError where probabilities are too small for float64.
        """
        return self._step(rows, positions, laws, np.full(len(rows), self.vocab_size), uniforms, best=False)

    def best(
        self, rows: Rows, positions: Rows, laws: Float[np.ndarray, "n vocab_size"]
    ) -> tuple[Rows, Float[np.ndarray, "n"]]:
        """The tokens of the largest product that can be completed, of equal ones the first; logarithms as `draw`."""
        return self._step(rows, positions, laws, np.full(len(rows), self.vocab_size), np.empty(0), best=True)

    def score(
        self, rows: Rows, positions: Rows, laws: Float[np.ndarray, "n vocab_size"], tokens: Rows
    ) -> Float[np.ndarray, "n"]:
        """As `draw`, of the tokens given: the logarithms alone, -inf at one position of a row of which Z is 0."""
        return self._step(rows, positions, laws, tokens.astype(np.int64), np.empty(0), best=False)[1]

    def _step(
        self, rows: Rows, positions: Rows, laws: Any, tokens: Rows, uniforms: Any, *, best: bool
    ) -> tuple[Rows, Float[np.ndarray, "n"]]:
        from mdmtheory.kernels.completable import FAINT, IMPOSSIBLE, OUTGROWN, complete

        sets, log_kept, times = self._support.sets, np.zeros(len(rows)), self._time[positions]
        tokens = tokens.astype(np.int64)
        free = np.flatnonzero(times < 0)
        if len(free) and best:
            tokens[free] = laws[free].argmax(axis=1)
        elif len(free) and len(uniforms):
            tokens[free] = LawAnswers.of(laws[free]).draw(uniforms[free])
        bound = np.flatnonzero(times >= 0)
        bound = bound[np.lexsort((times[bound], rows[bound]))]
        if not len(bound):
            return tokens, log_kept
        named, first = np.unique(rows[bound], return_index=True)
        edges = np.append(first, len(bound)).astype(np.int64)
        own = (tokens[bound], np.zeros(len(bound)), np.empty(len(named), np.int64), np.empty(len(named), np.int64))
        complete(
            *sets[1:],
            self._ahead,
            self._behind,
            self._seen,
            named.astype(np.int64),
            edges,
            np.ascontiguousarray(times[bound]),
            np.ascontiguousarray(laws[bound]),
            np.ascontiguousarray(uniforms[bound] if len(uniforms) else uniforms),
            best,
            MOST_STATE_SETS,
            *own,
        )
        drawn, kept, trouble, widest = own
        self.widest = max(self.widest, int(widest.max()))
        if (trouble == OUTGROWN).any():
            raise ValueError(
                f"a step of {self.language.spec} tells more than MOST_STATE_SETS = {MOST_STATE_SETS:,} sets of states "
                "apart at one position (mdmtheory.core.limits); use more steps, a shorter length or a smaller language"
            )
        if (trouble == FAINT).any():
            raise FloatingPointError(
                f"a step of {self.language.spec} can be completed with a probability too small for float64 only; use "
                "more steps"
            )
        tokens[bound], log_kept[bound] = drawn, kept
        lost = trouble == IMPOSSIBLE
        if lost.any():
            wrong = np.isin(rows, named[lost])
            tokens[wrong], log_kept[wrong] = self.vocab_size, 0.0
            log_kept[bound[first[lost]]] = -np.inf
        return tokens, log_kept
