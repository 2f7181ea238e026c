"""Scoring given tokens under given plans: every context is known beforehand, so all are asked at once, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import PlanRun
from mdmtheory.core.tokens import Tokens
from mdmtheory.models.asking import OpenCanvas, Witness, together
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.planned import each_alone


def score_contexts(
    denoiser: Any,
    plan: Int[np.ndarray, "count length"],
    tokens: Tokens,
    *,
    law: PlanLawBase | None = None,
    prompt: Prompt | None = None,
    only: Bool[np.ndarray, "count length"] | None = None,
    witness: Witness | None = None,
    threads: int | None = None,
) -> PlanRun:
    """What running the plans over these tokens gives, without going through their steps.

    A context is a sequence before one of its steps. They are opened as prompts, as many at once as the denoiser's
    batch holds, whichever sequences they are of: a network's forward passes are the contexts over the batch, rounded
    up.
    With `only` those steps alone are asked that set one of these positions; log-probabilities elsewhere are NaN.
    `calls` and `rounds` are the contexts of each sequence, to the first impossible one, which makes its tokens and all
    after them -inf.
    """
    count, length = plan.shape
    mask = denoiser.vocab_size
    wanted = np.ones(plan.shape, dtype=np.bool_) if only is None else only
    log_probs = np.full(plan.shape, np.nan)
    rows, steps = _contexts(plan, wanted)
    last = np.full(count, np.iinfo(np.int64).max)
    size = together(denoiser, whole_length(prompt, length))
    for a in counted(range(0, len(rows), size), "batches"):
        of, step = rows[a : a + size], steps[a : a + size, None]
        shown = np.where(plan[of] < step, tokens[of], mask).astype(tokens.dtype)
        canvas = OpenCanvas(denoiser, len(of), length, prompt and prompt.take(of), threads, shown=shown)
        entries, positions = np.nonzero((plan[of] == step) & wanted[of])
        answers = canvas.ask(entries, positions, shown)
        fits = ~canvas.impossible[entries]
        found = np.full(len(entries), -np.inf)
        some = answers if fits.all() else answers.take(fits)
        if witness is not None:
            witness(of, shown, entries[fits], positions[fits], some)
        some = each_alone(law, some)
        at = of[entries]
        found[fits] = some.log_prob_of(tokens[at[fits], positions[fits]].astype(np.int64))
        log_probs[at, positions] = found
        np.minimum.at(last, of[canvas.impossible], step[canvas.impossible, 0])
    calls = np.bincount(rows[steps <= last[rows]], minlength=count)
    return PlanRun(tokens, log_probs, calls, calls.copy(), last < np.iinfo(np.int64).max)


def score_from_left(
    denoiser: Any,
    tokens: Tokens,
    prompt: Prompt | None = None,
    threads: int | None = None,
    *,
    witness: Witness | None = None,
) -> Float[np.ndarray, "count length"]:
    """log p of each token of whole answers given those to its left, of a denoiser that sees no more: one call each.

    A `witness` is shown whole sequences, of which what stands to the left of a position is its context.
    """
    count, length = tokens.shape
    out = np.empty(tokens.shape)
    size = together(denoiser, whole_length(prompt, length))
    for a in counted(range(0, count, size), "batches"):
        some = tokens[a : a + size]
        here = prompt and prompt.take(slice(a, a + size))
        canvas = OpenCanvas(denoiser, len(some), length, here, threads, shown=some)
        rows, positions = np.nonzero(np.ones(some.shape, dtype=np.bool_))
        answers = canvas.ask(rows, positions, some)
        if witness is not None:
            witness(np.arange(a, a + len(some)), some, rows, positions, answers)
        said = answers.log_prob_of(some.reshape(-1).astype(np.int64))
        out[a : a + size] = said.reshape(some.shape)
    return out


def _contexts(
    plan: Int[np.ndarray, "count length"], wanted: Bool[np.ndarray, "count length"]
) -> tuple[Int[np.ndarray, "contexts"], Int[np.ndarray, "contexts"]]:
    """Row and step of every context in which a wanted position is set, row by row."""
    rows, positions = np.nonzero(wanted)
    pairs = np.unique(np.column_stack([rows, plan[rows, positions]]), axis=0)
    return pairs[:, 0].astype(np.int64), pairs[:, 1]
