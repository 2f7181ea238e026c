"""Block diffusion: blocks from left to right, each by masked diffusion given the blocks before it."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.estimate import Kind
from mdmtheory.core.evaluable import name_or_repr
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.protocols import Denoiser, Language, LogProb, Samples
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import TokensLike
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.adaptive_loop import AdaptiveRun
from mdmtheory.models.asking import Witness
from mdmtheory.models.conditioned_steps import StepWalk
from mdmtheory.models.conditioned_walk import Walk
from mdmtheory.models.constraint import needed
from mdmtheory.models.fitting import check_trust, looking_around
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import FixedSizes, PlanLaw
from mdmtheory.samplers.by_block import block_lengths, by_block
from mdmtheory.samplers.planned import plans_alone
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.registry import SAMPLERS, as_sampler
from mdmtheory.schedules import SCHEDULES


class BlockDiffusion(ModelDefaults):
    """Draws blocks of `block` tokens from left to right, each in `steps` steps of a sampler inside it (2503.09573).

    The denoiser sees the blocks before and what is revealed of this one; later ones are masked. Sizes and fractions are
    those of the block's own length; the last block is shorter where `block` does not divide the length. `block` 1 is
    autoregression, and a block as long as the sequence masked diffusion, in law. `sampler` and `schedule` are as for
    MaskedDiffusion; `masked` is the masked diffusion over the whole sequence, with plans or rules that go block by
    block, that this is. With a sampler that is `constrained` steps are completed to the whole sequence.
    """

    block: int
    takes_prompts = finishes = True

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        block: Any,
        steps: Any = None,
        sampler: str | Spec | PlanLaw | Sampler = "ancestral",
        schedule: Any = "linear",
        language: LanguageLike | None = None,
    ) -> None:
        self.block = whole_number(block, "block")
        self.sampler = as_sampler(sampler)
        self.plan_law = self.sampler if self.sampler.oblivious else None
        inside = by_block(self.sampler, self.block)
        self.masked = MaskedDiffusion.in_blocks(
            denoiser, self.block, sampler=inside, steps=steps, schedule=schedule, language=language
        )
        self.constraint, self.language = self.masked.constraint, self.masked.language
        self.finishes = self.masked.finishes
        self.steps, self.schedule = self.masked.steps, self.masked.schedule
        self.vocab_size = self.masked.vocab_size
        # The sampler inside stands for itself; steps and schedule as far as the whole has a use for them.
        options = dict(self.masked.spec.options)
        self.spec = Spec.of("block", size=self.block, **{**options, "sampler": str(self.sampler.spec)})

    def __repr__(self) -> str:
        names = f"sampler={name_or_repr(self.sampler, SAMPLERS)}, schedule={name_or_repr(self.schedule, SCHEDULES)}"
        held_to = "".join(f", {name}={each!r}" for name, each in self.masked.held_to.items())
        return f"BlockDiffusion({self.denoiser!r}, block={self.block}, steps={self.steps}, {names}{held_to})"

    @property
    def denoiser(self) -> Any:
        """The denoiser that every block asks."""
        return self.masked.denoiser

    @denoiser.setter
    def denoiser(self, denoiser: Denoiser) -> None:
        found = looking_around(denoiser, self.block)
        if self.plan_law is None:
            check_trust(found, self.sampler)
        self.masked = copy(self.masked)
        self.masked.denoiser = found

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return self.masked.identity

    @property
    def log_prob_kind(self) -> Kind:
        """The kind of `log_prob`; ValueError with the reason where there is none."""
        return self.masked.log_prob_kind

    def validate_length(self, length: int) -> None:
        self.masked.validate_length(length)
        if self.plan_law is not None and isinstance(plans_alone(self.plan_law), FixedSizes):
            for size in set(block_lengths(length, self.block)):
                self.schedule.sizes(size, self.steps)

    def validate_whole(self, length: int) -> None:
        self.masked.validate_whole(length)

    def draw_plans(self, states: UInt64[np.ndarray, "count 4"], length: int) -> Int[np.ndarray, "count length"]:
        """Reveal plans of the whole sequence, one from each stream; the streams move on."""
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
        finish: bool = False,
        trust: float | None = None,
        threads: int | None = None,
    ) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names; blocks are of the answer.

        `finish` and `trust` are as for MaskedDiffusion.
        """
        options: dict[str, Any] = {"prompt": prompt, "finish": finish, "trust": trust, "threads": threads}
        return self.masked.sample(count, length, seed, first=first, **options)

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
        """log p(x) in nats, the sum over blocks given those before: as for MaskedDiffusion, kinds included.

        With one plan it is minus an unbiased estimate of sum_b L(x^b, x^<b), the bound of 2503.09573.
        """
        return self.masked.log_prob(tokens, seed, first=first, plans=plans, prompt=prompt, threads=threads)

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
        return self.masked.log_prob_terms(tokens, seed, first=first, plans=plans, prompt=prompt, threads=threads)

    def check_walks(self) -> None:
        """As for MaskedDiffusion."""
        self.masked.check_walks()

    def walk(self, language: Language, count: int, length: int, seed: int, **options: Any) -> Walk:
        """Walks that stay possible under the language, as for MaskedDiffusion."""
        return self.masked.walk(language, count, length, seed, **options)

    def check_step_walks(self) -> None:
        """As for MaskedDiffusion."""
        self.masked.check_step_walks()

    def walk_steps(self, language: Language, count: int, length: int, seed: int, **options: Any) -> StepWalk:
        """Walks by whole steps that stay possible under the language, as for MaskedDiffusion."""
        return self.masked.walk_steps(language, count, length, seed, **options)

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
        """As of MaskedDiffusion, the plan being of the whole sequence, block after block."""
        return self.masked.scored(tokens, seed, first=first, prompt=prompt, witness=witness, threads=threads)

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
        """What a sampler that looks at the context only does in each block where its draws turn out to be `tokens`."""
        return self.masked.replay(tokens, seed, first=first, order=order, prompt=prompt, threads=threads)


@registered(
    "model",
    "block",
    version=1,
    place=4,
    said="blocks of {size}",
    family="block by block",
    examples=("size=2",),
    blocks="size",
    sources=("arriola2025",),
)
def named(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any, *, size: int
) -> BlockDiffusion:
    """Blocks of `size` tokens from left to right, each by masked diffusion in so many steps (2503.09573)."""
    size = whole_number(size, "size", 1)  # refused by the word that was typed
    chosen = as_sampler(sampler)
    own = needed(language, chosen)
    return BlockDiffusion(denoiser, block=size, steps=steps, sampler=chosen, schedule=schedule, **own)
