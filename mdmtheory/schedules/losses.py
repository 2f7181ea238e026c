"""The information curve of a real model: its validation loss at several mask ratios, made monotone and interpolated.

For a masked diffusion model the loss of a masked token at mask ratio t, in nats, is the mean of H̄ over the number of
others that are revealed, plus the learning error there (docs/theory.md, 2.6 and 2.7; ours). So it prices every
schedule, for positions revealed in random order at temperature 1 on the same text, and says nothing of other orders.
Training code reports it in several conventions, UNITS and PER, which are brought to this one as they are read.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.reading import read_text
from mdmtheory.schedules.averages import Values, fixed_weights, monotone
from mdmtheory.schedules.prices import RANDOM_ORDER, Fractions, Priced, Sizes

Rows = Float[np.ndarray, "rows"]

COLUMNS = ("mask_ratio", "loss")
ERRORS = "stderr"
_HEADER = "mask_ratio,loss[,stderr]"

UNITS = {"nats": 1.0, "bits": math.log(2)}
"""Nats in one unit of the losses."""

PER = {
    "masked": "averaged over masked tokens",
    "all": "averaged over all tokens, of which those that are not masked count as 0",
    "weighted": "averaged over all tokens, -log p of a masked one divided by mask_ratio (the integrand of the ELBO)",
}
"""What -log p of masked tokens is averaged over; docs/theory.md, 2.7 has what each is in the mean."""

_SMALL_RATIO = 0.2
"""Mask ratios up to which the growth of the loss tells conventions apart."""
_GROWTH = 0.9
"""An average over all tokens grows at least like the ratio there: its exponent is 1 or more but for noise."""


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

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why the losses could be in another convention than they were read in; a law can be such that they are not."""
        found = []
        grown, steep = self._growth, "at small mask ratios the loss grows like mask_ratio to the power"
        if grown is not None and self.per != "all" and grown >= _GROWTH:
            found.append(f"{steep} {grown:.2g}, as an average over all tokens does: could be --per all")
        if grown is not None and self.per == "all" and grown <= _GROWTH - 1:
            found.append(f"{steep} {1 + grown:.2g}, below 1, as no average over all tokens does: could be --per masked")
        if grown is not None and self.per != "all" and grown <= -0.5:
            found.append(f"{steep} {grown:.2g}: could be divided by mask_ratio, which is to be taken back")
        most = math.inf if self.vocab_size is None else math.log(self.vocab_size)
        row = int(np.argmax(self.losses if self.errors is None else self.losses - 3 * self.errors))
        highest = float(self.losses[row] - (0 if self.errors is None else 3 * self.errors[row]))
        # What divides by small ratios twice is named above.
        if highest > most and not found:
            bits = self.unit == "nats" and highest * UNITS["bits"] <= most
            instead = "could be --unit bits" if bits else "could be sums, or divided by mask_ratio once more"
            found.append(
                f"{self.losses[row]:.4g} nats at mask ratio {self.ratios[row]:g} are more than log {self.vocab_size} = "
                f"{most:.4g}, what knowing nothing costs: {instead}"
            )
        return tuple(found)

    @cached_property
    def _growth(self) -> float | None:
        """The exponent with which the losses grow over the small ratios; None where too few of those are known."""
        small = (self.ratios <= _SMALL_RATIO) & (self.losses > 0)
        if small.sum() < 2:
            return None
        ratios, losses = np.log(self.ratios[small]), np.log(self.losses[small])
        return float((losses[-1] - losses[0]) / (ratios[-1] - ratios[0]))

    @cached_property
    def fitted(self) -> Rows:
        """The losses nearest to the measured ones that never fall as the mask ratio rises: isotonic regression.

        Weighted by 1/stderr², equally without; a loss without error outweighs every other by a million.
        """
        return self._pooling @ self.losses

    @cached_property
    def _weights(self) -> Rows:
        if self.errors is None or not self.errors.any():
            return np.ones(len(self.losses))
        return np.maximum(self.errors, 1e-3 * self.errors[self.errors > 0].min()) ** -2

    @cached_property
    def _pools(self) -> list[slice]:
        """The rows that the fit makes equal."""
        from scipy.optimize import isotonic_regression

        blocks = isotonic_regression(self.losses, weights=self._weights).blocks
        return [slice(int(first), int(last)) for first, last in pairwise(blocks)]

    @cached_property
    def _pooling(self) -> Float[np.ndarray, "rows rows"]:
        """The fit as a linear map, which it is as long as the pools stay the same."""
        out = np.zeros((len(self.losses), len(self.losses)))
        for pool in self._pools:
            out[pool, pool] = self._weights[pool] / self._weights[pool].sum()
        return out

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

    @whole_numbers(length=1)
    def curve(self, length: int) -> Values:
        """H̄(0..L-1) with the learning error, in nats, made non-increasing: what `optimal` takes.

        The loss g at revealed fraction α is the mean of H̄(Bin(L-1, α)), since every token is masked by itself: a
        Bernstein polynomial B of the curve. One step of correction, 2g - Bg at m/(L-1), undoes that up to its square
        and nothing at the ends (docs/theory.md, section 2; ours). g is the fit, linear between rows, which is above any
        convex g through them, and constant beyond the outermost ratios.
        """
        return monotone(_unsmeared(tuple(self.ratios), length) @ self.fitted)

    @whole_numbers(length=1)
    def priced(self, length: int) -> Priced:
        """The profile for `prices`. I.i.d. steps cost L sum_k w_k g(a_{k-1}), whatever the curve behind g is."""
        curve = _unsmeared(tuple(self.ratios), length)

        def fixed(sizes: Sizes) -> Rows:
            return fixed_weights(sizes) @ curve

        def ancestral(fractions: Fractions) -> Rows:
            return length * np.diff(fractions) @ _interpolation(self.ratios, fractions[:-1])

        return Priced(length, self.fitted, curve.sum(axis=0), fixed, ancestral, self.error, 0)

    def error(self, weights: Rows) -> float | None:
        """The standard error of weights @ fitted at worst, whatever the rows' correlation; None where it is not known.

        Rows are often measured on the same text, so their errors may rise and fall together. The sum of the absolute
        contributions is what any correlation stays below (delta method: the fit's pools as they are).
        """
        return None if self.errors is None else float(np.abs(weights @ self._pooling) @ self.errors)

    def _cubics_away(self) -> float:
        """How far below the straight lines monotone cubics through the same rows run, in the mean over mask ratios."""
        from scipy.interpolate import PchipInterpolator

        known = 1 - self.ratios[::-1]
        inside = np.linspace(known[0], known[-1], 4097)
        cubics = PchipInterpolator(known, self.fitted[::-1])(inside)
        return float((_interpolation(self.ratios, inside) @ self.fitted - cubics).mean() * (known[-1] - known[0]))

    @whole_numbers(length=1)
    def card(self, length: int, level: float = 0.95) -> dict[str, str]:
        """What the prices of this profile hold for, in words."""
        held = [
            f"above mask ratio {self.ratios[-1]:g} held at its loss, which is too low: measure at ratio 1",
            f"below mask ratio {self.ratios[0]:g} held at its loss, which is too high",
        ]
        beyond = [words for words, is_held in zip(held, (self.ratios[-1] < 1, True), strict=True) if is_held]
        falls = self.falls(level)
        cubic = f"monotone cubics would be {abs(self._cubics_away()):.1g} nats away in the mean"
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
        return {
            "profile": f"{self.name}, {span}{ignored}",
            **as_given,
            **doubts,
            "order": RANDOM_ORDER,
            "stride": "cannot be known from a loss profile, nor can any other chosen or confidence-ordered sampler",
            "bound": "an upper bound in nats per token including learning error, for tokens drawn at temperature 1",
            "masks": "each token masked by itself with probability mask_ratio, and -log p averaged over masked tokens",
            "text": f"that of the losses, at their length, which is taken to be {length} tokens",
            "sizes": "the optimal ones are chosen by the losses that price them, so their price is a little optimistic",
            "monotone": monotone,
            "interpolation": "; ".join([f"linear in the mask ratio; {cubic}", *beyond]),
            "interval": "none: the file has no stderr"
            if self.errors is None
            else f"{100 * level:g} %, from stderr by the delta method, wide enough for any correlation between rows",
        }


def _interpolation(ratios: Rows, revealed: Fractions) -> Float[np.ndarray, "points rows"]:
    """The loss at revealed fractions as a linear map of the rows: linear between them, constant beyond."""
    known = 1 - ratios[::-1]
    return np.stack([np.interp(revealed, known, row[::-1]) for row in np.eye(len(known))], axis=1)


@lru_cache(maxsize=8)
def _unsmeared(ratios: tuple[float, ...], length: int) -> Float[np.ndarray, "length rows"]:
    """The curve of `LossProfile.curve` as a linear map of the rows, before it is made monotone."""
    from scipy.stats import binom

    if length < 2:
        raise ValueError(f"length is {length}; pass 2 or more")
    at = np.arange(length)
    points = _interpolation(np.array(ratios), at / (length - 1))
    out = 2 * points
    piece = max(1, (1 << 17) // length)
    for m in range(0, length, piece):
        some = at[m : m + piece]
        out[some] -= binom.pmf(at[None], length - 1, some[:, None] / (length - 1)) @ points
    out.setflags(write=False)
    return out


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


def read_losses(
    path: str | PathLike[str], *, unit: str = "nats", per: str = "masked", vocab_size: Any = None
) -> LossProfile:
    """The loss profile of a CSV file whose header names mask_ratio, loss and perhaps stderr; # starts a comment line.

    `unit`, `per` and `vocab_size` as for `from_losses`. ValueError says what cannot be read.
    """
    table = _table(read_text(path, f"pass a CSV file with {_HEADER}"), path)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        found = ", ".join(table)
        raise ValueError(f"{path} has no column {' and no '.join(missing)}, but {found}; name them {_HEADER}")
    known = [*COLUMNS, ERRORS]
    ratios, losses, errors = ([_number(path, column, each) for each in table.get(column, [])] for column in known)
    ignored = tuple(column for column in table if column not in known)
    return from_losses(
        ratios,
        losses,
        errors if ERRORS in table else None,
        name=str(path),
        ignored=ignored,
        unit=unit,
        per=per,
        vocab_size=vocab_size,
    )


def _table(text: str, path: str | PathLike[str]) -> dict[str, list[str]]:
    """The columns of a CSV text by the names in its first line; ValueError where a line has more or fewer values."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or "\0" in text:
        raise ValueError(f"{path} holds no table; pass a CSV file with the header {_HEADER}")
    try:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True, strict=True)]
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV table: {error}") from error
    # A comma at the end of a line is no column.
    while len({len(row) for row in table}) == 1 and table[0] and not any(row[-1] for row in table):
        table = [row[:-1] for row in table]
    header, rows = table[0], table[1:]
    rows = [row if any(row[len(header) :]) else row[: len(header)] for row in rows]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ValueError(
                f"{path} is no CSV table: row {number} has {len(row)} values, and the header {len(header)} names; "
                f"name every column, as {_HEADER}"
            )
    for name, often in Counter(header).items():
        if often > 1 or not name:
            what = f"{often} columns called {name}" if name else "a column without a name"
            raise ValueError(f"{path} has {what}; name every column, each its own way, as {_HEADER}")
    return {name: [row[column] for row in rows] for column, name in enumerate(header)}


def _number(path: str | PathLike[str], column: str, text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path} has {column} {text!r}, which is no number") from None


def _check(name: str, values: Rows, column: str, wanted: str, right: Any) -> None:
    wrong = np.flatnonzero(~(np.isfinite(values) & right(values)))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(f"{name} has {column} {values[row]:g} in row {row + 1}; it must be {wanted}")
