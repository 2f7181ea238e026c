"""Exact numbers: by closed forms where they exist, by enumeration where languages are small enough for it."""

from mdmtheory.exact.curve import Curve, dual_total_correlation, information_with_rest, total_correlation
from mdmtheory.exact.enumeration import (
    all_sequences,
    entropy_nats,
    enumerated_information_curve,
    error_rate,
    expected_nll,
    joint,
)
from mdmtheory.exact.information import information_curve
from mdmtheory.exact.law import law
from mdmtheory.exact.noised import elbo
from mdmtheory.exact.rates import first_order_density, kappa, limit_curve, optimal_kappa

__all__ = [
    "Curve",
    "all_sequences",
    "dual_total_correlation",
    "elbo",
    "entropy_nats",
    "enumerated_information_curve",
    "error_rate",
    "expected_nll",
    "first_order_density",
    "information_curve",
    "information_with_rest",
    "joint",
    "kappa",
    "law",
    "limit_curve",
    "optimal_kappa",
    "total_correlation",
]
