"""Sweeps: many cells, measured by workers, kept in a store that can be killed and resumed.

`cells` multiplies options out, `collect` measures, `read` and `merge` work on stores; importing them costs little.
"""

from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.cells import cells
from mdmtheory.sweeps.collect import collect
from mdmtheory.sweeps.files import cells_of, read_toml
from mdmtheory.sweeps.forecast import CellForecast, Forecast, forecast
from mdmtheory.sweeps.merging import merge
from mdmtheory.sweeps.progress import Progress
from mdmtheory.sweeps.results import read

__all__ = [
    "Cell",
    "CellForecast",
    "Forecast",
    "Progress",
    "cells",
    "cells_of",
    "collect",
    "forecast",
    "merge",
    "read",
    "read_toml",
]
