"""Rows of probabilities: checking them, drawing them, pruning them, and the stationary law of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, UInt64

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GRAIN = 2.0**-30
"""Random languages have entries that are multiples of this, so that a preset has one digest on every processor."""

ATTEMPTS = 1000

DENSE_STATES = 4096
"""Up to so many states the stationary law comes from a linear system, beyond it from iteration."""

MOST_OFF = 1e-9
"""How far the sum of a row of probabilities may be from 1."""

MOST_OFF_IN_FLOAT32 = 1e-5
"""So far where they are float32: 84 of its roundings, more than a softmax over any vocabulary leaves."""


def checked_law(
    values: Any,
    name: str,
    shape: tuple[int, ...] | None = None,
    remedy: str = "rows / rows.sum(axis=-1, keepdims=True)",
) -> Float[np.ndarray, "..."]:
    """A read-only float64 copy whose last axis sums to 1; ValueError names the offending row, and the `remedy`.

    Sums may be off by 1e-9, or by 1e-5 where every entry is a float32, as what torch and jax fit is. What rounding in
    float64 does not explain is divided out; negative and NaN are refused.
    """
    array = as_floats(values, name).copy()
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    if array.size == 0 or array.ndim == 0:
        raise ValueError(f"{name} has shape {array.shape}; pass at least one probability")
    bad = ~(array >= 0)
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ValueError(f"{name}{list(where)} is {array[where]}; probabilities must be 0 or more")
    sums = array.sum(axis=-1)
    off = ~(np.abs(sums - 1) <= MOST_OFF)
    if off.any() and _in_float32(array):
        off = ~(np.abs(sums - 1) <= MOST_OFF_IN_FLOAT32)
    if off.any():
        where = tuple(int(k) for k in np.argwhere(off)[0])
        row = f"{name} row {list(where)}" if where else name
        raise ValueError(
            f"{row} sums to {sums[where]:.12g}; it must sum to 1 within {MOST_OFF:.0e}, or within "
            f"{MOST_OFF_IN_FLOAT32:.0e} where every entry is a float32: pass {remedy}"
        )
    # What rounding leaves is left: dividing it out again would change a law each time that it is saved and loaded.
    exact = np.abs(sums - 1) <= array.shape[-1] * np.finfo(np.float64).eps
    if not exact.all():
        array = np.where(exact[..., None], array, array / sums[..., None])
    array.setflags(write=False)
    return array


def as_floats(values: Any, name: str) -> Float[np.ndarray, "..."]:
    """What is given, a tensor of another library included, as a float64 array; ValueError where it holds no numbers."""
    try:
        return np.asarray(np.asarray(values), dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        # A tensor on a device, or one that gradients flow through, says itself what to call.
        raise ValueError(f"{name} is no array of numbers: {str(error).splitlines()[0]}") from error


def _in_float32(array: Float[np.ndarray, "..."]) -> bool:
    """Whether every entry is a float32, whatever array it came in: a list of them is one of Python's floats."""
    with np.errstate(over="ignore"):
        return bool((array.astype(np.float32) == array).all())


def furthest_off(*laws: Any) -> float:
    """How far a row of accepted laws was from the sum 1, where that is more than float64 explains; else 0."""
    off = max(float(np.abs(np.asarray(law, dtype=np.float64).sum(axis=-1) - 1).max()) for law in laws)
    return off if off > MOST_OFF else 0.0


def dirichlet_rows(states: UInt64[np.ndarray, "rows 4"], size: int) -> Float[np.ndarray, "rows size"]:
    """Rows uniform on the simplex (Dirichlet(1)), one from each stream; the streams move on."""
    from mdmtheory.kernels.random import fill_uniforms

    uniforms = np.empty((len(states), size))
    fill_uniforms(states, uniforms)
    weights: Float[np.ndarray, "rows size"] = -np.log1p(-uniforms)
    return weights / weights.sum(axis=1, keepdims=True)


def pruned(rows: Float[np.ndarray, "rows size"], prune: float) -> Float[np.ndarray, "rows size"]:
    """Zero the entries of each row below prune / size, but keep its largest; rows sum to 1 again."""
    size = rows.shape[1]
    keep = rows >= prune / size
    keep[np.arange(len(rows)), rows.argmax(axis=1)] = True
    rows = np.where(keep, rows, 0.0)
    return rows / rows.sum(axis=1, keepdims=True)


def on_grain(rows: Float[np.ndarray, "rows size"]) -> Float[np.ndarray, "rows size"]:
    """Round rows to multiples of 2^-30 that sum to exactly 1; what is positive stays positive."""
    rounded = np.where(rows > 0, np.maximum(np.round(rows / GRAIN), 1), 0) * GRAIN
    largest = rounded.argmax(axis=1)
    rounded[np.arange(len(rows)), largest] += 1 - rounded.sum(axis=1)
    if (rounded < 0).any():
        raise ValueError(f"a row of {rows.shape[1]} probabilities is too long for the grain 2^-30; use fewer outcomes")
    return rounded


def closed_classes(allowed: Any) -> list[Bool[np.ndarray, "states"]]:
    """The closed communicating classes of a chain whose possible moves are `allowed` (dense or sparse)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    moves = csr_array(allowed)
    count, label = connected_components(moves, directed=True, connection="strong")
    source, target = moves.nonzero()
    leaving = np.unique(label[source[label[source] != label[target]]])
    return [label == each for each in np.setdiff1d(np.arange(count), leaving)]


def stationary_law(
    transition: Float[np.ndarray, "states states"], among: Bool[np.ndarray, "states"]
) -> Float[np.ndarray, "states"]:
    """The stationary law of the closed class `among`, zero elsewhere."""
    inside = transition[np.ix_(among, among)]
    size = len(inside)
    system = inside.T - np.eye(size)
    # The balance equations sum to zero, so one of them gives way to the sum of the probabilities.
    system[-1] = 1.0
    right = np.zeros(size)
    right[-1] = 1.0
    law = np.zeros(len(transition))
    law[among] = np.maximum(np.linalg.solve(system, right), 0)
    return law / law.sum()


def stationary_law_of(moves: csr_array, among: Bool[np.ndarray, "states"]) -> Float[np.ndarray, "states"]:
    """The same of a sparse matrix; beyond DENSE_STATES states by lazy steps, which converge for periodic classes too.

    ValueError beyond 100,000 steps.
    """
    if len(among) <= DENSE_STATES:
        return stationary_law(moves.toarray(), among)
    law = among / among.sum()
    for _ in range(100_000):
        following = 0.5 * (law + law @ moves)
        if np.abs(following - law).sum() < 1e-15:
            return following / following.sum()
        law = following
    raise ValueError(
        "the contexts mix too slowly for a stationary law in 100,000 steps; prune less or use another seed"
    )


def row_entropies(rows: Float[np.ndarray, "rows outcomes"]) -> Float[np.ndarray, "rows"]:
    """The entropy of every row in nats."""
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    entropies: Float[np.ndarray, "rows"] = -(rows * logs).sum(axis=1)
    return entropies


def rows_agree(rows: Float[np.ndarray, "rows outcomes"], within: float = 1e-14) -> bool:
    """Whether all rows are equal `within` a share of themselves, zeros exactly: the chain has forgotten."""
    return bool((np.ptp(rows, axis=0) <= within * rows.min(axis=0)).all())


def alike(laws: Float[np.ndarray, "rows outcomes"]) -> bool:
    """Whether all rows are one law."""
    return bool((laws == laws[0]).all())
