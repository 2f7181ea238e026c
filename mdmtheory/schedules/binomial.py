"""Binomial probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float


def binomial_pmf(successes: Any, trials: Any, chance: Any) -> Float[np.ndarray, "..."]:
    """P(so many successes in so many trials); arguments broadcast, successes lie in 0..trials.

    The bits of scipy.stats.binom.pmf. Loading scipy.stats takes longer than most of what asks for these.
    """
    try:
        from scipy.special._ufuncs import _binom_pmf
    except ImportError:  # where scipy keeps it is its own affair
        from scipy.stats import binom

        found: Float[np.ndarray, "..."] = binom.pmf(successes, trials, chance)
        return found
    return np.clip(_binom_pmf(successes, trials, chance), 0.0, 1.0)
