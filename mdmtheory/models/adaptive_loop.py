"""Running an adaptive sampler against any denoiser: ask, draw, let the sampler keep what it will, write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32, UInt64

from mdmtheory.core.protocols import Canvas, Denoiser, PlanRun
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.asking import marginals_of
from mdmtheory.samplers.protocol import Sampler, State
from mdmtheory.schedules import Schedule

BATCH_ENTRIES = 1 << 19
"""Probabilities that are worked on together: the marginals of a batch take a few megabytes."""


@dataclass(frozen=True)
class AdaptiveRun(PlanRun):
    """A run whose plan depended on the tokens: `plan` is the step that set each position last, 0 where none did."""

    plan: Int32[np.ndarray, "count length"]


def run_adaptive(
    denoiser: Denoiser,
    sampler: Sampler,
    length: int,
    steps: int,
    schedule: Schedule,
    *,
    states: UInt64[np.ndarray, "count 4"] | None = None,
    tokens: Tokens | None = None,
    threads: int | None = None,
) -> AdaptiveRun:
    """Draw one sequence from each stream (which move on), or replay the sampler with the tokens given as its draws.

    Each step of a sequence takes `length` uniforms of its stream, one for each position, wanted or not: so nothing
    about a sequence depends on those beside it. RuntimeError where a sampler makes no progress.
    """
    if (states is None) == (tokens is None):
        raise ValueError("an adaptive run needs streams to draw from or tokens to replay; pass one of them")
    if length < 1:
        raise ValueError(f"length is {length}; pass 1 or more")
    count = sum(len(each) for each in (states, tokens) if each is not None)
    vocab_size = denoiser.vocab_size
    run = AdaptiveRun(
        np.full((count, length), vocab_size, dtype=token_dtype(vocab_size)),
        np.full((count, length), np.nan),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.zeros((count, length), dtype=np.int32),
    )

    def work(first: int, last: int, own_threads: int | None = 1) -> None:
        size = max(1, BATCH_ENTRIES // (length * vocab_size))
        for a in range(first, last, size):
            here = slice(a, min(a + size, last))
            canvas = denoiser.open(here.stop - a, length, threads=own_threads)
            assert isinstance(canvas, Canvas)
            streams = None if states is None else states[here]
            given = None if tokens is None else tokens[here]
            written = run.tokens[here], run.log_probs[here], run.plan[here]
            batch = _Batch(sampler, canvas, vocab_size, streams, given, *written)
            batch.run(sampler.init(here.stop - a, length, vocab_size, steps, schedule))
            run.calls[here], run.rounds[here] = canvas.calls, canvas.rounds
            run.impossible[here] = canvas.impossible

    if denoiser.parallel == "threads":
        over_rows(work, count, threads)
    else:
        work(0, count, threads)
    if tokens is not None:
        run.log_probs[np.isnan(run.log_probs)] = -np.inf
        run.tokens[:] = tokens
    return run


@dataclass(frozen=True)
class _Batch:
    """Sequences that go through the steps together, each by itself; the arrays are written in place."""

    sampler: Sampler
    canvas: Canvas
    vocab_size: int
    states: UInt64[np.ndarray, "count 4"] | None
    given: Tokens | None
    shown: Tokens
    log_probs: Float[np.ndarray, "count length"]
    plan: Int32[np.ndarray, "count length"]

    def run(self, state: State) -> None:
        """Step until each sequence is finished or has met an impossible context."""
        active = np.arange(len(self.shown))
        turn = 0
        while True:
            live = ~(self.canvas.impossible[active] | self.sampler.finished(state, self.shown[active]))
            active, state = active[live], state.take(live)
            if not len(active):
                return
            turn += 1
            active, state = self._step(active, state, turn)

    def _step(self, active: Int[np.ndarray, "rows"], state: State, turn: int) -> tuple[Int[np.ndarray, "left"], State]:
        wanted = self.sampler.wants(state, self.shown[active])
        rows, positions = np.nonzero(wanted)
        marginals = self._marginals(active[rows], positions)
        fits = ~self.canvas.impossible[active]
        if not fits.all():
            marginals = marginals[fits[rows]]
            active, state, wanted = active[fits], state.take(fits), wanted[fits]
            rows, positions = np.nonzero(wanted)
        law = np.ascontiguousarray(self.sampler.law(marginals))
        drawn = self._drawn(active, rows, positions, law)
        before = self.shown[active]
        state, after = self.sampler.step(state, before, wanted, marginals, drawn)
        changed = after != before
        if not self.sampler.remasks and not changed.any(axis=1).all():
            raise RuntimeError(f"sampler {self.sampler.spec} set no token in a step; set at least one in every row")
        kept = changed[rows, positions]
        with np.errstate(divide="ignore"):
            self.log_probs[active[rows[kept]], positions[kept]] = np.log(law[kept, drawn[kept]])
        rows, positions = np.nonzero(changed)
        self.plan[active[rows], positions] = turn
        self.canvas.write(active[rows], positions, after[rows, positions].astype(np.int64))
        self.shown[active] = after
        return active, state

    def _marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """What the canvas gives, scaled to sum 1; rows of zeros (impossible contexts) stay."""
        marginals = marginals_of(self.canvas, rows, positions, self.vocab_size)
        totals = marginals.sum(axis=1, keepdims=True)
        return np.divide(marginals, totals, out=np.zeros_like(marginals), where=totals > 0)

    def _drawn(
        self,
        active: Int[np.ndarray, "rows"],
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        law: Float[np.ndarray, "n vocab_size"],
    ) -> Int[np.ndarray, "n"]:
        """A token at every wanted position: the given one, or one drawn from its law."""
        from mdmtheory.kernels.marginals import draw_rows
        from mdmtheory.kernels.random import fill_uniforms

        if self.given is not None:
            return self.given[active[rows], positions].astype(np.int64)
        assert self.states is not None
        uniforms = np.empty((len(active), self.shown.shape[1]))
        streams = self.states[active]
        fill_uniforms(streams, uniforms)
        self.states[active] = streams
        drawn = np.empty(len(rows), dtype=np.int64)
        draw_rows(law, uniforms[rows, positions], drawn)
        return drawn
