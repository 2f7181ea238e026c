"""What a sweep leaves out of its products, and whether it may: what fits nowhere was asked for by mistake."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.metrics.registry import as_metric
from mdmtheory.sweeps.cell import Cell

_IN = {("denoiser", "model"): "in", ("sampler", "language"): "on", ("sampler", "denoiser"): "with"}
"""How the two choices of a misfit are told in a notice."""


class Misfits:
    """Cells, and metrics of cells, that cannot be measured, with the reasons."""

    def __init__(self) -> None:
        self._cells: dict[tuple[tuple[str, Any], tuple[str, Any]], MisfitError] = {}
        self._metrics: dict[str, dict[str, MisfitError]] = {}

    def of_cell(self, cell: Cell, misfit: MisfitError) -> None:
        """A cell of which two choices do not go together."""
        one, other = ((name, getattr(cell, name)) for name in misfit.between)
        self._cells.setdefault((one, other), misfit)

    def of_metrics(self, misfits: Mapping[str, MisfitError]) -> None:
        """Metrics of a cell that cannot be measured of it."""
        for name, misfit in misfits.items():
            self._metrics.setdefault(name, {}).setdefault(str(misfit), misfit)

    def settle(self, fitting: Sequence[Cell], measured: Collection[str]) -> None:
        """Tell what is left out; MisfitError for choices that no `fitting` cell has, and metrics not `measured`."""
        for choices, misfit in self._cells.items():
            if not all(any(value == getattr(cell, name) for cell in fitting) for name, value in choices):
                raise misfit
        for name, misfits in self._metrics.items():
            if as_metric(name).name not in measured:
                raise next(iter(misfits.values()))
        if self._cells:
            pairs = [f"{_shown(one)} {_IN[each.between]} {_shown(other)}" for (one, other), each in self._cells.items()]
            notice(f"left out, as they do not fit: {first_few(pairs)}")
        for misfits in self._metrics.values():
            notice(f"left out, as it does not fit: {first_few(list(misfits))}")


def _shown(choice: tuple[str, Any]) -> str:
    value = choice[1]
    return str(getattr(value, "spec", value))
