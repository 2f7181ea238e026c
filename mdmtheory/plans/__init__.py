"""Laws over reveal plans: the step, from 1, at which each position is revealed (docs/theory.md, section 1)."""

from mdmtheory.plans.base import Chooser, PlanLaw, PlanLawBase, Plans, States, SubsetLaw
from mdmtheory.plans.laws import (
    Ancestral,
    Bisection,
    BitReversed,
    Blocks,
    FirstHitting,
    FixedSizes,
    GivenPlan,
    LeftToRight,
    Stride,
    plan_from_file,
)

__all__ = [
    "Ancestral",
    "Bisection",
    "BitReversed",
    "Blocks",
    "Chooser",
    "FirstHitting",
    "FixedSizes",
    "GivenPlan",
    "LeftToRight",
    "PlanLaw",
    "PlanLawBase",
    "Plans",
    "States",
    "Stride",
    "SubsetLaw",
    "plan_from_file",
]
