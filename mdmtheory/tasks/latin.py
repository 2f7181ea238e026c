"""Latin squares: the task without a prompt."""

from __future__ import annotations

import itertools
import math
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row

MOST = 4
"""There are 576 squares of size 4, and 161,280 of size 5, more than can be listed."""


@registered(
    "language",
    "latin",
    version=1,
    place=20,
    family="task",
    said="latin square of {size}",
    examples=("size=3", ""),
    sources=("kang2025",),
)
class Latin(Task):
    """Task: write a latin square, each digit once in every row and column; nothing is given, and all are as likely.

    The answer is the square row by row, digit d as token d - 1 (2510.04767, at size 4).

    >>> [len(task.answers(task.prompts(1))) for task in (Latin(size=2), Latin(size=3), Latin(size=4))]
    [2, 12, 576]
    """

    kind = "latin"
    version = 1
    numbers = ("size",)
    source = "2510.04767"

    @whole_numbers(size=1)
    def __init__(self, *, size: int = 4, spec: Spec | None = None) -> None:
        if not 2 <= size <= MOST:
            raise ValueError(f"size is {size}; pass from 2 to {MOST}")
        self.size = size
        self._settle(size, np.zeros(size**2, dtype=np.bool_), spec)

    @cached_property
    def _squares(self) -> Tokens:
        """All of them, row after row of orders that clash with none above."""
        orders = list(itertools.permutations(range(self.size)))
        squares: list[tuple[tuple[int, ...], ...]] = [()]
        for _ in range(self.size):
            squares = [
                (*above, row)
                for above in squares
                for row in orders
                if all(one != other for line in above for one, other in zip(line, row, strict=True))
            ]
        return np.array(squares, dtype=np.uint8).reshape(len(squares), -1)

    def _draw(self, draws: Draws) -> Row:
        row: Row = self._squares[draws.below(len(self._squares))[0]]
        return row

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Each digit once in every row and in every column."""
        squares = tokens.reshape(len(tokens), self.size, self.size)
        digits = np.arange(self.size)[:, None]
        rows = np.sort(squares, axis=2) == digits[:, 0]
        return np.asarray(rows.all(axis=(1, 2)) & (np.sort(squares, axis=1) == digits).all(axis=(1, 2)))

    def right_answers(self, prompt: Row) -> Tokens:
        """All squares."""
        return self._squares

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """0: nothing is given."""
        return np.zeros(len(prompts))

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """The logarithm of the number of squares in nats, exact."""
        self.validate_length(length)
        return Estimate.exact(math.log(len(self._squares)))

    def show(self, tokens: TokensLike) -> str:
        """A line for each row; a mask is `_`."""
        signs = [*(str(digit + 1) for digit in range(self.size)), "_"]
        return "\n".join(
            " ".join(signs[token] for token in row) for row in self._whole(tokens)[0].reshape(self.size, -1)
        )

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces and lines are free."""
        signs = "".join(text.split())
        known = {**{str(digit + 1): digit for digit in range(self.size)}, "_": self.size}
        if len(signs) != self.length or set(signs) - known.keys():
            raise ValueError(
                f"{' '.join(text.split())[:60]!r} is no square of {self.spec}; write {self.length} digits from 1 to "
                f"{self.size}, _ for a mask"
            )
        return self._whole([known[sign] for sign in signs])[0]
