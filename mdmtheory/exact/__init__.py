"""Exact numbers by enumeration, on languages small enough for it."""

from mdmtheory.exact.enumeration import (
    all_sequences,
    entropy_nats,
    enumerated_information_curve,
    error_rate,
    expected_nll,
    joint,
)
from mdmtheory.exact.law import law

__all__ = [
    "all_sequences",
    "entropy_nats",
    "enumerated_information_curve",
    "error_rate",
    "expected_nll",
    "joint",
    "law",
]
