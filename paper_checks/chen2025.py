"""2511.04647: the plan-averaged error of random-order steps, and schedules chosen by TC and DTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import mdmtheory as mt
from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.plots import Picture as Drawing
from mdmtheory.plots import figure_style, looks, save_figure
from mdmtheory.plots.picture import handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.words import X_LABELS
from paper_checks.brackets import LANGUAGES
from paper_checks.claims import LEVEL, Claim, Number, PaperCheck, Picture, Table
from paper_checks.theorems import theorem

LENGTH = 512
STEPS = (8, 32, 128)
COUNT = 2000
DELTAS = (0.02, 0.05, 0.1, 0.2, 0.5)

SPECS = (
    LANGUAGES[2],
    "ngram:order=2,prune=2.0,seed=55,vocab_size=32",
    "equal_pairs:vocab_size=16",
    "repetition:vocab_size=8",
    "parity",
)
"""Languages whose information curve has a closed form: much before little, and little before much."""


@dataclass(frozen=True)
class RuleRun:
    """The sizes of a rule on a language, its error, and what the rule promises; nats."""

    language: str
    rule: str
    delta: float
    steps: int
    gap: float
    promised: float
    equal: float
    optimal: float


def check(folder: Path) -> PaperCheck:
    """Everything; the figure goes into `folder`."""
    identity = theorem(4, _IDENTITY, "characterisation; no numbers")
    correlations = theorem(
        7, "TC and DTC follow from the curve, and bound the error of two geometric schedules.", "schedules; no numbers"
    )
    runs = [run for spec in SPECS for run in rule_runs(spec)]
    save_figure(figure(LANGUAGES[2]), folder / "chen2025.png")
    return PaperCheck(
        "2511.04647",
        "The error of random-order steps is a left Riemann sum",
        [identity, riemann_sum_at_scale(), correlations, rules_hold(runs)],
        _SETTINGS,
        [rules_table(runs)],
        [
            Picture(
                "chen2025.png",
                f"The plan-averaged error at L = {LENGTH} of `{LANGUAGES[2]}` against steps, exact: equal steps, "
                "the two geometric rules, and the best sizes of all. An upper bound of KL(q ‖ p), and for random "
                "order only.",
            )
        ],
    )


_IDENTITY = (
    "The plan-averaged error of random-order steps is the left Riemann sum of the information curve minus its sum."
)

_SETTINGS = (
    "Of this paper we had third-party notes only: no value of its own is compared, and the rules' exact form (1 + "
    "⌊δ(revealed + 1)⌋ and 1 + ⌊δ(masked − 1)⌋) and constants are ours.",
    f"Length {LENGTH}; languages whose curve has a closed form.",
)


def riemann_sum_at_scale() -> Claim:
    """The closed form against scoring plan by plan, which shares nothing with it but the language."""
    spec = LANGUAGES[2]
    language: Any = mt.as_language(spec)
    curve = mt.exact.information_curve(language, LENGTH)
    ours, same = [], True
    for steps in STEPS:
        sizes = schedules.as_schedule("linear").sizes(LENGTH, steps)
        exact = schedules.plan_averaged_gap(curve, sizes)
        model = mt.MaskedDiffusion(mt.Oracle(language), sampler="fixed", steps=steps)
        ratio = mt.ter_ratio(model, language, LENGTH, count=COUNT, level=_FAMILY_LEVEL)
        scored = Estimate(
            *(LENGTH * float(np.log(each)) for each in (ratio.value, ratio.low, ratio.high)),
            ratio.level,
            "estimate",
            COUNT,
        )
        same &= scored.low <= exact <= scored.high
        ours += [Number(f"N = {steps}, Riemann sum", Estimate.exact(exact), unit="nats")]
        ours += [Number("scored plan by plan", scored, unit="nats")]
    why = f"on `{spec}` it lies in every interval of the error measured by scoring {COUNT:,} sequences, one plan each."
    return Claim(
        "The Riemann sum at length 512, where nothing can be enumerated.",
        "",
        ours,
        "agrees" if same else "fails",
        why if same else f"on `{spec}` the sum lies outside an interval of what was measured.",
    )


_FAMILY_LEVEL = 1 - (1 - LEVEL) / len(STEPS)
"""So that all intervals together cover with LEVEL (Bonferroni)."""


def rule_runs(spec: str) -> list[RuleRun]:
    """Both rules on one language, beside equal and optimal steps of the same number."""
    curve = mt.exact.information_curve(mt.as_language(spec), LENGTH)
    rules: tuple[tuple[str, Callable[[float, int], Any], float], ...] = (
        ("DTC", schedules.dtc_rule, mt.exact.dual_total_correlation(curve)),
        ("TC", schedules.tc_rule, mt.exact.total_correlation(curve)),
    )
    return [
        RuleRun(
            spec,
            name,
            delta,
            len(sizes),
            schedules.plan_averaged_gap(curve, sizes),
            delta * correlation,
            schedules.plan_averaged_gap(curve, schedules.as_schedule("linear").sizes(LENGTH, len(sizes))),
            schedules.plan_averaged_gap(curve, schedules.optimal(curve, len(sizes))),
        )
        for name, rule, correlation in rules
        for delta in DELTAS
        for sizes in (rule(delta, LENGTH),)
    ]


def rules_hold(runs: Sequence[RuleRun]) -> Claim:
    """The promise of both rules on every language and delta."""
    kept = all(run.gap <= run.promised * (1 + 1e-9) + 1e-9 for run in runs)
    closest = max((run for run in runs if run.promised > 0), key=lambda run: run.gap / run.promised)
    ours = [
        Number(
            f"nearest to the promise (`{closest.language}`, {closest.rule}, δ = {closest.delta:g}): error",
            Estimate.exact(closest.gap),
            unit="nats",
        ),
        Number("promised at most", Estimate.exact(closest.promised), unit="nats"),
    ]
    return Claim(
        "Geometric block sizes keep the plan-averaged error below δ·DTC, or δ·TC, in about ln(δL)/δ steps.",
        "no numbers; constants ours",
        ours,
        "agrees" if kept else "fails",
        f"holds in all {len(runs)} combinations of {len(SPECS)} languages, {len(DELTAS)} values of δ and both rules."
        if kept
        else "some error is larger than promised; see the table.",
    )


def rules_table(runs: Sequence[RuleRun]) -> Table:
    """Every run."""
    rows = [
        [
            f"`{run.language}`",
            run.rule,
            f"{run.delta:g}",
            str(run.steps),
            f"{_expected_steps(run.delta):.0f}",
            *(_nats(value) for value in (run.gap, run.promised, run.equal, run.optimal)),
        ]
        for run in runs
    ]
    heads = ("language", "rule", "δ:", "steps:", "expected:", "error:", "promised:", "equal steps:", "optimal:")
    note = (
        f"Plan-averaged error at L = {LENGTH} in nats, all exact; equal and optimal steps of the same number beside. "
        "*Expected* steps: (γ + ln δL)/δ. Errors below 1e-9 are rounding and shown as 0."
    )
    return Table("The two rules", heads, rows, note)


def _expected_steps(delta: float) -> float:
    return (np.euler_gamma + np.log(delta * LENGTH)) / delta


def _nats(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= 1e-9 else "0"


def figure(spec: str) -> Drawing:
    """The error of every way to choose sizes, against their number."""
    curve = mt.exact.information_curve(mt.as_language(spec), LENGTH)
    grid = np.unique(np.round(np.geomspace(2, LENGTH - 1, 40)).astype(int)).tolist()
    deltas = np.geomspace(0.004, 2, 60)
    linear = schedules.as_schedule("linear")
    lines: dict[str, list[tuple[int, float]]] = {
        "equal steps": [(n, schedules.plan_averaged_gap(curve, linear.sizes(LENGTH, n))) for n in grid],
        "DTC rule": _rule_line(curve, schedules.dtc_rule, deltas),
        "TC rule": _rule_line(curve, schedules.tc_rule, deltas),
        "optimal": [(n, schedules.plan_averaged_gap(curve, schedules.optimal(curve, n))) for n in grid],
    }
    style = looks("rule", list(lines))
    drawn = []
    for name, points in lines.items():
        at, values = np.array(points, dtype=float).T
        drawn.append(Series(name, replace(style[name], marker="none"), at, values, values, values))
    scale = Scale.of(drawn, from_zero=True, log=True)
    with figure_style():
        drawing = Drawing(4.6, 3.2)
        [axes] = drawing.grid(1, 1)
        scale.on(axes)
        scale_x(axes, [2**k for k in range(1, 10)], log=True, inches=3.8)
        for each in drawn:
            draw(axes, each, scale)
        axes.set(xlabel=X_LABELS["steps"], ylabel="plan-averaged KL($q$‖$p$)\n(nats per sequence)")
        drawing.explain([handle(each.look, each.label, mark=False) for each in drawn], [])
    return drawing


def _rule_line(curve: Any, rule: Callable[[float, int], Any], deltas: Any) -> list[tuple[int, float]]:
    found = {}
    for delta in deltas:
        sizes = rule(float(delta), LENGTH)
        if 2 <= len(sizes) < LENGTH:
            found[len(sizes)] = schedules.plan_averaged_gap(curve, sizes)
    return sorted(found.items())
