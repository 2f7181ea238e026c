"""Running reveal plans against any denoiser: open a canvas, ask, draw, write, step by step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt64

from mdmtheory.core.protocols import Canvas, Denoiser, PlanRun
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.asking import marginals_of


def run_on_canvas(
    denoiser: Denoiser,
    plan: Int[np.ndarray, "count length"],
    states: UInt64[np.ndarray, "count 4"] | None = None,
    tokens: Tokens | None = None,
    threads: int | None = None,
) -> PlanRun:
    """Draw tokens from the streams (one uniform a token, in order of step then position), or score the tokens given."""
    from mdmtheory.kernels.marginals import draw_rows
    from mdmtheory.kernels.random import fill_uniforms

    count, length = plan.shape
    canvas = denoiser.open(count, length, threads=threads)
    assert isinstance(canvas, Canvas)
    out = np.full((count, length), denoiser.vocab_size, dtype=token_dtype(denoiser.vocab_size))
    log_probs = np.full((count, length), np.nan)
    uniforms = np.empty((count, length))
    if tokens is None:
        if states is None:
            raise ValueError("a plan needs tokens to score or streams to draw from; neither was given")
        fill_uniforms(states, uniforms)
        by_order = np.argsort(plan, axis=1, kind="stable")
        in_place = np.empty_like(uniforms)
        np.put_along_axis(in_place, by_order, uniforms, axis=1)
        uniforms = in_place
    for step in np.unique(plan):
        rows, positions = np.nonzero((plan == step) & ~canvas.impossible[:, None])
        if len(rows) == 0:
            continue
        marginals = marginals_of(canvas, rows, positions, denoiser.vocab_size)
        fits = ~canvas.impossible[rows]
        rows, positions, marginals = rows[fits], positions[fits], np.ascontiguousarray(marginals[fits])
        if tokens is None:
            drawn = np.empty(len(rows), dtype=np.int64)
            draw_rows(marginals, uniforms[rows, positions], drawn)
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
