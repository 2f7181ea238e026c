"""2505.21400 (Li and Cai): the error of random-order steps, bounded by their largest size and mutual information."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

import mdmtheory as mt
from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.exact import Curve
from mdmtheory.plots import Picture as Drawing
from mdmtheory.plots import figure_style, looks, save_figure
from mdmtheory.plots.picture import handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.style import REFERENCE
from paper_checks.chen2025 import SPECS
from paper_checks.claims import Claim, Number, PaperCheck, Picture, Table
from paper_checks.theorems import theorem

LENGTH = 512
LARGEST = (1, 2, 3, 5, 8, 16, 33, 64, 128, 512)


@dataclass(frozen=True)
class SizeRun:
    """Steps of one size on a language: their error and the two bounds of it, in nats, exact."""

    language: str
    size: int
    gap: float
    published: float
    sharper: float


def check(folder: Path) -> PaperCheck:
    """Everything; the figure goes into `folder`."""
    bounds = theorem(
        6,
        "KL is at most (2^⌈log2 s_max⌉ − 1)/L times the sum of I(X_i; X_-i); sharper, (s_max − 1)/L (ours).",
        "(2^⌈log2 s_max⌉ − 1)/L · Σ I(X_i; X_-i)",
    )
    runs = [size_run(spec, size) for spec in SPECS for size in LARGEST]
    save_figure(figure(), folder / "licai2025.png")
    return PaperCheck(
        "2505.21400",
        "KL of parallel sampling, bounded by the mutual information of tokens",
        [bounds, holds_at_scale(runs)],
        _SETTINGS,
        [runs_table(runs)],
        [
            Picture(
                "licai2025.png",
                f"The plan-averaged error over the published bound, equal steps of s tokens at L = {LENGTH}, exact. "
                "The sharper bound is the upper envelope of all languages.",
            )
        ],
    )


_SETTINGS = (
    "Of this paper we had third-party notes only: its bound is compared as they give it.",
    f"Length {LENGTH}; equal steps of s tokens, the last what is left; languages whose curve has a closed form.",
)


def published_factor(largest: int) -> int:
    """2^ceil(log2 s_max) - 1.

    >>> [published_factor(size) for size in (1, 2, 3, 4, 5)]
    [0, 1, 3, 3, 7]
    """
    return (1 << (largest - 1).bit_length()) - 1


@cache
def _curve(spec: str) -> Curve:
    return mt.exact.information_curve(mt.as_language(spec), LENGTH)


def size_run(spec: str, size: int) -> SizeRun:
    """Equal steps of so many tokens, the last what is left."""
    curve = _curve(spec)
    sizes = [size] * (LENGTH // size) + [LENGTH % size] * (LENGTH % size > 0)
    information = float(curve.values[0] - curve.values[-1])
    gap = schedules.plan_averaged_gap(curve, sizes)
    return SizeRun(spec, size, gap, published_factor(size) * information, (size - 1) * information)


def holds_at_scale(runs: Sequence[SizeRun]) -> Claim:
    """Both bounds at length 512."""
    held = all(run.gap <= run.sharper + 1e-9 * max(1.0, run.sharper) for run in runs)
    held &= all(run.sharper <= run.published for run in runs)
    closest = max((run for run in runs if run.published > 0), key=lambda run: run.gap / run.published)
    loosest = max(
        (run for run in runs if run.gap > 0 and run.language == SPECS[0]), key=lambda run: run.published / run.gap
    )
    ours = [
        number
        for name, run in (("nearest", closest), ("farthest of the 8-token bigram", loosest))
        for number in (
            Number(f"{name} (`{run.language}`, s = {run.size}): error", Estimate.exact(run.gap), unit="nats"),
            Number("sharper bound", Estimate.exact(run.sharper), unit="nats"),
            Number("published bound", Estimate.exact(run.published), unit="nats"),
        )
    ]
    why = (
        f"error ≤ sharper ≤ published in all {len(runs)} combinations; published over error is "
        f"{closest.published / closest.gap:.3g} at best and {loosest.published / loosest.gap:.3g} at worst on the "
        "bigram."
    )
    return Claim(
        "Both bounds at length 512.",
        "no numbers",
        ours,
        "agrees" if held else "fails",
        why if held else "a bound is broken; see the table.",
    )


def runs_table(runs: Sequence[SizeRun]) -> Table:
    """Every run."""
    rows = [
        [
            f"`{run.language}`",
            str(run.size),
            str(math.ceil(LENGTH / run.size)),
            *(f"{value:.4g}" for value in (run.gap, run.sharper, run.published)),
        ]
        for run in runs
    ]
    heads = ("language", "s_max:", "steps:", "error:", "sharper bound:", "published bound:")
    return Table("Equal steps at length 512", heads, rows, "Plan-averaged KL and its bounds in nats, all exact.")


def figure() -> Drawing:
    """Error over published bound against s, a line for each language."""
    style = looks("language", list(_NAMES))
    sizes = np.arange(2, LENGTH + 1)
    drawn = []
    for spec, name in _NAMES.items():
        ratios = np.array([run.gap / run.published for run in (size_run(spec, int(size)) for size in sizes)])
        drawn.append(Series(name, replace(style[spec], marker="none"), sizes * 1.0, ratios, ratios, ratios))
    scale = Scale("linear", -0.03, 1.05, probability=True)
    with figure_style():
        drawing = Drawing(5.2, 3.3)
        [axes] = drawing.grid(1, 1)
        scale.on(axes)
        scale_x(axes, [2**k for k in range(1, 10)], log=True, inches=4.2)
        sharper = [(size - 1) / published_factor(int(size)) for size in sizes]
        axes.plot(sizes, sharper, color=REFERENCE, linewidth=0.8, zorder=1)
        for each in drawn:
            draw(axes, each, scale)
        axes.set(xlabel="tokens a step, $s$", ylabel="error / published bound")
        ours = Line2D([], [], color=REFERENCE, linewidth=0.8, label="sharper bound (ours)")
        drawing.explain([ours, *(handle(each.look, each.label, mark=False) for each in drawn)], [])
    return drawing


_NAMES = dict(zip(SPECS, ("bigram, 8 tokens", "bigram, 32 tokens", "EqualPairs", "Repetition", "Parity"), strict=True))
