"""Sudoku: a grid with blanks, and every grid that fills it by the rules."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS, MOST_SEARCHED
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row
from mdmtheory.tasks.listing import Listing

_SEARCH = Ours(
    "sudoku puzzles with several completions uniform law over all completions, diffusion language model benchmark, "
    "exact posterior of cells",
    "2026-11-30",
)

CLUES = {4: 4, 9: 30}
"""Clues where none are said: so many leave some 4 completions of size 4, and 30 of size 9."""

MOST_REDRAWN = 32
"""Puzzles in turn with too many completions to list, after which so few clues are refused; of 24 clues none is seen."""


@registered(
    "language",
    "sudoku",
    version=1,
    place=16,
    family="task",
    said="sudoku of size {size}",
    examples=("size=4", "size=9,clues=40"),
    sources=("ye2024", _SEARCH),
)
class Sudoku(Task):
    """Task: fill a sudoku of size 4 or 9 with `clues` given cells; every completion is right, and they are alike.

    The prompt is the puzzle row by row, 0 for a blank; the answer is the whole grid, row by row, as MGDM writes it
    (2410.14157). Size 4: a uniform grid of the 288, of which a uniform set of cells is shown, so that the posterior is
    the uniform law over completions by itself. Size 9: a grid from a random search, which is not uniform, then a
    uniform completion; how likely a puzzle is is not known.

    >>> task = Sudoku(size=4, clues=0)
    >>> task.length, len(task.answers(task.prompts(1, seed=0)))
    (32, 288)
    """

    kind = "sudoku"
    version = 1
    numbers = ("size", "clues")
    source = "2410.14157 (puzzles with one completion); many completions: ours"

    @whole_numbers(size=1, clues=0)
    def __init__(self, *, size: int = 9, clues: int | None = None, spec: Spec | None = None) -> None:
        if size not in CLUES:
            raise ValueError(f"size is {size}; pass 4 or 9")
        self.size, self.box = size, math.isqrt(size)
        self.clues = whole_number(CLUES[size] if clues is None else clues, "clues", 0, size**2)
        self._settle(size + 1, np.arange(2 * size**2) < size**2, spec)

    @property
    def cells(self) -> int:
        """Cells of a grid."""
        return self.size**2

    def _draw(self, draws: Draws) -> Row:
        if self.size == 4:
            grids = _all_small()
            grid = grids[draws.below(len(grids))[0]]
            return self.joined(self._shown(grid, draws), grid)
        for _ in range(MOST_REDRAWN):
            prompt = self._shown(_drawn_grid(draws, self.box), draws)
            # A puzzle with too many completions to list is drawn again: that is no prompt of which anything is known.
            if len(self.right_answers(prompt)) <= MOST_ANSWERS:
                return self.joined(prompt, self.drawn_answer(prompt, draws))
        raise ValueError(
            f"{MOST_REDRAWN} puzzles in turn of {self.spec} have more than MOST_ANSWERS = {MOST_ANSWERS:,} completions "
            "(mdmtheory.core.limits); give more clues, 24 or more"
        )

    def _shown(self, grid: Row, draws: Draws) -> Row:
        prompt = np.zeros_like(grid)
        shown = draws.some(self.clues, self.cells)
        prompt[shown] = grid[shown]
        return prompt

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """As many clues as there are to be, kept; each digit once in every row, column and box."""
        puzzles, grids = tokens[:, : self.cells], tokens[:, self.cells :]
        found = (puzzles > 0).sum(axis=1) == self.clues
        found &= ((puzzles == 0) | (puzzles == grids)).all(axis=1)
        digits = np.arange(1, self.size + 1)
        for unit in units_of(self.box):
            found &= (np.sort(grids[:, unit], axis=-1) == digits).all(axis=(1, 2))
        return found

    def right_answers(self, prompt: Row) -> Tokens:
        """All completions of a puzzle, by depth-first search on the tightest cell."""
        if (prompt > 0).sum() != self.clues or prompt.max() > self.size:
            raise ValueError(
                f"a puzzle has {(prompt > 0).sum()} clues, and those of {self.spec} have {self.clues} and blanks 0; "
                f"name {Spec.of('sudoku', size=self.size, clues=int((prompt > 0).sum()))} for it"
            )
        if self.size == 4:
            grids = _all_small()
            return np.ascontiguousarray(grids[((prompt == 0) | (grids == prompt)).all(axis=1)])
        return _completions(prompt, self.box, MOST_ANSWERS + 1)

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """log of completions / (288 C(16, clues)); ValueError at size 9, where it is not known."""
        if self.size != 4:
            return super().prompt_log_prob(prompts)
        counts = [len(self.right_answers(each)) if (each > 0).sum() == self.clues else 0 for each in prompts]
        with np.errstate(divide="ignore"):
            return np.log(counts) - self._log_count

    @property
    def _log_count(self) -> float:
        """The logarithm of how many sequences there are of size 4, all alike."""
        return math.log(len(_all_small()) * math.comb(self.cells, self.clues))

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) + H(answer | prompt) in nats, exact at size 4; ValueError at size 9, where it is not known."""
        self.validate_length(length)
        return Estimate.exact(self._log_count) if self.size == 4 else super().entropy(length, count, seed)

    def whole_law(self) -> Listing:
        """All puzzles with their completions, where these are few; ValueError where they are not."""
        if self.size != 4 or math.exp(self._log_count) > MOST_ANSWERS:
            return super().whole_law()
        grids = _all_small()
        shown = np.zeros((math.comb(self.cells, self.clues), self.cells), dtype=np.bool_)
        for row, chosen in enumerate(itertools.combinations(range(self.cells), self.clues)):
            shown[row, list(chosen)] = True
        puzzles = np.where(shown[:, None], grids, np.uint8(0)).reshape(-1, self.cells)
        return Listing(np.hstack([puzzles, np.tile(grids, (len(shown), 1))]))

    def show(self, tokens: TokensLike) -> str:
        """The puzzle with dots for blanks and, beside it, the grid; a mask is `_`."""
        row = self._whole(tokens)[0]
        halves = [half.reshape(self.size, self.size).tolist() for half in (row[: self.cells], row[self.cells :])]
        signs = [".", *map(str, range(1, self.vocab_size)), "_"]
        lines = (
            "    ".join(" ".join(signs[token] for token in line) for line in both) for both in zip(*halves, strict=True)
        )
        return "\n".join(lines)

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces are free, and 0 is a blank too."""
        lines = ["".join(line.split()) for line in text.strip().splitlines()]
        signs = {**{str(digit): digit for digit in range(self.vocab_size)}, ".": 0, "_": self.vocab_size}
        if len(lines) != self.size or any(len(line) != 2 * self.size or set(line) - signs.keys() for line in lines):
            raise ValueError(
                f"{' '.join(text.split())[:60]!r} is no sequence of {self.spec}; write {self.size} lines of "
                f"{2 * self.size} signs, puzzle and grid: 1 to {self.size}, . for a blank, _ for a mask"
            )
        values = np.array([[signs[sign] for sign in line] for line in lines])
        return self._whole(np.hstack([values[:, : self.size].reshape(-1), values[:, self.size :].reshape(-1)]))[0]


@cache
def _all_small() -> Tokens:
    """The 288 grids of size 4."""
    return _completions(np.zeros(16, dtype=np.uint8), 2, MOST_ANSWERS)


def _completions(puzzle: Row, box: int, most: int) -> Tokens:
    """Up to so many completions of a puzzle; ValueError, one line, where the search would take too long."""
    from mdmtheory.kernels.sudoku import complete_grid

    out = np.empty((most, box**4), dtype=np.uint8)
    found = complete_grid(puzzle.astype(np.int64), box, MOST_SEARCHED, *_scratch(box), out)
    if found < 0:
        raise ValueError(
            f"the completions of a puzzle are not found within MOST_SEARCHED = {MOST_SEARCHED:,} trials "
            "(mdmtheory.core.limits); pass one with more clues"
        )
    return out[:found].copy()


def _drawn_grid(draws: Draws, box: int) -> Row:
    from mdmtheory.kernels.sudoku import random_grid

    out = np.empty((1, box**4), dtype=np.uint8)
    random_grid(draws.state, box, *_scratch(box), np.empty(box**4, dtype=np.int64), out)
    return out[0]


def _scratch(box: int) -> tuple[Int[np.ndarray, "kinds size"], Int[np.ndarray, "cells"], Int[np.ndarray, "cells"]]:
    return np.empty((3, box**2), dtype=np.int64), np.empty(box**4, dtype=np.int64), np.empty(box**4, dtype=np.int64)


@cache
def units_of(box: int) -> tuple[Int[np.ndarray, "size size"], ...]:
    """The cells of every row, of every column and of every box."""
    size = box**2
    rows = np.arange(size**2).reshape(size, size)
    boxes = rows.reshape(box, box, box, box).transpose(0, 2, 1, 3).reshape(size, size)
    return rows, rows.T, boxes
