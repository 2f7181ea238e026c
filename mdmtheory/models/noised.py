"""What uniform and Gaussian diffusion share: levels of noise, all positions at every step, bounds of the likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.estimate import Kind
from mdmtheory.core.evaluable import name_or_repr, shown
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt, answer_length, answers_in, as_prompt, prompt_of, with_answers
from mdmtheory.core.protocols import Denoiser, Evidence, LogProb, NoisyCanvas, Samples
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.spec import Spec, Value
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.models.asking import LAW_ENTRIES, home, in_batches, posteriors_of
from mdmtheory.models.beside import beside_prompt
from mdmtheory.models.finishing import finishing_trust
from mdmtheory.models.fitting import check_sees_given, looking_around
from mdmtheory.models.log_mean import log_mean_exp
from mdmtheory.schedules import SCHEDULES, Schedule, as_schedule

LEAST_PIECE = 64
PIECE_TOKENS = 1 << 14
"""Sequences go through all steps together, so many tokens at a time, but as many as the oracle's vectors are wide."""


class NoisedDiffusion(ModelDefaults, ABC):
    """Diffusion that changes every token at every step; subclasses set `noise`, the name of both.

    `kept[t]`, t = 0..N, is the share of the signal at noise level t: the schedule's revealed fractions backwards, from
    1 (clean) to 0 (pure noise). So N steps are N calls, from level N down to level 0.
    """

    noise: ClassVar[str]
    takes_prompts = finishes = True
    own_spec: Spec

    def __init__(self, denoiser: Denoiser, steps: Any, schedule: Any, options: dict[str, Value]) -> None:
        self.denoiser: Any = looking_around(denoiser, self.block, noise=self.noise)
        self.schedule: Schedule = as_schedule(schedule)
        self.steps = whole_number(self.schedule.steps or 64 if steps is None else steps, "steps", 1, LAST_STEP)
        self.kept: Float[np.ndarray, "levels"] = self.schedule.revealed_fractions(self.steps)[::-1].copy()
        self.vocab_size = denoiser.vocab_size
        self.own_spec = Spec(self.noise, tuple(options.items()))
        more = (("denoiser", str(denoiser.spec)), ("steps", self.steps), ("schedule", str(self.schedule.spec)))
        self.spec = Spec(self.noise, (*self.own_spec.options, *more))

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={shown(value)}" for key, value in self._own_options().items())
        where = f"steps={self.steps}, schedule={name_or_repr(self.schedule, SCHEDULES)}"
        return f"{type(self).__name__}({self.denoiser!r}, {where}, {options})"

    @abstractmethod
    def _own_options(self) -> dict[str, Any]:
        """The options of its constructor that only it has, as they were given."""

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        schedule = self.schedule.identity_at(self.steps)
        return [self.noise, dict(self.own_spec.options), self.denoiser.identity, self.steps, schedule]

    @property
    def log_prob_kind(self) -> Kind:
        """What `log_prob` is; ValueError with the reason where there is no bound."""
        return "lower bound"

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(
        self,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        finish: bool = False,
        trust: float | None = None,
        threads: int | None = None,
    ) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names.

        With a `prompt`, as for MaskedDiffusion, whole sequences that begin with it: answers alone are noised. Where
        every token may change no context is impossible but for a prompt that is itself; with `finish` its answer is
        drawn as if nothing were known.
        """
        asked, ended = as_prompt(prompt, count, length, self.vocab_size), finishing_trust(finish, trust)
        self._check_given(asked)
        answered = answer_length(asked, length)
        states = stream_states(["draw", self.identity, length, seed], first, count)
        tokens = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        calls, rounds = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        impossible = np.zeros(count, dtype=np.bool_)

        def work(rows: slice, canvas: NoisyCanvas) -> None:
            own = asked and asked.take(rows)
            answers, seen = self._answers(canvas, own, states[rows], answered)
            calls[rows], rounds[rows], impossible[rows] = seen.calls, seen.rounds, seen.impossible
            if ended is None:
                answers[seen.impossible] = self.vocab_size
            tokens[rows] = with_answers(own, answers)

        self._in_pieces(work, count, length, threads)
        return Samples(tokens, calls, rounds, impossible, ended)

    @whole_numbers(seed=0, first=0, threads=1)
    def elbo(
        self,
        tokens: TokensLike,
        seed: int = 0,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> Float[np.ndarray, "count"]:
        """An unbiased estimate of the evidence lower bound of log p(x) in nats, from one noised path of each sequence.

        It is log p(x, path) - log q(path | x), and the mean of its exponential is p(x). Taking each step's mean over
        the less noisy values instead gives the same mean and a far larger variance (docs/theory.md, section 8).
        Sequence number first + i draws its path from its own stream, whatever else is scored. With a `prompt` of the
        answer given the prompt.
        """
        return self.log_prob(tokens, seed, first=first, prompt=prompt, threads=threads).values

    @whole_numbers(seed=0, first=0, plans=1, threads=1)
    def log_prob(
        self,
        tokens: TokensLike,
        seed: int = 0,
        *,
        first: int = 0,
        plans: int = 1,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> LogProb:
        """A lower bound of log p(x) in nats, in expectation: the log of the mean of exp(`elbo`) over `plans` paths.

        The more paths the tighter (Jensen). With a `prompt`, which the tokens must agree with, of the answer given the
        prompt. ValueError with the reason where there is no bound.
        """
        kind = self.log_prob_kind
        terms = self.log_prob_terms(tokens, seed, first=first, plans=plans, prompt=prompt, threads=threads)
        return LogProb(log_mean_exp(terms), kind)

    @whole_numbers(seed=0, first=0, plans=1, threads=1)
    def log_prob_terms(
        self,
        tokens: TokensLike,
        seed: int = 0,
        *,
        first: int = 0,
        plans: int = 1,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> Float[np.ndarray, "plans count"]:
        """The `elbo` of each of so many drawn paths: the mean of their exponentials is p(x).

        Those of `log_prob`; ValueError with the reason where there is no bound.
        """
        _ = self.log_prob_kind
        given = as_tokens(tokens, self.vocab_size)
        asked = prompt_of(prompt, given, self.vocab_size)
        self._check_given(asked)
        count, length = given.shape
        answers = answers_in(asked, given)
        states = stream_states(["paths", self.identity, length, seed], first, count)
        weights = np.empty((plans, count))
        for k in counted(range(plans), "paths"):

            def work(rows: slice, canvas: NoisyCanvas, k: int = k) -> None:
                seen = beside_prompt(canvas, asked and asked.take(rows), self.vocab_size)
                weights[k, rows] = self._weigh(seen, answers[rows], states[rows])
                weights[k, rows][seen.impossible] = -np.inf

            self._in_pieces(work, count, length, threads)
        return weights

    def _answers(
        self, canvas: NoisyCanvas, prompt: Prompt | None, states: UInt64[np.ndarray, "count 4"], answered: int
    ) -> tuple[Tokens, NoisyCanvas]:
        """Answers to prompts, and the canvas that says what they cost."""
        seen = beside_prompt(canvas, prompt, self.vocab_size)
        return self._draw(seen, states, answered), seen

    def _check_given(self, prompt: Prompt | None) -> None:
        """MisfitError where the denoiser does not see what is given."""
        if prompt is not None:
            check_sees_given(self.denoiser, prompt.given)

    def _in_pieces(
        self, work: Callable[[slice, NoisyCanvas], None], count: int, length: int, threads: int | None
    ) -> None:
        """Call `work` on pieces of the rows, each with a canvas of its own: the denoiser's batches, else in threads."""

        def opened(rows: slice, own_threads: int | None) -> None:
            work(rows, self.denoiser.open(rows.stop - rows.start, length, noise=self.noise, threads=own_threads))

        size = self.denoiser.batch(length) or max(LEAST_PIECE, PIECE_TOKENS // max(length, 1))
        in_batches(opened, self.denoiser, size, count, length, threads)

    def posteriors(
        self, canvas: NoisyCanvas, evidence: Evidence, count: int, length: int
    ) -> Iterator[tuple[slice, Float[np.ndarray, "rows length vocab_size"]]]:
        """The posterior at every position, in float64, of some sequences after the other, asked for in one call.

        Of so many that their laws are LAW_ENTRIES numbers at most, but for those of one sequence.
        """
        answers = posteriors_of(canvas, evidence, (count, length, self.vocab_size), self.denoiser)
        size = max(1, LAW_ENTRIES // (length * self.vocab_size))
        for a in range(0, count, size):
            rows = slice(a, min(a + size, count))
            some = answers if size >= count else answers.take(np.arange(rows.start * length, rows.stop * length))
            yield rows, home(some).reshape(-1, length, self.vocab_size)

    @abstractmethod
    def _draw(self, canvas: NoisyCanvas, states: UInt64[np.ndarray, "count 4"], length: int) -> Tokens:
        """Draw sequences from the streams, which move on."""

    @abstractmethod
    def _weigh(
        self, canvas: NoisyCanvas, tokens: Tokens, states: UInt64[np.ndarray, "count 4"]
    ) -> Float[np.ndarray, "count"]:
        """Noise the tokens step by step along one path each: log p(x, path) - log q(path | x)."""


def per_sequence(terms: Float[np.ndarray, "..."]) -> Float[np.ndarray, "count"]:
    """Sums over all but the first axis, each in the same order however many there are."""
    found: Float[np.ndarray, "count"] = np.ascontiguousarray(terms).reshape(len(terms), -1).sum(axis=1)
    return found
