"""Even parity: every marginal is uniform until one position is left."""

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
from mdmtheory.languages.support import Support


@registered("language", "parity", completable=True, place=7, sources=("wen2026",))
class Parity(ClosedLanguage):
    """Uniform over bit strings with an even number of ones.

    Its SER and TER have closed forms (docs/theory.md, section 7; ours).

    >>> Parity().in_support(np.array([[1, 1, 0], [1, 1, 1]])).tolist()
    [True, False]
    """

    kind = "parity"
    version = 1
    family = "PARITY"

    def __init__(self, *, spec: Spec | None = None) -> None:
        self._settle(2, spec)

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    @whole_numbers(length=1)
    def log_support_size(self, length: int) -> float:
        """All positions but one are free."""
        return (length - 1) * float(np.log(2))

    @whole_numbers(length=1)
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """log 2 until one position is left, which is 0."""
        return np.where(np.arange(length) < length - 1, np.log(2), 0.0)

    @whole_numbers(length=1)
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """1/2 for the last two positions, 0 before."""
        return np.where(np.arange(length - 1) == length - 2, 0.5, 0.0)

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """A state is whether an odd number of ones stands before a bit, and the bit."""
        odd, bit = np.divmod(np.arange(4), 2)
        after = odd ^ bit
        return Support.of(
            odd == 0, after[:, None] == odd, bit[:, None] == np.arange(2), after == 0, order=np.arange(length)
        )

    def entropy_rate(self) -> Estimate:
        """One bit a token, in nats, exact."""
        return Estimate.exact(float(np.log(2)))

    def _draw(self, streams: UInt64[np.ndarray, "count 4"], out: Tokens) -> None:
        from mdmtheory.kernels.closed_sampling import sample_parity

        sample_parity(streams, out)
