"""Random orders: the language in which no order of revealing helps."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.distinct import Distinct


@registered(
    "language",
    "permutation",
    completable=True,
    place=6,
    said="permutation of {items}",
    examples=("", "items=4"),
    sources=("wen2026",),
)
class Permutation(ClosedLanguage):
    """The first `length` of a uniformly random order of `items` tokens; no token twice, so length is at most items.

    Exchangeable, so 1 - SER is the same product for every order and rule (docs/theory.md, section 6; ours).

    >>> float(Permutation(items=4).entropy(2)) == float(np.log(12))
    True
    """

    kind = "permutation"
    version = 1
    numbers = ("items",)
    family = "PERMUTATION"

    @whole_numbers(items=1)
    def __init__(self, *, items: int = 8, spec: Spec | None = None) -> None:
        self.items = items
        self._settle(self.items, spec)

    def parameters(self) -> dict[str, Any]:
        """The number of items."""
        return {"items": self.items}

    @whole_numbers(length=1)
    def validate_length(self, length: int) -> None:
        """ValueError for lengths below 1 and above the number of items."""
        super().validate_length(length)
        if length > self.items:
            raise ValueError(f"length is {length}, and there are {self.items} items; use at most {self.items}")

    @whole_numbers(length=1)
    def log_support_size(self, length: int) -> float:
        """Logarithm of items! / (items - length)!."""
        return float(np.log(np.arange(self.items - length + 1, self.items + 1)).sum())

    @whole_numbers(length=1)
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """log(items - m): uniform over what is left."""
        return np.log(self.items - np.arange(length))

    @whole_numbers(length=1)
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """1 / (items - m): both take the same item."""
        return 1 / (self.items - np.arange(length - 1))

    @whole_numbers(length=1)
    def support(self, length: int) -> Distinct:
        """No item twice, in closed form: an automaton would have a state for each set of items."""
        self.validate_length(length)
        return Distinct(self.items)

    def entropy_rate(self) -> Estimate | None:
        """None: there are no sequences longer than `items`."""
        return None

    def _draw(self, streams: UInt64[np.ndarray, "count 4"], out: Tokens) -> None:
        from mdmtheory.kernels.closed_sampling import sample_permutations

        sample_permutations(self.items, streams, out)
