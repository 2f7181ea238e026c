"""An observer of sudoku who knows naked and hidden singles, and nothing else."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.denoisers.observer import Observer, Part
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.tasks.sudoku import units_of

_SEARCH = Ours(
    "imperfect denoiser as exact posterior of an observer with limited sight: window of tokens, sudoku "
    "singles, unit propagation, masked diffusion",
    "2026-11-29",
)


@registered("denoiser", "singles", version=1, place=7, of=("sudoku",), sources=(_SEARCH,))
class Singles(Observer):
    """An observer of sudoku who knows naked and hidden singles: certain of these, of other cells uniform on candidates.

    Clues and revealed cells strike their digit from their row, column and box; a cell with one candidate left has it,
    and so has a digit with one place left in a row, column or box; over and over, until nothing changes. What is struck
    is in no completion, so that it excludes nothing that is possible. It is nobody's posterior: it is the law of
    largest entropy on the candidates that are left, and completions outside it get a part of the mass. A context is
    impossible where a cell has no candidate or a digit no place; others, of which no completion is left, it does not
    see to be so (docs/theory.md, 14; ours).
    """

    task = "sudoku"

    def __init__(self, language: LanguageLike) -> None:
        super().__init__(language)

    def _laws(
        self, prompts: Part, answers: Part
    ) -> tuple[Float[np.ndarray, "count answered vocab_size"], Bool[np.ndarray, "count"]]:
        blank = np.arange(1, self.vocab_size)
        left = np.ones((*answers.shape, self.language.size), dtype=np.bool_)
        for shown, none in ((prompts, 0), (answers, self.vocab_size)):
            left &= (shown == none)[:, :, None] | (shown[:, :, None] == blank)
        units, changing = np.concatenate(units_of(self.language.box)), np.arange(len(left))
        while len(changing):
            some = left[changing]
            found = _without_singles(some, units)
            left[changing] = found
            changing = changing[(found != some).any(axis=(1, 2))]
        cells, places = np.any(left, axis=2), np.any(left[:, units], axis=2)
        possible = np.asarray(np.all(cells, axis=1) & np.all(places, axis=(1, 2)))
        laws = np.zeros((*answers.shape, self.vocab_size))
        laws[:, :, 1:] = left / np.maximum(left.sum(axis=2, keepdims=True), 1)
        return laws, possible


def _without_singles(
    left: Bool[np.ndarray, "count cells digits"], units: np.ndarray
) -> Bool[np.ndarray, "count cells digits"]:
    """The candidates after each single has struck what it excludes, all at once."""
    out = left.copy()
    for unit in units:
        here = left[:, unit]
        alone = here & (here.sum(axis=2, keepdims=True) == 1)
        # Two cells of the same digit strike each other, which leaves them none.
        out[:, unit] &= ~((alone.sum(axis=1, keepdims=True) - alone) > 0)
        only = here & (here.sum(axis=1, keepdims=True) == 1)
        wanted = only.sum(axis=2, keepdims=True)
        # A cell that two digits need has none either.
        out[:, unit] &= (only | (wanted == 0)) & (wanted < 2)
    return np.asarray(out)
