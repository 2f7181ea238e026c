"""How few rounds an exact sampler can do with: every choice of what to reveal together, searched."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.exact.enumeration import Law, check_feasible, joint
from mdmtheory.languages.presets import LanguageLike

ALIKE = 1e-12
"""How far the law of tokens may be off the product of theirs, by rounding, where they are independent."""

_TRIAL = 2e4
"""Operations of trying one set in one context, about."""

Set = tuple[int, ...]


@whole_numbers(length=1)
@shows_progress
def serial_depth(
    language: LanguageLike, length: int, *, adaptive: bool = True, progress: bool | None = None
) -> Estimate:
    """D_0, the least mean number of rounds that draws from q exactly, each by independent tokens given all before.

    A round reveals positions that are independent given what is revealed, so that drawing them together costs nothing.
    What it reveals may depend on the tokens before it; with `adaptive` False it does not, and the number is that of a
    plan. By search over all contexts and sets of positions, exact; ValueError where they are too many. 2608.25505.

    >>> import mdmtheory as mt
    >>> serial_depth(mt.EqualPairs(vocab_size=2), 4).value, serial_depth(mt.Permutation(items=3), 3).value
    (2.0, 3.0)
    """
    q = joint(language, length)
    support = np.argwhere(q > 0)
    # No set of positions has more contexts than there are sequences, and of those that are masked all sets are tried.
    what = f"{len(support):,} sequences in contexts of {length} positions, with all sets of masked ones,"
    check_feasible(len(support) * 3.0**length * _TRIAL, 8.0 * q.size, what)
    return Estimate.exact(_by_context(q, support) if adaptive else _by_plan(q))


def independent_given(q: Law, shown: Set, together: Set) -> bool:
    """Whether tokens are independent given others, whatever those are."""
    given = _marginal(q, shown)
    alone = np.where(given > 0, given, 1.0)
    product = given
    for position in together:
        product = product * _marginal(q, (*shown, position)) / alone
    return bool(np.abs(_marginal(q, (*shown, *together)) - product).max() <= ALIKE)


def _marginal(q: Law, kept: Set) -> Law:
    summed = tuple(axis for axis in range(q.ndim) if axis not in kept)
    found: Law = q.sum(axis=summed, keepdims=True)
    return found


def _by_plan(q: Law) -> float:
    """The fewest steps of a plan that is exact."""

    @cache
    def depth(shown: Set) -> float:
        masked = [position for position in range(q.ndim) if position not in shown]
        if not masked:
            return 0.0
        sets = (each for each in _subsets(masked) if each and independent_given(q, shown, each))
        return 1 + min(depth(tuple(sorted((*shown, *each)))) for each in sets)

    return depth(())


def _by_context(q: Law, support: Int[np.ndarray, "sequences length"]) -> float:
    """The least mean of rounds where each may look at what is revealed."""
    weights = q[tuple(support.T)]

    @cache
    def depth(shown: Set, tokens: Set) -> float:
        rows = np.flatnonzero((support[:, list(shown)] == np.array(tokens, dtype=np.int64)).all(axis=1))
        masked = [position for position in range(q.ndim) if position not in shown]
        if not masked:
            return 0.0
        here, chances = support[rows], weights[rows] / weights[rows].sum()
        least = math.inf
        # The largest sets first: where all that is masked is independent nothing else need be tried.
        for each in sorted(_subsets(masked), key=len, reverse=True):
            if least == 1 or not each:
                break
            if not _independent(here, chances, each):
                continue
            after = tuple(sorted((*shown, *each)))
            found, which = np.unique(here[:, list(after)], axis=0, return_inverse=True)
            shares = np.bincount(which.reshape(-1), weights=chances)
            least = min(least, 1 + sum(s * depth(after, tuple(t)) for s, t in zip(shares, found.tolist(), strict=True)))
        return least

    return float(depth((), ()))


def _independent(
    rows: Int[np.ndarray, "sequences length"], chances: Float[np.ndarray, "sequences"], together: Set
) -> bool:
    """Whether the tokens at these positions are independent under the law of `rows`."""
    codes = [np.unique(rows[:, position], return_inverse=True)[1].reshape(-1) for position in together]
    sizes = tuple(int(code.max()) + 1 for code in codes)
    whole = math.prod(sizes)
    if whole > len(rows):  # some combination of tokens, each of which is there, is not
        return False
    law = np.bincount(np.ravel_multi_index(tuple(codes), sizes), weights=chances, minlength=whole)
    product = np.ones(1)
    for code, size in zip(codes, sizes, strict=True):
        product = np.outer(product, np.bincount(code, weights=chances, minlength=size)).reshape(-1)
    return bool(np.abs(law - product).max() <= ALIKE)


def _subsets(positions: list[int] | range) -> list[Set]:
    return [each for size in range(len(positions) + 1) for each in itertools.combinations(positions, size)]
