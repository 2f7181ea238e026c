"""What a canvas says, as an array, whichever of the two ways of saying it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Canvas


def laws_said(canvas: Any, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n vocab"]:
    """The marginals at (row, position) pairs in float64, unscaled where the canvas has `marginals` alone."""
    said = canvas.ask if conforms(canvas, Canvas) else canvas.marginals
    return np.asarray(said(rows, positions), dtype=np.float64)
