"""Smoothing against filtering: what a token costs given the tokens left of it, and given tokens on both sides.

python experiments/smoothing.py [sides] [orders] [page]

`sides` writes smoothing.csv, nats of a token by the share of the others that is revealed; `orders` smoothing_ser.csv,
what observers of limited sight make of left to right and of other orders; `page` the tables of docs/reasoning.md.
figures/correction.py draws the nats.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.special import xlogy

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.exact.reveals import reveal_costs
from mdmtheory.report.text import code, number, table

HERE = Path(__file__).parent
SIDES, ORDERS = HERE / "smoothing.csv", HERE / "smoothing_ser.csv"
SHARES = np.arange(9) / 8
SEQUENCES = 2000

LANGUAGES = {
    "ngram:order=2,prune=0.6,seed=2,vocab_size=3": 8,
    "ngram:order=3,prune=0.2,seed=3,vocab_size=2": 10,
    "hmm:prune_emission=0.5,prune_transition=0.5,seed=3,states=4,sticky=0.6,vocab_size=3": 8,
    "copy:distance=5,vocab_size=2": 10,
    "parity": 10,
}
"""With lengths at which every set of revealed positions is enumerated."""
ALIKE = ("lists:kind=replace", "lists:kind=shuffle")
"""Tasks whose prompts are alike: one list does, and every set of positions of it."""
DRAWN = ("sat:variables=9", "sudoku:size=4", "countdown:numbers=3", "countdown:numbers=4")
WAYS = ((3, 1), (3, 2))
"""Planning distances of path, and edges that the observer sees."""

OBSERVED: dict[str, Callable[[Any], Any]] = {
    "sudoku:size=4": mt.Singles,
    "sat:variables=9": partial(mt.Propagate, depth=1),
    "path:nodes=10,distance=3": partial(mt.Hops, edges=1),
    "lists:kind=replace": partial(mt.Window, width=1),
    "countdown:numbers=3": partial(mt.Window, width=8),
}
ONE_A_CALL = {"left_to_right": "left to right", "first_hitting": "random order", "confidence": "easy first"}


# ------------------------------------------------------------------------------------------------- nats of both sides


def costs_of_lists(task: Any) -> Float[np.ndarray, "sets answered"]:
    """H(token | prompt, tokens in S) in nats at [S, i], bit j of S telling whether token j is known; 0 for i in S."""
    [answers] = (task.answers(task.prompts(1)[0]).tokens.astype(np.int64),)
    places = np.arange(answers.shape[1])
    entropies = np.zeros(1 << len(places))
    for known in range(len(entropies)):
        counts = np.unique(answers[:, known >> places & 1 == 1], axis=0, return_counts=True)[1]
        entropies[known] = -xlogy(counts / len(answers), counts / len(answers)).sum()
    sets = np.arange(len(entropies))[:, None]
    return entropies[sets | 1 << places] - entropies[sets]


def by_share(costs: Float[np.ndarray, "sets answered"], share: float) -> tuple[float, float]:
    """The mean cost of a token where each other is revealed with probability `share`: those left of it alone, and all.

    >>> knows_its_left = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    >>> by_share(knows_its_left, 0.5)
    (0.75, 0.75)
    """
    places = np.arange(costs.shape[1])
    shown = (np.arange(len(costs))[:, None] >> places) % 2 == 1
    weights = np.where(shown, share, 1 - share)
    left, both = np.zeros(len(places)), np.zeros(len(places))
    for place in places:
        others = np.delete(places, place)
        free = ~shown[:, place]
        both[place] = weights[free][:, others].prod(axis=1) @ costs[free, place]
        before = ~shown[:, place:].any(axis=1)
        left[place] = weights[before][:, :place].prod(axis=1) @ costs[before, place]
    return float(left.mean()), float(both.mean())


def entropies_seen(
    answers: Int[np.ndarray, "answers answered"],
    answer: Int[np.ndarray, "answered"],
    shown: Bool[np.ndarray, "answered"],
) -> tuple[float, float]:
    """The mean of H(token | prompt, shown tokens of this answer) in nats: those left of it alone, and all others."""
    wrong = (answers != answer) & shown
    before = np.cumsum(wrong, axis=1) - wrong
    left, both = 0.0, 0.0
    for place in range(len(answer)):
        left += _entropy(answers[before[:, place] == 0, place])
        both += _entropy(answers[wrong.sum(axis=1) == wrong[:, place], place])
    return left / len(answer), both / len(answer)


def _entropy(tokens: Int[np.ndarray, "some"]) -> float:
    shares = np.bincount(tokens) / len(tokens)
    return float(-xlogy(shares, shares).sum())


def drawn_sides(task: Any) -> dict[tuple[str, float], Estimate]:
    """Means over drawn answers, of exact entropies: one set of shown tokens for each answer at each share."""
    rng, found = np.random.default_rng(0), np.zeros((SEQUENCES, len(SHARES), 2))
    for row, tokens in enumerate(task.sample(SEQUENCES, task.length, seed=0)):
        answers, answer = task.answers(tokens[task.given]).tokens.astype(np.int64), tokens[~task.given].astype(np.int64)
        uniforms = rng.random(len(answer))
        for place, share in enumerate(SHARES):
            found[row, place] = entropies_seen(answers, answer, uniforms < share)
    out = {}
    for place, share in enumerate(SHARES):
        for side, name in enumerate(("left", "both")):
            # No entropy is above log V, which bounds what was not seen where all are equal.
            ends = mean_interval(Moments.of(found[:, place, side]), 0.95, unseen=np.log(task.vocab_size))
            out[name, share] = Estimate(ends[0], max(ends[1], 0.0), ends[2], 0.95, "estimate", SEQUENCES)
    return out


def exact_sides(costs: Float[np.ndarray, "sets answered"]) -> dict[tuple[str, float], Estimate]:
    """Over all sets of positions."""
    found = {share: by_share(costs, share) for share in SHARES}
    return {
        (name, share): Estimate.exact(found[share][side])
        for side, name in enumerate(("left", "both"))
        for share in found
    }


def sides() -> None:
    """Every language, task and observer of path."""
    reasoning = runpy.run_path(str(HERE / "reasoning.py"))
    found: dict[tuple[str, str], Any] = {}
    for name, length in LANGUAGES.items():
        language = mt.as_language(name)
        found[name, "oracle"] = length, exact_sides(reveal_costs(language.oracle(), language, length))
    for name in (*ALIKE, *DRAWN):
        task: Any = mt.as_language(name)
        made = exact_sides(costs_of_lists(task)) if name in ALIKE else drawn_sides(task)
        found[name, "oracle"] = int((~task.given).sum()), made
    for distance, edges in WAYS:
        costs = reasoning["costs_of_sets"](distance, edges)
        name = f"path:nodes={reasoning['NODES']},distance={distance}"
        found[name, f"hops:edges={edges}"] = costs.shape[1], exact_sides(costs)
    rows = [
        [name, denoiser, length, context, share, each.value, each.low, each.high, each.kind, each.count]
        for (name, denoiser), (length, made) in found.items()
        for (context, share), each in made.items()
    ]
    columns = ["language", "denoiser", "answered", "context", "share", "value", "low", "high", "kind", "count"]
    pd.DataFrame(rows, columns=columns).to_csv(SIDES, index=False, float_format="%.6g")


# ------------------------------------------------------------------------------------- what it is worth to observers


def orders() -> None:
    """SER of observers that set one token a call, so that nothing is drawn together: what is wrong was not seen."""
    rows = []
    for name, observer in OBSERVED.items():
        task: Any = mt.as_language(name)
        seen, prompts = observer(task), task.prompts(SEQUENCES, seed=1)
        for sampler in ONE_A_CALL:
            model = mt.MaskedDiffusion(seen, sampler=sampler, steps=int((~task.given).sum()))
            drawn = model.sample(SEQUENCES, task.length, seed=0, prompt=prompts)
            errors = int((~task.in_support(drawn.tokens)).sum())
            rows.append(
                [
                    name,
                    str(seen.spec),
                    sampler,
                    errors / SEQUENCES,
                    *clopper_pearson(errors, SEQUENCES, 0.95),
                    SEQUENCES,
                ]
            )
    columns = ["language", "denoiser", "sampler", "value", "low", "high", "count"]
    pd.DataFrame(rows, columns=columns).to_csv(ORDERS, index=False, float_format="%.6g")


# -------------------------------------------------------------------------------------------------------------- tables


def sides_table() -> str:
    """Nats of a token where nothing is known, half and all of its left, half and all of both sides."""
    frame, lines = pd.read_csv(SIDES), []
    for (name, denoiser), own in frame.groupby(["language", "denoiser"], sort=False):
        at = own.set_index(["context", "share"])
        cells = [("both", 0.0), ("left", 0.5), ("left", 1.0), ("both", 0.5), ("both", 1.0)]
        lines.append([named(name, denoiser), str(at["answered"].iloc[0]), *(said(at.loc[each]) for each in cells)])
    headings = ["of", "tokens", "nothing", "half of the left", "all of the left", "half of both sides", "all others"]
    return table(headings, lines)


def orders_table() -> str:
    """SER of each observer in each order."""
    frame, lines = pd.read_csv(ORDERS), []
    for (name, denoiser), own in frame.groupby(["language", "denoiser"], sort=False):
        at = own.assign(kind="estimate").set_index("sampler")
        lines.append([named(name, denoiser), *(said(at.loc[each]) for each in ONE_A_CALL)])
    return table(["observer", *ONE_A_CALL.values()], lines)


def named(name: str, denoiser: str) -> str:
    """A task, and who looks at it where that is not the exact posterior."""
    return code(name) if denoiser == "oracle" else f"{code(name)}, {code(denoiser)}"


def said(row: pd.Series) -> str:
    """A number with its interval."""
    return number(row["value"], row["low"], row["high"], row["kind"])


TABLES = {"sides": sides_table, "orders": orders_table}


def page() -> None:
    """The tables, between the page's marks."""
    runpy.run_path(str(HERE / "reasoning.py"))["write_tables"](TABLES)


PARTS = {"sides": sides, "orders": orders, "page": page}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
