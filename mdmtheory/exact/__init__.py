"""Exact numbers: by closed forms where they exist, by enumeration where languages are small enough for it."""

from mdmtheory.exact.adaptive_rounds import MeanRounds, adaptive_rounds
from mdmtheory.exact.answers import answer_curve
from mdmtheory.exact.curve import Curve, dual_total_correlation, s_information, total_correlation
from mdmtheory.exact.enumeration import (
    all_sequences,
    entropy_nats,
    enumerated_information_curve,
    error_rate,
    expected_nll,
    joint,
)
from mdmtheory.exact.first_order_constant import first_order
from mdmtheory.exact.growth import growth_rate
from mdmtheory.exact.information import information_curve
from mdmtheory.exact.kl_parts import KLParts, kl_parts
from mdmtheory.exact.law import law
from mdmtheory.exact.noised import elbo
from mdmtheory.exact.prompts import prompt_log_prob
from mdmtheory.exact.rates import first_order_density, kappa, limit_curve, optimal_kappa
from mdmtheory.exact.scores import log_prob
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.exact.spans import ser, ser_curve

__all__ = [
    "Curve",
    "KLParts",
    "MeanRounds",
    "adaptive_rounds",
    "all_sequences",
    "answer_curve",
    "dual_total_correlation",
    "elbo",
    "entropy_nats",
    "enumerated_information_curve",
    "error_rate",
    "expected_nll",
    "first_order",
    "first_order_density",
    "growth_rate",
    "information_curve",
    "joint",
    "kappa",
    "kl_parts",
    "law",
    "limit_curve",
    "log_prob",
    "optimal_kappa",
    "prompt_log_prob",
    "s_information",
    "ser",
    "ser_curve",
    "serial_depth",
    "total_correlation",
]
