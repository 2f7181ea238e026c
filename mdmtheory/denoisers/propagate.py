"""An observer of 3-SAT who propagates units so many times, and does not search."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.denoisers.observer import Observer, Part
from mdmtheory.languages.presets import LanguageLike

_SEARCH = Ours(
    "imperfect denoiser as exact posterior of an observer with limited sight: window of tokens, sudoku "
    "singles, unit propagation, masked diffusion",
    "2026-11-29",
)


@registered(
    "denoiser", "propagate", version=1, place=8, examples=("depth=1", "depth=3"), of=("sat",), sources=(_SEARCH,)
)
class Propagate(Observer):
    """An observer of sat who propagates units `depth` times: certain of variables so decided, of others one half each.

    One time: every clause whose literals are false but for one, which is open, makes that one true, all clauses at
    once. What is decided holds in every assignment that agrees with the revealed variables, so that it excludes nothing
    that is possible. It is nobody's posterior: it is the law of largest entropy in which all that is decided holds. A
    context is impossible where a clause is seen to be false, or two want a variable both ways; others, with which no
    assignment agrees, it does not see to be so (docs/theory.md, 14; ours).
    """

    task = "sat"

    @whole_numbers(depth=0)
    def __init__(self, language: LanguageLike, *, depth: int) -> None:
        self.depth = depth
        super().__init__(language, depth=self.depth)

    def _laws(
        self, prompts: Part, answers: Part
    ) -> tuple[Float[np.ndarray, "count answered vocab_size"], Bool[np.ndarray, "count"]]:
        literals = prompts.astype(np.int64).reshape(len(prompts), self.language.clauses, 3) - 2
        # allowed[r, v, b]: variable v may be b; one that may be neither is wanted both ways.
        allowed = (answers == self.vocab_size)[:, :, None] | (answers[:, :, None] == np.arange(2))
        rows = np.arange(len(answers))[:, None, None]
        for _ in range(self.depth):
            may_be = allowed[rows, literals // 2, 1 - literals % 2]
            row, clause, place = np.nonzero(may_be & (may_be.sum(axis=2, keepdims=True) == 1))
            wanted = literals[row, clause, place]
            allowed[row, wanted // 2, wanted % 2] = False
        may_be = allowed[rows, literals // 2, 1 - literals % 2]
        possible = np.asarray(may_be.any(axis=2).all(axis=1)) & np.asarray(allowed.any(axis=2).all(axis=1))
        laws = np.zeros((*answers.shape, self.vocab_size))
        laws[:, :, :2] = allowed / np.maximum(allowed.sum(axis=2, keepdims=True), 1)
        return laws, possible
