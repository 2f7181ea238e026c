"""Tasks whose prompts have many right answers: what orders of revealing cost, and where in an answer its nats stand.

mdmtheory sweep experiments/reasoning.toml && python experiments/reasoning.py [rows] [subgoals] [crossing]
    [observers] [page]

`rows` keeps SER of the sweep in reasoning.csv, with the divergence of random order beside it; `subgoals` writes
reasoning_subgoals.csv, `crossing` reasoning_crossing.csv, `observers` reasoning_observers.csv, and `page` the tables of
docs/reasoning.md. figures/tasks.py draws the figure.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import xlogy

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.denoisers import DENOISERS
from mdmtheory.report.text import table
from mdmtheory.schedules import ancestral_gap

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reasoning.md"
ROWS, SUBGOALS = HERE / "reasoning.csv", HERE / "reasoning_subgoals.csv"
CROSSING, OBSERVERS = HERE / "reasoning_crossing.csv", HERE / "reasoning_observers.csv"
KEYS = ["language", "answered", "sampler", "steps", "metric"]
SEQUENCES = 2000
ONE_BY_ONE = "entropy_bound:gamma=0"
"""In each call all that is certain and one token that is not."""
SAMPLERS = ("ancestral", "fixed", "stride", "blocks", "confidence", "entropy")


# ------------------------------------------------------------------------------------------------ orders of revealing


def random_order_curve(task: Any) -> Float[np.ndarray, "answered"]:
    """H(token | prompt, m others) in nats by m, the mean over prompts, positions and others.

    Exact where prompts are alike; else over drawn answers with an order each, of exact entropies in each context.
    """
    if task.kind in ("lists", "latin"):
        return np.asarray(mt.exact.answer_curve(task, task.prompts(1)))
    rng, sums = np.random.default_rng(1), np.zeros(int((~task.given).sum()))
    for row in task.sample(SEQUENCES, task.length, seed=1):
        answers, answer = task.answers(row[task.given]).tokens, row[~task.given]
        for known, place in enumerate(rng.permutation(len(sums))):
            shares = np.bincount(answers[:, place]) / len(answers)
            sums[known] -= xlogy(shares, shares).sum()
            answers = answers[answers[:, place] == answer[place]]
    return sums / SEQUENCES


def rows(store: str = "results/reasoning.sqlite") -> None:
    """SER of every cell, and what it cannot exceed in random order."""
    found = mt.read(store)
    found = found[found["metric"] == "ser"].copy()
    tasks: dict[str, Any] = {name: mt.as_language(name) for name in found["language"].unique()}
    found["answered"] = [int((~tasks[name].given).sum()) for name in found["language"]]
    parts = [found[[*KEYS, "value", "low", "high", "kind", "count", "calls"]].sort_values(KEYS)]
    for name, task in tasks.items():
        curve, own = random_order_curve(task), found[found["language"] == name]
        every = sorted(own["steps"].dropna().astype(int).unique())
        kl = {steps: ancestral_gap(curve, np.arange(steps + 1) / steps) for steps in every}
        made = pd.DataFrame({"steps": kl.keys(), "value": kl.values()})
        parts.append(made.assign(language=name, answered=len(curve), sampler="ancestral", metric="kl", kind="estimate"))
    pd.concat(parts)[parts[0].columns].to_csv(ROWS, index=False, float_format="%.6g")


def law(frame: pd.DataFrame) -> pd.DataFrame:
    """-log(1 - SER) N/L of rows of SER, with the ends of its interval; infinite where no sequence was right."""
    scale = (frame["steps"] / frame["answered"]).to_numpy(float)
    with np.errstate(divide="ignore"):
        made = {end: -np.log1p(-frame[end].to_numpy(float)) * scale for end in ("value", "low", "high")}
    return frame.assign(**made)


def law_table() -> str:
    """The law of random order where steps are as many as tokens and more, then SER at half as many in every order."""
    frame = pd.read_csv(ROWS)
    lines = []
    for name, own in frame[frame["metric"] == "ser"].groupby("language", sort=False):
        length = int(own["answered"].iloc[0])
        steps = int(own.loc[own["steps"] <= length / 2, "steps"].max())
        at = own[own["steps"] == steps].set_index("sampler")["value"]
        random = law(own[own["sampler"] == "ancestral"]).sort_values("steps")
        above = random[random["steps"] >= length]
        calls = own.set_index("sampler").loc[ONE_BY_ONE, "calls"]
        ends, errors = (said(above.iloc[end]) for end in (0, -1)), (f"{at[each]:.3f}" for each in SAMPLERS)
        lines.append([f"`{name}`", str(length), *ends, str(steps), *errors, f"{calls:.1f}"])
    headings = ["task", "`L`", "law, `N` = `L`", "law, `N` = 4`L`", "`N`", *SAMPLERS, "calls"]
    return table(headings, lines)


def said(row: pd.Series) -> str:
    """A number and its interval; where few sequences make it, and it has none, the number alone."""
    if np.isnan(row["low"]):
        return f"{row['value']:.3f} (rare)"
    if row["value"] == 0:
        return f"0 [0, {row['high']:.4f}]"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


# ---------------------------------------------------------------------------------------------------------- subgoals

ORDERS = ("left to right", "random order", "easy first")
OF_SUBGOALS = ("countdown:numbers=4", "sudoku:size=4", "lists:kind=replace")


def parts(task: Any, answer: Int[np.ndarray, "answered"]) -> list[str]:
    """Which part of an answer each of its tokens is."""
    if task.kind == "countdown":
        text = task.show(task.joined(np.zeros(task.given.sum()), answer)).split(": ")[1]
        names: list[str] = []
        for number, equation in enumerate(text.split(","), start=1):
            asked, result = equation.split("=")
            names += [f"equation {number}, operands and sign"] * len(asked)
            names += ["signs of equality, commas, padding", *[f"equation {number}, result"] * len(result)]
            names.append("signs of equality, commas, padding")
        return (names + names[-1:] * len(answer))[: len(answer)]
    side = 4 if task.kind in ("sudoku", "latin") else 1
    return [f"{'row' if side > 1 else 'item'} {1 + place // side}" for place in range(len(answer))]


def token_losses(
    answers: Int[np.ndarray, "answers answered"],
    answer: Int[np.ndarray, "answered"],
    order: str,
    rng: np.random.Generator,
) -> Float[np.ndarray, "answered"]:
    """-log P(token | prompt, tokens before it in the order) in nats of each; all answers are alike.

    Easy first, the next is a position whose most probable token is most probable, any of those that tie.
    """
    answered = len(answer)
    places, out = rng.permutation(answered) if order != "left to right" else np.arange(answered), np.zeros(answered)
    hidden = list(places)
    while hidden and len(answers) > 1:
        chosen = 0
        if order == "easy first":
            # Equal counts are a tie: the first of a random order.
            chosen = int(np.argmax([np.bincount(answers[:, each]).max() for each in hidden]))
        place = hidden.pop(chosen)
        left = answers[answers[:, place] == answer[place]]
        out[place] = np.log(len(answers) / len(left))
        answers = left
    return out


def subgoals() -> None:
    """Nats of each part of answers, in three orders, one token after the other: their sums are H(answer | prompt)."""
    found = []
    for language in OF_SUBGOALS:
        task: Any = mt.as_language(language)
        tokens, rng = task.sample(SEQUENCES, task.length, seed=0), np.random.default_rng(0)
        for order in ORDERS:
            sums: dict[str, np.ndarray] = {}
            for number, row in enumerate(tokens):
                answer = row[~task.given]
                losses = token_losses(task.answers(row[task.given]).tokens, answer, order, rng)
                for name, loss in zip(parts(task, answer), losses, strict=True):
                    sums.setdefault(name, np.zeros(SEQUENCES))[number] += loss
            for name, each in {**sums, "all": np.sum(list(sums.values()), axis=0)}.items():
                try:
                    value, low, high = mean_interval(Moments.of(each), 0.95)
                except WithheldError:
                    value, low, high = each.mean(), np.nan, np.nan
                found.append([language, order, name, value, low, high, SEQUENCES])
    columns = ["language", "order", "part", "value", "low", "high", "count"]
    pd.DataFrame(found, columns=columns).to_csv(SUBGOALS, index=False, float_format="%.6g")


def subgoal_table() -> str:
    """Nats of each part in each order."""
    frame = pd.read_csv(SUBGOALS)
    lines = []
    for (language, part), own in frame.groupby(["language", "part"], sort=False):
        at = own.set_index("order")
        lines.append([f"`{language}`", str(part), *(said(at.loc[order]) for order in ORDERS)])
    return table(["task", "part of the answer", *ORDERS], lines, left=2)


# ---------------------------------------------------------------------------------------------------------- crossing

NODES, DISTANCES, SIGHTS = 10, (1, 2, 3, 4), (1, 2, 3, 4)


def costs_of_sets(distance: int, edges: int) -> Float[np.ndarray, "sets answered"]:
    """-log P(right token) in nats at [S, i] for an observer of path, bit j of S: token j of the answer is revealed.

    Names are alike, so one graph does, and all right answers have these costs.
    """
    task: Any = mt.as_language(f"path:nodes={NODES},distance={distance}")
    [row] = task.sample(1, task.length, 0)
    answered = np.flatnonzero(~task.given)
    shown = (np.arange(1 << len(answered))[:, None] >> np.arange(len(answered))) % 2 == 1
    rows = np.repeat(row[None], len(shown), axis=0)
    rows[:, answered] = np.where(shown, row[answered], task.vocab_size)
    laws = mt.Hops(task, edges=edges).conditionals(rows)[:, answered, row[answered]]
    # A token that is certain costs 0, and no -0.
    return np.abs(np.log(laws))


def costs_in_orders(costs: Float[np.ndarray, "sets answered"]) -> dict[str, Float[np.ndarray, "answered"]]:
    """What each token costs left to right, and in the mean over all orders: |S|!(n - 1 - |S|)!/n! have S before i."""
    places = np.arange(costs.shape[1])
    shown = (np.arange(len(costs))[:, None] >> places) % 2 == 1
    sizes, every = shown.sum(axis=1), len(places)
    share = [math.factorial(size) * math.factorial(max(every - 1 - size, 0)) / math.factorial(every) for size in sizes]
    at_random = (np.array(share)[:, None] * np.where(shown, 0.0, costs)).sum(axis=0)
    return {"left to right": costs[(1 << places) - 1, places], "random order": at_random}


def crossing() -> None:
    """Nats of each token of the way under every sight, at every planning distance; exact."""
    found = []
    for distance in DISTANCES:
        before = NODES - 1 - 2 * distance
        for edges in SIGHTS:
            for order, costs in costs_in_orders(costs_of_sets(distance, edges)).items():
                for place, value in enumerate(costs):
                    part = "before" if place < before else "crossing" if place == before else "after"
                    found.append([distance, edges, order, place + 1, part, value])
    columns = ["distance", "edges", "order", "place", "part", "value"]
    pd.DataFrame(found, columns=columns).to_csv(CROSSING, index=False, float_format="%.6g")


def crossing_table() -> str:
    """The choice at the crossing, a token before it and one after it in the mean, and the whole way, in each order.

    At distance 1 the choice is the goal, which is given.
    """
    frame, lines = pd.read_csv(CROSSING), []
    for (distance, edges), own in frame[frame["distance"] > 1].groupby(["distance", "edges"], sort=False):
        line = [str(distance), str(edges)]
        for order, each in own.groupby("order", sort=False):
            means = each.groupby("part")["value"].mean()
            beside = ("before", "after") if order == "random order" else ()
            line += [
                f"{value:.3f}".replace("0.000", "0") for value in (*means[["crossing", *beside]], each["value"].sum())
            ]
        lines.append(line)
    sums = [f"{order}: {part}" for order in ("left to right", "random order") for part in ("crossing", "all")]
    headings = ["distance", "edges seen", *sums[:3], "each before", "each after", sums[3]]
    return table(headings, lines, left=0)


# --------------------------------------------------------------------------------------------------------- observers

SEEN = {
    "path:nodes=10,distance=3": ("hops:edges=1", "hops:edges=2", "hops:edges=3"),
    "sudoku:size=4": ("singles",),
    "sudoku:size=9,clues=36": ("singles",),
    "sat:variables=9": ("propagate:depth=0", "propagate:depth=1", "propagate:depth=3"),
    "addition:digits=6,addends=2": ("carry:columns=0", "carry:columns=1", "carry:columns=2"),
}
"""Tasks with observers of them."""
ONE_A_CALL = ("left_to_right", "first_hitting", "confidence")
BUDGETED = 1000
"""Contexts and answers for each."""
TOGETHER = ("ancestral", "confidence")
"""In half as many steps as tokens."""


def observers() -> None:
    """What observers do not know, in random contexts and in those of orders, and what drawing together costs."""
    found = []
    for language, denoisers in SEEN.items():
        task: Any = mt.as_language(language)
        answered = int((~task.given).sum())
        for name in denoisers:
            print(language, name, file=sys.stderr)
            observer = DENOISERS.build(name, task)
            learned = mt.learning_error(observer, task, task.length, count=BUDGETED)
            own = {"language": language, "denoiser": name, "answered": answered}
            found.append({**own, "part": "random contexts", **estimated(learned.mean)})
            for steps, samplers in ((answered, ONE_A_CALL), (answered // 2, TOGETHER)):
                made = mt.budget(observer, task, task.length, steps=steps, sampler=samplers, count=BUDGETED)
                for sampler, row in zip(samplers, made.rows, strict=True):
                    for part in ("factorisation", "learning"):
                        kept = {**own, "sampler": sampler, "steps": steps, "part": part}
                        found.append(kept | estimated(getattr(row.sequence, part)))
    columns = ["language", "denoiser", "answered", "sampler", "steps", "part", "value", "low", "high", "kind", "count"]
    frame = pd.DataFrame(found)[columns].astype({"steps": "Int64"})
    frame.to_csv(OBSERVERS, index=False, float_format="%.6g")


def estimated(found: mt.Estimate) -> dict[str, Any]:
    """What is kept of a number."""
    return {name: getattr(found, name) for name in ("value", "low", "high", "kind", "count")}


def observer_table() -> str:
    """Learning in nats a token over random contexts, then nats an answer: one a call in three orders, two in two."""
    lines = []
    for (language, name), own in pd.read_csv(OBSERVERS).groupby(["language", "denoiser"], sort=False):
        length = int(own["answered"].iloc[0])
        at = own.set_index(["sampler", "steps", "part"]).sort_index()
        numbers = [own.iloc[0]]
        numbers += [at.loc[(sampler, length, "learning")] for sampler in ONE_A_CALL]
        numbers += [
            at.loc[(sampler, length // 2, part)] for sampler in TOGETHER for part in ("factorisation", "learning")
        ]
        shown = (("≤ " if each["kind"] == "upper bound" and each["value"] > 0 else "") + said(each) for each in numbers)
        lines.append([f"`{language}`", f"`{name}`", str(length), *shown])
    headings = ["task", "observer", "`L`", "a token", "left to right", "random order", "easy first"]
    headings += [f"{name}: {part}" for name in ("`ancestral`", "`confidence`") for part in ("together", "not learned")]
    return table(headings, lines, left=2)


TABLES = {"law": law_table, "subgoals": subgoal_table, "crossing": crossing_table, "observers": observer_table}


def write_tables(tables: dict[str, Callable[[], str]]) -> None:
    """Tables, each between its marks on the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, made in tables.items():
        block = f"<!-- {name} -->\n{made()}\n<!-- /{name} -->"
        text = re.sub(f"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


def page() -> None:
    """The tables made here."""
    write_tables(TABLES)


PARTS = {"rows": rows, "subgoals": subgoals, "crossing": crossing, "observers": observers, "page": page}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
