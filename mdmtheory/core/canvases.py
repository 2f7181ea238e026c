"""What a canvas says, as an array, in whichever way it says it; and a canvas that says something else."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
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


class ChangedCanvas:
    """What the canvas inside says, brought home and changed; it has `marginals` alone, whatever that one has.

    `change` takes and returns laws over the last axis. The one inside is asked anew what it counts, of which a guard
    gives copies.
    """

    calls, rounds, impossible, write = (
        property(attrgetter(f"inside.{name}")) for name in ("calls", "rounds", "impossible", "write")
    )

    def __init__(self, inside: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
        self.inside, self.change = inside, change

    def marginals(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> np.ndarray:
        """Of a canvas of masked sequences."""
        return self.change(laws_said(self.inside, rows, positions))

    def posterior(self, evidence: Any) -> np.ndarray:
        """Of a canvas of noisy sequences."""
        return self.change(at_home(self.inside.posterior(evidence)))
