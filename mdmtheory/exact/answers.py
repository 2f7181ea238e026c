"""The information curve of an answer given its prompt, from the list of right answers: over all sets of positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.guards import unguarded
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.tokens import TokensLike
from mdmtheory.exact.curve import Curve
from mdmtheory.exact.enumeration import check_feasible
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.tasks.base import Task


@shows_progress
def answer_curve(task: LanguageLike, prompt: TokensLike, *, progress: bool | None = None) -> Curve:
    """H̄(m | prompt) in nats, of a token of an answer given m others, over positions and sets of others; exact.

    Over all 2^answered sets of positions, the entropy of each counted in the list of right answers (docs/theory.md,
    section 14; ours). ValueError for what is no task, and with the cost where there are too many sets.

    >>> curve = answer_curve("finite:most=1", [1, 3, 3])
    >>> np.asarray(curve).round(4).tolist()
    [0.6931, 0.0]
    """
    language: Any = unguarded(as_language(task))
    if not isinstance(language, Task):
        raise ValueError(f"{language.spec} is no task; pass one, as sudoku:size=4")
    listing = language.answers(prompt)
    count, answered = listing.tokens.shape
    check_feasible(2.0**answered * count * 16, 8.0 * 2**answered, f"the sets of {answered} positions")
    shares, sums = listing.all_weights / listing.all_weights.sum(), np.zeros(answered + 1)

    def visit(first: int, groups: Int[np.ndarray, "answers"], size: int) -> None:
        """Add H of the positions by which answers are in `groups`, and of all sets that have later ones besides."""
        weights = np.bincount(groups, weights=shares)
        sums[size] -= weights @ np.log(weights)
        for position in range(first, answered):
            finer = groups * language.vocab_size + listing.tokens[:, position]
            visit(position + 1, np.unique(finer, return_inverse=True)[1].reshape(-1), size + 1)

    visit(0, np.zeros(count, dtype=np.int64), 0)
    means = sums / np.array([math.comb(answered, size) for size in range(answered + 1)])
    return Curve.exact(np.maximum(np.diff(means), 0.0))
