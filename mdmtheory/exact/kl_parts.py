"""The two parts of a divergence: what is wrong, and what is unfaithful among the right."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mdmtheory.exact.enumeration import Law


class KLParts(NamedTuple):
    """KL(q || p) = wrong + unfaithful, in nats: -log(1 - SER), and KL(q || p given the support of q).

    Both are infinite where p has nothing of the support, and the second where p misses a sequence of it.
    """

    wrong: float
    unfaithful: float

    @property
    def kl(self) -> float:
        """Their sum."""
        return self.wrong + self.unfaithful


def kl_parts(p: Law, q: Law) -> KLParts:
    """The parts of KL(q || p) of two laws over the same sequences; what p lacks to 1 it gave up, and is wrong.

    docs/theory.md, section 7.

    >>> import mdmtheory as mt
    >>> p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle("parity"), sampler="ancestral", steps=1), "parity", 2)
    >>> [round(part, 4) for part in kl_parts(p, mt.exact.joint("parity", 2))]
    [0.6931, 0.0]
    """
    inside = q > 0
    right = float(p[inside].sum())
    if right <= 0:
        return KLParts(math.inf, math.inf)
    with np.errstate(divide="ignore"):
        unfaithful = float((q[inside] * (np.log(q[inside]) - np.log(p[inside] / right))).sum())
    # Only rounding takes either below 0.
    return KLParts(max(-math.log(right), 0.0), max(unfaithful, 0.0))
