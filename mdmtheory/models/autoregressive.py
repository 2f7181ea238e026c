"""Generation from left to right: with a language's own next-token law, the reference p = q, or with a network's."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from jaxtyping import UInt64

from mdmtheory.core.contracts import as_denoiser, exact_for
from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.plugins import conforms
from mdmtheory.core.prompts import Prompt, answer_length, answers_in, as_prompt, prompt_of
from mdmtheory.core.protocols import Denoiser, Language, LogProb, PlanRun, Samples
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.adaptive_loop import AdaptiveRun
from mdmtheory.models.asking import Witness
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.models.conditioned_walk import Walk, walk_plans
from mdmtheory.models.contexts import score_from_left
from mdmtheory.models.finishing import drawn, finishing_trust
from mdmtheory.models.fitting import check_noise
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.noise import uniforms_of
from mdmtheory.plans import LeftToRight


class Autoregressive(ModelDefaults):
    """Draws token i from the law given x_<i, one call and one round a token.

    Of a language that is q(x_i | x_<i), exactly. Of a denoiser, causal or not, what it says where everything left of i
    is revealed; one that sees the left alone scores all of a sequence in one call.
    """

    takes_prompts = finishes = True

    def __init__(self, language: LanguageLike | Denoiser) -> None:
        asked = conforms(language, Denoiser)
        self.denoiser: Any = as_denoiser(language) if asked else None
        self.language: Any = None if asked else as_language(cast(LanguageLike, language))
        if self.denoiser is not None:
            check_noise(self.denoiser, "masked")
            if self.denoiser.sees == "block":
                raise MisfitError(
                    f"the denoiser {self.denoiser.spec} sees blocks of {self.denoiser.block}; use BlockDiffusion with "
                    f"block={self.denoiser.block}"
                )
        source: Any = self.denoiser if asked else self.language
        self.vocab_size = source.vocab_size
        self.spec = Spec.of("ar") if self.denoiser is None else Spec.of("ar", denoiser=str(self.denoiser.spec))

    def __repr__(self) -> str:
        return f"Autoregressive({self.denoiser or self.language!r})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return self._law

    @property
    def _law(self) -> Any:
        """What its law depends on, which streams of draws are keyed by, however they are run."""
        return ["ar", self.language.digest if self.denoiser is None else self.denoiser.identity]

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

        Of a language without a prompt, those that `language.sample` draws of this seed. `finish` and `trust` are as for
        MaskedDiffusion.
        """
        asked, ended = as_prompt(prompt, count, length, self.vocab_size), finishing_trust(finish, trust)
        if self._by_language and asked is None:
            tokens = self.language.sample(count, length, seed, first=first, threads=threads)
            cost = np.full(count, length, dtype=np.int64)
            return Samples(tokens, cost, cost.copy(), np.zeros(count, dtype=np.bool_), ended)
        states = stream_states(["draw", self._law, length, seed], first, count)
        answered = answer_length(asked, length)

        def draw(denoiser: Any, rows: Any) -> PlanRun:
            return self._run(denoiser, states[rows].copy(), answered, asked and asked.take(rows), threads)

        return drawn(draw, self._asked, ended, asked)

    @property
    def _by_language(self) -> bool:
        """Whether sequences without a prompt are those that the language draws by itself."""
        return self.denoiser is None

    def _run(
        self,
        denoiser: Any,
        states: UInt64[np.ndarray, "count 4"],
        answered: int,
        prompt: Prompt | None,
        threads: int | None,
    ) -> PlanRun:
        """Draw answers from the left, one from each stream."""
        plan = np.tile(LeftToRight().plan(answered), (len(states), 1))
        return run_on_canvas(denoiser, plan, states, threads=threads, prompt=prompt)

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
        """log p(x) in nats, exact; of the answer given a `prompt`, with which the tokens must agree."""
        tokens = as_tokens(tokens, self.vocab_size)
        asked = prompt_of(prompt, tokens, self.vocab_size)
        if self.denoiser is None and asked is None:
            return LogProb(self.language.log_prob(tokens, threads=threads), "exact")
        return LogProb(self.scored(tokens, prompt=prompt, threads=threads).log_probs.sum(axis=1), "exact")

    @whole_numbers(seed=0, first=0, threads=1)
    def scored(
        self,
        tokens: TokensLike,
        seed: int = 0,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        witness: Witness | None = None,
        threads: int | None = None,
    ) -> AdaptiveRun:
        """As of MaskedDiffusion, with one plan for all sequences; calls and rounds are those that drawing them takes.

        A `witness` of a denoiser that sees the left alone is shown whole sequences (`score_from_left`).
        """
        tokens = as_tokens(tokens, self.vocab_size)
        if self._asked.sees != "left":
            # One position at a time, from the left.
            masked = MaskedDiffusion(self._asked, sampler=LeftToRight())
            return masked.scored(tokens, seed, first=first, prompt=prompt, witness=witness, threads=threads)
        asked = prompt_of(prompt, tokens, self.vocab_size)
        answers = answers_in(asked, tokens)
        count, length = answers.shape
        log_probs = score_from_left(self._asked, answers, asked, threads, witness=witness)
        cost = np.full(count, length, dtype=np.int64)
        plan = np.tile(LeftToRight().plan(length), (count, 1))
        return AdaptiveRun(answers, log_probs, cost, cost.copy(), np.zeros(count, dtype=np.bool_), plan)

    def check_walks(self) -> None:
        """It has some."""

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def walk(
        self,
        language: Language,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> Walk:
        """Walks from left to right that stay possible under the language, as for MaskedDiffusion."""
        asked = as_prompt(prompt, count, length, self.vocab_size)
        answered = answer_length(asked, length)
        plan = np.tile(LeftToRight().plan(answered), (count, 1))
        states = stream_states(["walk", self.identity, length, seed], first, count)
        uniforms = uniforms_of(states, np.arange(count), answered)
        return walk_plans(self._asked, language, plan, uniforms, prompt=asked, threads=threads)

    @property
    def _asked(self) -> Any:
        """The denoiser, or the language's own: given a prompt it is the exact posterior that says the next token."""
        return self.language.oracle() if self.denoiser is None else self.denoiser


@registered(
    "model",
    "ar",
    version=1,
    place=5,
    said="autoregression",
    family="autoregressive",
    needs=(),
    exact=True,
    of_learned=True,
    sources=(SOFTWARE,),
)
def named(language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any) -> Autoregressive:
    """Left to right with the language's own next-token law, or a network's; takes no sampler, steps or schedule."""
    return Autoregressive(language if exact_for(denoiser) == language.digest else denoiser)
