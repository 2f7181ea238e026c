"""The rows of trained networks on a leaderboard: what was measured, how far each network is, and what was published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mdmtheory.core.streams import digest
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.report.learned import ERROR, MASS
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.choices import is_learned
from mdmtheory.sweeps.published import rows_of_runs
from mdmtheory.sweeps.results import short_name

CONTEXTS, SEED = 4096, 1
"""Masked sets that a network is measured at, and of which stream."""
_VERSION = 1
"""Raise it where these numbers change."""
_NETWORK = ["language", "length", "denoiser"]


def rows_of_networks(
    learned: pd.DataFrame, cells: Iterable[Cell], frame: pd.DataFrame, earlier: Path, *, level: float, anew: bool
) -> pd.DataFrame:
    """Rows of networks, `learned`, and those of how far each is from the exact posterior (`learning_error`).

    What the file `earlier` has of networks that no cell names goes with them as it is, where `frame`, the rows without
    networks, has their language and length; and of those that are named, how far they are, if it is the same network
    (not with `anew`). There need be no such file.
    """
    published = rows_of_runs(earlier).reindex(columns=learned.columns)
    named = {_key(cell): cell for cell in cells if is_learned(cell.denoiser)}
    known = {} if anew else {row["task"]: row for row in published.to_dict(orient="records")}
    found = [row for cell in named.values() for row in _distances(cell, known, level)]
    places = set(zip(frame["language"], frame["length"], strict=True))
    others = [
        (language, length, denoiser) not in named and (language, length) in places
        for language, length, denoiser in zip(*(published[name] for name in _NETWORK), strict=True)
    ]
    parts = [learned, pd.DataFrame(found, columns=learned.columns), published[others]]
    whole = pd.concat([each for each in parts if len(each)] or [learned], ignore_index=True)
    whole = whole.astype(dict.fromkeys(("length", "steps", "seed", "count", "form"), "Int64"))
    whole.attrs = dict(learned.attrs)
    return whole


def _key(cell: Cell) -> tuple[str, int, str | None]:
    return cell.shown_language, int(cell.length), cell.denoiser


def _distances(cell: Cell, known: dict[Any, dict[Any, Any]], level: float) -> Iterator[dict[Any, Any]]:
    """The rows of one network; those that are known of it already."""
    language, model = Builder().build(cell)
    net: Any = getattr(model, "denoiser", None)
    length = int(cell.length)
    about = [_VERSION, net.identity.digest, language.digest, length, CONTEXTS, SEED, level]
    tasks = {metric: short_name(digest([metric, *about])) for metric in (ERROR, MASS)}
    if all(task in known for task in tasks.values()):
        yield from (known[task] for task in tasks.values())
        return
    measured = learning_error(net, language, length, count=CONTEXTS, seed=SEED, level=level)
    for metric, each in ((ERROR, measured.mean), (MASS, measured.z)):
        yield {
            **dict(zip(_NETWORK, _key(cell), strict=True)), "model": cell.model, "seed": SEED, "metric": metric,
            "value": each.value, "low": each.low, "high": each.high, "level": each.level, "kind": each.kind,
            "count": CONTEXTS, "form": 1, "task": tasks[metric],
        }  # fmt: skip
