"""Gaussian noise in levels, and the steps back that know, or estimate, what was there before it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.long_calls import counted

OFFSET = 0.008
MOST_BETA = 0.999
Values = Float[np.ndarray, "count places dim"]


def cosine_kept(levels: int) -> Float[np.ndarray, "levels_and_none"]:
    """ᾱ_t for t = 0..T: cos²((t/T + s)/(1 + s) π/2) over its value at 0, s = 0.008 (2102.09672, equation 17).

    β_t = 1 - ᾱ_t/ᾱ_{t-1} is 0.999 at most, as there.

    >>> cosine_kept(2).round(4).tolist()
    [1.0, 0.4938, 0.0005]
    """
    shares = (np.arange(levels + 1) / levels + OFFSET) / (1 + OFFSET)
    wanted = np.cos(shares * np.pi / 2) ** 2
    beta = np.minimum(1 - wanted[1:] / wanted[:-1], MOST_BETA)
    return np.concatenate([[1.0], np.cumprod(1 - beta)])


def levels_visited(levels: int, steps: int) -> Int[np.ndarray, "visited"]:
    """The levels that `steps` steps go through, from T down to 0, evenly spread.

    >>> levels_visited(1000, 4).tolist()
    [1000, 750, 500, 250, 0]
    """
    return np.rint(np.linspace(levels, 0, steps + 1)).astype(np.int64)


def ddpm_step(kept: float, kept_after: float) -> tuple[float, float, float]:
    """q(x_s | x_t, x_0): what of x_0 and of x_t its mean takes, and its variance (2006.11239, equation 7).

    `kept` is ᾱ_t and `kept_after` ᾱ_s, s < t.
    """
    stay, left = kept / kept_after, (1 - kept_after) / (1 - kept)
    towards = np.sqrt(kept_after) * (1 - stay) / (1 - kept)
    return float(towards), float(np.sqrt(stay) * left), float((1 - stay) * left)


def ddim_step(kept: float, kept_after: float) -> tuple[float, float, float]:
    """The same without noise: √ᾱ_s x_0 + √(1 - ᾱ_s) ε, ε from x_t and x_0 (2010.02502, equation 12 at σ = 0)."""
    stay = np.sqrt((1 - kept_after) / (1 - kept))
    return float(np.sqrt(kept_after) - stay * np.sqrt(kept)), float(stay), 0.0


STEPS = {"ddpm": ddpm_step, "ddim": ddim_step}


def denoised(
    clean: Callable[[Values, int], Values],
    normals: Callable[[], Values],
    kept: Float[np.ndarray, "levels_and_none"],
    visited: Int[np.ndarray, "visited"],
    update: str,
) -> Values:
    """Values drawn from noise: at each level visited `clean(values, level)` estimates x_0, and a step follows it.

    `normals()` are drawn once for where it begins, and once for each step that has noise. `kept` is ᾱ at each level.
    """
    values = normals()
    for level, after in counted(list(pairwise(visited.tolist())), "steps"):
        towards, stay, variance = STEPS[update](float(kept[level]), float(kept[after]))
        values = towards * clean(values, level) + stay * values
        if variance:
            values = values + np.sqrt(variance) * normals()
    return values
