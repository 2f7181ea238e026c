"""What every schedule is predicted to cost, for a language or for the loss profile of a real model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.score import Score
from mdmtheory.metrics.ser import ser
from mdmtheory.metrics.ter import Ter, TerRatio
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.oracles.oracle import Oracle
from mdmtheory.prompts.registry import check_no_prompt
from mdmtheory.schedules import LossProfile, Schedule, as_schedule, from_density, smoothed
from mdmtheory.schedules.averages import Values
from mdmtheory.schedules.prices import OPTIMAL, RANDOM_ORDER_BOUND, holds_for, priced_curve, prices, row

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("linear", "cosine", "geometric")
"""Compared where no others are named, and beside them geometric odds of a span of the length (2608.13520)."""
SQRT_C = "sqrt_c"
STRIDE = "stride"

WINDOW = 64
"""An estimated curve is priced by means over the L/64 points on either side: the points are independent and noisy."""

CHOSEN_ORDER = "a chosen order, not random: every N-th position together"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Predictions as rows of `frame`, what they hold for in `about`, and the optimal sizes by number of steps.

    Columns of `frame`: source, length, schedule, sampler (fixed, ancestral or stride), steps, metric (ter; gap in nats
    a sequence above one token a step; ser), value, low, high, level, kind, count, sizes, note. Ends are empty where
    the error is not known.
    """

    frame: pd.DataFrame
    about: dict[str, str]
    best: dict[int, Int[np.ndarray, "n"]]

    def __repr__(self) -> str:
        return f"<Comparison of {self.frame['schedule'].nunique()} schedules; see its frame, about and best>"

    def _repr_html_(self) -> str:
        whole = self.frame[["steps", "schedule", "sampler", "metric", "kind", "value", "low", "high", "level"]]
        rows = [
            [*row[:5], *("" if math.isnan(each) else f"{each:.6g}" for each in row[5:])]
            for row in whole.astype({"value": float, "low": float, "high": float, "level": float}).values.tolist()
        ]
        return html_table(list(whole.columns), rows, note="; ".join(f"{k}: {v}" for k, v in self.about.items()))


@whole_numbers(length=1, count=0, seed=0, threads=1)
@shows_progress
@within_its_threads
def compare_schedules(
    source: LanguageLike | LossProfile,
    length: int,
    steps: Any,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    schedules: Iterable[str | Schedule] | None = None,
    threads: int | None = None,
    bound: bool = False,
    progress: bool | None = None,
) -> Comparison:
    """Plan-averaged TER and gap of schedule families and of the optimal sizes, at each of some numbers of `steps`.

    The families are by default FAMILIES and `odds:span=length`, of which every step certifies as much of the gap.
    For a language the curve is exact where `exact.information_curve` is; else sizes are chosen by one estimate of it
    and priced by an independent one (`count`, `seed`). `stride` with the oracle stands beside it, measured on `count`
    sequences, and for bigrams the schedule that is best for SER (sqrt_c) with everybody's SER. For a loss profile
    (`schedules.read_losses`) nothing but random order can be known, and fixed sizes have estimates with the range of
    all falling curves that have these losses; with `bound` they have upper bounds.
    """
    if bound and not isinstance(source, LossProfile):
        raise ValueError("bound is for a loss profile; the prices of a language are upper bounds by themselves")
    each_steps = steps if isinstance(steps, Iterable) else [steps]
    check_limit(length, MOST_LENGTH, "MOST_LENGTH", f"length is {length:,}", "use shorter sequences")
    steps = [whole_number(each, "steps", 1, length) for each in each_steps]
    if not steps:
        raise ValueError(f"there are no steps; pass whole numbers from 1 to {length}")
    families: dict[str, Schedule] = {}
    for chosen in map(as_schedule, [*FAMILIES, f"odds:span={max(length, 2)}"] if schedules is None else schedules):
        if families.setdefault(str(chosen.spec), chosen) != chosen:
            raise ValueError(f"two schedules go by the name {chosen.spec}; give each a spec of its own")
    explicit = [name for name, schedule in families.items() if schedule.steps is not None]
    if explicit:
        raise ValueError(f"schedule {explicit[0]} has a number of steps of its own; compare families, such as cosine")
    if isinstance(source, LossProfile):
        return _compare_losses(source, length, steps, level, families, bound)
    return _compare_language(as_language(source), length, steps, count, seed, level, families, threads)


def _compare_losses(
    profile: LossProfile, length: int, steps: Sequence[int], level: float, families: dict[str, Schedule], bound: bool
) -> Comparison:
    priced = profile.priced(length, level, bound=bound)
    rows = [each for n in steps for each in prices(priced, families, priced.curve, n, level)]
    return _comparison(profile.name, length, rows, profile.card(length, level, bound=bound))


def _compare_language(
    language: Language,
    length: int,
    steps: Sequence[int],
    count: int,
    seed: int,
    level: float,
    families: dict[str, Schedule],
    threads: int | None,
) -> Comparison:
    from mdmtheory.exact import first_order_density, information_curve

    check_no_prompt(language, length, "compare_schedules")
    if count < LEAST_TERMS:
        raise ValueError(f"count is {count}; pass {LEAST_TERMS} or more, below which no interval of a mean holds")
    about = {"language": str(language.spec)}
    curve = information_curve(language, length, count=count, seed=seed, level=level, threads=threads)
    if curve.kind == "exact":
        priced, chosen_by = priced_curve(curve.values), curve.values
        about["curve"] = "exact"
    else:
        chosen_by = smoothed(curve, 1 / np.maximum(_errors(curve, level), 1e-9) ** 2)
        fresh = information_curve(language, length, count=count, seed=seed + 1, level=level, threads=threads)
        window = length // WINDOW
        priced = priced_curve(fresh.values, _errors(fresh, level), fresh.count, window)
        about["curve"] = (
            f"estimated from {fresh.count:,} contexts, seed {seed + 1}; the optimal sizes are chosen by an independent "
            f"estimate, seed {seed}, smoothed; fixed sizes are priced by means over {window} points on either side"
        )
        about["interval"] = f"{100 * level:g} %, from the errors of the points, which are independent"
    about["order"] = RANDOM_ORDER_BOUND
    known = float(curve.values.sum()) if curve.kind == "exact" else None
    rows: list[dict[str, Any]] = []
    sqrt_c: dict[int, Schedule] = {}
    try:
        sqrt_c = {n: from_density(lambda a: first_order_density(language, a), n) for n in steps}
        about[SQRT_C] = "steps ∝ 1/√c: best for SER as steps grow, for ancestral plans"
    except ValueError as reason:
        about[SQRT_C] = f"no {SQRT_C} schedule: {reason}"
    for n in counted(steps, "numbers of steps"):
        compared = {**families, **({SQRT_C: sqrt_c[n]} if n in sqrt_c else {})}
        found = list(prices(priced, compared, chosen_by, n, level))
        rows += found
        if n in sqrt_c:
            # Drawing from a bigram is fast, and SER is what this schedule is about.
            compared[OPTIMAL] = Schedule.from_sizes(best_sizes(found)[n])
            for name, schedule in compared.items():
                model = MaskedDiffusion(
                    Oracle(language), sampler="ancestral", steps=n, schedule=schedule.revealed_fractions(n)
                )
                wrong = ser(model, language, length, count=count, seed=seed, level=level, threads=threads)
                ends = (wrong.value, wrong.low, wrong.high)
                rows.append(row(name, "ancestral", n, "ser", ends, "estimate", level, count))
        rows += _stride(language, length, n, count, seed, level, threads, known)
    about[STRIDE] = f"{CHOSEN_ORDER}; measured with the oracle on {count:,} sequences"
    return _comparison(str(language.spec), length, rows, about)


def _stride(
    language: Language,
    length: int,
    steps: int,
    count: int,
    seed: int,
    level: float,
    threads: int | None,
    entropy: float | None,
) -> list[dict[str, Any]]:
    """TER, KL(q || p) in nats a sequence and SER of stride with the oracle: estimates, not bounds; or why withheld."""
    model = MaskedDiffusion(Oracle(language), sampler=STRIDE, steps=steps)
    [sums] = Score().count([model], Sequences(language, length, seed, 0, count), threads)
    try:
        found = _scored(Measured(sums, length), entropy, level)
    except WithheldError as withheld:
        nothing = (math.nan,) * 3
        rows = [row("", STRIDE, steps, name, nothing, withheld.kind, math.nan, count) for name in ("ter", "gap")]
    else:
        rows = [row("", STRIDE, steps, name, _ends(each), each.said_kind, level, count) for name, each in found.items()]
    wrong = ser(model, language, length, count=count, seed=seed, level=level, threads=threads)
    return [*rows, row("", STRIDE, steps, "ser", _ends(wrong), wrong.kind, level, count)]


def _scored(measured: Measured, entropy: float | None, level: float) -> dict[str, Estimate]:
    """TER and gap; TER is TER(q) times the far better known ratio where the `entropy` H(q) in nats is known."""
    ratio, length = TerRatio().estimate(measured, level), measured.length
    ends = ratio.cut_from or _ends(ratio)
    # Sums of logarithms round in the twelfth digit: without this, an exact sampler would seem to err.
    value, low, high = (round(length * math.log(each), 9) + 0.0 for each in ends)
    gap = Estimate(value, low, high, level, "estimate", ratio.count).within(least=0.0)
    if entropy is None:
        return {"ter": Ter().estimate(measured, level), "gap": gap}
    floor = math.exp(entropy / length)
    value, low, high = (floor * each for each in ends)
    return {"ter": Estimate(value, low, high, level, "estimate", ratio.count).within(least=floor), "gap": gap}


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def best_sizes(rows: Iterable[dict[str, Any]]) -> dict[int, Int[np.ndarray, "n"]]:
    """The optimal sizes among rows, by number of steps."""
    return {
        each["steps"]: np.array(each["sizes"].split(), dtype=np.int64)
        for each in rows
        if each["schedule"] == OPTIMAL and each["sizes"]
    }


def _comparison(source: str, length: int, rows: list[dict[str, Any]], about: dict[str, str]) -> Comparison:
    import pandas as pd

    frame = pd.DataFrame(rows)
    frame.insert(0, "source", source)
    frame.insert(1, "length", length)
    frame["note"] = np.where(frame["sampler"] == STRIDE, CHOSEN_ORDER, frame["kind"].map(holds_for))
    return Comparison(frame, about, best_sizes(rows))


def _errors(curve: Any, level: float) -> Values:
    """The standard error of each point, from its interval."""
    from scipy.special import ndtri

    return np.asarray((curve.high - curve.low) / (2 * ndtri((1 + level) / 2)))
