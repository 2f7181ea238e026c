"""Blocks from left to right with one step each: smaller blocks never diverge more, but may err more often.

Setting. The exact denoiser; contiguous blocks, as many as steps, or of given `sizes` (written 2-3); a finer partition
that cuts them once more before position `cut`, or for `cut` 0 cuts every block of equal partitions in half (2N blocks).
Measured. KL(q || p), or SER, from the enumerated law of the plan.
Guarantee. KL = sum_b TC(block b | past), from the entropies of q; blocks of one token are exact; refining never raises
KL: it gains sum_i I(X_i; first part | past) over the positions i of the second part. Tight for independent
tokens, and for Parity while the last block has two. The same of SER is false, and listed as a conjecture to show it: on
q proportional to [[[1,1],[1,5]],[[0,4],[5,1]]] cutting one block of three after its first token raises SER from .0720
to .1111.
Constants. None.
Source. The law of given blocks is 2608.25505, theorem 1, for this plan; the rest ours, docs/theory.md 7.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.exact.enumeration import Law, entropy_nats, error_rate, expected_nll, factorisation_gap, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.parity import Parity
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Blocks, GivenPlan
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, independent, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement

_SEARCH = Ours(
    "left-to-right blocks of tokens drawn independently, splitting a block lowers KL but can raise "
    "sequence error rate, masked diffusion",
    "2026-11-29",
)


def edges(setting: Setting) -> list[int]:
    """Where the blocks start, and the end."""
    length, sizes = setting.length, setting.options["sizes"]
    if sizes:
        return [0, *itertools.accumulate(int(size) for size in sizes.split("-"))]
    return _edges(Blocks().plan(length, setting.steps or 1).tolist())


def finer_edges(setting: Setting) -> list[int]:
    """The same with one edge more, or twice as many blocks."""
    if setting.options["cut"]:
        return sorted({*edges(setting), setting.options["cut"]})
    return _edges(Blocks().plan(setting.length, 2 * (setting.steps or 1)).tolist())


def _edges(plan: list[int]) -> list[int]:
    return [0, *(i for i in range(1, len(plan)) if plan[i] != plan[i - 1]), len(plan)]


def _requires(setting: Setting) -> None:
    sizes = setting.options["sizes"]
    if sizes and edges(setting)[-1] != setting.length:
        raise HypothesisError(f"blocks of {sizes} tokens do not make a length of {setting.length}")
    if not sizes and setting.steps is None:
        raise HypothesisError("neither steps nor sizes are given")


def _requires_refinement(setting: Setting) -> None:
    _requires(setting)
    sizes, cut = setting.options["sizes"], setting.options["cut"]
    if (sizes and not cut) or not 0 <= cut < setting.length:
        raise HypothesisError(f"cut is {cut}; pass a position from 1 to {setting.length - 1}, or steps and 0")


def plan_of_blocks(starts: list[int]) -> tuple[int, ...]:
    """The step of each position when the blocks between these edges are opened from left to right."""
    return tuple(np.repeat(np.arange(1, len(starts)), np.diff(starts)).tolist())


def block_laws(setting: Setting, starts: list[int]) -> tuple[Law, Law]:
    """p with the blocks between these edges, and q."""
    model = MaskedDiffusion(setting.language.oracle(), sampler=GivenPlan(plan_of_blocks(starts)))
    return law(model, setting.language, setting.length), joint(setting.language, setting.length)


def _divergence(setting: Setting, starts: list[int]) -> Estimate:
    p, q = block_laws(setting, starts)
    return Estimate.exact(expected_nll(p, q) - entropy_nats(q))


def _identity(setting: Setting) -> Sides:
    starts = edges(setting)
    expected = factorisation_gap(joint(setting.language, setting.length), plan_of_blocks(starts))
    return Sides(_divergence(setting, starts), Estimate.exact(expected))


def _single(setting: Setting) -> Sides:
    return Sides(_divergence(setting, list(range(setting.length + 1))), Estimate.exact(0.0))


def _refining(setting: Setting) -> Sides:
    return Sides(_divergence(setting, finer_edges(setting)), _divergence(setting, edges(setting)))


def _refining_error(setting: Setting) -> Sides:
    fine, coarse = (error_rate(*block_laws(setting, starts)) for starts in (finer_edges(setting), edges(setting)))
    return Sides(Estimate.exact(fine), Estimate.exact(coarse))


def _nothing_gained(setting: Setting) -> bool:
    if isinstance(setting.language, Parity):
        # As long as two positions are opened together last, what came before tells nothing.
        return finer_edges(setting)[-2] < setting.length - 1
    return isinstance(setting.language, NGram) and setting.language.order == 1


def worse_when_finer() -> NGram:
    """q proportional to [[[1,1],[1,5]],[[0,4],[5,1]]] over three positions, as a trigram."""
    weights = np.array([[[1, 1], [1, 5]], [[0, 4], [5, 1]]]) / 18
    pairs = weights.sum(axis=2)
    return NGram(pairs, weights / pairs[..., None], spec=Spec.of("worse_when_finer"))


def _identity_settings() -> list[Setting]:
    languages = (*small_languages(), Parity())
    return [BLOCKS.setting(language, 5, steps) for language in languages for steps in (1, 2, 3)]


def _single_settings() -> list[Setting]:
    return [SINGLE.setting(language, 5) for language in (*small_languages(), Parity())]


def _refining_settings() -> list[Setting]:
    languages = (*small_languages(), Parity(), independent())
    return [
        *(REFINING.setting(language, 5, steps) for language in languages for steps in (1, 2)),
        *(REFINING.setting(bigram3(), 5, sizes="4-1", cut=cut) for cut in (1, 2, 3)),
        REFINING.setting(worse_when_finer(), 3, sizes="3", cut=1),
        replace(REFINING.setting(Parity(), 5, sizes="5", cut=3), name="hardest found"),
    ]


def _refining_error_settings() -> list[Setting]:
    return [
        *(REFINING_SER.setting(language, 5, 2) for language in small_languages()),
        REFINING_SER.setting(worse_when_finer(), 3, sizes="3", cut=1),
    ]


_NOTHING = Estimate.exact(0.0)


def _later(setting: Setting, bound: float) -> float:
    starts = edges(setting)
    moved = sorted({0, *(min(start + 1, starts[-1]) for start in starts[1:-1]), starts[-1]})
    return factorisation_gap(joint(setting.language, setting.length), plan_of_blocks(moved))


def _without_past(setting: Setting, bound: float) -> float:
    q = joint(setting.language, setting.length)
    return math.fsum(
        factorisation_gap(q.sum(axis=tuple(k for k in range(q.ndim) if not first <= k < last)), [1] * (last - first))
        for first, last in itertools.pairwise(edges(setting))
    )


BLOCKS = Statement(
    id="blocks",
    number=21,
    says="KL(q||p) = sum_b TC(block b | past)",
    source="2608.25505, theorem 1, for this plan; docs/theory.md 7",
    sources=("wen2026",),
    direction="=",
    sides=_identity,
    settings=_identity_settings,
    hypotheses="any language, exact denoiser, contiguous blocks with one step each; small enough to enumerate",
    requires=_requires,
    options={"sizes": ""},
    twins=(
        twins.bounded(
            "the correlation of blocks that end a token later",
            _later,
            lambda it: it.setting(bigram3(), 4, sizes="1-2-1"),
            "which tokens are opened together decides, and not how many blocks there are",
        ),
        twins.bounded(
            "the correlation of blocks without their past",
            _without_past,
            lambda it: it.setting(bigram3(), 4, sizes="2-2"),
            "what is known tells of both tokens of a block",
        ),
    ),
)

SINGLE = Statement(
    id="blocks_of_one",
    number=21,
    says="KL(q||p) = 0 for blocks of one token",
    source="the chain rule; docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction="=",
    sides=_single,
    settings=_single_settings,
    hypotheses="any language, exact denoiser; small enough to enumerate",
    twins=(
        twins.claiming(
            "blocks of two",
            lambda setting: Sides(
                _divergence(setting, sorted({*range(0, setting.length, 2), setting.length})), _NOTHING
            ),
            lambda it: it.setting(bigram3(), 3),
            "one block of two is enough to err",
        ),
    ),
)

REFINING = Statement(
    id="refining_kl",
    number=21,
    says="KL(finer blocks) <= KL(blocks)",
    source="ours; docs/theory.md 7",
    sources=(_SEARCH,),
    direction="<=",
    sides=_refining,
    settings=_refining_settings,
    hypotheses="any language, exact denoiser, contiguous blocks with one step each; small enough to enumerate",
    requires=_requires_refinement,
    tight=_nothing_gained,
    options={"sizes": "", "cut": 0},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 4, sizes="4", cut=2), "a cut that lets the past be seen helps"),
        twins.claiming(
            "SER in place of KL",
            _refining_error,
            lambda it: it.setting(worse_when_finer(), 3, sizes="3", cut=1),
            "a finer partition can be more faithful, and yet wrong more often",
        ),
    ),
)

REFINING_SER = Statement(
    id="refining_ser",
    number=21,
    says="SER(finer blocks) <= SER(blocks): false",
    source="ours; docs/theory.md 7",
    sources=(_SEARCH,),
    direction="<=",
    sides=_refining_error,
    settings=_refining_error_settings,
    hypotheses="any language, exact denoiser, contiguous blocks with one step each; small enough to enumerate",
    requires=_requires_refinement,
    options={"sizes": "", "cut": 0},
    conjecture=True,
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 4, sizes="4", cut=2), "in most languages a cut does lower SER"),
    ),
)
