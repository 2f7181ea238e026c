"""Why a number is not there: the model has no log p, it does not fit the language, or it was not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mdmtheory.metrics.pricing import ter_kind
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.cell import Cell

NOT_RUN = "not run here"


def no_log_p(row: Mapping[str, Any], builder: Builder) -> str:
    """Why the model of an entry has no log p; empty where it has one, or cannot be built from its names any more."""
    try:
        _, model = builder.build(_cell(row))
    except ValueError:
        return ""
    try:
        ter_kind(model)
    except ValueError as error:
        return str(error)
    return ""


def not_there(row: Mapping[str, Any], language: str, builder: Builder) -> str:
    """Why an entrant, of whom `row` is a cell in another language, has none in `language`."""
    try:
        builder.build(_cell({**row, "language": language}))
    except ValueError as error:
        return str(error)
    return NOT_RUN


def _cell(row: Mapping[str, Any]) -> Cell:
    denoiser, sampler, schedule = (
        None if pd.isna(row[name]) else str(row[name]) for name in ("denoiser", "sampler", "schedule")
    )
    return Cell(
        language=str(row["language"]),
        length=int(row["length"]),
        model=str(row["model"]),
        denoiser=denoiser,
        sampler=sampler,
        schedule=schedule,
        steps=None if pd.isna(row["steps"]) else int(row["steps"]),
        seed=int(row["seed"]),
    )
