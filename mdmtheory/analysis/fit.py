"""Power laws through results: an exponent with its interval, and how well the law holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from mdmtheory.analysis.power_laws import Best, Counts, Law, Logarithms, Means, half_width
from mdmtheory.core.estimate import Ends, Estimate, as_measured
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.streams import stream_states
from mdmtheory.sweeps.columns import column_named

if TYPE_CHECKING:
    import pandas as pd

Points = Float[np.ndarray, "points"]

RATE, EXCESS = "rate", "ter_excess"
"""What is made of `ser`, -log(1 - SER)/L in nats a token, and of `ter_ratio`, TER(p)/TER(q) - 1."""

SAME_SEQUENCES = (
    "all points are of the same sequences of q, so that their errors go together: the interval is wider than need be, "
    "and p says nothing"
)
_OF_DRAWS = ("ser", "cross_entropy")

LEAST_POINTS = 3
LEAST_ERRORS = 5
DOUBTFUL = 0.01
"""A law is doubted where numbers that follow it would lie further from it with less than this probability."""

_SERIES = ("language", "prompt", "model", "denoiser", "sampler", "schedule")
_NUMBERS = ("length", "steps")


@dataclass(frozen=True, eq=False)
class Fit:
    """y ∝ x^exponent, fitted to the points of `frame` (x, value, low, high, count, fitted).

    `law` says in a line what is fitted, `exponent` and `factor` (of y where x is `middle`) are Estimates, `how` says
    what their intervals are made of. `deviance` is how far the points are from the law in units of their errors, about
    `degrees` where it holds, and `p_value` how often points that follow it are as far: None where their errors are not
    known but from their scatter. Where all points are of the `same_sequences` of q their errors go together: the
    interval is wider than need be, and the p-value says nothing. `left_out` names rows that could not be used. `curve`
    draws the law with its band.
    """

    y: str
    x: str
    law: str
    exponent: Estimate
    factor: Estimate
    middle: float
    how: str
    deviance: float
    degrees: int
    p_value: float | None
    left_out: tuple[str, ...]
    same_sequences: bool
    frame: pd.DataFrame
    draws: Float[np.ndarray, "samples 2"]

    @property
    def doubtful(self) -> bool:
        """Whether the points lie too far from any power law to follow one."""
        return self.p_value is not None and self.p_value < DOUBTFUL

    def curve(self, x: Any) -> pd.DataFrame:
        """The law at some x: columns x, value, and low, high of a band that holds at each x by itself."""
        import pandas as pd

        at = np.atleast_1d(np.asarray(x, dtype=np.float64))
        if not (at > 0).all():
            raise ValueError(f"x is {at.min():g}; a power law is drawn at numbers above 0")
        t = np.log(at / self.middle)
        value = math.log(self.factor.value) + self.exponent.value * t
        half = half_width(value, self.draws[:, :1] + self.draws[:, 1:] * t, self.exponent.level)
        ends = {"value": value, "low": value - half, "high": value + half}
        ends = {name: self._shown(each) for name, each in ends.items()}
        return pd.DataFrame({"x": at, **ends})

    def _shown(self, eta: Points) -> Points:
        return -np.expm1(-np.exp(eta)) if self.y == "ser" else np.exp(eta)

    def __str__(self) -> str:
        exponent = self.exponent
        lines = [
            f"{self.law}: exponent {exponent.value:.4g} [{exponent.low:.4g}, {exponent.high:.4g}] "
            f"({exponent.level:g} interval, {self.how})"
        ]
        if self.p_value is None:
            lines.append(f"{len(self.frame)} points; their scatter about the law is all that is known of their errors")
        else:
            word = "no power law; the exponent is that of the nearest one" if self.doubtful else "a power law fits"
            lines.append(
                f"{len(self.frame)} points, deviance {self.deviance:.3g} at {self.degrees} degrees of freedom, "
                f"p = {self.p_value:.2g}: {word}"
            )
        if self.same_sequences:
            lines.append(SAME_SEQUENCES)
        return "\n".join([*lines, *(f"left out: {each}" for each in self.left_out)])

    def __repr__(self) -> str:
        return f"<Fit {str(self).splitlines()[0]}>"

    def _repr_html_(self) -> str:
        rows = [[f"{each:.6g}" for each in row] for row in self.frame.astype(float).to_numpy().tolist()]
        return html_table(list(self.frame.columns), rows, caption=str(self).partition("\n")[0], note=str(self))


@whole_numbers(seed=0, resamples=100)
def fit(frame: Any, y: str, x: str, *, level: float = 0.95, seed: int = 0, resamples: int = 2000) -> Fit:
    """The power law y ∝ x^b through results, b with an interval (docs/theory.md, section 12).

    `frame` is what `read`, `collect` or `steps_for` gave: rows of one language, sampler and so on, where x alone
    varies, or what follows it. `y` is a metric (`ser`, `ter_excess`, `cross_entropy`, ...), `rate` for -log(1 - SER)/L,
    or a column such as `steps` of `steps_for`; `x` a column of numbers above 0: `steps`, `length`, `calls`, ...

    Of `ser` and `rate` the law is that of -log(1 - SER), which SER is about where it is small, and counts have their
    binomial likelihood, in which no errors are as good a number as any. Means are normal, with the errors of their
    intervals; other columns with intervals are so in their logarithms. Then the interval is that of `resamples` samples
    of the law that was fitted (parametric bootstrap). Where an interval is missing at some point it is Student's, from
    the scatter about the line through the logarithms.

    ValueError below 3 points or 5 errors, and where something else varies, named.
    """
    check_level(level)
    frame = frame if hasattr(frame, "columns") else frame.frame
    x = column_named(x, frame)
    points, left_out = _points(frame, y, x)
    if len(points) < LEAST_POINTS:
        why = f"; {len(left_out)} left out: {left_out[0]}" if left_out else ""
        raise ValueError(f"{len(points)} points of {y} against {x}; a power law needs {LEAST_POINTS} or more{why}")
    law, words = _law(points, y, x, level)
    at = points["x"].to_numpy(float)
    if np.ptp(at) == 0:
        raise ValueError(f"{x} is {at[0]:g} in every row; a power law needs several")
    middle = float(np.exp(np.log(at).mean()))
    t = np.log(at / middle)
    if law is None:
        return _scattered(points, y, x, words, t, middle, left_out, level, seed, resamples)
    best = Best.of(law, t, _uniforms([y, x, seed], resamples, len(at)))
    count = int(points["count"].sum()) if "count" in points else 0
    found = Fit(
        y, x, words,
        _about(best.b, best.draws[:, 1], level, count),
        _exponential(_about(best.a, best.draws[:, 0], level, count)),
        middle,
        f"{resamples} samples of the fitted law",
        best.deviance,
        len(at) - 2,
        best.p_value,
        left_out,
        points.attrs["same"],
        points,
        best.draws,
    )  # fmt: skip
    return _with_fitted(found)


def _with_fitted(found: Fit) -> Fit:
    found.frame["fitted"] = found.curve(found.frame["x"])["value"].to_numpy()
    return found


def _about(value: float, draws: Points, level: float, count: int) -> Estimate:
    half = float(half_width(np.array([value]), draws[:, None], level)[0])
    return Estimate(float(value), float(value) - half, float(value) + half, level, "estimate", count)


def _exponential(of: Estimate) -> Estimate:
    return replace(of, value=math.exp(of.value), low=math.exp(of.low), high=math.exp(of.high))


def _scattered(
    points: pd.DataFrame, y: str, x: str, words: str, t: Points, middle: float, left_out: tuple[str, ...],
    level: float, seed: int, resamples: int,
) -> Fit:  # fmt: skip
    """The line through the logarithms, of an error that its scatter alone tells: Student's interval."""
    from scipy.special import gammaincinv, ndtri, stdtrit

    values = np.log(points["value"].to_numpy(float))
    degrees = len(t) - 2
    a, b = values.mean(), float(t @ values / (t @ t))
    squares = float(((values - a - b * t) ** 2).sum())
    error = math.sqrt(squares / degrees)
    quantile = float(stdtrit(degrees, (1 + level) / 2))
    normal = _uniforms([y, x, seed], resamples, 3)
    spread = error / np.sqrt(2 * gammaincinv(degrees / 2, normal[:, 2]) / degrees)
    draws = np.column_stack(
        [a + spread * ndtri(normal[:, 0]) / math.sqrt(len(t)), b + spread * ndtri(normal[:, 1]) / math.sqrt(t @ t)]
    )
    half = quantile * error / math.sqrt(t @ t)
    wide = quantile * error / math.sqrt(len(t))
    found = Fit(
        y, x, words,
        Estimate(b, b - half, b + half, level, "estimate", 0),
        _exponential(Estimate(a, a - wide, a + wide, level, "estimate", 0)),
        middle,
        f"Student's, from the scatter of {len(t)} points about the law",
        squares,
        degrees,
        None,
        left_out,
        points.attrs["same"],
        points,
        draws,
    )  # fmt: skip
    return _with_fitted(found)


def _uniforms(key: Any, rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    from mdmtheory.kernels.random import fill_uniforms

    out = np.empty((rows, columns))
    fill_uniforms(stream_states(["fit", *key], 0, rows), out)
    return np.clip(out, 1e-15, 1 - 1e-15)


def _law(points: pd.DataFrame, y: str, x: str, level: float) -> tuple[Law | None, str]:
    """The likelihood of the points and the law in words; None where their errors are not known."""
    values = points["value"].to_numpy(float)
    if "errors" in points:
        errors, counts = points["errors"].to_numpy(np.int64), points["count"].to_numpy(np.int64)
        wrong = f"{errors.sum()} wrong sequences at {(errors > 0).sum()} of {len(points)} points"
        if errors.sum() < LEAST_ERRORS or (errors > 0).sum() < 2 or (errors < counts).sum() < 2:
            raise ValueError(
                f"{wrong}; a power law needs {LEAST_ERRORS} or more, at two points at least, and right ones at two"
            )
        tokens = points["length"].to_numpy(float) if y == RATE else np.ones(len(points))
        return Counts(errors, counts, tokens), f"-log(1 - SER){'/L' if y == RATE else ''} ∝ {x}^b"
    from scipy.special import ndtri

    words = f"{y} ∝ {x}^b"
    levels, low, high = (points[name].to_numpy(float) for name in ("level", "low", "high"))
    with np.errstate(invalid="ignore"):
        known = (high > low) & (levels > 0) & (levels < 1)
    if known.all():
        quantiles = 2 * ndtri((1 + levels) / 2)
        if "metric" in points.attrs:
            if (values > 0).sum() < 2:
                raise ValueError(f"{y} is above 0 at fewer than two points; nothing there can be a power of {x}")
            return Means(values, (high - low) / quantiles), words
        if (low > 0).all():
            return Logarithms(values, np.log(high / low) / quantiles), words
    if not (values > 0).all():
        raise ValueError(f"{y} is {values.min():g} somewhere, with no interval; a power law is above 0")
    return None, words


def _points(frame: pd.DataFrame, y: str, x: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The points to be fitted (x, value, low, high, level, and count, errors where they are counts), and others."""
    import pandas as pd

    there = set(frame["metric"]) if "metric" in frame.columns else set()
    # Rows of excess itself, as figures have them, are taken as they are.
    source = y if y in there else {RATE: "ser", EXCESS: "ter_ratio"}.get(y, y)
    stored = "metric" in frame.columns and (y in (RATE, EXCESS) or y not in frame.columns)
    if stored:
        rows = frame[frame["metric"] == source]
        if rows.empty:
            raise ValueError(f"no rows of {source} here; the metrics are {', '.join(sorted(set(frame['metric'])))}")
    else:
        y, rows = column_named(y, frame), frame
    _check_one_series(rows, x)
    found, left_out = [], []
    for _, row in rows.iterrows():
        where = f"{x} {row[x]}"
        value = row["value"] if stored else row.get("crossing" if y == "steps" else y, row[y])
        if pd.isna(value) or pd.isna(row[x]):
            left_out.append(f"{where}: {row['kind'] if 'kind' in rows else 'no number'}")
            continue
        if math.isinf(value) or math.isinf(row[x]):
            left_out.append(f"{where}: {y} {value:g} is no point of a power law")
            continue
        shift = 1.0 if source == "ter_ratio" != y else 0.0
        point = _point(row, float(row[x]), float(value), stored=stored, y=y, shift=shift)
        if "errors" not in point and math.inf in (-point["low"], point["high"]):
            left_out.append(f"{where}: {value:.4g} [{point['low']:.4g}, {point['high']:.4g}], known on one side alone")
            continue
        found.append(point)
    points = pd.DataFrame(found)
    if len(points) and not (points["x"] > 0).all():
        raise ValueError(f"{x} is {points['x'].min():g} somewhere; a power law needs numbers above 0")
    apart = [name for name in ("language", "length", "seed") if name in rows and rows[name].nunique() > 1]
    same = stored and source not in _OF_DRAWS and not apart
    points.attrs.update({"same": same, **({"metric": True} if stored else {})})
    return points, tuple(left_out)


def _point(row: Any, x: float, value: float, *, stored: bool, y: str, shift: float) -> dict[str, float]:
    ends: Ends = (value, float(row.get("low", math.nan)), float(row.get("high", math.nan)))
    level = float(row.get("level", math.nan))
    if not stored:
        return {"x": x, "value": value, "low": ends[1], "high": ends[2], "level": level}
    _, ends = as_measured(str(row["kind"]), ends)
    if y in ("ser", RATE):
        count = int(row["count"])
        errors, length = round(ends[0] * count), int(row["length"])
        if y == RATE:
            with np.errstate(divide="ignore"):
                value, low, high = (float(-np.log1p(-each) / length) for each in ends)
            ends = (value, low, high)
        point = {"x": x, "value": ends[0], "low": ends[1], "high": ends[2], "level": level}
        return {**point, "count": count, "errors": errors, **({"length": length} if y == RATE else {})}
    value, low, high = (each - shift for each in ends)
    return {"x": x, "value": value, "low": low, "high": high, "level": level, "count": int(row["count"])}


def _check_one_series(rows: pd.DataFrame, x: str) -> None:
    """ValueError where what x varies with is not x alone: the rows are of several laws."""
    names = [name for name in _SERIES if name in rows and rows[name].nunique(dropna=False) > 1]
    names += [
        name
        for name in _NUMBERS
        if name in rows and name != x and (rows.groupby(x)[name].nunique(dropna=False) > 1).any()
    ]
    if names:
        values = sorted(map(str, rows[names[0]].unique()))[:4]
        raise ValueError(
            f"the rows differ in {' and '.join(names)} besides {x} ({names[0]}: {', '.join(values)}); keep one series, "
            f"as frame[frame.{names[0]} == {rows[names[0]].iloc[0]!r}]"
        )
