"""What a canvas says, as an array, in whichever way it says it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.guards import off_device
from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Canvas


def laws_said(canvas: Any, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n vocab"]:
    """The marginals at (row, position) pairs in float64, unscaled where the canvas has `marginals` alone."""
    said = canvas.ask if conforms(canvas, Canvas) else canvas.marginals
    return at_home(said(rows, positions))


def at_home(laws: Any) -> Float[np.ndarray, "..."]:
    """Laws in float64, wherever they are."""
    return np.asarray(off_device(laws), dtype=np.float64)
