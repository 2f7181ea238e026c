"""What cannot be unsaid: a wrong token that is set, and samplers that mask or draw tokens again.

python experiments/correction.py [calls] [slips] [page]

`calls` writes correction.csv, SER against calls of samplers that set a token once and of those that may change it, with
the exact posterior and with observers; `slips` correction_slips.csv, how often each ends right after one wrong token;
`page` the tables of docs/reasoning.md. figures/correction.py draws SER.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.spec import Spec
from mdmtheory.oracles.answers import as_answers
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.report.text import code, table
from mdmtheory.samplers import as_sampler
from mdmtheory.schedules import as_schedule

HERE = Path(__file__).parent
CALLS, SLIPS = HERE / "correction.csv", HERE / "correction_slips.csv"
TASKS = ("sudoku:size=4", "countdown:numbers=3", "latin:size=4", "lists:kind=shuffle", "sat:variables=9")
ONCE = ("ancestral", "confidence", "entropy_bound:gamma=0")
"""Samplers that never change a token; the last reveals in a call all that is certain and one token that is not."""
AGAIN = ("redraw", "topk_remask", "remdm-cap", "remdm-conf", "remdm-loop")
TRUST = 0.999
SEQUENCES, SEQUENCES_OF_OBSERVERS, SLIPPED = 2000, 500, 500


# ------------------------------------------------------------------------------------------- an observer that doubts


class Doubting(DenoiserDefaults):
    """A denoiser that holds what is revealed to be certain, asked what it thinks of it: a call a token.

    Of a revealed token: its law with that token masked. Of a masked one: what it says, and where that is nothing, for
    no answer agrees, the mean of what it says with one of the revealed tokens masked, over those that make sense of the
    rest. Where none does, what it says of the prompt alone.
    """

    noises = frozenset({"masked"})

    def __init__(self, base: Any) -> None:
        self.base, self.language, self.vocab_size = base, base.language, base.vocab_size
        self.spec = Spec("doubting", (("of", str(base.spec)),))

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["doubting", self.base.identity]

    def validate_length(self, length: int) -> None:
        """As the one inside."""
        self.base.validate_length(length)

    def conditionals(self, tokens: Any, *, threads: int | None = None) -> Float[np.ndarray, "count length vocab_size"]:
        """Laws at all positions, of revealed ones with their token masked; one-hot in the prompt."""
        found = np.zeros((*tokens.shape, self.vocab_size))
        given = np.flatnonzero(self.language.given)
        found[:, given] = np.eye(self.vocab_size)[tokens[:, given]]
        rows, places = np.nonzero(np.tile(~self.language.given, (len(tokens), 1)))
        found[rows, places] = self.seen(tokens, rows, places)[0]
        return found

    def seen(
        self, tokens: Any, rows: Int[np.ndarray, "n"], places: Int[np.ndarray, "n"]
    ) -> tuple[Float[np.ndarray, "n vocab_size"], Int[np.ndarray, "count"]]:
        """The law at each (row, position), and how often the one inside was asked about each row."""
        laws, calls = np.zeros((len(rows), self.vocab_size)), np.zeros(len(tokens), dtype=np.int64)
        shown = tokens[rows, places] < self.vocab_size
        asked = np.unique(rows[~shown])
        calls[asked] += 1
        said = np.zeros((*tokens.shape, self.vocab_size))
        said[asked] = self.base.conditionals(tokens[asked])
        laws[~shown] = said[rows[~shown], places[~shown]]
        without = self._without(tokens, rows[shown], places[shown])
        laws[shown] = without[np.arange(len(without)), places[shown]]
        np.add.at(calls, rows[shown], 1)
        lost = np.unique(rows[~shown & (laws.sum(axis=1) == 0)])
        for row in lost:
            doubted = np.flatnonzero((tokens[row] < self.vocab_size) & ~self.language.given)
            calls[row] += len(doubted)
            each = self._without(tokens, np.full(len(doubted), row), doubted)
            here = np.flatnonzero((rows == row) & ~shown)
            sums = each[:, places[here]].sum(axis=0)
            laws[here] = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-300)
        senseless = laws.sum(axis=1) == 0
        if senseless.any():
            alone = np.where(self.language.given, tokens, self.vocab_size).astype(tokens.dtype)
            some, which = np.unique(rows[senseless], return_inverse=True)
            laws[senseless] = self.base.conditionals(alone[some])[which, places[senseless]]
        return laws, calls

    def _without(self, tokens: Any, rows: Int[np.ndarray, "n"], places: Int[np.ndarray, "n"]) -> Any:
        """What the one inside says of each row with one of its tokens masked."""
        hidden = tokens[rows]
        hidden[np.arange(len(rows)), places] = self.vocab_size
        return self.base.conditionals(hidden) if len(rows) else np.zeros((0, tokens.shape[1], self.vocab_size))

    def open(
        self, count: int, length: int, *, noise: str = "masked", prompt: Any = None, threads: int | None = None
    ) -> Any:
        """A canvas that is charged a call for every token whose law is asked with it masked."""
        return _DoubtingCanvas(self, count, length, prompt, threads)


class _DoubtingCanvas(ConditionalsCanvas):
    denoiser: Doubting

    def marginals(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> Any:
        laws, calls = self.denoiser.seen(self.tokens, np.asarray(rows), np.asarray(positions))
        self.calls += calls
        self.rounds += calls > 0
        return laws


OBSERVERS: dict[str, Callable[[Any], Any]] = {
    "sudoku:size=4": mt.Singles,
    "sat:variables=9": partial(mt.Propagate, depth=1),
}


# -------------------------------------------------------------------------------------------------- SER against calls


def cells() -> Iterator[tuple[str, Any, str, int | None, int]]:
    """Task, denoiser, sampler, steps and sequences of every measurement."""
    for name in TASKS:
        task: Any = mt.as_language(name)
        answered = int((~task.given).sum())
        steps = sorted({max(2, round(answered * part)) for part in (0.25, 0.5, 1, 2, 4)})
        exact = {False: mt.Oracle(task), True: mt.Oracle(task, trust=TRUST)}
        for sampler in (*ONCE, *AGAIN):
            for number in steps if as_sampler(sampler).uses_steps else [None]:
                yield name, exact[sampler in AGAIN], sampler, number, SEQUENCES
        if name in OBSERVERS:
            base = OBSERVERS[name](task)
            for sampler in (*ONCE, *AGAIN):
                seen = Doubting(base) if sampler in AGAIN else base
                for number in steps[:4] if as_sampler(sampler).uses_steps else [None]:
                    yield name, seen, sampler, number, SEQUENCES_OF_OBSERVERS


def interval(errors: int, count: int) -> tuple[float, float, float]:
    """A share and its interval of 95 %."""
    return (errors / count, *clopper_pearson(errors, count, 0.95))


def calls() -> None:
    """SER and the mean of calls of every cell."""
    rows = []
    for name, denoiser, sampler, steps, count in cells():
        task: Any = mt.as_language(name)
        model = mt.MaskedDiffusion(denoiser, sampler=sampler, steps=steps)
        drawn = model.sample(count, task.length, seed=0, prompt=task.prompts(count, seed=0))
        errors = int((~task.in_support(drawn.tokens)).sum())
        rows.append([name, str(denoiser.spec), sampler, steps, *interval(errors, count), count, drawn.calls.mean()])
    columns = ["language", "denoiser", "sampler", "steps", "value", "low", "high", "count", "calls"]
    frame = pd.DataFrame(rows, columns=columns).astype({"steps": "Int64"})
    frame.to_csv(CALLS, index=False, float_format="%.6g")


# -------------------------------------------------------------------------------------------------- one wrong token


def ends_right(
    task: Any, denoiser: Any, sampler: Any, steps: int, count: int
) -> tuple[Bool[np.ndarray, "count"], Bool[np.ndarray, "count"]]:
    """Whether a wrong token was planted in each sequence, and whether its answer is right in the end.

    As soon as half of an answer is set one of its tokens becomes another that some right answer has there, but none
    with all that is set. What the sampler remembers of the token stays.
    """
    rng, sampler = np.random.default_rng(0), as_sampler(sampler)
    prompts, answered = task.prompts(count, seed=2), np.flatnonzero(~task.given)
    lists = [task.answers(row[task.given]).tokens for row in prompts]
    canvas = denoiser.open(count, task.length, prompt=prompts)
    tokens = np.full((count, len(answered)), task.vocab_size, dtype=prompts.dtype)
    state = sampler.init(count, len(answered), task.vocab_size, steps, as_schedule("linear"))
    if sampler.sees_order:
        state = replace(state, order=rng.permuted(np.tile(np.arange(len(answered)), (count, 1)), axis=1))
    planted, order, live = np.zeros(count, dtype=bool), state.order, np.arange(count)
    while True:
        going = ~sampler.finished(state, tokens[live])
        live, state = live[going], state.take(going)
        if not len(live):
            whole = prompts.copy()
            whole[:, answered] = tokens
            return planted, task.in_support(whole)
        state, after = _stepped(sampler, canvas, state, tokens[live], live, answered, rng)
        if order is not None:
            state = replace(state, order=order[live])
        for place, row in enumerate(live):
            if not planted[row] and (after[place] < task.vocab_size).sum() >= len(answered) / 2:
                planted[row] = plant(after[place], lists[row], task.vocab_size, rng)
        rows, places = np.nonzero(after != tokens[live])
        canvas.write(live[rows], answered[places], after[rows, places].astype(np.int64))
        tokens[live] = after


def _stepped(sampler: Any, canvas: Any, state: Any, tokens: Any, live: Any, answered: Any, rng: Any) -> tuple[Any, Any]:
    """One step of the sampler; the canvas is asked, and tokens are drawn."""
    chances = sampler.chances(state, tokens)
    if chances is not None:
        state = replace(state, coins=rng.random(tokens.shape) < chances)
    wanted = sampler.wants(state, tokens)
    rows, places = np.nonzero(wanted)
    laws = canvas.marginals(live[rows], answered[places])
    drawn = (sampler.law_in(state, tokens, wanted, laws).cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
    return sampler.step(state, tokens, wanted, laws if sampler.sees_laws else as_answers(laws), drawn)


def plant(
    tokens: Int[np.ndarray, "answered"],
    answers: Int[np.ndarray, "answers answered"],
    mask: int,
    rng: np.random.Generator,
) -> bool:
    """Make one of the set tokens wrong, in place; False where no token that stands in a right answer would be."""
    shown = np.flatnonzero(tokens < mask)
    for place in rng.permutation(shown):
        for wrong in rng.permutation(np.unique(answers[:, place] if len(answers) > 1 else answers)):
            others = shown[shown != place]
            fits = (answers[:, others] == tokens[others]).all(axis=1)
            if fits.any() and wrong != tokens[place] and not (answers[fits, place] == wrong).any():
                tokens[place] = wrong
                return True
    return False


def slips() -> None:
    """How often each sampler ends right after one wrong token, with as many steps as tokens and four times as many."""
    rows = []
    for name in TASKS:
        task: Any = mt.as_language(name)
        answered = int((~task.given).sum())
        denoisers = [mt.Oracle(task, trust=TRUST)]
        if name in OBSERVERS:
            denoisers.append(Doubting(OBSERVERS[name](task)))
        for denoiser in denoisers:
            for sampler in ("confidence", *AGAIN):
                for factor in (1, 4) if denoiser is denoisers[0] else (1,):
                    planted, right = ends_right(task, denoiser, sampler, factor * answered, SLIPPED)
                    errors, count = int((planted & right).sum()), int(planted.sum())
                    rows.append([name, str(denoiser.spec), sampler, factor, *interval(errors, count), count])
    columns = ["language", "denoiser", "sampler", "factor", "value", "low", "high", "count"]
    pd.DataFrame(rows, columns=columns).to_csv(SLIPS, index=False, float_format="%.6g")


# -------------------------------------------------------------------------------------------------------------- tables


def calls_table() -> str:
    """SER and calls of every sampler, with as many steps as an answer has tokens."""
    frame, lines = pd.read_csv(CALLS), []
    for (name, observer), own in _of_observers(frame):
        answered = int((~mt.as_language(name).given).sum())
        at = own[own["steps"].isna() | (own["steps"] == answered)].set_index("sampler")
        cells = [f"{row['value']:.3f} ({row['calls']:.1f})" for _, row in at.loc[[*ONCE, *AGAIN]].iterrows()]
        lines.append([_named(name, observer), *cells])
    return table(["of", *map(code, (*ONCE, *AGAIN))], lines)


def slips_table() -> str:
    """How often an answer ends right after one wrong token, with as many steps as tokens, and with four times that."""
    frame, lines = pd.read_csv(SLIPS), []
    samplers = ("confidence", *AGAIN)
    for (name, observer), own in _of_observers(frame):
        at = own.sort_values("factor").groupby("sampler")["value"].agg(lambda each: ", ".join(f"{v:.2f}" for v in each))
        lines.append([_named(name, observer), *at.loc[[*samplers]]])
    return table(["of", *map(code, samplers)], lines)


def _of_observers(frame: pd.DataFrame) -> Any:
    """The rows of each task and observer, none where the exact posterior was asked."""
    observer = frame["denoiser"].str.replace(r"oracle.*|doubting:of=", "", regex=True)
    return frame.groupby(["language", observer], sort=False)


def _named(name: str, observer: str) -> str:
    return f"{code(name)}, {code(observer)}" if observer else code(name)


TABLES = {"calls": calls_table, "slips": slips_table}


def page() -> None:
    """The tables, between the page's marks."""
    runpy.run_path(str(HERE / "reasoning.py"))["write_tables"](TABLES)


PARTS = {"calls": calls, "slips": slips, "page": page}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
