"""Asking a canvas for marginals, and refusing what are none."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.guards import MOST_OFF
from mdmtheory.core.protocols import Canvas, Evidence, NoisyCanvas


def marginals_of(
    canvas: Canvas, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], vocab_size: int
) -> Float[np.ndarray, "n vocab_size"]:
    """The canvas's marginals at (row, position) pairs, in float64; ValueError unless they are probabilities.

    Rows of zeros stay, in sequences that the canvas marks as impossible.
    """
    marginals = np.require(canvas.marginals(rows, positions), np.float64, ["C", "W"])
    if marginals.shape != (len(rows), vocab_size):
        raise ValueError(
            f"the denoiser gave marginals of shape {marginals.shape} at {len(rows)} positions; "
            f"return one row of {vocab_size} probabilities for each, ({len(rows)}, {vocab_size})"
        )
    check_laws(marginals, canvas.impossible[rows])
    return marginals


def posteriors_of(
    canvas: NoisyCanvas, evidence: Evidence, shape: tuple[int, ...]
) -> Float[np.ndarray, "count length vocab_size"]:
    """What a noisy canvas says of every token, in float64, of this shape; ValueError unless they are probabilities."""
    posteriors = np.require(canvas.posterior(evidence), np.float64, ["C", "W"])
    if posteriors.shape != shape:
        raise ValueError(
            f"the denoiser gave posteriors of shape {posteriors.shape}; return {shape}, a law for each token"
        )
    check_laws(posteriors.reshape(-1, shape[2]), np.repeat(canvas.impossible, shape[1]))
    return posteriors


def check_laws(laws: Float[np.ndarray, "n vocab_size"], impossible: Bool[np.ndarray, "n"]) -> None:
    """ValueError unless each row is a law, or zeros where it is `impossible`."""
    from mdmtheory.kernels.marginals import row_totals

    totals = np.empty(len(laws))
    if not row_totals(laws, totals):
        raise ValueError("the denoiser gave a marginal that is negative or not finite; return probabilities")
    off = np.flatnonzero((np.abs(totals - 1) > MOST_OFF) & ~(impossible & (totals == 0)))
    if len(off):
        what = f"sums to {totals[off[0]]:.6g}" if totals[off[0]] else "is all zeros in a sequence not marked impossible"
        raise ValueError(f"the denoiser gave a marginal that {what}; return probabilities that sum to 1")
