"""Sums of what is given by its logarithm; minus infinity stands for 0."""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import part
from mdmtheory.kernels.doubt import LEAST_PRODUCT


@part
def add_logs(a, b):
    """log(exp(a) + exp(b)); minus infinity stands for 0."""
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + math.log1p(math.exp(b - a))


@part
def sum_logs(terms):
    """log of the sum of exp(terms)."""
    best = -np.inf
    for k in range(len(terms)):
        best = max(best, terms[k])
    if best == -np.inf:
        return best
    total = 0.0
    for k in range(len(terms)):
        total += math.exp(terms[k] - best)
    return best + math.log(total)


@part
def scale_logs(message):
    """Scale a message of logarithms to sum 1, and return the logarithm of the sum it had.

    Without it the logarithms would grow with the length, and lose the digits after the point.
    """
    total = sum_logs(message)
    if total > -np.inf:
        for k in range(len(message)):
            message[k] -= total
    return total


@part
def multiply(lane, factor, products, logs):
    """products[lane] *= factor; the logarithm of many factors goes into logs[lane] at once, far from underflow."""
    product = products[lane] * factor
    if product < LEAST_PRODUCT:
        logs[lane] += np.log(products[lane])
        product = factor
    if product < 1e-200:
        logs[lane] += np.log(product)
        product = 1.0
    products[lane] = product


@part
def from_logs(row):
    """Turn log weights into a law that sums to 1, or into zeros where all are minus infinity."""
    best = -np.inf
    for v in range(len(row)):
        best = max(best, row[v])
    total = 0.0
    for v in range(len(row)):
        row[v] = math.exp(row[v] - best) if best > -np.inf else 0.0
        total += row[v]
    if total > 0.0:
        for v in range(len(row)):
            row[v] /= total


@part
def finish_logs(row, as_logs):
    """Log weights become a law, or its logarithms."""
    if as_logs:
        scale_logs(row)
    else:
        from_logs(row)
