"""Running reveal plans against any denoiser: open a canvas, ask, draw, write, step by step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.protocols import Canvas, Denoiser, PlanRun
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.adaptive_loop import BATCH_ENTRIES
from mdmtheory.models.asking import marginals_of
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.gumbel import float32_draws
from mdmtheory.samplers.planned import token_laws
from mdmtheory.samplers.protocol import Marginals


def run_on_canvas(
    denoiser: Denoiser,
    plan: Int[np.ndarray, "count length"],
    states: UInt64[np.ndarray, "count 4"] | None = None,
    tokens: Tokens | None = None,
    threads: int | None = None,
    *,
    law: PlanLawBase | None = None,
) -> PlanRun:
    """Draw tokens from the streams (one uniform a token, in order of step then position), or score the tokens given.

    With `law`, which may have options of its own (`Planned`), tokens have its `token_laws`; float32 noise takes a
    uniform for every token that might be drawn.
    """
    denoiser = as_denoiser(denoiser)
    closed = law is None or law.has_closed_law
    count, length = plan.shape
    canvas = denoiser.open(count, length, threads=threads)
    assert isinstance(canvas, Canvas)
    out = np.full((count, length), denoiser.vocab_size, dtype=token_dtype(denoiser.vocab_size))
    log_probs = np.full((count, length), np.nan)
    uniforms = np.empty((count, length, 0))
    if tokens is None:
        if states is None:
            raise ValueError("a plan needs tokens to score or streams to draw from; neither was given")
        uniforms = _in_place(states, plan, 1 if closed else denoiser.vocab_size)
    for step in np.unique(plan):
        rows, positions = np.nonzero((plan == step) & ~canvas.impossible[:, None])
        if len(rows) == 0:
            continue
        marginals = marginals_of(canvas, rows, positions, denoiser.vocab_size)
        fits = ~canvas.impossible[rows]
        rows, positions, marginals = rows[fits], positions[fits], np.ascontiguousarray(marginals[fits])
        if law is not None:
            marginals = token_laws(law, marginals)
        if tokens is None:
            drawn = _drawn(marginals, uniforms[rows, positions], closed)
        else:
            drawn = tokens[rows, positions].astype(np.int64)
        with np.errstate(divide="ignore"):
            log_probs[rows, positions] = np.log(marginals[np.arange(len(rows)), drawn] / marginals.sum(axis=1))
        out[rows, positions] = drawn
        canvas.write(rows, positions, drawn)
    if tokens is not None:
        log_probs[np.isnan(log_probs)] = -np.inf
        out = tokens
    return PlanRun(out, log_probs, canvas.calls.copy(), canvas.rounds.copy(), canvas.impossible.copy())


def run_in_batches(
    denoiser: Denoiser,
    law: PlanLawBase,
    plan: Int[np.ndarray, "count length"],
    states: UInt64[np.ndarray, "count 4"] | None = None,
    tokens: Tokens | None = None,
    threads: int | None = None,
) -> PlanRun:
    """`run_on_canvas` with the law's tokens, some sequences at a time: each thread goes through the steps by itself.

    A batch's uniforms and marginals take a few megabytes, and threads are not started anew in every step.
    """
    count, length = plan.shape
    vocab_size = denoiser.vocab_size
    run = PlanRun(
        np.empty((count, length), dtype=token_dtype(vocab_size)),
        np.empty((count, length)),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.bool_),
    )

    def work(first: int, last: int, own_threads: int | None = 1) -> None:
        size = max(1, BATCH_ENTRIES // (length * vocab_size))
        for a in range(first, last, size):
            here = slice(a, min(a + size, last))
            streams, given = (None if each is None else each[here] for each in (states, tokens))
            found = run_on_canvas(denoiser, plan[here], streams, given, own_threads, law=law)
            for name in ("tokens", "log_probs", "calls", "rounds", "impossible"):
                getattr(run, name)[here] = getattr(found, name)

    if denoiser.parallel == "threads":
        over_rows(work, count, threads)
    else:
        work(0, count, threads)
    return run


def _in_place(
    states: UInt64[np.ndarray, "count 4"], plan: Int[np.ndarray, "count length"], each: int
) -> Float[np.ndarray, "count length each"]:
    """The next uniforms of each stream, `each` a position, in the order in which the plan comes to the positions."""
    from mdmtheory.kernels.random import fill_uniforms

    count, length = plan.shape
    uniforms = np.empty((count, length * each))
    fill_uniforms(states, uniforms)
    by_order = np.argsort(plan, axis=1, kind="stable")
    placed = np.empty((count, length, each))
    np.put_along_axis(placed, by_order[:, :, None], uniforms.reshape(count, length, each), axis=1)
    return placed


def _drawn(laws: Marginals, uniforms: Float[np.ndarray, "n each"], closed: bool) -> Int[np.ndarray, "n"]:
    """A token from each law, by one uniform or by float32 noise made of one a token."""
    from mdmtheory.kernels.marginals import draw_rows

    if not closed:
        return float32_draws(laws, uniforms)
    drawn = np.empty(len(laws), dtype=np.int64)
    draw_rows(laws, np.ascontiguousarray(uniforms[:, 0]), drawn)
    return drawn
