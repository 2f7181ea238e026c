"""The information curve of a language: what a token costs when m others are known, and the sums that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Kind
from mdmtheory.core.integers import WholeNumber, whole_number


@dataclass(frozen=True, eq=False)
class Curve:
    """H(X_i | X_S) in nats averaged over i and S, by the number m = |S| of revealed others, m = 0..L-1.

    `kind` "exact", or "estimate" with an interval [low, high] of confidence `level` for each point by itself. An
    estimated curve is what was measured, so it need not fall everywhere. `count` is the number of partly revealed
    sequences behind an estimate, all points together, 0 for an exact curve. As an array it is its values.

    >>> np.asarray(Curve.exact(np.array([1.0, 0.5]))).tolist()
    [1.0, 0.5]
    """

    values: Float[np.ndarray, "length"]
    low: Float[np.ndarray, "length"]
    high: Float[np.ndarray, "length"]
    level: float
    kind: Kind
    count: WholeNumber

    def __post_init__(self) -> None:
        for name in ("values", "low", "high"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shape = self.values.shape
        if len(shape) != 1 or not shape[0] or self.low.shape != shape or self.high.shape != shape:
            raise ValueError(
                f"values, low and high have shapes {shape}, {self.low.shape} and {self.high.shape}; "
                "pass three rows of one length, 1 or more"
            )
        # The comparison refuses NaN too.
        bad = np.flatnonzero(~((self.low <= self.values) & (self.values <= self.high)))
        if len(bad):
            m = int(bad[0])
            raise ValueError(
                f"point {m} is {self.values[m]}, outside its interval [{self.low[m]}, {self.high[m]}]; "
                "pass low <= value <= high"
            )
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind {self.kind!r} is unknown; use one of {', '.join(get_args(Kind))}")
        if not 0 < self.level <= 1:
            raise ValueError(f"level {self.level} is not a probability; pass a number above 0 and at most 1")
        object.__setattr__(self, "count", whole_number(self.count, "count", 0))

    @classmethod
    def exact(cls, values: Float[np.ndarray, "length"]) -> Curve:
        """A curve known without sampling."""
        return cls(values, values, values, level=1.0, kind="exact", count=0)

    def __repr__(self) -> str:
        return f"<Curve of {len(self)} points, {self.kind}>"

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype) if copy is not False else np.asarray(self.values, dtype=dtype)


CurveLike = Curve | Float[np.ndarray, "length"]
"""A curve, or its values alone."""


def total_correlation(curve: CurveLike) -> float:
    """TC(q) = sum_i H(X_i) - H(q) = sum_m (H̄(0) - H̄(m)) in nats (Watanabe 1960; docs/theory.md, section 2).

    The KL gap of one step that reveals everything.

    >>> total_correlation(np.array([1.0, 0.5, 0.25]))
    1.25
    """
    values = np.asarray(curve)
    return float((values[0] - values).sum())


def dual_total_correlation(curve: CurveLike) -> float:
    """DTC(q) = H(q) - sum_i H(X_i | X_-i) = sum_m (H̄(m) - H̄(L-1)) in nats (Han 1978; docs/theory.md, section 2).

    >>> dual_total_correlation(np.array([1.0, 0.5, 0.25]))
    1.0
    """
    values = np.asarray(curve)
    return float((values - values[-1]).sum())


def s_information(curve: CurveLike) -> float:
    """The S-information sum_i I(X_i; X_-i) = TC + DTC = L (H̄(0) - H̄(L-1)) in nats (1902.11239; docs/theory.md, 2).

    >>> s_information(np.array([1.0, 0.5, 0.25]))
    2.25
    """
    values = np.asarray(curve)
    return float(len(values) * (values[0] - values[-1]))
