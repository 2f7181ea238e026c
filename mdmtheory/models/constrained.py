"""Masked diffusion that is held to a language: the tokens of a step are drawn together, so that none goes wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import check_vocabularies
from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.estimate import Kind
from mdmtheory.core.evaluable import name_or_repr
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Answered, Prompt, answer_length, answers_in, as_prompt, prompt_of, with_answers
from mdmtheory.core.protocols import Denoiser, LogProb, Samples
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.completable import support_of
from mdmtheory.models.conditioned_steps import walk_steps, walk_steps_of
from mdmtheory.models.masked import MaskedDiffusion, mean_over_plans
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.planned import Planned
from mdmtheory.samplers.registry import SAMPLERS
from mdmtheory.schedules import SCHEDULES


class ConstrainedDiffusion(ModelDefaults):
    """Masked diffusion in which each step is drawn from its product of laws, given that the language can complete it.

    `language` has an automaton (`Language.support`), and is that of the denoiser unless said: a network needs it.
    `sampler` is a law over plans, with its options: the laws of the step are those under them. At temperature 0 (with
    `ties=lowest`) a step takes the most probable tokens that can be completed together. What is drawn is in the
    language, SER is 0; its law is another than that of the language all the same (docs/constrained.md; theory.md 5.2).
    A step none of whose tokens can be completed is an impossible context: it needs a denoiser that excludes what the
    language has, or options that do. ValueError for a sampler that looks, and a language without an automaton.

    >>> import mdmtheory as mt
    >>> q = mt.EqualPairs(vocab_size=2)
    >>> p = ConstrainedDiffusion(mt.Oracle(q), sampler="blocks", steps=2)
    >>> bool(q.in_support(p.sample(100, 4, seed=0).tokens).all())
    True
    """

    takes_prompts = True

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        language: LanguageLike | None = None,
        sampler: str | Spec | PlanLaw = "ancestral",
        steps: Any = None,
        schedule: Any = "linear",
    ) -> None:
        self.masked = MaskedDiffusion(denoiser, sampler=sampler, steps=steps, schedule=schedule)
        self.masked.check_step_walks()
        known: Any = self.masked.denoiser.language if language is None else language
        if known is None:
            raise ValueError(
                f"the denoiser {self.masked.denoiser.spec} does not say what it is a denoiser of; pass the language"
            )
        self.language: Any = as_language(known)
        check_vocabularies(self.masked.denoiser, self.language)
        self.denoiser, self.sampler, self.schedule = self.masked.denoiser, self.masked.sampler, self.masked.schedule
        self.steps, self.plan_law, self.vocab_size = self.masked.steps, self.masked.plan_law, self.masked.vocab_size
        self._greedy = isinstance(self.plan_law, Planned) and self.plan_law.temperature == 0
        if self._greedy and self.plan_law.ties != "lowest":
            raise ValueError(
                f"sampler {self.sampler.spec} decides between equal tokens by chance, and of equally probable steps "
                "the first is taken; add ties=lowest"
            )
        self.spec = Spec("constrained", (*self.masked.spec.options, ("language", str(self.language.spec))))

    def __repr__(self) -> str:
        names = f"sampler={name_or_repr(self.sampler, SAMPLERS)}, schedule={name_or_repr(self.schedule, SCHEDULES)}"
        return f"ConstrainedDiffusion({self.denoiser!r}, language={self.language!r}, steps={self.steps}, {names})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["constrained", self.masked.identity, self.language.digest]

    @property
    def log_prob_kind(self) -> Kind:
        """The kind of `log_prob`; ValueError at temperature 0."""
        if self._greedy:
            raise ValueError(f"sampler {self.sampler.spec} draws nothing, so there is no log p(x) to speak of; sample")
        return "exact" if self.masked.one_plan else "lower bound"

    def validate_length(self, length: int) -> None:
        self.masked.validate_length(length)
        support_of(self.language, length)

    @whole_numbers(length=1)
    def draw_plans(self, states: UInt64[np.ndarray, "count 4"], length: int) -> Int[np.ndarray, "count length"]:
        """Reveal plans, one from each stream; the streams move on."""
        return self.masked.draw_plans(states, length)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(
        self,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names, all of them in the language.

        With a `prompt` as for MaskedDiffusion.
        """
        asked = as_prompt(prompt, count, length, self.vocab_size)
        states = stream_states(["draw", self.identity, length, seed], first, count)
        answered = answer_length(asked, length)
        options: dict[str, Any] = {"greedy": self._greedy, "prompt": asked, "threads": threads}
        walk = walk_steps_of(self, self.language, states, answered, **options)
        impossible = np.asarray(np.isneginf(walk.log_kept).any(axis=1))
        return Samples(with_answers(asked, walk.tokens), walk.calls, walk.rounds, impossible)

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
        """log p(x) in nats, -inf outside the language: exact for a fixed plan, else a lower bound from drawn plans.

        Given a plan the sum over steps of log p of its tokens under its laws, less log Z. ValueError at temperature 0.
        """
        return mean_over_plans(self, tokens, seed, first=first, plans=plans, prompt=prompt, threads=threads)

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
        """log p(x | plan) in nats for each of so many drawn plans: the mean of their exponentials is p(x)."""
        _ = self.log_prob_kind
        tokens = as_tokens(tokens, self.vocab_size)
        asked = prompt_of(prompt, tokens, self.vocab_size)
        states = stream_states(["plans", self.identity, tokens.shape[1], seed], first, len(tokens))
        answers, terms = answers_in(asked, tokens), np.empty((plans, len(tokens)))
        for k in counted(range(plans), "plans"):
            plan = self.draw_plans(states, answers.shape[1])
            terms[k] = self._scored(tokens, answers, plan, asked, threads)
        return terms

    def _scored(
        self,
        whole: Tokens,
        answers: Answered,
        plan: Int[np.ndarray, "count answered"],
        prompt: Prompt | None,
        threads: int | None,
    ) -> Float[np.ndarray, "count"]:
        found = np.full(len(answers), -np.inf)
        rows = np.flatnonzero(self.language.in_support(whole))
        own = prompt and prompt.take(rows)
        options: dict[str, Any] = {"law": self.plan_law, "prompt": own, "threads": threads}
        walk = walk_steps(self.denoiser, self.language, plan[rows], tokens=answers[rows], **options)
        possible = ~np.isneginf(walk.log_kept).any(axis=1)
        found[rows[possible]] = walk.log_probs[possible].sum(axis=1) - walk.log_kept[possible].sum(axis=1)
        return found
