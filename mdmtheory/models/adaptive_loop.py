"""Running an adaptive sampler against any denoiser: ask, draw, let the sampler keep what it will, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int32, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import Answers, Denoiser, PlanRun
from mdmtheory.core.streams import check_states
from mdmtheory.core.tokens import Tokens, as_tokens, token_dtype
from mdmtheory.models.asking import OpenCanvas, Witness, home, in_batches, of_slice, together
from mdmtheory.models.canvas_loop import first_masked
from mdmtheory.models.noise import pieces, uniforms_of, wanted_uniforms
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.base import SamplerBase, check_whole
from mdmtheory.samplers.gumbel import float32_draws
from mdmtheory.samplers.protocol import Order, Positions, Sampler, State
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.samplers.ties import as_orders, shuffled
from mdmtheory.schedules import Schedule

Pairs = Callable[[Tokens, Int[np.ndarray, "rows"]], Float[np.ndarray, "rows length length"]]


@dataclass(frozen=True)
class AdaptiveRun(PlanRun):
    """A run whose plan depended on the tokens: `plan` is the step that set each position last, 0 where none did.

    Where a sampler may change tokens, `log_probs` are of the tokens when they were set: their sum is no log p(x).
    """

    plan: Int32[np.ndarray, "count length"]


def run_adaptive(
    denoiser: Denoiser,
    sampler: PlanLaw | Sampler,
    length: int,
    steps: int,
    schedule: Schedule,
    *,
    states: UInt64[np.ndarray, "count 4"] | None = None,
    tokens: Tokens | None = None,
    order: Any = None,
    shuffles: UInt64[np.ndarray, "count 4"] | None = None,
    prompt: Prompt | None = None,
    witness: Witness | None = None,
    threads: int | None = None,
) -> AdaptiveRun:
    """Draw one sequence from each stream (which move on), or replay the sampler with the tokens given as its draws.

    With a `prompt` the sampler is shown the answers alone, of `length` positions: so is what comes back. Sequences go
    through the steps in batches: of as many as the denoiser asks for, one after the other, else of a few megabytes
    each, shared out to threads. A `witness` is told of every context in which a token was set.
    A sampler that is shown an order is given `order`, else one that is drawn from `shuffles` (streams that move on by
    `length` uniforms); other samplers need neither. Each step of a sequence takes `length` uniforms of its stream, one
    for each position, wanted or not: so nothing about a sequence depends on those beside it. Coins take as many before,
    float32 noise one for each outcome at each position. ProtocolError where a sampler makes no progress, leaves masks,
    or its laws have another shape than the marginals.
    """
    if (states is None) == (tokens is None):
        raise ValueError("an adaptive run needs streams to draw from or tokens to replay; pass one of them")
    asked: Any = as_denoiser(denoiser)
    sampler = as_sampler(sampler)
    if sampler.oblivious:
        raise ValueError(f"sampler {sampler.spec} is a law over plans; run its plans")
    if length < 1:
        raise ValueError(f"length is {length}; pass 1 or more")
    if sampler.leaves_masked and tokens is not None:
        raise ValueError(f"sampler {sampler.spec} draws masks too, so tokens do not tell what it did; pass streams")
    vocab_size = asked.vocab_size
    if tokens is not None:
        tokens = as_tokens(tokens, vocab_size)
    count = sum(len(each) for each in (states, tokens) if each is not None)
    for streams in (states, shuffles):
        if streams is not None:
            check_states(streams, count)
    order_of = _orders(sampler, count, length, order, shuffles)
    run = AdaptiveRun(
        np.full((count, length), vocab_size, dtype=token_dtype(vocab_size)),
        np.full((count, length), np.nan),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.zeros((count, length), dtype=np.int32),
    )

    whole = whole_length(prompt, length)

    def work(here: slice, own_threads: int | None) -> None:
        own_prompt, size = prompt and prompt.take(here), here.stop - here.start
        canvas = OpenCanvas(asked, size, length, own_prompt, own_threads)
        pairs = _pairs_of(asked, sampler, own_prompt)
        streams = None if states is None else states[here]
        given = None if tokens is None else tokens[here]
        arrays = [getattr(run, name)[here] for name in ("tokens", "log_probs", "plan", "calls", "rounds")]
        told = of_slice(witness, here)
        batch = _Batch(sampler, canvas, vocab_size, pairs, order_of(here), streams, given, told, *arrays)
        batch.run(sampler.init(size, length, vocab_size, steps, schedule))
        run.impossible[here] = canvas.impossible
        check_whole(sampler, run.tokens[here][~run.impossible[here]], vocab_size)

    in_batches(work, asked, together(asked, whole), count, whole, threads)
    if tokens is not None:
        run.log_probs[np.isnan(run.log_probs)] = -np.inf
        run.tokens[:] = tokens
    return run


@dataclass(frozen=True)
class _Batch:
    """Sequences that go through the steps together, each by itself; the arrays are written in place."""

    sampler: SamplerBase
    canvas: OpenCanvas
    vocab_size: int
    pairs: Pairs | None
    order: Order | None
    states: UInt64[np.ndarray, "count 4"] | None
    given: Tokens | None
    witness: Witness | None
    shown: Tokens
    log_probs: Float[np.ndarray, "count length"]
    plan: Int32[np.ndarray, "count length"]
    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]

    def run(self, state: State) -> None:
        """Step until each sequence is finished or has met an impossible context."""
        counts_itself = self.sampler.charges(state, self.shown) is not None
        active = np.arange(len(self.shown))
        state = replace(state, order=self.order)
        turn = 0
        while True:
            live = ~(self.canvas.impossible[active] | self.sampler.finished(state, self.shown[active]))
            if not live.all():
                active, state = active[live], state.take(live)
            if not len(active):
                if not counts_itself:
                    self.calls[:], self.rounds[:] = self.canvas.calls, self.canvas.rounds
                return
            turn += 1
            active, state = self._step(active, state, turn)

    def _step(self, active: Int[np.ndarray, "rows"], state: State, turn: int) -> tuple[Int[np.ndarray, "left"], State]:
        chances = self.sampler.chances(state, self.shown[active])
        if chances is not None:
            if self.given is not None:
                name = self.sampler.spec
                raise ValueError(f"sampler {name} tosses coins, so tokens do not tell what it did; pass streams")
            state = replace(state, coins=uniforms_of(self._streams, active, self.shown.shape[1]) < chances)
        charged = self.sampler.charges(state, self.shown[active])
        if charged is not None:
            self.calls[active] += charged[0]
            self.rounds[active] += charged[1]
        wanted = self.sampler.wants(state, self.shown[active])
        rows, positions = _places(wanted)
        answers = self.canvas.ask(active[rows], positions, self.shown)
        fits = ~self.canvas.impossible[active]
        if not fits.all():
            answers = answers.take(fits[rows])
            active, state, wanted = active[fits], state.take(fits), wanted[fits]
            rows, positions = _places(wanted)
        before = self.shown[active]
        if self.pairs is not None:
            state = replace(state, pairs=self.pairs(before, active))
        drawn, log_prob_of = self._draws(answers, state, before, wanted, active)
        said = home(answers) if self.sampler.sees_laws else answers
        state, after = self.sampler.step(state, before, wanted, said, drawn)
        if self.order is not None:  # a sampler may make its states anew
            state = replace(state, order=self.order[active])
        changed = after != before
        masks_alone = np.zeros(len(active), dtype=np.bool_)
        if self.sampler.leaves_masked:
            masks_alone[rows] = True
            masks_alone[rows[drawn < self.vocab_size]] = False
        if not self.sampler.remasks and not (changed.any(axis=1) | masks_alone).all():
            raise ProtocolError(f"sampler {self.sampler.spec} set no token in a step; set at least one in every row")
        kept = np.flatnonzero(changed[wanted])
        kept = kept[after[rows[kept], positions[kept]] == drawn[kept]]
        self.log_probs[active[rows[kept]], positions[kept]] = log_prob_of(kept)
        if self.witness is not None:
            self.witness(active, before, rows[kept], positions[kept], answers.take(kept))
        rows, positions = _places(changed)
        self.plan[active[rows], positions] = turn
        self.canvas.write(active[rows], positions, after[rows, positions].astype(np.int64))
        self.shown[active] = after
        if self.canvas.takes_hints and len(active):
            fixed = self.sampler.settled(state) if self.sampler.remasks else first_masked(after == self.vocab_size)
            self.canvas.settle_before(fixed)
        return active, state

    def _draws(
        self,
        answers: Answers,
        state: State,
        before: Tokens,
        wanted: Positions,
        active: Int[np.ndarray, "rows"],
    ) -> tuple[Int[np.ndarray, "n"], Callable[[np.ndarray], Float[np.ndarray, "some"]]]:
        """A token, or the mask, at every wanted position, the given one or one drawn.

        And what gives the log of the probability of some of them, in nats.
        """
        sampler, length = self.sampler, self.shown.shape[1]
        rows, positions = _places(wanted)
        closed = self.given is not None or sampler.has_closed_law
        uniforms: Any = None
        if self.given is None and closed:
            uniforms = uniforms_of(self._streams, active, length)[wanted]
        given = None if self.given is None else self.given[active[rows], positions].astype(np.int64)
        if closed and not sampler.makes_laws:
            under = sampler.answers(answers)
            drawn = under.draw(uniforms) if given is None else given
            return drawn, lambda some: under.take(some).log_prob_of(drawn[some])
        drawn, log_probs = np.empty(len(rows), dtype=np.int64), np.empty(len(rows))
        outcomes = self.vocab_size + sampler.leaves_masked
        # Also rows in which nothing is wanted: noise takes its uniforms of every sequence in every step.
        for some, entries in pieces(np.arange(len(active)), rows, length * outcomes):
            marginals = home(answers.take(entries))
            made = sampler.law_in(state.take(some), before[some], wanted[some], marginals)
            law = LawAnswers.of(np.require(made, requirements=["C", "W"]))
            if given is not None:
                drawn[entries] = given[entries]
            elif uniforms is not None:
                drawn[entries] = law.draw(uniforms[entries])
            else:
                noise = wanted_uniforms(self._streams, active[some], wanted[some], outcomes)
                drawn[entries] = float32_draws(law.laws, noise)
            log_probs[entries] = law.log_prob_of(drawn[entries])
        return drawn, lambda some: log_probs[some]

    @property
    def _streams(self) -> UInt64[np.ndarray, "count 4"]:
        assert self.states is not None
        return self.states


def _places(some: Positions) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """The rows and positions that are marked, row by row from left to right."""
    flat = np.flatnonzero(some)
    rows = flat // some.shape[1]
    return rows, flat - rows * some.shape[1]


def _orders(
    sampler: SamplerBase,
    count: int,
    length: int,
    order: Any,
    shuffles: UInt64[np.ndarray, "count 4"] | None,
) -> Callable[[slice], Order | None]:
    """What gives the orders of some of the sequences; ValueError where a sampler is shown one and there is none."""
    if not sampler.sees_order:
        return lambda here: None
    if order is not None:
        given = as_orders(order, count, length)
        return lambda here: given[here]
    if shuffles is None:
        raise ValueError(f"sampler {sampler.spec} ranks what ties by an order; pass `order` or `shuffles`")
    streams = shuffles
    return lambda here: shuffled(streams[here], length)


def _pairs_of(denoiser: Any, sampler: SamplerBase, prompt: Prompt | None) -> Pairs | None:
    """What gives the mutual information that a sampler asks for; ValueError where the denoiser does not know it."""
    if not sampler.sees_pairs:
        return None
    if denoiser.pairs is None:
        raise ValueError(
            f"sampler {sampler.spec} looks at pairs of positions, which denoiser {denoiser.spec} does not know; use "
            "the oracle"
        )
    if prompt is None:
        return lambda answers, rows: denoiser.pairs(answers)
    among = np.ix_(prompt.answer, prompt.answer)
    return lambda answers, rows: denoiser.pairs(prompt.take(rows).joined(answers))[:, *among]
