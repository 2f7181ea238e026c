"""Steps that write no item twice, in closed form: what permutations leave of a product of equal uniform laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Int

from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.completion import Kept, Laws, Numbers, Rows

Named = Int[np.ndarray, "named"]
_ROUNDING = 1e-9
"""How far entries of a law may be apart, in parts of the largest, and count as equal."""


@dataclass(frozen=True)
class Distinct:
    """The sequences in which none of `items` tokens stands twice; any that has none twice so far can be completed.

    An automaton would have a state for each set of items. Of the exact denoiser every masked position has the same law,
    uniform on what is left, and then s tokens are distinct with the probability n!/((n - s)! n^s), whatever was drawn.
    """

    items: int
    exact_alone: ClassVar[bool] = True

    def rows(self, shown: Tokens, spec: Spec) -> DistinctRows:
        """What is shown (rows, length), the mask elsewhere, ready for a step."""
        return DistinctRows(self.items, shown, spec)


class DistinctRows:
    """Partly revealed sequences, with the items that each has taken."""

    def __init__(self, items: int, shown: Tokens, spec: Spec) -> None:
        self._items, self._spec = items, spec
        counts = np.zeros((len(shown), items + 1), dtype=np.int64)
        np.add.at(counts, (np.arange(len(shown))[:, None], shown.astype(np.int64)), 1)
        self._taken = counts[:, :items] > 0
        self._possible = np.asarray((counts[:, :items] <= 1).all(axis=1))

    def draw(self, rows: Rows, positions: Rows, laws: Laws, uniforms: Numbers) -> tuple[Rows, Kept]:
        """A uniform draw without replacement from what the laws of a row have; log(1 - j/n) at its j-th position.

        ValueError where the laws of a row are not one uniform law on n items that are left.
        """
        return self._step(rows, positions, laws, uniforms)

    def best(self, rows: Rows, positions: Rows, laws: Laws) -> tuple[Rows, Kept]:
        """The first items that the laws have, in the order of positions: all products are equal."""
        return self._step(rows, positions, laws, np.zeros(len(rows)))

    def score(self, rows: Rows, positions: Rows, laws: Laws, tokens: Rows) -> Kept:
        """As `draw`, of the tokens given: the logarithms alone."""
        return self._step(rows, positions, laws, None, tokens)[1]

    def _step(
        self, rows: Rows, positions: Rows, laws: Laws, uniforms: Numbers | None, given: Rows | None = None
    ) -> tuple[Rows, Kept]:
        order = np.lexsort((positions, rows))
        named, first, sizes = np.unique(rows[order], return_index=True, return_counts=True)
        which = np.repeat(np.arange(len(named)), sizes)
        before = np.arange(len(rows)) - first[which]
        offered = self._offered(named, which, laws[order])
        left = offered.sum(axis=1)
        fine = (sizes <= left) & self._possible[named]
        written = fine[which]
        kept = np.zeros(len(rows))
        kept[written] = np.log1p(-before[written] / left[which[written]])
        kept[first[~fine]] = -np.inf
        if uniforms is not None:
            drawn = _without_replacement(offered, which, before, uniforms[order])
        else:
            assert given is not None
            drawn = given[order].astype(np.int64)
        drawn[~written] = self._items
        self._taken[rows[order][written], drawn[written]] = True
        tokens, log_kept = np.empty_like(drawn), np.empty_like(kept)
        tokens[order], log_kept[order] = drawn, kept
        return tokens, log_kept

    def _offered(self, named: Named, which: Rows, laws: Laws) -> Bool[np.ndarray, "named items"]:
        """The items that each row's laws have, which are all the same; ValueError where they are not."""
        inside = laws > 0
        first = np.searchsorted(which, np.arange(len(named)))
        offered = inside[first] & self._possible[named][:, None]
        even = (~inside | (laws >= (1 - _ROUNDING) * laws.max(axis=1, keepdims=True))).all(axis=1)
        same = (inside == offered[which]).all(axis=1)
        own = ~(inside & self._taken[named][which]).any(axis=1)
        if not (even & same & own | ~self._possible[named][which]).all():
            raise ValueError(
                f"steps of {self._spec} are completed where all positions of a step have one law, uniform on items "
                "that are left, and other laws came; use its exact denoiser (oracle), or count errors (ser)"
            )
        return offered


def _without_replacement(
    offered: Bool[np.ndarray, "named items"], which: Rows, before: Rows, uniforms: Numbers
) -> Rows:
    """An item for each entry, of those of its row that no entry before it took; what runs out of them is arbitrary.

    Shuffles of Fisher and Yates, a row's entries from the first on, which at uniforms of 0 leave the order as it is.
    """
    pools = np.argsort(~offered, axis=1, kind="stable")
    left = offered.sum(axis=1)
    drawn = np.empty(len(which), dtype=np.int64)
    for turn in range(int(before.max(initial=-1)) + 1):
        entries = np.flatnonzero(before == turn)
        own = which[entries]
        many = np.maximum(left[own] - turn, 1)
        chosen = np.minimum(turn + np.floor(uniforms[entries] * many).astype(np.int64), pools.shape[1] - 1)
        at_turn, at_chosen = pools[own, turn], pools[own, chosen]
        pools[own, turn], pools[own, chosen] = at_chosen, at_turn
        drawn[entries] = at_chosen
    return drawn
