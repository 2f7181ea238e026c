"""Drawing tokens by Gumbel noise in float32, as published samplers did: a fault, kept to be measured."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from mdmtheory.samplers.protocol import Drawn, Outcomes

BITS = 24
"""Bits of a float32 uniform: the largest is 1 - 2^-24, and its noise 24 ln 2 = 16.6355."""


def float32_draws(law: Outcomes, uniforms: Float[np.ndarray, "n outcomes"]) -> Drawn:
    """The outcome with the largest log p + noise, all in float32, one uniform in [0, 1) each (2409.02908).

    One of probability below 2^-24 of the largest hardly ever wins: as if the temperature were lower.
    """
    with np.errstate(divide="ignore"):
        scores = np.log(law.astype(np.float32)) + float32_gumbel(uniforms)
    # The noise of a uniform of 0 is -inf, and must not make a possible token equal to an impossible one.
    possible = np.maximum(scores, np.finfo(np.float32).min)
    return np.asarray(np.where(law > 0, possible, -np.inf).argmax(axis=1))


def float32_gumbel(uniforms: Float[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """-log(-log u) of uniforms cut to 24 bits, in float32.

    >>> round(float(float32_gumbel(np.array([1 - 2**-53]))[0]), 4)
    16.6355
    """
    cut = (np.floor(uniforms * 2**BITS) / 2**BITS).astype(np.float32)
    with np.errstate(divide="ignore"):
        noise: Float32[np.ndarray, "..."] = -np.log(-np.log(cut))
    return noise
