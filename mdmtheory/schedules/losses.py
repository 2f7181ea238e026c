"""The information curve of a real model: its validation loss at several mask ratios, made monotone and interpolated.

For a masked diffusion model the loss of a masked token at mask ratio t, in nats, is the mean of H̄ over the number of
others that are revealed, plus the learning error there (docs/theory.md, 2.6 and 2.7; ours). So it prices every
schedule, for positions revealed in random order at temperature 1 on the same text, and says nothing of other orders.
Training code reports it in several conventions, UNITS and PER, which are brought to this one as they are read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.schedules.averages import Values, monotone
from mdmtheory.schedules.bernstein import interpolation, unsmeared
from mdmtheory.schedules.conventions import PER, UNITS, doubts
from mdmtheory.schedules.falling import FallingCurves, curves_between, needed_at_one
from mdmtheory.schedules.loss_prices import PricedLosses
from mdmtheory.schedules.prices import RANDOM_ORDER, RANDOM_ORDER_BOUND, Fractions

Rows = Float[np.ndarray, "rows"]

COLUMNS = ("mask_ratio", "loss")
ERRORS = "stderr"

LEAST_ERROR = 1e-6
"""Nats that every loss may be off by: files round."""


@dataclass(frozen=True)
class Fall:
    """Two rows whose losses fall as the mask ratio rises, by `nats` and so many standard errors of the difference."""

    low_ratio: float
    high_ratio: float
    nats: float
    standard_errors: float

    def __str__(self) -> str:
        between = f"from mask ratio {self.low_ratio:g} to {self.high_ratio:g}"
        errors = "" if math.isnan(self.standard_errors) else f", {self.standard_errors:.1f} standard errors"
        return f"by {self.nats:.3g} nats{errors} {between}"


@dataclass(frozen=True, eq=False)
class LossProfile:
    """Mean loss in nats per masked token by mask ratio, as measured, with standard errors where they are known.

    Make one with `from_losses` or `read_losses`. Ratios rise; `ignored` are the columns of the file that nobody read;
    `unit` and `per` are the convention that the losses were given in, and `vocab_size` is known or None.
    """

    ratios: Rows
    losses: Rows
    errors: Rows | None
    name: str = "a loss profile"
    ignored: tuple[str, ...] = ()
    unit: str = "nats"
    per: str = "masked"
    vocab_size: int | None = None

    def __repr__(self) -> str:
        ratios = f"{len(self.ratios)} mask ratios from {self.ratios[0]:g} to {self.ratios[-1]:g}"
        errors = "without" if self.errors is None else "with"
        return f"<LossProfile {self.name}, {ratios}, nats per masked token, {errors} standard errors>"

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why the losses could be in another convention than they were read in; a law can be such that they are not."""
        errors = np.zeros(len(self.losses)) if self.errors is None else self.errors
        return doubts(self.ratios, self.losses, errors, self.unit, self.per, self.vocab_size)

    @cached_property
    def fitted(self) -> Rows:
        """The losses nearest to the measured ones that never fall as the mask ratio rises: isotonic regression.

        Weighted by 1/stderr², equally without; a loss without error outweighs every other by a million.
        """
        return np.ascontiguousarray(self._isotonic.x)

    @property
    def _has_errors(self) -> bool:
        """Whether any loss has a standard error above 0."""
        return self.errors is not None and bool(self.errors.any())

    @cached_property
    def _weights(self) -> Rows:
        if self.errors is None or not self._has_errors:
            return np.ones(len(self.losses))
        return np.maximum(self.errors, 1e-3 * self.errors[self.errors > 0].min()) ** -2

    @cached_property
    def _isotonic(self) -> Any:
        from scipy.optimize import isotonic_regression

        return isotonic_regression(self.losses, weights=self._weights)

    @cached_property
    def _pools(self) -> list[slice]:
        """The rows that the fit makes equal."""
        return [slice(int(first), int(last)) for first, last in pairwise(self._isotonic.blocks)]

    def falls(self, level: float = 0.95) -> list[Fall]:
        """The worst fall of each pool of rows that error does not explain at `level`, all pairs of rows together.

        Without standard errors, the worst fall of each pool.
        """
        from scipy.special import ndtri

        check_level(level)
        count = len(self.losses)
        threshold = float(ndtri(1 - (1 - level) / (count * (count - 1) / 2)))
        found = []
        for pool in self._pools:
            losses, ratios = self.losses[pool], self.ratios[pool]
            fall = np.triu(losses[:, None] - losses[None, :])
            if not (fall > 0).any():
                continue
            if self.errors is None:
                score, known = fall, np.full(fall.shape, math.nan)
            else:
                errors = np.hypot(self.errors[pool][:, None], self.errors[pool][None, :])
                # A fall between losses without error is infinitely many of them.
                with np.errstate(divide="ignore", invalid="ignore"):
                    score = known = np.where(fall > 0, fall / errors, 0.0)
            i, j = np.unravel_index(int(np.argmax(score)), fall.shape)
            if self.errors is None or score[i, j] > threshold:
                found.append(Fall(float(ratios[i]), float(ratios[j]), float(fall[i, j]), float(known[i, j])))
        return found

    @property
    def pooled(self) -> int:
        """How many rows the fit moved."""
        return sum(pool.stop - pool.start for pool in self._pools if pool.stop - pool.start > 1)

    @property
    def ends_at_one(self) -> bool:
        """Whether the loss was measured with every token masked, where the first step reveals."""
        return bool(self.ratios[-1] == 1)

    @cached_property
    def _slope(self) -> float:
        """The steepest chord of the fit to its last row, in nats a unit of mask ratio."""
        return float(((self.fitted[-1] - self.fitted[:-1]) / (self.ratios[-1] - self.ratios[:-1])).max())

    @property
    def _chord(self) -> float:
        """The loss at mask ratio 1 on along the steepest chord to the last row."""
        return float(self.fitted[-1]) + self._slope * (1 - float(self.ratios[-1]))

    def _off(self, level: float) -> Rows:
        """Nats that each loss may be off by."""
        floor = np.full(len(self.losses), LEAST_ERROR)
        return floor if self.errors is None else np.maximum(floor, self.deviations(level) * self.errors)

    def _needed(self, length: int, level: float) -> tuple[float, str]:
        """The least loss at ratio 1 of a falling curve with these losses; NaN and the reason where there is none."""
        off = self._off(level)
        least, most = np.maximum(self.losses - off, 0.0), self.losses + off
        return needed_at_one(length, tuple(self.ratios), tuple(least), tuple(most))

    def _at_one(self, length: int, level: float) -> float:
        """What the loss at mask ratio 1 is taken to be at most where it was not measured.

        log V where the vocabulary is known, but no less than the last loss. Else on along the steepest chord to the
        last row, or twice the least rise that a falling curve needs where that is more: both guesses, no bounds.
        """
        last = float(self.fitted[-1])
        if self.vocab_size is not None:
            return max(last, math.log(self.vocab_size))
        return float(np.fmax(self._chord, 2 * self._needed(length, level)[0] - last))

    def _bracketed(self, length: int, level: float) -> tuple[Rows, Rows]:
        """Ratios and fitted losses up to ratio 1: a last row that was not measured is as high as it may be."""
        if self.ends_at_one:
            return self.ratios, self.fitted
        return np.append(self.ratios, 1.0), np.append(self.fitted, self._at_one(length, level))

    @whole_numbers(length=1)
    def curve(self, length: int, level: float = 0.95) -> Values:
        """One curve H̄(0..L-1) with the learning error, in nats, that has about these losses; what `optimal` takes.

        The loss g at revealed fraction α is the mean of H̄(Bin(L-1, α)), since every token is masked by itself: a
        Bernstein polynomial B of the curve. One step of correction, 2g - Bg at m/(L-1), undoes that up to its square
        and nothing at the ends, and the result is made non-increasing (docs/theory.md, 2.7; ours). g is the fit, linear
        between rows and constant below the least ratio; up to ratio 1, where that was not measured, it rises to the
        highest that it may be, with losses that are off as at `level`. Other curves have these losses too: what sizes
        cost on this one is an estimate.
        """
        ratios, losses = self._bracketed(length, level)
        return monotone(unsmeared(tuple(ratios), length) @ losses)

    @whole_numbers(length=1)
    def falling_curves(self, length: int, level: float = 0.95) -> FallingCurves:
        """All curves that have these losses within their error: `deviations(level)` standard errors, or 1e-6 nats.

        Where the losses end below ratio 1, the one there is at most as high as `curve` has it; what is a guess is
        higher by the error of the last row.
        """
        off = self._off(level)
        ratios, least, most = self.ratios, np.maximum(self.losses - off, 0.0), self.losses + off
        if self.ends_at_one:
            return curves_between(length, tuple(ratios), tuple(least), tuple(most), "")
        ratios, least = np.append(ratios, 1.0), np.append(least, 0.0)
        most = np.append(most, self._at_one(length, level) + (off[-1] if self.vocab_size is None else 0.0))
        needed, refused = self._needed(length, level)
        if self.vocab_size is not None and needed > math.log(self.vocab_size):
            refused = (
                f"log {self.vocab_size} = {math.log(self.vocab_size):.4g} nats is below the {needed:.4g} that falling "
                "curves with these losses cost at mask ratio 1 at least: give the right vocabulary and unit"
            )
        return curves_between(length, tuple(ratios), tuple(least), tuple(most), refused)

    def deviations(self, level: float = 0.95) -> float:
        """How many standard errors all losses together keep within at `level`, whatever their correlation.

        Šidák's inequality (1967): of jointly normal errors, P(all |e_j| <= z) >= prod_j P(|e_j| <= z).
        """
        from scipy.special import ndtri

        check_level(level)
        return float(ndtri((1 + level ** (1 / len(self.losses))) / 2))

    @whole_numbers(length=1)
    def priced(self, length: int, level: float = 0.95, *, bound: bool = False) -> PricedLosses:
        """The profile for `prices`; fixed sizes as upper bounds with `bound`, as estimates without.

        I.i.d. steps cost L sum_k w_k g(a_{k-1}), whatever the curve behind g is. `level` as for `curve`.
        """
        ratios, losses = self._bracketed(length, level)

        def loss(revealed: Fractions) -> Rows:
            return interpolation(ratios, revealed) @ losses

        known = self._has_errors and (self.ends_at_one or self.vocab_size is not None)
        within = partial(self.falling_curves, length)
        return PricedLosses(self.curve(length, level), loss, within, self.ends_at_one, known, bound)

    def _cubics_away(self) -> float:
        """How far below the straight lines monotone cubics through the same rows run, in the mean over mask ratios."""
        from scipy.interpolate import PchipInterpolator

        known = 1 - self.ratios[::-1]
        inside = np.linspace(known[0], known[-1], 4097)
        cubics = PchipInterpolator(known, self.fitted[::-1])(inside)
        return float((interpolation(self.ratios, inside) @ self.fitted - cubics).mean() * (known[-1] - known[0]))

    @whole_numbers(length=1)
    def card(self, length: int, level: float = 0.95, *, bound: bool = False) -> dict[str, str]:
        """What the prices of this profile hold for, in words."""
        falls = self.falls(level)
        moved = f"{self.pooled} of {len(self.ratios)} rows were made level"
        if falls:
            surely = "" if self.errors is None else " beyond their error"
            monotone = f"NO: losses fall{surely} as the mask ratio rises, {'; '.join(map(str, falls))}; {moved}"
        else:
            monotone = f"yes, within error; {moved}" if self.pooled else "yes"
        ignored = f"; columns ignored: {', '.join(self.ignored)}" if self.ignored else ""
        span = f"{len(self.ratios)} mask ratios from {self.ratios[0]:g} to {self.ratios[-1]:g}"
        given = f"{self.unit}, {PER[self.per]}"
        as_given = (
            {}
            if (self.unit, self.per) == ("nats", "masked")
            else {"given as": f"{given}; brought to nats a masked token"}
        )
        doubts = {"convention": f"read as {given}, BUT {'; '.join(self.doubts)}"} if self.doubts else {}
        kinds = self._kinds(length, level, bound)
        return {
            "profile": f"{self.name}, {span}{ignored}",
            **as_given,
            **doubts,
            "order": RANDOM_ORDER_BOUND if "estimate" not in kinds and kinds["interval"] != "none" else RANDOM_ORDER,
            "stride": "cannot be known from a loss profile, nor can any other chosen or confidence-ordered sampler",
            "prices": "nats per token including learning error, for tokens drawn at temperature 1",
            "masks": "each token masked by itself with probability mask_ratio, and -log p averaged over masked tokens",
            "text": f"that of the losses, at their length, which is taken to be {length} tokens",
            "sizes": "the optimal ones are best for the curve of the estimates, or a schedule's whose fixed sizes have "
            "a lower gap; ancestral steps go by the same sizes, for which these need not be best",
            "monotone": monotone,
            "interpolation": self._interpolated(),
            **({} if self.ends_at_one else {"UNKNOWN": self._unknown(length, level)}),
            **kinds,
        }

    def _interpolated(self) -> str:
        away = f"monotone cubics would be {abs(self._cubics_away()):.1g} nats away in the mean"
        below = f"below mask ratio {self.ratios[0]:g} held at its loss, which is too high"
        return f"of estimates, linear in the mask ratio; {away}; {below}"

    def _unknown(self, length: int, level: float) -> str:
        """What is not known of a profile that ends below ratio 1, and what stands for it."""
        last, top = float(self.ratios[-1]), self._at_one(length, level)
        if self.vocab_size is None:
            rise = "the last loss and twice the least rise that a falling curve needs"
            how = f"{'the steepest chord to the last row' if top == self._chord else rise}, {top:.4g} nats"
            how += f", which is no bound (for the interval {self._off(level)[-1]:.3g} more, as the last row may be off)"
        else:
            most = f"log {self.vocab_size} = {math.log(self.vocab_size):.4g} nats"
            how = most if top <= math.log(self.vocab_size) else f"the last loss, {top:.4g} nats, more than {most}"
        return (
            f"the loss above mask ratio {last:g}, where the first steps reveal: it is taken to rise up to {how}, so "
            "that every number is an estimate and none a bound; measure at ratio 1"
        )

    def _kinds(self, length: int, level: float, bound: bool) -> dict[str, str]:
        """What ≤ and ≈ say, and how far an interval goes."""
        none = self.falling_curves(length, level).trouble
        hypothesis = "the loss of a masked token never rises with what is revealed (H̄ falls, and is 0 or more)"
        within = f"{LEAST_ERROR:g} nats, there being no stderr{'' if self.errors is None else ' but 0'}"
        if self._has_errors:
            within = (
                f"{self.deviations(level):.3g} standard errors, which at {100 * level:g} % all keep together, "
                f"whatever their correlation (Šidák), or {LEAST_ERROR:g} nats where that is more"
            )
        most = (
            f"the most that any falling curve with these losses costs, by a linear programme; hypothesis: {hypothesis}"
        )
        words = {}
        if none is not None:
            words["bound"] = f"none: {none}"
        elif self.ends_at_one:
            words["bound"] = f"≤ {most}"
        elif bound:
            words["bound"] = f"none: the losses end at mask ratio {self.ratios[-1]:g}; measure at ratio 1"
        if not bound or not self.ends_at_one:
            words["estimate"] = "≈ one curve with about these losses" + (
                ""
                if none
                else ", or the nearest price there is; the interval: from the least to the most that any costs"
            )
        unless = "" if self.ends_at_one else ", unless the loss at mask ratio 1 is higher"
        ends = f"losses within {within}; holds for all numbers together, the optimal ones too{unless}"
        return {**words, "interval": "none" if none else ends}


@whole_numbers(vocab_size=2)
def from_losses(
    ratios: Any,
    losses: Any,
    errors: Any = None,
    *,
    name: str = "a loss profile",
    ignored: tuple[str, ...] = (),
    unit: str = "nats",
    per: str = "masked",
    vocab_size: int | None = None,
) -> LossProfile:
    """A loss profile from mask ratios in (0, 1], mean losses and their standard errors, brought to nats a masked token.

    In any order. `unit` is nats or bits, `per` one of PER: masked, all or weighted. With `vocab_size` losses that are
    too high for their unit are noticed (`doubts`). ValueError for fewer than two ratios, equal ones, and what is not a
    number or out of range.

    >>> from_losses([1.0, 0.5, 0.01], [2.0, 1.0, 0.5]).losses.tolist()
    [0.5, 1.0, 2.0]
    """
    for option, given, known in (("unit", unit, UNITS), ("per", per, PER)):
        if given not in known:
            raise ValueError(f"{option} is {given!r}; pass {', '.join(known)}")
    columns = {COLUMNS[0]: ratios, COLUMNS[1]: losses, **({} if errors is None else {ERRORS: errors})}
    arrays = {column: np.asarray(values, dtype=np.float64) for column, values in columns.items()}
    shapes = {column: values.shape for column, values in arrays.items()}
    if len(set(shapes.values())) > 1 or len(shapes[COLUMNS[0]]) != 1:
        raise ValueError(
            f"{name} has {', '.join(f'{c} of shape {s}' for c, s in shapes.items())}; pass rows of one length"
        )
    if len(arrays[COLUMNS[0]]) < 2:
        raise ValueError(f"{name} has {len(arrays[COLUMNS[0]])} rows; measure the loss at 2 mask ratios or more")
    _check(name, arrays[COLUMNS[0]], COLUMNS[0], "above 0 and at most 1", lambda each: (each > 0) & (each <= 1))
    _check(name, arrays[COLUMNS[1]], COLUMNS[1], f"finite {unit}, 0 or more", lambda each: each >= 0)
    if errors is not None:
        _check(name, arrays[ERRORS], ERRORS, "a finite standard error, 0 or more", lambda each: each >= 0)
    order = np.argsort(arrays[COLUMNS[0]], kind="stable")
    ratios, losses = arrays[COLUMNS[0]][order], arrays[COLUMNS[1]][order]
    twice = np.flatnonzero(np.diff(ratios) == 0)
    if len(twice):
        first, second = sorted(order[twice[0] : twice[0] + 2] + 1)
        raise ValueError(
            f"{name} has mask ratio {ratios[twice[0]]:g} in rows {first} and {second}; average them into one"
        )
    # In the mean mask_ratio of all tokens are masked, so what divides by the one has divided by the other.
    scale = UNITS[unit] / ratios if per == "all" else np.full(len(ratios), UNITS[unit])
    scaled = None if errors is None else scale * arrays[ERRORS][order]
    return LossProfile(ratios, scale * losses, scaled, name, ignored, unit, per, vocab_size)


def _check(name: str, values: Rows, column: str, wanted: str, right: Any) -> None:
    wrong = np.flatnonzero(~(np.isfinite(values) & right(values)))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(f"{name} has {column} {values[row]:g} in row {row + 1}; it must be {wanted}")
