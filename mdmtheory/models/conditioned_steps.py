"""Walks by whole steps: each draws its tokens together, on condition that a sequence of the language can come of it.

Z is the mass that the step's product of laws has on what can be completed, and 1 - SER is the mean of the product of
all Z (docs/theory.md, 5.2; ours). A step that reveals one token has Z = 1 with the exact denoiser.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from mdmtheory.models.completable import check_completes, completable_rows
from mdmtheory.models.noise import uniforms_of
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.planned import Planned


@dataclass(frozen=True)
class StepWalk:
    """Walks by whole steps that stay possible: their tokens, and log(1 - d) of each position.

    d is the share of its step's mass that dies at the position, of what was left there; over a step the logarithms sum
    to log Z. Where one is -inf nothing that the step may write can be completed: the walk ends there, with the mask
    wherever nothing was drawn. `log_probs` are those of the tokens under the laws of the step, in nats, before anything
    is conditioned on; `calls` and `rounds` as in a run.
    """

    tokens: Tokens
    log_kept: Float[np.ndarray, "count length"]
    log_probs: Float[np.ndarray, "count length"]
    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]

    @property
    def wrong(self) -> Float[np.ndarray, "count"]:
        """1 - prod Z, whose mean is SER; a small one keeps its digits."""
        found: Float[np.ndarray, "count"] = -np.expm1(self.log_kept.sum(axis=1))
        return found


def check_plans(model: Any) -> None:
    """ValueError where a sampler looks: its steps are then drawn one token at a time (`walk`)."""
    if model.plan_law is None:
        raise ValueError(
            f"sampler {model.sampler.spec} looks at the sequence, and walks by whole steps are of laws over plans; use "
            "method='walk' (ser_walk)"
        )


def walk_steps_of(
    model: Any,
    language: Language,
    states: UInt64[np.ndarray, "count 4"],
    length: int,
    *,
    greedy: bool = False,
    prompt: Prompt | None,
    threads: int | None,
) -> StepWalk:
    """Walks of masked diffusion, one from each stream (which move on): plans come first, then tokens."""
    plan = model.draw_plans(states, length)
    uniforms = uniforms_of(states, np.arange(len(states)), length)
    options: dict[str, Any] = {"law": model.plan_law, "greedy": greedy, "prompt": prompt, "threads": threads}
    return walk_steps(model.denoiser, language, plan, uniforms, **options)


def walk_steps(
    denoiser: Any,
    language: Language,
    plan: Int[np.ndarray, "count length"],
    uniforms: Float[np.ndarray, "count length"] | None = None,
    *,
    tokens: Tokens | None = None,
    begun: Tokens | None = None,
    law: PlanLawBase | None = None,
    greedy: bool = False,
    prompt: Prompt | None = None,
    threads: int | None = None,
) -> StepWalk:
    """Walk through reveal plans, one uniform a position; with `law` tokens are drawn under its options (`Planned`).

    With `begun` the walks begin at what it shows (the mask elsewhere), and never come to positions of step 0.

    Or along the `tokens` given, which are the language's. `greedy` takes, step by step, the most probable tokens that
    can be completed, of equal ones the first. With a `prompt` plans, uniforms and walks are of the answers.
    """
    asked: Any = as_denoiser(denoiser)
    count, length = plan.shape
    whole = whole_length(prompt, length)
    check_completes(language, whole, asked)
    found = StepWalk(
        np.empty((count, length), dtype=token_dtype(asked.vocab_size)),
        *np.empty((2, count, length)),
        *np.empty((2, count), dtype=np.int64),
    )

    def work(here: slice, own_threads: int | None) -> None:
        own = prompt and prompt.take(here)
        drawn, given, shown = (None if each is None else each[here] for each in (uniforms, tokens, begun))
        canvas = OpenCanvas(asked, here.stop - here.start, length, own, own_threads, shown=shown)
        walked = _walk_batch(canvas, language, plan[here], drawn, given, shown, law, greedy, own)
        for name, part in vars(walked).items():
            getattr(found, name)[here] = part

    in_batches(work, asked, together(asked, whole), count, whole, threads)
    return found


def _walk_batch(
    canvas: OpenCanvas,
    language: Language,
    plan: Int[np.ndarray, "count length"],
    uniforms: Float[np.ndarray, "count length"] | None,
    given: Tokens | None,
    begun: Tokens | None,
    law: PlanLawBase | None,
    greedy: bool,
    prompt: Prompt | None,
) -> StepWalk:
    mask = canvas.denoiser.vocab_size
    shown = np.full(plan.shape, mask, dtype=token_dtype(mask)) if begun is None else begun.copy()
    where = np.arange(plan.shape[1]) if prompt is None else prompt.answer
    rows_of = completable_rows(language, shown if prompt is None else prompt.joined(shown))
    log_kept, log_probs, ended = np.zeros(plan.shape), np.zeros(plan.shape), np.zeros(len(plan), dtype=np.bool_)
    steps = own_steps(plan, np.argsort(plan, axis=1, kind="stable")) - (plan == 0).any(axis=1)[:, None]
    for step in counted(range(1, int(steps.max(initial=0)) + 1), "steps"):
        rows, positions = np.nonzero((steps == step) & ~ended[:, None])
        if not len(rows):
            continue
        answers = canvas.ask(rows, positions, shown)
        given_up = canvas.impossible[rows]
        if given_up.any():  # a denoiser may hold a context for impossible that is not: it goes wrong for certain
            log_kept[rows[given_up], positions[given_up]] = -np.inf
            ended |= canvas.impossible
            rows, positions, answers = rows[~given_up], positions[~given_up], answers.take(~given_up)
        laws = home(answers.under(law) if isinstance(law, Planned) and not greedy else answers)
        if given is not None:
            tokens = given[rows, positions].astype(np.int64)
            kept = rows_of.score(rows, where[positions], laws, tokens)
        elif greedy:
            tokens, kept = rows_of.best(rows, where[positions], laws)
        else:
            assert uniforms is not None
            tokens, kept = rows_of.draw(rows, where[positions], laws, uniforms[rows, positions])
        log_kept[rows, positions] = kept
        stopped = np.zeros(len(plan), dtype=np.bool_)
        stopped[rows[(tokens == mask) | np.isneginf(kept)]] = True
        ended |= stopped
        drawn = ~stopped[rows]
        rows, positions, tokens = rows[drawn], positions[drawn], tokens[drawn]
        with np.errstate(divide="ignore"):
            log_probs[rows, positions] = np.log(laws[drawn, tokens])
        shown[rows, positions] = tokens
        canvas.write(rows, positions, tokens)
    return StepWalk(shown, log_kept, log_probs, canvas.calls.copy(), canvas.rounds.copy())
