"""Frames of results with numbers of our own, as stores give them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mdmtheory.core.intervals import clopper_pearson


def row(metric, value, low, high, count, **cell):
    usual = {"language": "hmm", "length": 64, "prompt": None, "model": "masked", "denoiser": "oracle"}
    usual |= {"sampler": "ancestral", "schedule": "linear", "steps": 64, "seed": 0}
    numbers = {"metric": metric, "value": value, "low": low, "high": high, "level": 0.95, "kind": "estimate"}
    return {**usual, **numbers, "count": count, **cell}


def of_counts(errors, count, **columns):
    """Rows of `ser`; each column is a list, one value a row."""
    rows = []
    for i, wrong in enumerate(errors):
        ends = clopper_pearson(int(wrong), count, 0.95)
        rows.append(row("ser", wrong / count, *ends, count, **{name: values[i] for name, values in columns.items()}))
    return pd.DataFrame(rows)


def of_means(metric, values, errors, **columns):
    rows = []
    for i, (value, error) in enumerate(zip(values, errors, strict=True)):
        low, high = value - 1.959963985 * error, value + 1.959963985 * error
        rows.append(row(metric, value, low, high, 1000, **{name: each[i] for name, each in columns.items()}))
    return pd.DataFrame(rows)


def wrong_at(steps, constant, power=-1.0):
    """SER of the law -log(1 - SER) = constant N^power."""
    return -np.expm1(-constant * np.asarray(steps, dtype=float) ** power)
