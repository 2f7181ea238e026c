"""The log of a mean of probabilities: how scores under several plans or paths become one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def log_mean_exp(weights: Float[np.ndarray, "paths count"]) -> Float[np.ndarray, "count"]:
    """log of the mean of exp over the first axis; of one row, the row itself."""
    if len(weights) == 1:
        return weights[0]
    best = weights.max(axis=0)
    finite = np.where(np.isfinite(best), best, 0.0)
    with np.errstate(divide="ignore"):
        found: Float[np.ndarray, "count"] = finite + np.log(np.exp(weights - finite).mean(axis=0))
    return found
