"""Answers that are arrays of laws: those of the exact oracles, and of every canvas that has no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.guards import MOST_OFF
from mdmtheory.core.protocols import Answers, DrawOptions
from mdmtheory.oracles.token_laws import law_under

Laws = Float[np.ndarray, "n vocab_size"]
Numbers = Float[np.ndarray, "n"]
Drawn = Int[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class LawAnswers:
    """Laws as an array: `laws` is what tokens are drawn from, `seen` what scores look at (core.protocols.Answers).

    Each sums to 1, or is zeros in an impossible context, where nothing may be drawn.
    """

    laws: Laws
    seen: Laws

    @classmethod
    def of(cls, laws: Laws) -> LawAnswers:
        """Answers under no options."""
        return cls(laws, laws)

    @classmethod
    def scaled(cls, found: Any, impossible: Bool[np.ndarray, "n"], tolerance: float = MOST_OFF) -> LawAnswers:
        """What a canvas returned, in float64 and scaled to sum 1; ValueError unless they are laws."""
        from mdmtheory.kernels.marginals import scale_rows

        marginals = _for_kernels(found)
        laws, totals = np.empty_like(marginals), np.empty(len(marginals))
        if not scale_rows(marginals, laws, totals):
            raise ValueError("the denoiser gave a marginal that is negative or not finite; return probabilities")
        check_totals(totals, impossible, tolerance)
        return cls.of(laws)

    @property
    def vocab_size(self) -> int:
        """Tokens of each law."""
        return self.laws.shape[1]

    def __len__(self) -> int:
        return len(self.laws)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.laws, dtype=dtype, copy=copy)

    def take(self, which: np.ndarray) -> LawAnswers:
        """Those of some of the positions, by number or by a mask."""
        laws = self.laws[which]
        return replace(self, laws=laws, seen=laws if self.seen is self.laws else self.seen[which])

    def under(self, options: DrawOptions) -> LawAnswers:
        """The same at a temperature, from a nucleus, above min_p."""
        laws = law_under(options, self.laws)
        return replace(self, laws=laws, seen=laws if options.temperature > 0 else self.laws)

    def draw(self, uniforms: Numbers) -> Drawn:
        """The first token whose cumulative probability exceeds the uniform."""
        from mdmtheory.kernels.marginals import draw_rows

        drawn = np.empty(len(self), dtype=np.int64)
        draw_rows(_for_kernels(self.laws), np.ascontiguousarray(uniforms), drawn)
        return drawn

    def log_prob_of(self, tokens: Drawn) -> Numbers:
        """log of the probability with which one token is drawn, in nats."""
        with np.errstate(divide="ignore"):
            return np.log(self.laws[np.arange(len(self)), tokens])

    def chance_of(self, tokens: Drawn) -> Numbers:
        """The probability of one token."""
        return self.seen[np.arange(len(self)), tokens]

    def confidence(self) -> Numbers:
        """The largest probability."""
        from mdmtheory.kernels.marginals import largest_of_rows

        found = np.empty(len(self))
        largest_of_rows(_for_kernels(self.seen), found)
        return found

    def margin(self) -> Numbers:
        """By how much the largest probability exceeds the second."""
        from mdmtheory.kernels.marginals import lead_of_rows

        found = np.empty(len(self))
        lead_of_rows(_for_kernels(self.seen), found)
        return found

    def entropy(self) -> Numbers:
        """The entropy in nats."""
        from mdmtheory.kernels.marginals import MOST_SUMMED, sum_products

        seen = _for_kernels(self.seen)
        logs = np.where(seen > 0, seen, 1.0)
        np.log(logs, out=logs)
        if self.vocab_size > MOST_SUMMED:
            return -(seen * logs).sum(axis=1)
        found = np.empty(len(self))
        sum_products(seen, logs, found)
        return -found

    def numpy(self) -> Laws:
        """The laws that tokens are drawn from."""
        return self.laws


def _for_kernels(laws: Any) -> Laws:
    """In float64, in one block of memory that may be written to."""
    return np.require(laws, np.float64, ["C", "W"])


def as_answers(said: Answers | Laws) -> Answers:
    """Answers as they are, laws as an array as answers."""
    return LawAnswers.of(said) if isinstance(said, np.ndarray) else said


def check_totals(totals: Numbers, impossible: Bool[np.ndarray, "n"], tolerance: float) -> None:
    """ValueError unless each sum is 1 to a tolerance, or 0 where the context is `impossible`."""
    off = np.flatnonzero((np.abs(totals - 1) > tolerance) & ~(impossible & (totals == 0)))
    if len(off):
        what = (
            f"sums to {totals[off[0]]:.12g}" if totals[off[0]] else "is all zeros in a sequence not marked impossible"
        )
        raise ValueError(f"the denoiser gave a marginal that {what}; return probabilities that sum to 1")
