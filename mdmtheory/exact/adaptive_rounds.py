"""The fewest mean rounds of rules that look at what is revealed, where errors are allowed.

A deterministic rule that chooses from the context what it reveals has KL(q || p) = E_q sum_t TC_t, the total
correlation of what each round reveals, given all before (2608.25505, theorem 1). So mean rounds and nats are sums along
sequences of the language, and the rules of least E[R] + price KL(q || p) are found by dynamic programming. Over all
prices they are the vertices of the lower convex hull of what rules do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.exact.enumeration import check_feasible, joint
from mdmtheory.exact.serial_depth import ALIKE
from mdmtheory.languages.presets import LanguageLike

Point = tuple[float, float]
"""Mean rounds and nats of one rule."""

Rules = Callable[[float], Point]
"""What the rule of least rounds + price * nats does, by price: at 0 all is revealed at once, at infinity exactly."""

_FLAT = 1e-9
"""How far below a line a rule must lie to be no rounding of a rule on it, in rounds."""

_TRIAL = 6e4
"""Operations of revealing one set after another in all contexts, about, apart from those a sequence."""


def weighed(
    rounds: Float[np.ndarray, "*ways"], nats: Float[np.ndarray, "*ways"], price: float, exact: Bool[np.ndarray, "..."]
) -> Float[np.ndarray, "*ways"]:
    """What ways to go on are worth at a price: rounds + price * nats, and at infinity the rounds of `exact` ones."""
    return np.where(exact, rounds, math.inf) if price == math.inf else rounds + price * nats


class MeanRounds(NamedTuple):
    """Between what ends the least mean rounds of a deterministic rule lie: on the hull, and of the vertex before it.

    No such rule takes fewer than `least`; one takes `reached`, and they are equal at the vertices. A rule drawn
    by chance between two vertices has `least` mean rounds, and KL(q || p) no larger than what is allowed.
    """

    least: float
    reached: float


def mean_rounds(rules: Rules, nats: float) -> MeanRounds:
    """The least mean rounds with KL(q || p) <= nats: price by price, the slope of the hull's edge at `nats`.

    Exact but for rounding: each price either finds a vertex below the edge or shows that there is none. ValueError
    where nats are below 0.
    """
    if not nats >= 0:
        raise ValueError(f"nats is {nats}; pass 0, for no error, or more")
    left, right = rules(math.inf), rules(0.0)
    if nats >= right[1]:
        return MeanRounds(max(right[0], 1.0), max(right[0], 1.0))
    while True:
        price = (left[0] - right[0]) / (right[1] - left[1])
        found = rules(price)
        if found[0] + price * found[1] >= left[0] + price * left[1] - _FLAT:
            return MeanRounds(max(left[0] - price * (nats - left[1]), 1.0), max(left[0], 1.0))
        left, right = (found, right) if found[1] <= nats else (left, found)


@whole_numbers(length=1)
@shows_progress
def adaptive_rounds(
    language: LanguageLike, length: int, nats: float = 0.0, *, progress: bool | None = None
) -> MeanRounds:
    """The least mean rounds with KL(q || p) <= nats of rules that look at what is revealed; `serial_depth` at 0 nats.

    By search over all contexts and sets of positions; ValueError where they are too many. docs/theory.md, section 6.

    >>> import mdmtheory as mt
    >>> adaptive_rounds(mt.Parity(), 4), adaptive_rounds(mt.Parity(), 4, 0.7)
    (MeanRounds(least=2.0, reached=2.0), MeanRounds(least=1.0, reached=1.0))
    """
    return mean_rounds(AllRules(language, length).best, nats)


@dataclass(frozen=True)
class Reveal:
    """One set of positions, revealed in all contexts of another: `after` is both.

    Of each context after it, the one that it comes from and its probability there; of each before it, the TC in nats.
    """

    after: int
    parents: Int[np.ndarray, "after"]
    shares: Float[np.ndarray, "after"]
    cost: Float[np.ndarray, "before"]

    def mean(self, of: Float[np.ndarray, "after"]) -> Float[np.ndarray, "before"]:
        """Over what is revealed."""
        mean: Float[np.ndarray, "before"] = np.bincount(self.parents, weights=self.shares * of)
        return mean


class AllRules:
    """All rules of a language at a length. A set of positions is a whole number, bit i being position i."""

    def __init__(self, language: LanguageLike, length: int) -> None:
        q = joint(language, length)
        support = np.argwhere(q > 0)
        count = len(support)
        what = f"{count:,} sequences in contexts of {length} positions, with all sets of masked ones,"
        check_feasible(3.0**length * (50 * count + _TRIAL), 3.0**length * 24 * count, what)
        everything = 2**length - 1
        contexts = [_contexts(support, shown) for shown in range(everything + 1)]
        masses = [np.bincount(each, weights=q[tuple(support.T)]) for each in contexts]
        self.reveals = [_reveals(contexts, masses, shown, everything & ~shown) for shown in range(everything)]

    def best(self, price: float) -> Point:
        """Mean rounds and nats of the best rule: from the sets that show most to the empty one."""
        values: dict[int, Float[np.ndarray, "two contexts"]] = {}
        for shown in range(len(self.reveals) - 1, -1, -1):
            best, least = np.zeros((2, 1)), np.full(1, math.inf)
            for each in self.reveals[shown]:
                # Where all is revealed nothing follows.
                after = values.get(each.after, np.zeros((2, len(each.parents))))
                found = np.stack([1 + each.mean(after[0]), each.cost + each.mean(after[1])])
                total = weighed(found[0], found[1], price, each.cost <= ALIKE)
                best, least = np.where(total < least, found, best), np.minimum(total, least)
            values[shown] = best
        rounds, nats = values[0][:, 0].tolist()
        return rounds, 0.0 if price == math.inf else nats


def _contexts(support: Int[np.ndarray, "sequences length"], shown: int) -> Int[np.ndarray, "sequences"]:
    """Which context each sequence has where a set is shown."""
    columns = support[:, list(_places(shown))]
    if not shown:
        return np.zeros(len(columns), dtype=np.int64)
    return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)


def _reveals(
    contexts: list[Int[np.ndarray, "_"]], masses: list[Float[np.ndarray, "_"]], shown: int, masked: int
) -> list[Reveal]:
    """All that may be revealed after a set, the largest first; TC is what entropies are more alone than together."""
    found, entropies = {}, {}
    for together in _subsets(masked):
        after = shown | together
        parents = np.zeros(len(masses[after]), dtype=np.int64)
        parents[contexts[after]] = contexts[shown]
        shares = masses[after] / masses[shown][parents]
        found[together] = after, parents, shares
        entropies[together] = -np.bincount(parents, weights=shares * np.log(shares))
    costs = {
        together: sum(entropies[1 << place] for place in _places(together)) - entropy
        for together, entropy in entropies.items()
    }
    return [Reveal(*found[together], np.maximum(cost, 0.0)) for together, cost in costs.items()]


def _places(positions: int) -> Iterator[int]:
    return (place for place in range(positions.bit_length()) if positions >> place & 1)


def _subsets(positions: int) -> Iterator[int]:
    """All but the empty one, the largest first."""
    each = positions
    while each:
        yield each
        each = (each - 1) & positions
