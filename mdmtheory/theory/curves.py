"""Information curves and plan-averaged gaps of settings, for the statements about them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory import schedules
from mdmtheory.exact.curve import Curve
from mdmtheory.exact.information import information_curve
from mdmtheory.theory.statement import HypothesisError, Setting

ROUNDING = 1e-12
"""A second difference of a curve may be so far below 0, relative to the curve, before it counts as not convex."""


def exact_curve(setting: Setting) -> Curve:
    """The information curve of the setting; HypothesisError where it is known by sampling only."""
    curve = information_curve(setting.language, setting.length)
    if curve.kind != "exact":
        raise HypothesisError(f"the information curve of {setting.language.spec} is known by sampling only")
    return curve


def convex_curve(setting: Setting) -> Float[np.ndarray, "length"]:
    """The same where it is convex, made so beyond rounding; HypothesisError where it is not.

    Then g(alpha) = E[H(Bin(L-1, alpha))], its Bernstein polynomial, is convex too.
    """
    curve = np.asarray(exact_curve(setting))
    drops = -np.diff(curve)
    bends = np.flatnonzero(np.diff(drops) > ROUNDING * max(curve[0], 1e-300))
    if len(bends):
        raise HypothesisError(
            f"the information curve of {setting.language.spec} at length {setting.length} is not convex: it falls by "
            f"{drops[bends[0]]:.6g} nats and then by {drops[bends[0] + 1]:.6g}"
        )
    # Rounding must not leave a rise, or a bend the wrong way, of a curve that is flat or straight.
    drops = np.maximum(np.minimum.accumulate(drops), 0.0)
    return curve[0] - np.concatenate([[0.0], np.cumsum(drops)])


def require_random_subsets(setting: Setting) -> None:
    """HypothesisError unless the option `sampler` names plans whose steps reveal uniformly random sets."""
    sampler = setting.options["sampler"]
    if sampler not in ("ancestral", "fixed"):
        raise HypothesisError(f"the plans are {sampler!r}; it is about ancestral and fixed, which reveal random sets")


def random_order_gap(setting: Setting, curve: Curve | Float[np.ndarray, "length"]) -> float:
    """E_plan KL(q || p_plan) in nats of the setting's plans, `sampler` being ancestral or fixed."""
    if setting.options["sampler"] == "fixed":
        return schedules.plan_averaged_gap(curve, setting.schedule.sizes(setting.length, setting.steps))
    return schedules.ancestral_gap(curve, setting.schedule.revealed_fractions(setting.steps))
