"""Blocks of bits of which one is set, of rules that look: about as many rounds as a block has bits.

Setting. `one_hot` in b whole blocks of m bits, L = b m; the exact denoiser; deterministic rules that may look at what
is revealed, or such a rule drawn by chance, apart from the tokens.
Measured. (a) D_0, the least mean number of rounds that is exact, by search over all contexts and sets. (b) The least
mean number of rounds with KL(q || p) <= eps in the mean over rules. Exact by dynamic programming over how many
positions are unread of each block whose one has not come, for up to 40 such contexts; else a lower bound, as a rule
takes no fewer rounds than each block's own rule would, and one of the blocks has at most eps/b of the nats: exact for
one block at eps/b.
Guarantee. (a) It is m - sum_(r<m) ((r-1)/m)^b, which is below m (the source's upper side). (b) At least
m (k - k^2/2), k the root of 1/k - 1 + log k = 2x, x = eps m/b: more than 0.39 m/(1 + x), and so 0.39 m/(1 + eps) where
b = m. With n positions of a block unread, of probability n/m, a round of s of them costs s (s-1)/(2 n^2) nats or more.
For any real j, s >= 1: n/m + 2 j^2 s (s-1)/(2 n m) >= s f(n)/m, f(n) = n up to j and 2j - j^2/n beyond, which rises; so
rounds and 2 j^2 times the nats of a block come to the integral of f over m, at least, and j = k m is best.
Constants. 0.39 ours.
Source. (b) 2608.25505, theorem 12 and corollary 1, c m/(1 + eps) <= D <= m, whose c was not at hand; ours,
docs/theory.md 6, are (a) and what stands in its place.
"""

from __future__ import annotations

import math

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.adaptive_rounds import mean_rounds
from mdmtheory.exact.rounds_of_bits import many_block_rules, one_block_rules, one_hot_depth
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.theory import twins
from mdmtheory.theory.balanced_adaptive import requires_nats
from mdmtheory.theory.searches import LOOKING
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, steps_of_a_sequence
from mdmtheory.theory.two_rounds import block_of

MOST_CONTEXTS = 40
"""Of how many numbers of unread positions all sizes are tried."""


def _requires_blocks(setting: Setting) -> None:
    block = block_of(setting)
    if setting.length % block:
        raise HypothesisError(f"length is {setting.length}; it is about whole blocks of {block}")


def _requires_nats(setting: Setting) -> None:
    _requires_blocks(setting)
    requires_nats(setting)


def _depth(setting: Setting) -> Sides:
    block = block_of(setting)
    depth = serial_depth(setting.language, setting.length)
    return Sides(depth, Estimate.exact(one_hot_depth(block, setting.length // block)), f"m = {block}")


def least_rounds(block: int, blocks: int, error: float) -> Estimate:
    """The least mean rounds: exact for few contexts, a lower bound by one block for more."""
    if math.comb(block + blocks, block) <= MOST_CONTEXTS:
        return Estimate.exact(mean_rounds(many_block_rules(block, blocks), error).least)
    least = mean_rounds(one_block_rules(block), error / blocks).least
    return Estimate(least, least, least, level=1.0, kind="lower bound", count=0)


def share_of_block(error: float) -> float:
    """k - k^2/2, k the root of 1/k - 1 + log k = 2 x, by halving: half a block where no error is allowed."""
    from scipy.optimize import brentq

    if error == 0:
        return 0.5
    # Of k = exp(-u): u runs from 0, where the left side is 0, to where it is above 2 x.
    found = brentq(lambda u: math.expm1(u) - u - 2 * error, 0.0, math.log1p(2 * error) + 2.0, xtol=1e-14)
    share = math.exp(-float(found))
    return share - share**2 / 2


def _sides(setting: Setting) -> Sides:
    block = block_of(setting)
    blocks, error = setting.length // block, setting.options["eps"]
    scaled = error * block / blocks
    rounds = least_rounds(block, blocks, error)
    note = f"m = {block}; c = {rounds.value * (1 + scaled) / block:.3g} would do of c m/(1 + eps m/b)"
    return Sides(rounds, Estimate.exact(block * share_of_block(scaled)), note)


DEPTH: Statement = Statement(
    id="one_hot_depth",
    number=27,
    says="D_0 = m - sum_(r<m) ((r-1)/m)^b for b blocks of m bits of which one is set",
    source="2608.25505, theorem 12 (D <= m); the number ours, docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction="=",
    sides=_depth,
    settings=lambda: [
        DEPTH.setting(one_hot(block=block), block * blocks)
        for block, blocks in ((2, 1), (2, 3), (3, 1), (3, 2), (4, 1))
    ],
    hypotheses="one_hot in whole blocks; small enough to search",
    requires=_requires_blocks,
    twins=(
        twins.bounded(
            "a round for each bit of a block",
            lambda setting, bound: block_of(setting),
            lambda it: it.setting(one_hot(block=3), 3),
            "zeros behind the one come in one round",
        ),
        twins.bounded(
            "blocks that wait for no other",
            lambda setting, bound: one_hot_depth(block_of(setting), 1),
            lambda it: it.setting(one_hot(block=3), 6),
            "the slowest block decides",
        ),
    ),
)

STATEMENT: Statement = Statement(
    id="one_hot_adaptive",
    number=27,
    says="least mean rounds of rules with KL(q||p) <= eps at least m (k - k^2/2), 1/k - 1 + log k = 2 eps m/b, "
    "for b blocks of m bits of which one is set",
    source="ours, after 2608.25505, theorem 12 and corollary 1; docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction=">=",
    known=steps_of_a_sequence,
    sides=_sides,
    settings=lambda: [
        STATEMENT.setting(one_hot(block=block), block * blocks, eps=error)
        for block, blocks in ((2, 2), (3, 3), (4, 1), (16, 16), (64, 4))
        for error in (0.0, 0.1, 1.0)
    ],
    hypotheses="one_hot in whole blocks, exact denoiser, rules that look or not",
    requires=_requires_nats,
    options={"eps": 0.1},
    twins=(
        twins.bounded(
            "m/(1 + 2 eps m/b), as of one plan",
            lambda setting, bound: (
                block_of(setting) / (1 + 2 * setting.options["eps"] * block_of(setting) ** 2 / setting.length)
            ),
            lambda it: it.setting(one_hot(block=3), 3, eps=0.0),
            "a one that comes early ends its block",
        ),
        twins.bounded(
            "half a block at any error",
            lambda setting, bound: block_of(setting) / 2,
            lambda it: it.setting(one_hot(block=4), 4, eps=1.0),
            "an error buys rounds",
        ),
        twins.equality(lambda it: it.setting(one_hot(block=2), 4, eps=0.1), "of several blocks the slowest decides"),
    ),
)
