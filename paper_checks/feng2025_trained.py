"""The cells of 2502.09622 beside networks of ours, and which of them sampling, or learning, can account for.

The networks are trained at L = 64 on the languages of the comparison, and measured, by `python experiments/trained.py
steps`; here its rows are read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.schedules import ancestral_weights
from paper_checks.brackets import LANGUAGES, Bracket, excess
from paper_checks.claims import Claim, Number, Table, shown
from paper_checks.published import HALF_STEP, ORDERS, STEPS, Cell

ROWS = Path(__file__).parent.parent / "experiments" / "feng2025.csv"
LENGTH = 64
"""Of our networks."""

SAMPLING, LEARNING, ELSEWHERE, NEITHER = "sampling", "learning", "sampling elsewhere", "neither"
"""What can account for a cell: sampling on our language; that and a learning error as large as the rest of its row
allows; only sampling on another language; not both together in any language of TOKENS tokens.
"""
TOKENS = 8


@cache
def rows() -> pd.DataFrame:
    """What `experiments/trained.py` measured."""
    return pd.read_csv(ROWS)


def trained(order: int, metric: str, *, model: str = "masked", steps: int | None = None) -> Estimate:
    """A number of our network of this order; `steps` None for what no number of steps has a say in."""
    found = rows()
    found = found[(found["language"] == LANGUAGES[order]) & (found["length"] == LENGTH) & (found["model"] == model)]
    found = found[(found["metric"] == metric) & found["denoiser"].str.startswith("runs/")]
    [row] = found[found["steps"].isna() if steps is None else found["steps"] == steps].to_dict("records")
    kind: Kind = row["kind"]
    return Estimate(row["value"], row["low"], row["high"], row["level"], kind, row["count"])


def exponential(nats: Estimate) -> Estimate:
    """The ratio of TER that nats a token make."""
    return replace(nats, **{end: math.exp(getattr(nats, end)) for end in ("value", "low", "high")})


def most_learning(cell: Cell, cells: Sequence[Cell]) -> float:
    """The most that a learning error can add to a cell, in nats a token, by the cell of most steps in its row.

    In the plan average it is sum_m w_m(N) e_m / L with e_m >= 0, the error where m positions are revealed, and w_m(N)
    how many tokens N steps reveal there (docs/theory.md, 2.1): with N steps it is at most max_m w_m(N)/w_m(N') times
    what it is with N', and there at most the whole excess.
    """
    few, many = (ancestral_weights(np.arange(n + 1) / n, cell.length) for n in (cell.steps, STEPS[-1]))
    return float((few / many).max()) * of_last(cell, cells)


def of_last(cell: Cell, cells: Sequence[Cell]) -> float:
    """The most that the cell of most steps in the row of this one can have behind it, in nats a token."""
    [last] = [each for each in cells if (each.order, each.length, each.steps) == (cell.order, cell.length, STEPS[-1])]
    return math.log1p(last.high)


def cause(cell: Cell, bracket: Bracket, cells: Sequence[Cell]) -> str:
    """What can account for the least excess that would have been printed so."""
    found, learning = math.log1p(cell.low), most_learning(cell, cells)
    if cell.standing(*bracket.ends) != "above":
        return SAMPLING
    if found <= math.log1p(bracket.high.high) + learning:
        return LEARNING
    return ELSEWHERE if found <= math.log(TOKENS) / cell.steps + learning else NEITHER


def beyond_sampling(found: Mapping[int, Mapping[tuple[int, int], Bracket]], cells: Sequence[Cell]) -> Claim:
    """Which cells exceed what the exact posterior's sampling costs, and what that can be."""
    causes = {each: cause(each, found[each.order][each.length, each.steps], cells) for each in cells}
    counted = Counter(causes.values())
    above = [each for each in cells if causes[each] != SAMPLING]
    beyond = [each.low - found[each.order][each.length, each.steps].high.high for each in above]
    level = sum(
        math.log1p(each.low) <= math.log1p(found[each.order][each.length, each.steps].high.high) + of_last(each, cells)
        for each in above
    )
    learning = {order: trained(order, "learning", steps=STEPS[-1]) for order in ORDERS}
    ours = [
        Number(f"learning error of our {order}-gram, N = {steps}", trained(order, "learning", steps=steps), unit="nats")
        for order in ORDERS
        for steps in (STEPS[0], STEPS[-1])
    ]
    last = max(each.high for each in cells if each.steps == STEPS[-1])
    why = (
        f"{len(above)} cells exceed what sampling alone costs on our language, by at least {100 * min(beyond):.2f} to "
        f"{100 * max(beyond):.2f} points. A learning error is a level: on our networks it is the same at every N, "
        f"within {_spread():.0f} %, and stays as N grows. The published excess does not stay: at N = {STEPS[-1]} it is "
        f"below {100 * last:.2g} % in every row, which bounds the learning error of the row's network (where TER(p) is "
        f"the mean over plans). So it can account for {counted[LEARNING]} of the cells that exceed sampling, and for "
        f"{level} if it is a level there too; {counted[ELSEWHERE]} need a language that costs more to sample than ours "
        f"does, and {counted[NEITHER]} more than any language of {TOKENS} tokens does. Our networks of the 3- and the "
        f"4-gram, whose learning error is {learning[3].value:.2g} and {learning[4].value:.2g} nats, show at N = "
        f"{STEPS[-1]} what the table does not."
    )
    return Claim(
        "What of the table's excess is learning error, and what sampling.",
        "54 cells of networks trained for 20 epochs on 1,000,000 samples; their learning error is not given",
        ours,
        "cannot be compared",
        why,
    )


def _spread() -> float:
    """By how much, in percent, the learning part of our networks differs between numbers of steps at most."""
    values = [[trained(order, "learning", steps=steps).value for steps in STEPS] for order in ORDERS]
    return max(100 * (max(each) / min(each) - 1) for each in values)


def trained_table(found: Mapping[int, Mapping[tuple[int, int], Bracket]], cells: Sequence[Cell]) -> Table:
    """Our networks beside the published rows of L = 512, by order and steps."""
    written = []
    for each in cells:
        if each.length != 512:
            continue
        total, learning = (trained(each.order, name, steps=each.steps) for name in ("ter_ratio", "learning"))
        ar = excess(trained(each.order, "ter_ratio", model="ar"))
        written.append(
            [
                str(each.order),
                str(each.steps),
                f"{each.percent:.2f} ± {HALF_STEP:g} %",
                shown(found[each.order][each.length, each.steps].high, percent=True),
                shown(excess(total), percent=True),
                shown(excess(exponential(learning)), percent=True),
                shown(ar, percent=True),
            ]
        )
    note = (
        f"TER(p)/TER(q) − 1. *Trained*: networks of ours at L = {LENGTH}, on the same languages, the exact posterior "
        "their target; *learning*: exp(KL(exact ‖ network)) − 1 at the contexts that N steps visit. The masked network "
        "of the 4-gram learned nothing but marginals. What sampling costs at N steps hardly depends on the length (2 "
        "above), so columns stand beside each other by N."
    )
    heads = ("n", "N:", "published, L = 512:", "oracle:", "trained, ours:", "of it learning:", "trained AR, ours:")
    return Table("Networks of ours", heads, written, note)


def cause_table(found: Mapping[int, Mapping[tuple[int, int], Bracket]], cells: Sequence[Cell]) -> Table:
    """The cells that exceed what sampling costs on our language, by how much, and what can account for it."""
    written = []
    for each in cells:
        bracket = found[each.order][each.length, each.steps]
        said = cause(each, bracket, cells)
        if said != SAMPLING:
            beyond, learning = each.low - bracket.high.high, math.expm1(most_learning(each, cells))
            written.append(
                [
                    str(each.order),
                    str(each.length),
                    str(each.steps),
                    f"{each.percent:.2f} ± {HALF_STEP:g} %",
                    f"{100 * beyond:.2f} %",
                    f"{100 * learning:.2f} %",
                    said,
                ]
            )
    note = (
        "*Beyond sampling*: the low end of what is published less the high end of what the exact posterior costs on "
        "our language. *Learning, at most*: what a learning error can add there, if the whole excess at N = "
        f"{STEPS[-1]} is learning, and sits where N steps go most often. *Sampling elsewhere*: on a language that "
        f"costs more to sample. *Neither*: not both together, in any language of {TOKENS} tokens."
    )
    heads = ("n", "L:", "N:", "published:", "beyond sampling:", "learning, at most:", "can be")
    return Table("Beyond sampling", heads, written, note)
