"""One token, repeated: the first reveal decides everything."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.support import Support

_SEARCH = Ours(
    "closed form sequence error rate of masked diffusion on parity, repetition and equal pairs of "
    "tokens, exact posterior",
    "2026-11-29",
)


@registered("language", "repetition", completable=True, place=9, sources=(_SEARCH,))
class Repetition(ClosedLanguage):
    """All positions carry the same uniform token.

    Its SER and TER have closed forms (docs/theory.md, section 7; ours).

    >>> Repetition(vocab_size=3).in_support(np.array([[2, 2, 2], [2, 2, 1]])).tolist()
    [True, False]
    """

    kind = "repetition"
    version = 1
    numbers = ("vocab_size",)
    family = "REPETITION"

    @whole_numbers(vocab_size=1)
    def __init__(self, *, vocab_size: int = 8, spec: Spec | None = None) -> None:
        self._settle(vocab_size, spec)

    def parameters(self) -> dict[str, Any]:
        """The vocabulary's size."""
        return {"vocab_size": self.vocab_size}

    @whole_numbers(length=1)
    def log_support_size(self, length: int) -> float:
        """As many sequences as tokens."""
        return float(np.log(self.vocab_size))

    @whole_numbers(length=1)
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """log V once, then 0."""
        return np.where(np.arange(length) == 0, np.log(self.vocab_size), 0.0)

    @whole_numbers(length=1)
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """1 - 1/V before anything is revealed."""
        return np.where(np.arange(length - 1) == 0, 1 - 1 / self.vocab_size, 0.0)

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """A state is the token, which stays."""
        same = np.eye(self.vocab_size, dtype=np.bool_)
        return Support.of(np.ones(self.vocab_size, dtype=np.bool_), same, same, order=np.arange(length))

    def entropy_rate(self) -> Estimate:
        """Zero."""
        return Estimate.exact(0.0)

    def _draw(self, streams: UInt64[np.ndarray, "count 4"], out: Tokens) -> None:
        from mdmtheory.kernels.closed_sampling import sample_repetitions

        sample_repetitions(self.vocab_size, streams, out)
