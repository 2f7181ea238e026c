"""Walks that stay possible: a model draws nothing that the language excludes, and the mass that it had there is kept.

Every token is drawn from the model's own law, cut to the tokens with which the sequence is still possible under q:
given what earlier steps revealed, and what the same step has revealed to its left. z is the mass that was cut off. The
walk ends in the support, and 1 - SER is the mean of the product of all 1 - z (docs/theory.md, 5.1; ours).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import Language
from mdmtheory.core.reveal_plans import own_steps
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.asking import OpenCanvas, home, in_batches, together
from mdmtheory.models.noise import uniforms_of
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.planned import each_alone
from mdmtheory.samplers.protocol import Order, State
from mdmtheory.samplers.ties import shuffled

Uniforms = Float[np.ndarray, "count length"]


@dataclass(frozen=True)
class Walk:
    """Walks that stay possible: their tokens, and at each position the mass z on what was impossible there.

    Where z is 1 nothing possible had any mass: the walk ends there, with the mask wherever nothing was drawn and z 0.
    """

    tokens: Tokens
    z: Float[np.ndarray, "count length"]

    @property
    def wrong(self) -> Float[np.ndarray, "count"]:
        """1 - prod(1 - z), whose mean is SER; a small one keeps its digits."""
        with np.errstate(divide="ignore"):
            found: Float[np.ndarray, "count"] = -np.expm1(np.log1p(-self.z).sum(axis=1))
        return found


def check_sampler(sampler: Any) -> None:
    """ValueError where what a sampler sets has no law given what stands, or one that nobody has."""
    if not sampler.oblivious and (sampler.scored_as is None or sampler.sees_pairs):
        reason = "looks at pairs of positions" if sampler.sees_pairs else "may change or drop tokens"
        raise ValueError(
            f"sampler {sampler.spec} {reason}, so it has no walk that stays possible; count errors (ser, "
            "method='draws'), or use a sampler that looks at the context only"
        )


def walk_of(
    model: Any,
    language: Language,
    states: UInt64[np.ndarray, "count 4"],
    length: int,
    *,
    prompt: Prompt | None,
    threads: int | None,
) -> Walk:
    """Walks of masked diffusion, one from each stream (which move on): plans or a shuffle come first, then tokens."""
    count = len(states)
    own: dict[str, Any] = {"prompt": prompt, "threads": threads}
    if model.plan_law is not None:
        plan = model.draw_plans(states, length)
        uniforms = uniforms_of(states, np.arange(count), length)
        return walk_plans(model.denoiser, language, plan, uniforms, law=model.plan_law, **own)
    sampler = model.sampler.scored_as
    order = shuffled(states, length) if sampler.sees_order else None
    uniforms = uniforms_of(states, np.arange(count), length)
    return walk_rule(model.denoiser, language, sampler, uniforms, model.steps, model.schedule, order=order, **own)


def walk_plans(
    denoiser: Any,
    language: Language,
    plan: Int[np.ndarray, "count length"],
    uniforms: Uniforms,
    *,
    law: PlanLawBase | None = None,
    prompt: Prompt | None = None,
    threads: int | None = None,
) -> Walk:
    """Walk through reveal plans, one uniform a position; with `law` tokens are drawn under its options (`Planned`).

    With a `prompt` plans, uniforms and walks are of the answers.
    """

    def walk(batch: _Batch, here: slice) -> None:
        own = plan[here]
        steps = own_steps(own, np.argsort(own, axis=1, kind="stable"))
        for step in counted(range(1, int(steps.max(initial=0)) + 1), "steps"):
            rows, positions = np.nonzero((steps == step) & ~batch.ended[:, None])
            answers, rows, positions = batch.ask(rows, positions)
            batch.draw(rows, positions, home(each_alone(law, answers)))

    return _walked(walk, denoiser, language, uniforms, prompt, threads)


def walk_rule(
    denoiser: Any,
    language: Language,
    sampler: SamplerBase,
    uniforms: Uniforms,
    steps: int,
    schedule: Any,
    *,
    order: Order | None = None,
    prompt: Prompt | None = None,
    threads: int | None = None,
) -> Walk:
    """Walk where a sampler leads that looks at the context only and sets tokens once (`scored_as` is itself)."""
    length = uniforms.shape[1]

    def walk(batch: _Batch, here: slice) -> None:
        shuffle = None if order is None else order[here]
        state = replace(sampler.init(len(batch.shown), length, batch.mask, steps, schedule), order=shuffle)
        active = np.arange(len(batch.shown))
        while True:
            live = ~(batch.ended[active] | sampler.finished(state, batch.shown[active]))
            active, state = active[live], state.take(live)
            if not len(active):
                return
            active, state = _step(batch, sampler, active, state)
            state = state if shuffle is None else replace(state, order=shuffle[active])

    return _walked(walk, denoiser, language, uniforms, prompt, threads)


def _step(
    batch: _Batch, sampler: SamplerBase, active: Int[np.ndarray, "rows"], state: State
) -> tuple[Int[np.ndarray, "left"], State]:
    """A step of a rule: it is asked twice, where it sets tokens and what it remembers of those that are drawn there.

    What comes back is of the rows in which the denoiser does not give up.
    """
    wanted = sampler.wants(state, batch.shown[active])
    rows, positions = np.nonzero(wanted)
    answers, asked, positions = batch.ask(active[rows], positions)
    left = ~batch.ended[active]
    active, state, wanted = active[left], state.take(left), wanted[left]
    before, rows = batch.shown[active], np.searchsorted(active, asked)
    said = home(answers) if sampler.sees_laws else answers
    laws = home(sampler.answers(answers))
    if sampler.makes_laws:
        laws = sampler.law_in(state, before, wanted, home(answers))
    # Which positions are set does not depend on what is drawn there: any tokens show it.
    drawn = np.zeros(len(rows), dtype=np.int64)
    chosen = (sampler.step(state, before, wanted, said, drawn)[1] != before)[rows, positions]
    batch.draw(asked[chosen], positions[chosen], laws[chosen])
    drawn[chosen] = np.minimum(batch.shown[asked[chosen], positions[chosen]], batch.mask - 1)
    return active, sampler.step(state, before, wanted, said, drawn)[0]


def _walked(
    walk: Any, denoiser: Any, language: Language, uniforms: Uniforms, prompt: Prompt | None, threads: int | None
) -> Walk:
    """Sequences in batches, as every loop takes them."""
    asked: Any = as_denoiser(denoiser)
    count, length = uniforms.shape
    found = Walk(np.empty((count, length), dtype=token_dtype(asked.vocab_size)), np.empty((count, length)))

    def work(here: slice, own_threads: int | None) -> None:
        batch = _Batch(asked, language, uniforms[here], prompt and prompt.take(here), own_threads)
        walk(batch, here)
        found.tokens[here], found.z[here] = batch.shown, batch.z

    whole = whole_length(prompt, length)
    in_batches(work, asked, together(asked, whole), count, whole, threads)
    return found


class _Batch:
    """Sequences that walk together, each by itself: what is shown of them, and two canvases, the model's and q's."""

    def __init__(
        self, denoiser: Any, language: Language, uniforms: Uniforms, prompt: Prompt | None, threads: int | None
    ) -> None:
        count, length = uniforms.shape
        self.language, self.uniforms, self.mask = language, uniforms, denoiser.vocab_size
        self._asked = OpenCanvas(denoiser, count, length, prompt, threads)
        self._exact = OpenCanvas(language.oracle(), count, length, prompt, threads)
        self.shown = np.full((count, length), self.mask, dtype=token_dtype(self.mask))
        self.z = np.zeros((count, length))
        self.ended = np.zeros(count, dtype=np.bool_)

    def ask(self, rows: Any, positions: Any) -> tuple[Any, Any, Any]:
        """What the model says of (row, position) pairs, without those of rows where it gives up, and which are left.

        A denoiser may hold a context for impossible that is not: the model goes wrong there for certain.
        """
        answers = self._asked.ask(rows, positions, self.shown)
        stopped = self._asked.impossible[rows]
        self.z[rows[stopped], positions[stopped]] = 1.0
        self.ended |= self._asked.impossible
        return (answers.take(~stopped) if stopped.any() else answers), rows[~stopped], positions[~stopped]

    def draw(self, rows: Any, positions: Any, laws: Float[np.ndarray, "n vocab_size"]) -> None:
        """Reveal a step's pairs, row by row; in each from left to right, what is possible given those before it."""
        turns = np.arange(len(rows)) - np.searchsorted(rows, rows)
        for turn in range(int(turns.max(initial=-1)) + 1):
            some = np.flatnonzero((turns == turn) & ~self.ended[rows])
            if len(some):
                self._draw(rows[some], positions[some], laws[some])
        written = self.shown[rows, positions] < self.mask
        rows, positions = rows[written], positions[written]
        self._asked.write(rows, positions, self.shown[rows, positions].astype(np.int64))

    def _draw(self, rows: Any, positions: Any, laws: Float[np.ndarray, "n vocab_size"]) -> None:
        """One position of each row."""
        possible = home(self._exact.ask(rows, positions, self.shown)) > 0
        if not possible.any(axis=1).all():
            raise ValueError(
                f"the oracle of {self.language.spec} finds nothing possible after tokens that it held to be possible; "
                "check it with mdmtheory certify"
            )
        kept = np.where(possible, laws, 0.0)
        mass, cut = kept.sum(axis=1), np.where(possible, 0.0, laws).sum(axis=1)
        goes_on = mass > 0
        self.z[rows, positions] = np.where(goes_on, cut / (mass + cut), 1.0)
        self.ended[rows[~goes_on]] = True
        rows, positions = rows[goes_on], positions[goes_on]
        kept = kept[goes_on] / mass[goes_on, None]
        drawn = LawAnswers.of(kept).draw(self.uniforms[rows, positions])
        self.shown[rows, positions] = drawn
        self._exact.write(rows, positions, drawn)
