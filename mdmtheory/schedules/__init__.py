"""How much is revealed after each step: families of schedules, explicit ones, and the best for an information curve."""

from mdmtheory.schedules.averages import (
    ancestral_gap,
    ancestral_weights,
    continuum_gap,
    fixed_weights,
    monotone,
    plan_averaged_gap,
    plan_averaged_nll,
)
from mdmtheory.schedules.certificates import cardinal_gap, certified_gap, unmasking_gap
from mdmtheory.schedules.falling import FallingCurves
from mdmtheory.schedules.families import cosine, from_file, geometric, linear, odds, polynomial
from mdmtheory.schedules.loss_files import read_losses
from mdmtheory.schedules.loss_prices import PricedLosses
from mdmtheory.schedules.losses import Fall, LossProfile, from_losses
from mdmtheory.schedules.numbers import read_numbers
from mdmtheory.schedules.prices import Price, Priced, Pricing, priced_curve, prices
from mdmtheory.schedules.rules import dtc_rule, from_density, optimal, tc_rule
from mdmtheory.schedules.schedule import SCHEDULES, Grid, Numbers, Schedule, as_schedule
from mdmtheory.schedules.smoothing import smoothed

__all__ = [
    "SCHEDULES",
    "Fall",
    "FallingCurves",
    "Grid",
    "LossProfile",
    "Numbers",
    "Price",
    "Priced",
    "PricedLosses",
    "Pricing",
    "Schedule",
    "ancestral_gap",
    "ancestral_weights",
    "as_schedule",
    "cardinal_gap",
    "certified_gap",
    "continuum_gap",
    "cosine",
    "dtc_rule",
    "fixed_weights",
    "from_density",
    "from_file",
    "from_losses",
    "geometric",
    "linear",
    "monotone",
    "odds",
    "optimal",
    "plan_averaged_gap",
    "plan_averaged_nll",
    "polynomial",
    "priced_curve",
    "prices",
    "read_losses",
    "read_numbers",
    "smoothed",
    "tc_rule",
    "unmasking_gap",
]
