"""Who stands where: frontiers, common budgets, ranks and the comparison with random order.

Pure functions of the entries (see `entries`). Whatever is said of two numbers is said of their intervals: one is below
another when its whole interval is. Calls are compared as whole calls, rounded up, so that 15.7 and 16 are equal.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from mdmtheory.metrics.cross_entropy import LEAST_RIGHT
from mdmtheory.samplers import SAMPLERS

RANDOM_ORDER = tuple(name for name in SAMPLERS.built_in if SAMPLERS.about(name).family == "random order")
"""The plain random orders with the oracle and the linear schedule, which all others are compared with."""

Column = Float[np.ndarray, "cells"]


def whole_calls(calls: pd.Series) -> Column:
    """Mean calls as they are compared; what rounding leaves of a whole number is not a call more."""
    return np.ceil(np.round(calls.to_numpy(float), 6))


def valued(entries: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The cells that have a number of a measure to be ranked by: SER says nothing of steps that cannot go wrong."""
    there = entries[measure].notna()
    return entries[there & ~entries["held"].astype(bool)] if measure == "ser" else entries[there]


def dominated(calls: Column, low: Column, high: Column) -> Bool[np.ndarray, "cells"]:
    """Which cells another one beats: with no more calls and an interval wholly below."""
    return np.any((calls[None, :] <= calls[:, None]) & (high[None, :] < low[:, None]), axis=1)


def competing(entries: pd.DataFrame, measure: str, price: str = "calls") -> pd.DataFrame:
    """The cells that can stand on a frontier: the price and a finite value are known, and it is not near the worst.

    Of SER 1 is the worst: where fewer than 20 drawn sequences were right, few calls are no merit.
    """
    entries = valued(entries, measure)
    there = entries[price].notna() & np.isfinite(entries[measure].to_numpy(float))
    if measure == "ser":
        there &= entries["count"] * (1 - entries["ser"]) > LEAST_RIGHT - 0.5
    return entries[there]


def frontier(entries: pd.DataFrame, measure: str, price: str = "calls") -> pd.DataFrame:
    """The cells whose calls (or rounds) buy what fewer do not, by language and length; rows of `entries`, in order.

    No cell beats them, and their interval lies wholly below that of every cell with fewer calls: else all that come
    down to 0 at some price would stand there. A bound competes by its own interval. Beating is transitive and a beaten
    cell stands in nobody's way whom the one that beats it lets pass, so beaten cells decide nothing.
    """
    cells = competing(entries, measure, price)
    kept: list[int] = []
    for _, group in cells.groupby(["language", "length"], sort=False):
        calls, (low, high) = whole_calls(group[price]), _ends(group, measure)
        worth = ((calls[None, :] >= calls[:, None]) | (high[:, None] < low[None, :])).all(axis=1)
        kept += list(group.index[worth & ~dominated(calls, low, high)])
    return cells[cells.index.isin(kept)]


def within_budget(entries: pd.DataFrame, budget: int) -> pd.DataFrame:
    """Of every entrant, language and length the cell with the most calls that are not above the budget."""
    fitting = entries[whole_calls(entries["calls"]) <= budget]
    # Of equal calls the one with the smaller seed, then the setting: the order of the rows decides nothing.
    ordered = fitting.sort_values(["calls", "seed", "setting"], ascending=[False, True, True], kind="stable")
    chosen = ordered.drop_duplicates(["entrant", "language", "length"])
    return fitting[fitting.index.isin(chosen.index)]


def ranks(cells: pd.DataFrame, measure: str) -> pd.Series:
    """Of every row 1 + the number of others in its language and length whose interval lies wholly below; by index."""
    found = pd.Series(np.nan, index=cells.index)
    for _, group in valued(cells, measure).groupby(["language", "length"], sort=False):
        low, high = _ends(group, measure)
        found[group.index] = 1.0 + (high[None, :] < low[:, None]).sum(axis=1)
    return found


def separated_best(cells: pd.DataFrame, measure: str) -> pd.Series:
    """Whether a row's interval lies wholly below that of every other row of its language and length; by index."""
    found = pd.Series(False, index=cells.index)
    for _, group in valued(cells, measure).groupby(["language", "length"], sort=False):
        low, high = _ends(group, measure)
        below = high[:, None] < low[None, :]
        np.fill_diagonal(below, True)
        found[group.index] = np.all(below, axis=1) & (len(group) > 1)
    return found


def standings(entries: pd.DataFrame, measure: str, budgets: list[int]) -> pd.DataFrame:
    """The entrants at one length, best first: on how many languages' frontier, then the mean of their mean ranks.

    Columns: entrant, languages (that have a number of it), frontiers, and a mean rank for each budget, `rank 16`. In a
    language where an entrant was measured but has no cell within the budget it has the last rank, one below all that
    have; a language where it was not measured has no say in its mean.
    """
    ranked = valued(entries, measure)
    languages = list(dict.fromkeys(ranked["language"]))
    on_it = frontier(entries, measure).groupby("entrant")["language"].nunique()
    table = ranked.groupby("entrant")["language"].nunique().rename("languages").to_frame()
    table["frontiers"] = on_it.reindex(table.index, fill_value=0)
    measured = pd.crosstab(ranked["entrant"], ranked["language"]).reindex(table.index) > 0
    columns = [f"rank {budget}" for budget in budgets]
    for budget, column in zip(budgets, columns, strict=True):
        cells = within_budget(ranked, budget)
        rank = ranks(cells, measure)
        last = cells.groupby("language")["entrant"].nunique() + 1
        own = pd.DataFrame({"entrant": cells["entrant"], "language": cells["language"], "rank": rank})
        grid = own.pivot(index="entrant", columns="language", values="rank").reindex(table.index)
        grid = grid.reindex(columns=[each for each in languages if each in last.index])
        table[column] = grid.fillna(last).where(measured[grid.columns]).mean(axis=1)
    table["mean rank"] = table[columns].mean(axis=1)
    table = table.reset_index().sort_values(["entrant"])
    return table.sort_values(["frontiers", "mean rank"], ascending=[False, True], kind="stable").reset_index(drop=True)


def against_random_order(entries: pd.DataFrame, measure: str = "ser") -> pd.DataFrame:
    """How many cells of each entrant, language and length are worse and better than random order at equal calls.

    Worse: a cell of random order beats it (no more calls, an interval wholly below). Better: it beats a cell of
    random order that no other cell of random order beats. By transitivity never both. Columns: language, length,
    entrant, worse, better, undecided; only where random order was measured.
    """
    result = []
    for (language, length), group in valued(entries[entries["calls"].notna()], measure).groupby(
        ["language", "length"], sort=False
    ):
        own = group["entrant"].isin(RANDOM_ORDER).to_numpy()
        if not own.any():
            continue
        calls, (low, high) = whole_calls(group["calls"]), _ends(group, measure)
        best = np.flatnonzero(own)[~dominated(calls[own], low[own], high[own])]
        beaten = (calls[None, best] <= calls[:, None]) & (high[None, best] < low[:, None])
        beats = (calls[:, None] <= calls[None, best]) & (high[:, None] < low[None, best])
        worse, better = beaten.any(axis=1), beats.any(axis=1)
        verdicts = pd.DataFrame(
            {"entrant": group["entrant"].to_numpy(), "worse": worse, "better": better, "undecided": ~(worse | better)}
        )[~own]
        counted = verdicts.groupby("entrant").sum().astype(int).reset_index()
        result.append(counted.assign(language=str(language), length=int(str(length))))
    columns = ["language", "length", "entrant", "worse", "better", "undecided"]
    return pd.concat(result, ignore_index=True)[columns] if result else pd.DataFrame(columns=columns)


def _ends(rows: pd.DataFrame, measure: str) -> tuple[Column, Column]:
    return rows[f"{measure}_low"].to_numpy(float), rows[f"{measure}_high"].to_numpy(float)
