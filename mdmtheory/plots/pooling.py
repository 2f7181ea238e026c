"""Seeds put together: rows of one cell that differ in the seed alone become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.metrics.ser import Ser
from mdmtheory.plots.words import IDENTITY, with_prompts


def pooled(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows with their seeds pooled, and what was done, in words.

    Wrong sequences are counts, which add up: SER of all seeds together has its Clopper-Pearson interval. Other numbers
    are the mean over seeds, from the least to the most of them. ValueError where there is one seed, or where a number
    of errors stopped the drawing, after which counts do not add up.
    """
    frame = with_prompts(frame)
    if frame["seed"].nunique() < 2:
        raise ValueError("there is one seed; sweep --seed 0,1,2 to pool, or leave out --pool")
    cell = [column for column in IDENTITY if column != "seed"]
    groups = frame[frame["value"].notna()].groupby([*cell, "metric"], dropna=False, sort=False)
    rows = [_pooled(own) for _, own in groups]
    found = pd.DataFrame(rows).astype({name: frame[name].dtype for name in ("length", "steps", "count")})
    found.attrs = frame.attrs
    counts = groups.size()
    many = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    said = [f"SER of {many} seeds together"] if Ser.name in set(found["metric"]) else []
    if set(found["metric"]) != {Ser.name}:
        said.append(
            f"{'others' if said else 'values'}: means over {many} seeds, bars from the least to the most of them"
        )
    return found, f"{'; '.join(said)}."


def _pooled(own: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {str(key): value for key, value in own.iloc[0].items()}
    counts, values = own["count"].to_numpy(float), own["value"].to_numpy(float)
    row |= {"seed": None, "count": int(counts.sum())}
    for cost in ("calls", "rounds"):
        known = own[cost].notna()
        row[cost] = float(np.average(own[cost][known], weights=counts[known])) if known.any() else None
    if len(own) == 1:
        return row
    if row["metric"] != Ser.name:
        return row | {"value": values.mean(), "low": values.min(), "high": values.max(), "level": None}
    errors = [round(value * count) for value, count in zip(values, counts, strict=True)]
    _check_counts_add_up(own, errors)
    low, high = clopper_pearson(sum(errors), int(counts.sum()), float(row["level"]))
    return row | {"value": sum(errors) / counts.sum(), "low": low, "high": high}


def _check_counts_add_up(own: pd.DataFrame, errors: Sequence[int]) -> None:
    for (_, row), wrong in zip(own.iterrows(), errors, strict=True):
        ends = clopper_pearson(wrong, int(row["count"]), float(row["level"]))
        if not np.allclose(ends, (row["low"], row["high"]), atol=1e-9):
            raise ValueError("SER that was drawn up to a number of errors cannot be pooled; sweep without --max-errors")
