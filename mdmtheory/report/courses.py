"""How a model reveals, as far as closed forms need to know it: one plan, random sets of given sizes, or coins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.origin import plug_ins_in
from mdmtheory.core.protocols import Language, SequenceModel
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.oracles.base import OracleBase
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes, PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.budgeted import Confidence, DrawConfidence
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.samplers.verifying import Verify


@dataclass(frozen=True)
class OnePlan:
    """Every sequence is revealed by this plan: the step of each position."""

    steps: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many positions each step reveals that reveals any."""
        return tuple(np.unique(self.steps, return_counts=True)[1].tolist())


@dataclass(frozen=True)
class RandomSets:
    """Uniformly random sets: how many positions each step reveals, block by block from left to right."""

    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class RandomSteps:
    """Each position of a block takes step k with probability a_k - a_{k-1}: the blocks' lengths and the fractions a."""

    blocks: tuple[int, ...]
    fractions: tuple[float, ...]


Course = OnePlan | RandomSets | RandomSteps


def course_of(model: SequenceModel, language: Language, length: int) -> Course | None:
    """How a model with the exact denoiser reveals a language that is uniform and treats its tokens alike.

    There all sequences look alike to a rule, so that replaying one of them shows the plan of all, and every draw is as
    probable as any other that is possible: drawn confidence is confidence, and its ties fall alike. Where they are
    broken at random and all positions look alike too, the sets are random. Verified drafts have the law of one position
    a step. None where tokens may change, for other denoisers and temperatures, for other languages with ties broken at
    random, where steps are drawn together, and for plug-ins.
    """
    if plug_ins_in(model):
        return None
    if isinstance(model, Autoregressive):
        return _one_by_one(length)
    if not isinstance(model, MaskedDiffusion | BlockDiffusion) or exact_for(model.denoiser) != language.digest:
        return None
    whole = model.masked if isinstance(model, BlockDiffusion) else model
    if whole.constraint is not None:
        return None
    if whole.plan_law is not None:
        return _course_of_plans(model, whole, length)
    if not at_defaults(model.sampler):
        return None
    if isinstance(model.sampler, Verify):
        return _one_by_one(length)
    if isinstance(model.sampler, DrawConfidence):
        whole = _with_confidence(model)
    if whole.sampler.scored_as is not whole.sampler or (whole.sampler.sees_order and not _alike(language)):
        return None
    plan = whole.replay(language.sample(1, length, 0), threads=1).plan[0]
    if not whole.sampler.sees_order:
        return OnePlan(tuple(plan.tolist()))
    ends = np.cumsum(lengths_of_blocks(model, length))[:-1]
    return RandomSets(tuple(OnePlan(tuple(block.tolist())).sizes for block in np.split(plan, ends)))


def exact_denoiser(model: Any, language: Language) -> bool:
    """Whether a model asks the language's exact denoiser, however far that trusts revealed tokens."""
    return isinstance(model.denoiser, OracleBase) and model.denoiser.language.digest == language.digest


def at_defaults(sampler: PlanLawBase | SamplerBase) -> bool:
    """Whether a sampler draws from the marginals themselves."""
    return not sampler.changed


def lengths_of_blocks(model: Any, length: int) -> tuple[int, ...]:
    """The lengths of the blocks that a model goes through: of masked diffusion, one."""
    return tuple(block_lengths(length, model.block or length))


def _alike(language: Language) -> bool:
    """Whether positions look alike to a rule, whichever are set."""
    return isinstance(language, Parity | Permutation)


def _one_by_one(length: int) -> OnePlan:
    return OnePlan(tuple(range(1, length + 1)))


def _course_of_plans(model: Any, whole: MaskedDiffusion, length: int) -> Course | None:
    law: PlanLawBase | None = whole.plan_law
    assert law is not None
    if law.fixed:
        plan = law.draw(np.zeros((1, 4), dtype=np.uint64), length, model.steps, model.schedule)[0]
        return OnePlan(tuple(plan.tolist()))
    blocks = lengths_of_blocks(model, length)
    inside = model.plan_law
    if isinstance(inside, Ancestral):
        return RandomSteps(blocks, tuple(model.schedule.revealed_fractions(model.steps).tolist()))
    if isinstance(inside, FirstHitting):
        return RandomSets(tuple((1,) * size for size in blocks))
    if isinstance(inside, FixedSizes):
        return RandomSets(tuple(tuple(model.schedule.sizes(size, model.steps).tolist()) for size in blocks))
    return None


def _with_confidence(model: MaskedDiffusion | BlockDiffusion) -> MaskedDiffusion:
    assert isinstance(model.sampler, DrawConfidence)
    sampler = Confidence(ties=model.sampler.ties)
    if isinstance(model, BlockDiffusion):
        return BlockDiffusion(
            model.denoiser, block=model.block, steps=model.steps, sampler=sampler, schedule=model.schedule
        ).masked
    return MaskedDiffusion(model.denoiser, sampler=sampler, steps=model.steps, schedule=model.schedule)
