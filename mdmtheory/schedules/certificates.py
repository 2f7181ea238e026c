"""What an information curve certifies of schedules that reveal in geometric odds (2608.13520).

All are about positions revealed in random order. h(j) = L (H̄(0) - H̄(j)) is what all tokens together learn from j
others, psi(t) = t/(1 - t) the odds of a revealed fraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.schedules.averages import curve_values, plan_averaged_gap
from mdmtheory.schedules.schedule import Numbers


def odds_of(fraction: float) -> float:
    """psi(t) = t/(1 - t); infinite at 1."""
    return fraction / (1 - fraction) if fraction < 1 else np.inf


def weighted_drops(curve: Any) -> Float[np.ndarray, "length_plus_1"]:
    """(j/L)(1 - j/L)(h(j) - h(j-1)) in nats at j = 0..L; 0 at both ends."""
    values = curve_values(curve)
    length = len(values)
    share = np.arange(length + 1) / length
    drops = np.zeros(length + 1)
    drops[1:length] = length * -np.diff(values)
    return share * (1 - share) * drops


@whole_numbers(before=0, after=0)
def cardinal_gap(curve: Any, before: int, after: int) -> float:
    """H^card(a, b) = sum_(a<j<b) (j/L)(1 - j/L)(h(j) - h(j-1)) in nats: the gap of a step from a to b revealed.

    ValueError unless 0 <= a <= b <= L. 2608.13520; its h is not told in the notes that were at hand, and read so.
    """
    terms = weighted_drops(curve)
    before = whole_number(before, "before", 0, len(terms) - 1)
    after = whole_number(after, "after", before, len(terms) - 1)
    return float(terms[before + 1 : after].sum())


def unmasking_gap(curve: Any, start: float, stop: float) -> float:
    """H(p, q) = the integral of t (1 - t) h'(t) from p to q in nats, tokens being revealed with probability t each.

    h(t) is the mean of h(Bin(L-1, t)). L/(L+1) sum_j of the weighted drops, each with the probability that the j-th of
    L + 1 uniforms, counted from 0, lies between p and q. ValueError unless 0 <= p <= q <= 1. 2608.13520, (19);
    docs/theory.md, section 2.

    >>> round(unmasking_gap([0.6931471805599453, 0.0, 0.0, 0.0], 0, 1) / 0.6931471805599453, 12)  # (L-1)/(L+1)
    0.6
    """
    from scipy.special import betainc

    if not 0 <= start <= stop <= 1:
        raise ValueError(f"start is {start} and stop {stop}; pass 0 <= start <= stop <= 1")
    terms = weighted_drops(curve)
    length, place = len(terms) - 1, np.arange(len(terms))
    between = betainc(place + 1, length + 1 - place, stop) - betainc(place + 1, length + 1 - place, start)
    return float(length / (length + 1) * (terms @ between))


def certified_gap(curve: Any, sizes: Numbers) -> float:
    """At least `plan_averaged_gap`, in nats: sum_k (psi(b_k/L)/psi((a_k+1)/L) - 1) H^card(a_k, b_k), and the last step.

    Step k reveals a_k + 1..b_k; the last one, of which psi is infinite, is priced exactly. 2608.13520, (17b);
    docs/theory.md, section 2.
    """
    values = curve_values(curve)
    length = len(values)
    ends = np.cumsum(np.asarray(sizes, dtype=np.int64))
    starts = np.concatenate([[0], ends[:-1]])
    total = plan_averaged_gap(curve, sizes) if len(ends) == 1 else _last_step(values, int(starts[-1]))
    for first, last in zip(starts[:-1].tolist(), ends[:-1].tolist(), strict=True):
        ratio = odds_of(last / length) / odds_of((first + 1) / length)
        total += (ratio - 1) * cardinal_gap(values, first, last)
    return total


def _last_step(values: Float[np.ndarray, "length"], first: int) -> float:
    """What it loses to reveal all that is left after `first` tokens at once."""
    return float((values[first] - values[first:]).sum())
