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

__all__ = [
    "Curve",
    "all_sequences",
    "dual_total_correlation",
    "entropy_nats",
    "enumerated_information_curve",
    "error_rate",
    "expected_nll",
    "information_curve",
    "information_with_rest",
    "joint",
    "law",
    "total_correlation",
]
