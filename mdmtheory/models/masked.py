"""Masked diffusion: a denoiser, a sampler (a law over reveal plans, or one that looks), a number of steps."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.estimate import Kind
from mdmtheory.core.evaluable import name_or_repr
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.long_calls import counted
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.prompts import Prompt, answer_length, answers_in, as_prompt, prompt_of
from mdmtheory.core.protocols import Denoiser, Language, LogProb, PlanRun, Samples
from mdmtheory.core.register import registered
from mdmtheory.core.reveal_plans import LAST_STEP, as_plans
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import check_states, stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.adaptive_loop import AdaptiveRun, run_adaptive
from mdmtheory.models.asking import Witness
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.models.constraint import constraint_of, needed
from mdmtheory.models.finishing import drawn, finishing_trust
from mdmtheory.models.fitting import check_trust, looking_around
from mdmtheory.models.log_mean import log_mean_exp
from mdmtheory.models.walking import Walking, require_closed_law
from mdmtheory.plans import FixedSizes, PlanLaw
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.planned import Planned, plans_alone
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.registry import SAMPLERS, as_sampler
from mdmtheory.schedules import SCHEDULES, Schedule, as_schedule


class MaskedDiffusion(Walking):
    """Reveals masked tokens step by step; tokens of one step are drawn independently from the denoiser's marginals.

    `sampler` is a name such as "ancestral" or "entropy", a PlanLaw, or a Sampler that looks at the sequence; `schedule`
    a name, a Schedule or revealed fractions (then `steps` may be left out). `plan_law` is the sampler where it does not
    look, else None. ValueError for a denoiser that sees the left alone. Definitions: theory of 2502.09622, section 2.

    With a sampler that is `constrained` the tokens of a step are drawn together, given that `language` can complete
    them (`constraint`; docs/constrained.md): the language of the denoiser, unless said.
    """

    takes_prompts = finishes = True
    _in_blocks: int | None = None

    @classmethod
    def in_blocks(
        cls,
        denoiser: Denoiser,
        block: int,
        *,
        sampler: PlanLaw | Sampler,
        steps: Any,
        schedule: Any,
        language: LanguageLike | None = None,
    ) -> MaskedDiffusion:
        """One whose sampler goes block by block, so that a denoiser that sees by blocks of this size fits it."""
        made = cls.__new__(cls)
        made._in_blocks = block
        MaskedDiffusion.__init__(made, denoiser, sampler=sampler, steps=steps, schedule=schedule, language=language)
        return made

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        sampler: str | Spec | PlanLaw | Sampler = "ancestral",
        steps: Any = None,
        schedule: Any = "linear",
        language: LanguageLike | None = None,
    ) -> None:
        self.denoiser: Any = looking_around(denoiser, self._in_blocks)
        self.sampler = as_sampler(sampler)
        self.plan_law = self.sampler if self.sampler.oblivious else None
        self.schedule: Schedule = as_schedule(schedule)
        if self.plan_law is None:
            check_trust(self.denoiser, self.sampler)
        self.steps = whole_number(self.schedule.steps or 64 if steps is None else steps, "steps", 1, LAST_STEP)
        if self.schedule.steps not in (None, self.steps):
            raise ValueError(
                f"steps is {steps} but the schedule {self.schedule.spec} has {self.schedule.steps}; "
                "leave steps out or make them agree"
            )
        self.vocab_size = denoiser.vocab_size
        self.constraint = constraint_of(self.sampler, self.denoiser, language)
        self.finishes = self.constraint is None
        self.language = None if self.constraint is None else self.constraint.language
        options: list[tuple[str, Any]] = [("denoiser", str(denoiser.spec)), ("sampler", str(self.sampler.spec))]
        if self.sampler.uses_steps:
            options.append(("steps", self.steps))
        if self.sampler.uses_schedule:
            options.append(("schedule", str(self.schedule.spec)))
        options += [(name, str(each.spec)) for name, each in self.held_to.items()]
        self.spec = Spec("masked", tuple(options))

    def __repr__(self) -> str:
        sampler, schedule = name_or_repr(self.sampler, SAMPLERS), name_or_repr(self.schedule, SCHEDULES)
        held_to = "".join(f", {name}={each!r}" for name, each in self.held_to.items())
        return (
            f"MaskedDiffusion({self.denoiser!r}, sampler={sampler}, steps={self.steps}, schedule={schedule}{held_to})"
        )

    @property
    def held_to(self) -> dict[str, Any]:
        """The language that it had to be told."""
        own = self.denoiser.language
        told = self.language is not None and (own is None or own.digest != self.language.digest)
        return {"language": self.language} if told else {}

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return self._identity_with(self.sampler.identity)

    def _identity_with(self, sampler: Any) -> Any:
        steps = self.steps if self.sampler.uses_steps else None
        schedule = self.schedule.identity_at(self.steps) if self.sampler.uses_schedule else None
        held_to = [] if self.language is None else [self.language.digest]
        return ["masked", self.denoiser.identity, sampler, steps, schedule, *held_to]

    def _streams(self, what: str, length: int, seed: int, first: int, count: int) -> UInt64[np.ndarray, "count 4"]:
        """Streams for `what` of sequences first..first+count-1, the same for models that differ in ties alone."""
        inside = self.sampler.stream_identity
        identity = self.identity if inside == self.sampler.identity else self._identity_with(inside)
        return stream_states([what, identity, length, seed], first, count)

    @property
    def one_plan(self) -> bool:
        """Whether every sequence follows the same plan, so that p_plan is p."""
        return self.plan_law is not None and self.plan_law.fixed

    @whole_numbers(length=0)
    def exact_by_order(self, length: int) -> bool:
        """Whether p = q for any plan: one position at a time, drawn from the marginals of an exact denoiser."""
        return (
            exact_for(self.denoiser) is not None
            and self.plan_law is not None
            and not isinstance(self.plan_law, Planned)
            and self.plan_law.one_at_a_time
        )

    @property
    def replayable(self) -> bool:
        """Whether p(x) is what replaying a sampler that looks gives: it looks at the context only, and sets once.

        Not where ties are broken at random: a replay gives p(x) given a shuffle.
        """
        sampler = self.sampler
        alone = not sampler.oblivious and not sampler.sees_order
        return alone and sampler.has_closed_law and sampler.scored_as is sampler

    @property
    def log_prob_kind(self) -> Kind:
        """The kind of `log_prob`; ValueError with the reason where there is none."""
        require_closed_law(self.sampler)
        if self.plan_law is not None:
            return "exact" if self.one_plan or self.exact_by_order(0) else "lower bound"
        return "lower bound" if self._replayed().sees_order else "exact"

    def validate_length(self, length: int) -> None:
        if self.plan_law is None:
            self.sampler.init(1, length, self.vocab_size, self.steps, self.schedule)
            return
        self.plan_law.steps_taken(length, self.steps)
        if self.plan_law.uses_schedule:
            self.schedule.revealed_fractions(self.steps)
        if isinstance(plans_alone(self.plan_law), FixedSizes):
            self.schedule.sizes(length, self.steps)

    def validate_whole(self, length: int) -> None:
        if self.constraint is not None:
            self.constraint.check(self.denoiser, length)

    @whole_numbers(length=1)
    def draw_plans(self, states: UInt64[np.ndarray, "count 4"], length: int) -> Int[np.ndarray, "count length"]:
        """Reveal plans, one from each stream; the streams move on. ValueError for a sampler that looks."""
        if self.plan_law is None:
            raise ValueError(f"the plans of sampler {self.sampler.spec} depend on tokens; see `replay`")
        return self.plan_law.draw(states, length, self.steps, self.schedule)

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

        With a `prompt`, tokens (count, length) or (length,) with the mask where nothing is given, whole sequences that
        begin with it: plans, samplers and schedules are then of the positions that are not given.

        With `finish` those that meet an impossible context are drawn to their end, from there on by the denoiser that
        trusts revealed tokens only so far (0.999 unless said): docs/theory.md, section 1. All others are the same to
        the bit, `impossible` still names those, and their calls and rounds are counted to the end.
        """
        asked, ended = as_prompt(prompt, count, length, self.vocab_size), finishing_trust(finish, trust)
        if ended is not None and not self.finishes:
            raise ValueError(
                f"sampler {self.sampler.spec} gives up where no step can be completed, and no doubt of what stands "
                "mends that; leave finish out"
            )
        answered = answer_length(asked, length)
        streams = self._streams("draw", length, seed, first, count)
        ties = self._streams("ties", length, seed, first, count) if self.plan_law is None else streams

        def draw(denoiser: Any, rows: Any) -> PlanRun:
            model = copy(self)
            model.denoiser = denoiser
            own, states = asked and asked.take(rows), streams[rows].copy()
            if model.plan_law is not None:
                return model.run(model.draw_plans(states, answered), states, prompt=own, threads=threads)
            options = {"states": states, "shuffles": ties[rows].copy(), "prompt": own, "threads": threads}
            return model._run_adaptive(model.sampler, answered, **options)

        return drawn(draw, self.denoiser, ended, asked)

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
        """log p(x) in nats: exact for a fixed plan and by replay for a sampler that looks at the context only.

        With a `prompt`, which the tokens must agree with, of the answer given the prompt.

        For a law over plans, the log of the mean over `plans` drawn plans, a lower bound; so too over as many shuffles
        where a sampler that looks breaks ties at random. Sequence number first + i draws its plans or shuffles from its
        own stream, whatever else is scored. ValueError where there is no such number.
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
        """log p(x | plan) in nats for each of so many drawn plans, or shuffles: the mean of their exponentials is p(x).

        Those of `log_prob`; ValueError where it has none.
        """
        _ = self.log_prob_kind
        tokens = as_tokens(tokens, self.vocab_size)
        asked = prompt_of(prompt, tokens, self.vocab_size)
        # Shuffles are not those that sequences of this seed were drawn with: a bound needs others.
        states = self._streams("plans", tokens.shape[1], seed, first, len(tokens))
        terms = np.empty((plans, len(tokens)))
        answers = answers_in(asked, tokens)
        for k in counted(range(plans), "plans"):
            terms[k] = self._scored_run(answers, states, asked, threads).log_probs.sum(axis=1)
        return terms

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
        """The run behind `log_prob` with one plan, or one shuffle: its plan, and log p of each token in its context.

        A `witness` is told what the denoiser says in each of these contexts; then no kernel runs the plan, which makes
        no contexts. ValueError where `log_prob` has one.
        """
        tokens = as_tokens(tokens, self.vocab_size)
        require_closed_law(self.sampler)
        asked = prompt_of(prompt, tokens, self.vocab_size)
        states = self._streams("plans", tokens.shape[1], seed, first, len(tokens))
        return self._scored_run(answers_in(asked, tokens), states, asked, threads, witness)

    def _scored_run(
        self,
        answers: Tokens,
        states: UInt64[np.ndarray, "count 4"],
        prompt: Prompt | None,
        threads: int | None,
        witness: Witness | None = None,
    ) -> AdaptiveRun:
        """A run that scores answers under plans, or a shuffle, that each stream gives; the streams move on."""
        length = answers.shape[1]
        if self.plan_law is None:
            options = {"tokens": answers, "shuffles": states, "prompt": prompt, "witness": witness, "threads": threads}
            return self._run_adaptive(self._replayed(), length, **options)
        plan = as_plans(self.draw_plans(states, length))
        return AdaptiveRun(**vars(self._run(plan, None, answers, prompt, threads, witness)), plan=plan)

    @whole_numbers(threads=1)
    def run(
        self,
        plan: Any,
        states: Any = None,
        tokens: Any = None,
        *,
        prompt: Prompt | TokensLike | None = None,
        threads: int | None = None,
    ) -> PlanRun:
        """Run given plans, in the denoiser's own kernel where it has one, else in a loop over its canvas.

        Kernels draw from the marginals themselves: a law over plans with options is run in the loop, and one that is
        constrained by walks of whole steps, log p of a step being spread over its tokens. `plan` is integers
        (count, length) from 1; ValueError for others, and for tokens or streams that do not fit. With a `prompt` of
        whole sequences, plans and tokens are of the answers, and so is what comes back.
        """
        plan = as_plans(plan)
        if tokens is not None:
            tokens = as_tokens(tokens, self.vocab_size)
            if tokens.shape != plan.shape:
                raise ValueError(
                    f"tokens have shape {tokens.shape} and the plan {plan.shape}; pass one plan row for each sequence"
                )
        elif states is None:
            raise ValueError("a plan needs tokens to score or streams to draw from; neither was given")
        if states is not None:
            check_states(states, len(plan))
        asked = as_prompt(prompt, len(plan), None, self.vocab_size)
        if asked is not None and len(asked.answer) != plan.shape[1]:
            raise ValueError(f"the prompt leaves {len(asked.answer)} positions and the plan has {plan.shape[1]}")
        return self._run(plan, states, tokens, asked, threads)

    def _run(
        self,
        plan: Any,
        states: Any,
        tokens: Any,
        prompt: Prompt | None,
        threads: int | None,
        witness: Witness | None = None,
    ) -> PlanRun:
        law = self.plan_law if isinstance(self.plan_law, Planned) else None
        if law is not None and tokens is not None:
            require_closed_law(law)
        if self.constraint is not None:
            if witness is not None:
                raise MisfitError(
                    f"sampler {self.sampler.spec} draws the tokens of a step together, and these have no laws of their "
                    "own to look at; leave constrained=true out"
                )
            return self.constraint.run(self.denoiser, plan, states, tokens, prompt, threads)
        fused = self.denoiser.fused and witness is None
        if law is None and fused and (prompt is None or tokens is not None):
            if prompt is None:
                alone: PlanRun = self.denoiser.run_plan(plan, states, tokens, threads=threads)
                return alone
            # Given answers are scored in the kernel too: a first step reveals the prompt, then the plan follows.
            whole = np.ones(prompt.tokens.shape, dtype=plan.dtype)
            whole[:, prompt.answer] = plan + 1
            run: PlanRun = self.denoiser.run_plan(whole, None, prompt.joined(tokens), threads=threads)
            return PlanRun(tokens, run.log_probs[:, prompt.answer], run.calls - 1, run.rounds - 1, run.impossible)
        return run_on_canvas(self.denoiser, plan, states, tokens, threads, law=law, prompt=prompt, witness=witness)

    @whole_numbers(seed=0, first=0, threads=1)
    def replay(
        self,
        tokens: TokensLike,
        seed: int = 0,
        *,
        first: int = 0,
        order: Any = None,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> AdaptiveRun:
        """What a sampler that looks at the context only does where its draws turn out to be `tokens`.

        The sum of its log p(x_i | context) is log p(x), published as DUEL (2603.01367). With a `prompt` the run is of
        the answers: its arrays have their positions alone.

        The run has the plan that it would follow, log p(x_i | context) in nats at each position, and the calls. Where
        ties are broken at random it is what happens given the shuffles with which `sample` draws sequences first,
        first + 1, ... of the seed, or given `order`: the rank of each position among equals, (count, length), or
        (length,) for all of them. ValueError with the reason for any other sampler.
        """
        tokens = as_tokens(tokens, self.vocab_size)
        sampler = self._replayed()
        if sampler is not self.sampler:
            raise ValueError(
                f"sampler {self.sampler.spec} drops tokens that it draws, so a replay does not show its steps"
            )
        asked = prompt_of(prompt, tokens, self.vocab_size)
        answers = answers_in(asked, tokens)
        shuffles = self._streams("ties", tokens.shape[1], seed, first, len(tokens))
        options = {"tokens": answers, "order": order, "shuffles": shuffles, "prompt": asked, "threads": threads}
        return self._run_adaptive(sampler, answers.shape[1], **options)

    def _run_adaptive(self, sampler: Any, length: int, **options: Any) -> AdaptiveRun:
        return run_adaptive(self.denoiser, sampler, length, self.steps, self.schedule, **options)

    def _replayed(self) -> SamplerBase:
        """The sampler whose replay on x gives p(x); ValueError with the reason where there is none."""
        sampler = self.sampler
        if sampler.oblivious:
            raise ValueError(f"sampler {sampler.spec} does not look at the sequence; see `draw_plans` and `run`")
        require_closed_law(sampler)
        if sampler.scored_as is not None:
            return sampler.scored_as
        reason = "may change tokens" if sampler.remasks else "chooses by tokens that it draws and drops"
        raise ValueError(
            f"sampler {sampler.spec} {reason}, so one sequence has many histories and no replay gives log p(x); "
            "measure ser, or use a sampler that looks at the context only"
        )


def mean_over_plans(model: Any, tokens: TokensLike, seed: int, *, plans: int, **options: Any) -> LogProb:
    """log p(x) of a model that has it plan by plan, `log_prob_terms`, which are one where it is exact."""
    kind = model.log_prob_kind
    terms = model.log_prob_terms(tokens, seed, plans=1 if kind == "exact" else plans, **options)
    return LogProb(log_mean_exp(terms), kind)


@registered("model", "masked", version=1, place=1, said="masked diffusion", sources=("sahoo2024", "shi2024", "ou2025"))
def named(language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any) -> MaskedDiffusion:
    """Masked diffusion: tokens are revealed step by step, those of one step independently."""
    chosen = as_sampler(sampler)
    return MaskedDiffusion(denoiser, sampler=chosen, steps=steps, schedule=schedule, **needed(language, chosen))
