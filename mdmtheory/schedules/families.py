"""The families of schedules that names stand for: the revealed fraction a(u) at time u = k/N."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.spec import Spec
from mdmtheory.schedules.schedule import Grid, Schedule


# loglinear: MDLM's name for the same masking law.
@registered("schedule", version=1, place=1, aliases=("loglinear",), sources=("sahoo2024",))
def linear() -> Schedule:
    """The same expected number at every step: a(u) = u."""
    return Schedule(Spec.of("linear"), curve=np.array)


@registered("schedule", version=1, place=2, sources=("chang2022",))
def cosine() -> Schedule:
    """Few first, many last: a(u) = 1 - cos(pi u / 2)."""
    return Schedule(Spec.of("cosine"), curve=_cosine)


@registered("schedule", version=1, place=3, sources=("shi2024",))
def polynomial(*, power: float | int) -> Schedule:
    """Many first for power above 1, few first below it: a(u) = 1 - (1 - u)^power."""
    if not 0 < power < np.inf:
        raise ValueError(f"power is {power}; pass a positive number")
    return Schedule(Spec.of("polynomial", power=_plain(power)), curve=_Polynomial(power))


@registered("schedule", version=1, place=4, sources=("lou2024",))
def geometric(*, min: float | int = 1e-3, max: float | int = 20) -> Schedule:
    """Noise falling geometrically from max to min: a(u) ~ exp(-min^u max^(1-u)), rescaled to 0..1."""
    if not 0 < min < max < np.inf:
        raise ValueError(f"min is {min} and max is {max}; pass 0 < min < max")
    return Schedule(Spec.of("geometric", min=_plain(min), max=_plain(max)), curve=_Geometric(min, max))


@registered("schedule", version=1, place=6, sources=("wainwright2026",))
def odds(*, span: float | int = 512) -> Schedule:
    """Few first and last: the odds a/(1 - a) rise geometrically from 1/span to span, rescaled to 0..1.

    With a span of about the length, every step certifies the same share of the gap (docs/theory.md, section 2).
    """
    if not 1 < span < np.inf:
        raise ValueError(f"span is {span}; pass a number above 1, as the length of the sequences")
    return Schedule(Spec.of("odds", span=_plain(span)), curve=_Odds(span))


@registered("schedule", "file", version=1, place=5, sources=(SOFTWARE,))
def from_file(*, path: str) -> Schedule:
    """Sizes or revealed fractions from a file."""
    return Schedule.from_file(path)


def power_of(schedule: Schedule) -> float | None:
    """The power of a polynomial schedule, 1 of the linear one; None of all others, whatever they are called."""
    if type(schedule) is not Schedule or schedule.curve is None:
        return None
    if isinstance(schedule.curve, _Polynomial):
        return float(schedule.curve.power)
    return 1.0 if schedule.curve is np.array else None


def _plain(value: float | int) -> float | int:
    """2.0 and 2 are one option and must have one name."""
    return int(value) if value == int(value) else float(value)


def _cosine(times: Grid) -> Grid:
    # 1 - cos x = 2 sin^2(x / 2) keeps the first steps accurate.
    return 2 * np.sin(np.pi * times / 4) ** 2


@dataclass(frozen=True)
class _Polynomial:
    power: float | int

    def __call__(self, times: Grid) -> Grid:
        # log1p and expm1 keep both ends accurate; log1p(-1) = -inf is the right limit.
        with np.errstate(divide="ignore"):
            return -np.expm1(self.power * np.log1p(-times))


@dataclass(frozen=True)
class _Odds:
    span: float | int

    def __call__(self, times: Grid) -> Grid:
        # 1/(1 + odds^-1) is (1 + tanh(log odds / 2))/2, and both ends are exact.
        most = np.log(self.span) / 2
        return (1 + np.tanh((2 * times - 1) * most) / np.tanh(most)) / 2


@dataclass(frozen=True)
class _Geometric:
    least: float | int
    most: float | int

    def __call__(self, times: Grid) -> Grid:
        # (e^-noise - e^-most) / (e^-least - e^-most), with both differences free of cancellation.
        noise = self.least**times * self.most ** (1 - times)
        return np.exp(self.least - noise) * np.expm1(noise - self.most) / np.expm1(self.least - self.most)
