"""Where a quality that falls with the number of steps crosses a target: of exact numbers, counts and means.

That it falls is taken for granted; of orders that are chosen it need not (`stride` on `copy`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdmtheory.analysis.power_laws import Counts
from mdmtheory.core.estimate import Ends, Estimate, Kind
from mdmtheory.core.intervals import clopper_pearson

MOST_TRIED = 16
"""Numbers of steps that are measured for one crossing at most: so many intervals hold together."""
_NEAR = 2.0
"""Numbers of steps within this factor of the crossing say where it is."""
_APART = 3.2
"""Standard errors of log N by which what is tried on either side lies from the crossing, and half as many more."""
_FALLS, _FAR = 0.05, 3.0
"""The least exponent that counts as a fall, and the deviance for each of them beyond which they are no power law."""


@dataclass(frozen=True)
class Crossing:
    """The least number of steps that reaches a target, the real number where it is crossed, and how well it is known.

    The interval is of `steps`; an upper bound is a number of steps that is enough.
    """

    steps: int
    crossing: float
    low: float
    high: float
    level: float
    kind: Kind
    method: str
    count: int


class NotReachedError(ValueError):
    """A target that no number of steps allowed reaches."""

    def __init__(self, steps: int, value: float, target: float) -> None:
        super().__init__(f"{target:g} is not reached: at {steps:,} steps, the most that are tried, it is {value:.4g}")


def first_order_crossing(constant: Estimate, exponent: float) -> Crossing:
    """N = constant/exponent, where -log(1 - SER), or KL, is constant/N to first order (docs/theory.md, section 5).

    The interval is that of the constant; what the law leaves out, of relative size 1/N, is not in it.
    """
    real, low, high = (max(each / exponent, 1e-9) for each in (constant.value, constant.low, constant.high))
    method = f"first order: {'exact' if constant.kind == 'exact' else 'estimated'} constant {constant.value:.6g}"
    return Crossing(
        max(1, math.ceil(real - 1e-9)), real, max(1, math.ceil(low - 1e-9)), max(1, math.ceil(high - 1e-9)),
        constant.level, "estimate", method, constant.count,
    )  # fmt: skip


def exact_crossing(
    value_at: Callable[[int], float], target: float, guess: int, most: int, scale: Callable[[float], float]
) -> Crossing:
    """The least N at which an exact number is at the target or below: at N - 1 it is above.

    `scale` makes of the number what falls about as 1/N, by which the next N is chosen.
    """
    known: dict[int, float] = {}
    low, high, n = 0, most + 1, min(max(guess, 1), most)
    while high - low > 1:
        known[n] = value_at(n)
        low, high = (low, n) if known[n] <= target else (n, high)
        aim = n * scale(known[n]) / scale(target)
        n = math.ceil(aim - 1e-9) if math.isfinite(aim) else 2 * n
        if not low < n < high or len(known) > 12:
            n = min(high - 1, max(low + 1, n)) if len(known) <= 12 else (low + high) // 2
    if high > most:
        raise NotReachedError(most, known[most], target)
    real = float(high)
    if high > 1 and 0 < known[high] < target:
        real = _between(high - 1, high, *(scale(each) for each in (known[high - 1], known[high], target)))
    return Crossing(high, real, high, high, 1.0, "exact", "bisection on exact numbers", 0)


def measured_crossing(
    errors_at: Callable[[int], int], target: float, guess: int, most: int, count: int, level: float
) -> Crossing:
    """Where a share of errors, `count` draws for each N by themselves, crosses the target.

    N is moved by factors of 4 until the shares lie on both sides, then to the middle as far as `count` draws tell the
    shares from the target, and then spread about the crossing until exact intervals of the shares leave the target out
    on either side: the crossing lies between those N. Each is one-sided at (1 - level)/MOST_TRIED, so that all hold
    together, wherever they were tried. The crossing itself is that of -log(1 - SER) ∝ N^b through what is near, or
    through the two next to it where what is near follows no such law.
    """
    tried: dict[int, int] = {}
    each = 1 - 2 * (1 - level) / MOST_TRIED

    def above(n: int) -> bool:
        if n not in tried:
            tried[n] = errors_at(n)
        return tried[n] > target * count

    low, high, n = 0, most + 1, min(max(guess, 1), most)
    while low == 0 or high > most:
        if above(n):
            low = n
            if n == most:
                raise NotReachedError(most, tried[n] / count, target)
            n = min(4 * n, most, high - 1) if high - low > 1 else n
        else:
            high = n
            if n == 1:
                break
            n = max(n // 4, 1, low + 1)
        if high - low <= 1:
            break
    error = math.sqrt(target / (1 - target) / count) / -math.log1p(-target)
    factor = math.exp(_APART * error)
    while high > low + 1 and len(tried) < MOST_TRIED:
        next_to_it = {n: tried[n] for n in (low, high) if n}
        if high <= factor * low and _ends(next_to_it, count, target, each, most) == (0, most + 1):
            break
        middle = min(max(round(math.sqrt(max(low, 0.5) * high)), low + 1), high - 1)
        low, high = (middle, high) if above(middle) else (low, middle)
    real = _interpolated(tried, count, target, low, high)
    for down in (True, False):
        spread = factor
        while len(tried) < MOST_TRIED:
            least, enough = _ends(tried, count, target, each, most)
            at = max(math.floor(real / spread), 0) if down else min(math.ceil(real * spread), most + 1)
            if least >= at or at == 0 if down else enough <= at or at > most:
                break
            above(at)
            spread *= math.exp(_APART / 2 * error)
    real = _interpolated(tried, count, target, low, high)
    least, enough = _ends(tried, count, target, each, most)
    steps = min(max(math.ceil(real - 1e-9), least + 1), enough)
    ends = (float(least + 1), float(enough) if enough <= most else math.inf)
    real = min(max(real, float(least) or 1.0), ends[1])
    method = f"{len(tried)} numbers of steps measured"
    return Crossing(steps, real, *ends, level, "estimate", method, count * len(tried))


def _ends(tried: dict[int, int], count: int, target: float, level: float, most: int) -> tuple[int, int]:
    """The largest N that is surely above the target, else 0, and the smallest surely below, else one beyond `most`."""
    intervals = {n: clopper_pearson(errors, count, level) for n, errors in tried.items()}
    least = max((n for n, (low, _) in intervals.items() if low > target), default=0)
    return least, min((n for n, (_, high) in intervals.items() if high < target and n > least), default=most + 1)


def _interpolated(tried: dict[int, int], count: int, target: float, low: int, high: int) -> float:
    """Where the power law through what is near crosses the target; through the two ends alone where it fails."""
    if not low:
        return float(high)
    middle = math.sqrt(low * high)
    near = [n for n in sorted(tried) if middle / _NEAR <= n <= middle * _NEAR and tried[n] < count] or [low, high]
    t = np.log(np.array(near) / middle)
    law = Counts(np.array([tried[n] for n in near]), np.full(len(near), count), np.ones(len(near)))
    a, b = law.best(law.observed[None], t)
    wanted = math.log(-math.log1p(-target))
    if b[0] > -_FALLS or law.deviance(law.observed[None], a[:, None] + b[:, None] * t)[0] > _FAR * len(near):
        above, below = (-math.log1p(-(tried[n] + 0.5) / (count + 1)) for n in (low, high))
        return _between(low, high, above, below, math.exp(wanted)) if below < math.exp(wanted) < above else middle
    return min(max(middle * math.exp((wanted - a[0]) / b[0]), low), high)


def _between(low: float, high: float, above: float, below: float, wanted: float) -> float:
    """Where the power law through two points has the value wanted."""
    return low * math.exp(math.log(above / wanted) / math.log(above / below) * math.log(high / low))


def priced_crossing(
    ends_at: Callable[[int], Ends], target: float, guess: int, most: int, level: float, kind: Kind, count: int
) -> Crossing:
    """Where a mean that the same sequences have for every N crosses the target.

    The interval has every N whose own interval holds the target: at the true crossing that is so at this level.
    """
    known: dict[int, Ends] = {}

    def end(n: int, which: int) -> float:
        if n not in known:
            known[n] = ends_at(n)
        return known[n][which]

    def least(which: int, start: int) -> int:
        low, high, n, factor = 0, most + 1, min(max(start, 1), most), 2
        while high - low > 1:
            low, high = (low, n) if end(n, which) <= target else (n, high)
            n = min(n * factor, most) if high > most else max(n // factor, 1) if low == 0 else (low + high) // 2
            if (n == low and n == most) or (n == high and n == 1):
                break
        return high

    steps = least(0, guess)
    if steps > most:
        raise NotReachedError(most, known[most][0], target)
    low, high = least(1, steps), least(2, steps)
    real = float(steps)
    if steps > 1 and 0 < end(steps, 0) < target < end(steps - 1, 0):
        real = _between(steps - 1, steps, end(steps - 1, 0), end(steps, 0), target)
    return Crossing(
        steps, real, float(low), float(high) if high <= most else math.inf, level, kind,
        f"bound of the same {count:,} sequences" if kind == "upper bound" else f"the same {count:,} sequences", count,
    )  # fmt: skip
