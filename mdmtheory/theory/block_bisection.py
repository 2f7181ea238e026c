"""Memory of m tokens needs m rounds for each halving of the length.

Setting. n-grams, the next token depending on the m = n-1 before it; `bisection:block=m`: the positions are cut into
blocks of m, the middle block of every span is opened, one position a round, in all spans at a time.
Measured. The total variation distance of p and q, by enumeration; the rounds.
Guarantee. (a) It is 0: m adjacent tokens that are known part what is left of them from what is right of them, so what a
round opens is independent given what is known. (b) At most m (ceil(log2(L/m)) + 1) rounds, for L of m or more; equal
where L/m is a power of two. With K = ceil(L/m) blocks they are at most m ceil(log2(K + 1)), as
ceil(log2(K + 1)) = floor(log2 K) + 1, and K <= 2^a where L/m <= 2^a for a whole number a.
Constants. None.
Source. 2608.25505, theorem 2, of chains of order m in general; that the plan does not look is said there. What is ours:
the cut into blocks from the left, and the sharper count of (b); docs/theory.md 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.ngram import NGram
from mdmtheory.plans import Bisection, GivenPlan
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, golden_chain, trigram2
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin


def memory(setting: Setting) -> int:
    """m: how many tokens before it the next one depends on; HypothesisError where that is not known."""
    if not isinstance(setting.language, NGram):
        raise HypothesisError(f"it is about n-grams, not {setting.language.spec}")
    return max(1, setting.language.order - 1)


def _requires(setting: Setting) -> None:
    memory(setting)


def _requires_length(setting: Setting) -> None:
    if setting.length < memory(setting):
        raise HypothesisError(f"length is {setting.length}; it is about {memory(setting)} or more, the memory")


def _exact(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, Bisection(block=memory(setting))), Estimate.exact(0.0))


def most_rounds(length: int, block: int) -> int:
    """m (ceil(log2(L/m)) + 1), in whole numbers: the power of two that reaches L/m."""
    halvings = 0
    while block << halvings < length:
        halvings += 1
    return block * (halvings + 1)


def _rounds(setting: Setting) -> Sides:
    block = memory(setting)
    rounds = Bisection(block=block).steps_taken(setting.length, 1)
    return Sides(Estimate.exact(float(rounds)), Estimate.exact(float(most_rounds(setting.length, block))))


def _halves_evenly(setting: Setting) -> bool:
    blocks, rest = divmod(setting.length, memory(setting))
    return not rest and math.log2(blocks).is_integer()


def _settings() -> list[Setting]:
    sizes = ((bigram3(), 6), (golden_chain(), 9), (trigram2(), 7), (trigram2(), 8), (_fourgram(), 8), (_fourgram(), 2))
    return [BLOCK_BISECTION.setting(language, length) for language, length in sizes]


def _fourgram() -> NGram:
    return NGram.random(order=4, vocab_size=2, seed=3, prune=0.6)


def _rounds_settings() -> list[Setting]:
    sizes = ((golden_chain(), 512), (trigram2(), 512), (trigram2(), 511), (_fourgram(), 96), (_fourgram(), 100))
    return [BLOCK_ROUNDS.setting(language, length) for language, length in sizes]


def _opened(broken: str, plan_of: Callable[[int, int], np.ndarray], teaches: str) -> Twin:
    """The plan `plan_of(length, memory)` in place of the statement's own."""

    def sides(setting: Setting) -> Sides:
        plan = GivenPlan(tuple(plan_of(setting.length, memory(setting)).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return twins.claiming(broken, sides, lambda it: it.setting(trigram2(), 5), teaches)


BLOCK_BISECTION: Statement = Statement(
    id="block_bisection",
    number=25,
    says="TV(p, q) = 0 for n-grams opened by bisection of blocks of n-1",
    source="2608.25505, theorem 2; docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_exact,
    settings=_settings,
    hypotheses="n-grams, exact denoiser; small enough to enumerate",
    requires=_requires,
    twins=(
        _opened(
            "blocks shorter than the memory by one",
            lambda length, block: Bisection(block=max(1, block - 1)).plan(length),
            "one known token does not part the left of a trigram from its right: that takes two, side by side",
        ),
        _opened(
            "a block in one round",
            lambda length, block: (Bisection(block=block).plan(length) - 1) // block + 1,
            "tokens of a block do not see each other when they are opened together",
        ),
    ),
)

BLOCK_ROUNDS: Statement = Statement(
    id="block_bisection_rounds",
    number=25,
    says="bisection of blocks of m = n-1 takes at most m (ceil(log2(L/m)) + 1) rounds",
    source="2608.25505, theorem 2; docs/theory.md 6",
    sources=("wen2026",),
    direction="<=",
    sides=_rounds,
    settings=_rounds_settings,
    hypotheses="n-grams, a length of n-1 or more",
    requires=_requires_length,
    tight=_halves_evenly,
    twins=(
        twins.scaled(0.99, lambda it: it.setting(trigram2(), 8), "reached where the length halves evenly"),
        twins.bounded(
            "a halving less",
            lambda setting, bound: bound - memory(setting),
            lambda it: it.setting(trigram2(), 8),
            "the last block needs its rounds too",
        ),
    ),
)
