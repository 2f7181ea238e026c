"""Blocks of bits of which one is set: a plan of few rounds errs.

Setting. `one_hot` in b whole blocks of m bits, L = b m; the exact denoiser; one plan of R rounds.
Measured. KL(q || p), from what each round opens of each block.
Guarantee. At least (b/2)(1/R - 1/m); so KL <= eps takes R >= m/(1 + 2 eps m/b) rounds, m/(1 + 2 eps) for b = m. While
the one has not come, of probability n/m where n positions are left, to open s of them costs
T(s) = s f(1/n) - f(s/n), f(x) = -(1-x) log(1-x). T(0) = T(1) = 0 and f'' <= -1, so T(s) >= s (s-1)/(2 n^2); the rest
is n <= m and the mean of squares. Equal where no round opens two of a block.
Constants. The factor 2 ours.
Source. 2608.25505, theorem 12, its lower side, c m/(1 + eps) with a c that was not at hand, for rules that look too;
ours, docs/theory.md 6, is of one plan.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.rounds_of_bits import opening_cost
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.languages.presets import as_language
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory import twins
from mdmtheory.theory.searches import FEW_ROUNDS
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, non_negative
from mdmtheory.theory.two_rounds import block_of


def _requires(setting: Setting) -> None:
    block = block_of(setting)
    if setting.length % block:
        raise HypothesisError(f"length is {setting.length}; it is about whole blocks of {block}")
    if _law(setting).uses_steps and setting.steps is None:
        raise HypothesisError("it is about a number of rounds; pass steps")


def _law(setting: Setting) -> PlanLawBase:
    sampler = as_sampler(setting.options["sampler"])
    if not isinstance(sampler, PlanLawBase) or not sampler.fixed:
        raise HypothesisError(f"it is about one plan, not {sampler.spec}")
    return sampler


def plan_of(setting: Setting) -> Int[np.ndarray, "length"]:
    """The round of each position, from 1 without a gap."""
    drawn = _law(setting).draw(np.zeros((1, 4), dtype=np.uint64), setting.length, setting.steps or 1, setting.schedule)[
        0
    ]
    rounds: Int[np.ndarray, "length"] = np.unique(drawn, return_inverse=True)[1].reshape(-1) + 1
    return rounds


def cost_of_sizes(sizes: Int[np.ndarray, "rounds"]) -> float:
    """What a block costs in nats that is opened in such sizes: sum (n/m)(s f(1/n) - f(s/n)), n positions left."""
    left, block, cost = int(sizes.sum()), int(sizes.sum()), 0.0
    for size in sizes.tolist():
        cost += left / block * opening_cost(left, size)
        left -= size
    return cost


def _sides(setting: Setting) -> Sides:
    plan, block = plan_of(setting), block_of(setting)
    rounds = int(plan.max())
    sizes = [np.bincount(part, minlength=rounds + 1)[1:] for part in plan.reshape(-1, block)]
    cost = max(sum(cost_of_sizes(each[each > 0]) for each in sizes), 0.0)
    bound = len(sizes) / 2 * (1 / rounds - 1 / block)
    return Sides(Estimate.exact(cost), Estimate.exact(bound), f"{rounds} rounds")


def _one_at_a_time(setting: Setting) -> bool:
    """Whether each round opens one position of each block."""
    plan, block = plan_of(setting), block_of(setting)
    return int(plan.max()) == block and all(len(set(part)) == block for part in plan.reshape(-1, block).tolist())


def _settings() -> list[Setting]:
    sizes = [(block, blocks, steps) for block in (2, 4, 16) for blocks in (1, 4) for steps in (1, 2, block)]
    strides = [
        STATEMENT.setting(as_language(f"one_hot:block={block}"), block * blocks, steps)
        for block, blocks, steps in sizes
    ]
    return [*strides, STATEMENT.setting(one_hot(block=4), 16, 4, sampler="blocks")]


STATEMENT: Statement = Statement(
    id="one_hot_cost",
    number=27,
    says="KL(q||p) >= (b/2)(1/R - 1/m) for a plan of R rounds on b blocks of m bits of which one is set",
    source="ours, after 2608.25505, theorem 12; docs/theory.md 6",
    sources=("wen2026", FEW_ROUNDS),
    direction=">=",
    known=non_negative,
    sides=_sides,
    settings=_settings,
    hypotheses="one_hot in whole blocks, exact denoiser, one plan",
    requires=_requires,
    tight=_one_at_a_time,
    options={"sampler": "stride"},
    twins=(
        twins.scaled(4.0, lambda it: it.setting(one_hot(block=2), 2, 1), "a half has its place"),
        twins.bounded(
            "blocks of any length, (b/2)/R",
            lambda setting, bound: setting.length / block_of(setting) / 2 / int(plan_of(setting).max()),
            lambda it: it.setting(one_hot(block=4), 16, 4),
            "as many rounds as positions of a block are exact",
        ),
        twins.equality(lambda it: it.setting(one_hot(block=4), 16, 2), "an equality where no round opens two alone"),
    ),
)
