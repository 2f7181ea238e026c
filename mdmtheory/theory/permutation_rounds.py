"""What rounds a permutation takes: the errors that are allowed, and the best sizes.

Setting. `permutation` of L items at length L; the exact denoiser. Where M items are left, a step of B positions costs
log(M^B/(M)_B) nats, (M)_B = M!/(M-B)!, whatever the positions are (`no_order_helps`): plans are lists of sizes.
Measured and guaranteed, KL in nats:
- `permutation_rounds`. Sizes B_1, ..., B_R: R >= L/(1 + 2 KL(q || p)). Of random sizes it holds of their mean rounds
  and mean KL, being convex, and not of the KL of their mixture: one step with probability 0.9, and else L of them, has
  a KL of about log 10 at any length.
- `permutation_mixture`. The mixture p = E_plan p_plan of such sizes, with probability `alone` of one position a step:
  E[R] >= L exp(-KL(q || p)), as exp(-KL) = E prod (M)_B/M^B, of which each is at most R/L.
- `permutation_sizes`. The least KL of R steps, as `schedules.optimal` finds it, is that of sizes that do not rise.
- `permutation_floor`, `permutation_ceiling`. It is at least L log L - log L! - L rho_R, rho_1 = 0 and
  rho_k = exp(rho_(k-1) - 1), and where L mu_R >= 1 at most sum_(k=2..R) 1/(L mu_k) more, mu_k = rho_R ... rho_(R-k+2)
  being the shares that are left before step k. The floor is the least over real sizes, equal for one step.
- `permutation_pairs`. With L - s steps, 3s <= L, it is sum_(j<s) log((L-2j)/(L-2j-1)): pairs first.
Constants. None of ours.
Source. 2608.25505, theorem 6, proposition 3, theorems 7, 8 and 9. It counts bits: there the first is
R >= n/(1 + 2 KL log 2), the second n 2^-KL, and theorem 8 reads n (1 - rho_R)/log 2 - log2(2 pi n)/2 + O(1). Ours: that
the first fails for mixtures, and the two sides of theorem 8 with what was O(1); docs/theory.md 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.languages.permutation import Permutation
from mdmtheory.schedules import Schedule
from mdmtheory.theory import twins
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin, non_negative

_SEARCH = Ours(
    "random permutation parallel unmasking optimal batch sizes KL bound mixture of schedules random number of rounds",
    "2026-11-29",
)

MOST_LISTED = 40
"""Length up to which all sizes that do not rise are listed: 37,338 of them."""


def _requires(setting: Setting) -> None:
    language = setting.language
    if not isinstance(language, Permutation) or language.items != setting.length:
        raise HypothesisError(
            f"it is about permutation of as many items as positions, not {language.spec} at length {setting.length}"
        )
    if setting.steps is None and setting.schedule.steps is None:
        raise HypothesisError("it is about a number of steps; pass steps, or a schedule of sizes")


def _sizes(setting: Setting) -> Int[np.ndarray, "steps"]:
    return setting.schedule.sizes(setting.length, setting.steps)


def _steps(setting: Setting) -> int:
    assert setting.steps is not None
    return min(setting.steps, setting.length)


def cost_of_sizes(sizes: Int[np.ndarray, "steps"]) -> float:
    """sum_k log(M_k^B_k/(M_k)_B_k) in nats, M_k items being left before step k."""
    left = int(sizes.sum())
    cost = -math.lgamma(left + 1)
    for size in sizes.tolist():
        cost, left = cost + size * math.log(left), left - size
    return cost


def least_cost(length: int, steps: int) -> float:
    """The KL in nats of the best sizes."""
    curve: Float[np.ndarray, "length"] = np.log(length - np.arange(length))
    return schedules.plan_averaged_gap(curve, schedules.optimal(curve, steps))


def _rounds(setting: Setting) -> Sides:
    sizes = _sizes(setting)
    cost = max(cost_of_sizes(sizes), 0.0)
    return Sides(Estimate.exact(float(len(sizes))), Estimate.exact(setting.length / (1 + 2 * cost)), _nats(cost))


def _nats(cost: float) -> str:
    return f"KL {cost:.6g} nats, {cost / math.log(2):.6g} bits"


def _requires_alone(setting: Setting) -> None:
    _requires(setting)
    if not 0 <= setting.options["alone"] <= 1:
        raise HypothesisError(f"alone is {setting.options['alone']}; it is about a probability")


def _mixture(setting: Setting) -> Sides:
    sizes, alone = _sizes(setting), setting.options["alone"]
    right = alone + (1 - alone) * math.exp(-cost_of_sizes(sizes))
    rounds = alone * setting.length + (1 - alone) * len(sizes)
    return Sides(Estimate.exact(rounds), Estimate.exact(setting.length * right), _nats(-math.log(right)))


def falling_sizes(length: int, steps: int, most: int | None = None) -> Iterator[tuple[int, ...]]:
    """All lists of so many sizes above 0 that do not rise."""
    if steps == 0:
        if length == 0:
            yield ()
        return
    for size in range(min(length - steps + 1, most or length), -(-length // steps) - 1, -1):
        yield from ((size, *rest) for rest in falling_sizes(length - size, steps - 1, size))


def _requires_listed(setting: Setting) -> None:
    _requires_best(setting)
    if setting.length > MOST_LISTED:
        raise HypothesisError(f"length is {setting.length}; sizes are listed up to {MOST_LISTED}")


def _requires_best(setting: Setting) -> None:
    _requires(setting)
    if setting.steps is None:
        raise HypothesisError("it is about the best sizes; pass steps")


def _best(setting: Setting) -> Sides:
    length, steps = setting.length, _steps(setting)
    falling = {sizes: cost_of_sizes(np.array(sizes)) for sizes in falling_sizes(length, steps)}
    sizes = min(falling, key=lambda each: falling[each])
    found = least_cost(length, steps)
    note = f"sizes {','.join(map(str, sizes))}; {_nats(found)}"
    return Sides(Estimate.exact(found), Estimate.exact(falling[sizes]), note)


def rho(steps: int) -> float:
    """rho_1 = 0, rho_k = exp(rho_(k-1) - 1)."""
    found = 0.0
    for _ in range(steps - 1):
        found = math.exp(found - 1)
    return found


def floor_of_cost(length: int, steps: int) -> float:
    """L log L - log L! - L rho_R in nats: the least over real sizes."""
    return length * math.log(length) - math.lgamma(length + 1) - length * rho(steps)


def shares_left(steps: int) -> list[float]:
    """mu_2, ..., mu_R: what is left before each step but the first, of the best real sizes."""
    found = [1.0]
    for left in range(steps, 1, -1):
        found.append(found[-1] * rho(left))
    return found[1:]


def _floor(setting: Setting) -> Sides:
    length, steps = setting.length, _steps(setting)
    cost, floor = least_cost(length, steps), floor_of_cost(length, steps)
    approximate = length * (1 - rho(steps)) - math.log(2 * math.pi * length) / 2
    return Sides(Estimate.exact(cost), Estimate.exact(floor), f"L (1 - rho) - log(2 pi L)/2 = {approximate:.6g}")


def _requires_some_left(setting: Setting) -> None:
    _requires_best(setting)
    shares = shares_left(_steps(setting))
    if shares and setting.length * shares[-1] < 1:
        raise HypothesisError(
            f"{setting.length * shares[-1]:.3g} items are left for the last of {_steps(setting)} steps; it is about 1 "
            "or more"
        )


def _ceiling(setting: Setting) -> Sides:
    length, steps = setting.length, _steps(setting)
    ceiling = floor_of_cost(length, steps) + _room(length, steps)
    return Sides(Estimate.exact(least_cost(length, steps)), Estimate.exact(ceiling))


def _room(length: int, steps: int) -> float:
    """sum_(k=2..R) 1/(L mu_k)."""
    return math.fsum(1 / (length * share) for share in shares_left(steps))


def _requires_pairs(setting: Setting) -> None:
    _requires_best(setting)
    saved = setting.length - _steps(setting)
    if 3 * saved > setting.length:
        raise HypothesisError(f"{saved} steps are saved of {setting.length}; it is about a third at most")


def _pairs(setting: Setting) -> Sides:
    length, steps = setting.length, _steps(setting)
    pairs = sum(math.log((length - 2 * j) / (length - 2 * j - 1)) for j in range(length - steps))
    return Sides(Estimate.exact(least_cost(length, steps)), Estimate.exact(pairs), _nats(pairs))


def _settings(statement: Statement) -> list[Setting]:
    sizes = ((8, 4), (16, 4), (24, 12), (60, 2), (60, 4), (512, 16), (512, 1))
    return [statement.setting(Permutation(items=items), items, steps) for items, steps in sizes]


def _rounds_settings(statement: Statement) -> list[Setting]:
    best = Schedule.from_sizes([3, 2, 2, 1])
    one = statement.setting(Permutation(items=8), 8, None, best)
    return [*_settings(statement), one, statement.setting(Permutation(items=12), 12, 12)]


def _mixture_settings() -> list[Setting]:
    few = MIXTURE.setting(Permutation(items=1000), 1000, 1, alone=0.1)
    return [*_rounds_settings(MIXTURE), few, MIXTURE.setting(Permutation(items=24), 24, 12, alone=0.01)]


def _best_settings() -> list[Setting]:
    sizes = ((8, 4), (16, 4), (32, 4), (10, 1), (10, 3), (12, 12), (12, 11))
    return [BEST.setting(Permutation(items=items), items, steps) for items, steps in sizes]


def _pairs_settings() -> list[Setting]:
    sizes = ((24, 24), (24, 23), (24, 16), (96, 64), (512, 400))
    return [PAIRS.setting(Permutation(items=items), items, steps) for items, steps in sizes]


def _ceiling_settings() -> list[Setting]:
    sizes = ((16, 4), (60, 2), (60, 4), (512, 16), (512, 1))
    return [CEILING.setting(Permutation(items=items), items, steps) for items, steps in sizes]


def _one_step(setting: Setting) -> bool:
    return setting.steps == 1 or setting.length == 1


def _nothing_lost(setting: Setting) -> bool:
    return len(_sizes(setting)) == setting.length


def _items(it: Statement, items: int, steps: int, **options: float) -> Setting:
    return it.setting(Permutation(items=items), items, steps, **options)


def _floors(broken: str, value: Callable[[int, int], float], teaches: str) -> Twin:
    return twins.bounded(
        broken,
        lambda setting, bound: value(setting.length, _steps(setting)),
        lambda it: _items(it, 24, 4),
        teaches,
    )


ROUNDS: Statement = Statement(
    id="permutation_rounds",
    number=28,
    says="R >= L/(1 + 2 KL(q||p)) steps, KL in nats",
    source="2608.25505, theorem 6; docs/theory.md 6",
    sources=("wen2026",),
    direction=">=",
    known=lambda setting: (1.0, float(setting.length)),
    sides=_rounds,
    settings=lambda: _rounds_settings(ROUNDS),
    hypotheses="permutation of as many items as positions, exact denoiser, fixed sizes",
    requires=_requires,
    tight=_nothing_lost,
    twins=(
        twins.scaled(1.01, lambda it: _items(it, 12, 12), "one at a time loses nothing, and takes L steps"),
        twins.bounded(
            "L/(1 + KL)",
            lambda setting, bound: setting.length / (1 + (setting.length / bound - 1) / 2),
            lambda it: it.setting(Permutation(items=12), 12, None, Schedule.from_sizes([2] + [1] * 10)),
            "a first pair saves a step, and costs log(L/(L-1)) alone",
        ),
        twins.turned(lambda it: _items(it, 8, 4), "the bound has room"),
    ),
)

MIXTURE: Statement = Statement(
    id="permutation_mixture",
    number=28,
    says="E[R] >= L exp(-KL(q||p)) for sizes that may be random, KL of the mixture in nats",
    source="2608.25505, proposition 3; docs/theory.md 6",
    sources=("wen2026",),
    direction=">=",
    known=lambda setting: (1.0, float(setting.length)),
    sides=_mixture,
    settings=_mixture_settings,
    hypotheses="permutation of as many items as positions, exact denoiser, fixed sizes or one at a time at random",
    requires=_requires_alone,
    tight=lambda setting: setting.options["alone"] == 1 or _nothing_lost(setting),
    options={"alone": 0.0},
    twins=(
        twins.scaled(1.01, lambda it: _items(it, 12, 3, alone=1.0), "one at a time loses nothing, and takes L steps"),
        twins.bounded(
            "L/(1 + 2 KL) of the mixture",
            lambda setting, bound: setting.length / (1 + 2 * math.log(setting.length / bound)),
            lambda it: _items(it, 1000, 1, alone=0.1),
            "to be right once in ten times by L steps, and else to guess, costs log 10 at any length",
        ),
    ),
)

BEST: Statement = Statement(
    id="permutation_sizes",
    number=28,
    says="the optimal KL of R steps is that of the best sizes that do not rise",
    source="2608.25505, theorem 7; docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_best,
    settings=_best_settings,
    hypotheses=f"permutation of as many items as positions, up to {MOST_LISTED}, exact denoiser, fixed sizes",
    requires=_requires_listed,
    twins=(
        twins.bounded(
            "sizes that rise",
            lambda setting, bound: min(
                cost_of_sizes(np.array(each[::-1])) for each in falling_sizes(setting.length, _steps(setting))
            ),
            lambda it: _items(it, 8, 4),
            "where few items are left, two draws repeat more often",
        ),
        twins.bounded(
            "equal sizes",
            lambda setting, bound: cost_of_sizes(_sizes(setting)),
            lambda it: _items(it, 8, 4),
            "later steps must be smaller",
        ),
    ),
)

FLOOR: Statement = Statement(
    id="permutation_floor",
    number=28,
    says="optimal KL of R steps >= L log L - log L! - L rho_R, rho_1 = 0, rho_k = exp(rho_(k-1) - 1)",
    source="2608.25505, theorem 8, with the O(1) done away with; docs/theory.md 6",
    sources=("wen2026",),
    direction=">=",
    known=non_negative,
    sides=_floor,
    settings=lambda: _settings(FLOOR),
    hypotheses="permutation of as many items as positions, exact denoiser, fixed sizes",
    requires=_requires_best,
    tight=_one_step,
    twins=(
        _floors(
            "rho of a step less", lambda length, steps: floor_of_cost(length, steps - 1), "each step lowers the floor"
        ),
        _floors(
            "without the logarithm",
            lambda length, steps: floor_of_cost(length, steps) + math.log(2 * math.pi * length) / 2,
            "log L! is less than L log L - L by half a logarithm",
        ),
        _floors(
            "the ceiling",
            lambda length, steps: floor_of_cost(length, steps) + _room(length, steps),
            "whole sizes come nearer to the floor than it says",
        ),
    ),
)

CEILING: Statement = Statement(
    id="permutation_ceiling",
    number=28,
    says="optimal KL of R steps <= L log L - log L! - L rho_R + sum_(k=2..R) 1/(L mu_k)",
    source="ours, after 2608.25505, theorem 8; docs/theory.md 6",
    sources=("wen2026", _SEARCH),
    direction="<=",
    known=non_negative,
    sides=_ceiling,
    settings=_ceiling_settings,
    hypotheses="permutation of as many items as positions, exact denoiser, fixed sizes, L mu_R of 1 or more",
    requires=_requires_some_left,
    tight=_one_step,
    twins=(
        twins.bounded(
            "the floor",
            lambda setting, bound: floor_of_cost(setting.length, _steps(setting)),
            lambda it: _items(it, 16, 4),
            "whole sizes do not reach the best real ones",
        ),
    ),
)

PAIRS: Statement = Statement(
    id="permutation_pairs",
    number=28,
    says="optimal KL of L - s steps = sum_(j<s) log((L-2j)/(L-2j-1)), 3s <= L",
    source="2608.25505, theorem 9; docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_pairs,
    settings=_pairs_settings,
    hypotheses="permutation of as many items as positions, exact denoiser, at least two thirds as many steps",
    requires=_requires_pairs,
    twins=(
        twins.beyond(
            "half of the steps saved",
            _requires_best,
            lambda it: _items(it, 20, 10),
            "threes become worth their cost once a third is saved",
        ),
        twins.bounded(
            "pairs last",
            lambda setting, bound: cost_of_sizes(
                np.array([1] * (2 * _steps(setting) - setting.length) + [2] * (setting.length - _steps(setting)))
            ),
            lambda it: _items(it, 12, 9),
            "where many items are left, two draws rarely repeat",
        ),
    ),
)
