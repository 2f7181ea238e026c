"""Running reveal plans against any denoiser: open a canvas, ask, draw, write, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import Denoiser, PlanRun
from mdmtheory.core.reveal_plans import own_steps
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.asking import OpenCanvas, Witness, in_batches, of_slice, together
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.noise import noisy_draws, uniforms_of
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.planned import each_alone

Plan = Int[np.ndarray, "count length"]
States = UInt64[np.ndarray, "count 4"]


def run_on_canvas(
    denoiser: Denoiser,
    plan: Plan,
    states: States | None = None,
    tokens: Tokens | None = None,
    threads: int | None = None,
    *,
    law: PlanLawBase | None = None,
    prompt: Prompt | None = None,
    uniforms: Float[np.ndarray, "count length"] | None = None,
    witness: Witness | None = None,
) -> PlanRun:
    """Draw tokens from the streams (one uniform a token, in order of step then position), or score the tokens given.

    Or draw them from `uniforms`, one for each position whenever it is revealed: runs of several plans may share them.
    With `law`, which may have options of its own (`Planned`), tokens are drawn from the law under its options; float32
    noise takes a uniform for every token that might be drawn. With a `prompt`, plan, tokens and what comes back are of
    the answers alone. Sequences go through the steps in batches: of as many as the denoiser asks for, one after the
    other, else of a few megabytes each, shared out to threads. A denoiser with a batch scores all contexts of given
    tokens at once, a batch of contexts a call. A `witness` is told of every context in which a token was set.
    """
    asked: Any = as_denoiser(denoiser)
    count, length = plan.shape
    run = PlanRun(
        np.empty((count, length), dtype=token_dtype(asked.vocab_size)),
        np.empty((count, length)),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.bool_),
    )
    whole = whole_length(prompt, length)
    if tokens is not None and asked.batch(whole) is not None:
        return score_contexts(asked, plan, tokens, law=law, prompt=prompt, witness=witness, threads=threads)

    def work(here: slice, own_threads: int | None) -> None:
        streams, given, placed = (None if each is None else each[here] for each in (states, tokens, uniforms))
        canvas = OpenCanvas(asked, here.stop - here.start, length, prompt and prompt.take(here), own_threads)
        run.put(here, _run_batch(canvas, plan[here], streams, given, placed, law, of_slice(witness, here)))

    in_batches(work, asked, together(asked, whole), count, whole, threads)
    return run


def _run_batch(
    canvas: OpenCanvas,
    plan: Plan,
    states: Any,
    tokens: Tokens | None,
    uniforms: Any,
    law: PlanLawBase | None,
    witness: Witness | None,
) -> PlanRun:
    """`run_on_canvas` of one batch, on its canvas."""
    count, length = plan.shape
    vocab_size = canvas.denoiser.vocab_size
    closed = law is None or law.has_closed_law
    out = np.full((count, length), vocab_size, dtype=token_dtype(vocab_size))
    log_probs = np.full((count, length), np.nan)
    if tokens is None and states is None and uniforms is None:
        raise ValueError("a plan needs tokens to score or streams to draw from; neither was given")
    order = np.argsort(plan, axis=1, kind="stable")
    if states is not None and closed and tokens is None:
        uniforms = _in_place(states, order)
    plan = own_steps(plan, order)
    for step in counted(range(1, int(plan.max(initial=0)) + 1), "steps"):
        rows, positions = np.nonzero((plan == step) & ~canvas.impossible[:, None])
        if len(rows) == 0:
            continue
        answers = canvas.ask(rows, positions, out)
        fits = ~canvas.impossible[rows]
        if not fits.all():
            rows, positions, answers = rows[fits], positions[fits], answers.take(fits)
        if witness is not None:
            witness(np.arange(count), out, rows, positions, answers)
        answers = each_alone(law, answers)
        if tokens is not None:
            drawn = tokens[rows, positions].astype(np.int64)
        elif uniforms is not None:
            drawn = answers.draw(uniforms[rows, positions])
        else:
            drawn = noisy_draws(answers, states, rows)
        log_probs[rows, positions] = answers.log_prob_of(drawn)
        out[rows, positions] = drawn
        canvas.write(rows, positions, drawn)
        if canvas.takes_hints:
            canvas.settle_before(first_masked(plan > step))
    if tokens is not None:
        log_probs[np.isnan(log_probs)] = -np.inf
        out = tokens
    return PlanRun(out, log_probs, canvas.calls.copy(), canvas.rounds.copy(), canvas.impossible.copy())


def first_masked(masked: Bool[np.ndarray, "count length"]) -> int:
    """The first position that is masked in any row, the length where none is."""
    where = np.asarray(masked.any(axis=0))
    return int(where.argmax()) if where.any() else len(where)


def _in_place(states: States, order: Plan) -> Float[np.ndarray, "count length"]:
    """The next uniforms of each stream, one a position, in the order in which a plan comes to the positions."""
    uniforms = uniforms_of(states, np.arange(len(order)), order.shape[1])
    placed = np.empty(order.shape)
    np.put_along_axis(placed, order, uniforms, axis=1)
    return placed
