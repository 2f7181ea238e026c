"""Who stands where, in one small table: what a terminal shows of the page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mdmtheory.report.page import budgets_at
from mdmtheory.report.ranking import frontier, standings
from mdmtheory.sweeps.ranges import PartOfLength

COLUMNS = ("length", "budget", "sampler", "languages", "ser_frontiers", "kl_frontiers", "mean_rank")


def summary(ranked: pd.DataFrame, budgets: Sequence[int | PartOfLength]) -> pd.DataFrame:
    """A row for each length, budget of calls and sampler, best first; of the entries that `ranked_entries` ranks.

    `languages` is in how many the sampler has an SER, `ser_frontiers` and `kl_frontiers` on how many frontiers it
    stands (the latter empty where it has no KL), `mean_rank` the mean of its ranks by SER within the budget.
    """
    rows = []
    for at, own in ranked.groupby("length", sort=True):
        length = int(str(at))
        each_budget = budgets_at(budgets, length)
        table = standings(own, "ser", each_budget)
        on_kl = frontier(own, "kl").groupby("entrant")["language"].nunique()
        with_kl = set(own["entrant"][own["kl"].notna()])
        for budget in each_budget:
            for entrant, languages, frontiers, rank in zip(
                table["entrant"], table["languages"], table["frontiers"], table[f"rank {budget}"], strict=True
            ):
                kl = int(on_kl.get(entrant, 0)) if entrant in with_kl else None
                rows.append((length, budget, entrant, languages, frontiers, kl, rank))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"kl_frontiers": "Int64"})
