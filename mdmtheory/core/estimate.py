"""A number together with what kind of number it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mdmtheory.core.integers import WholeNumber, whole_number

Kind = Literal["exact", "estimate", "upper bound", "lower bound"]


@dataclass(frozen=True)
class Estimate:
    """A number and how far it can be trusted.

    `kind` says what it is: "exact"; "estimate" (value with a confidence interval); "upper bound" or "lower bound"
    (of the quantity asked for; low < high when the bound itself was estimated). `count` is the number of sequences
    behind it, 0 for an exact number. `level` is the confidence level of [low, high].

    >>> float(Estimate(0.5, 0.4, 0.6, level=0.95, kind="estimate", count=100))
    0.5
    """

    value: float
    low: float
    high: float
    level: float
    kind: Kind
    count: WholeNumber

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind {self.kind!r} is unknown; use one of {', '.join(get_args(Kind))}")
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"estimate {self.value} lies outside its interval [{self.low}, {self.high}]; pass low <= value <= high"
            )
        if not 0 < self.level <= 1:
            raise ValueError(f"level {self.level} is not a probability; pass a number above 0 and at most 1")
        object.__setattr__(self, "count", whole_number(self.count, "count", 0))

    @classmethod
    def exact(cls, value: float) -> Estimate:
        """A number known without sampling."""
        return cls(value, value, value, level=1.0, kind="exact", count=0)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.value:.6g} ({self.kind})"
        return f"{self.value:.6g} [{self.low:.6g}, {self.high:.6g}] ({self.kind}, {self.level:g} interval)"
