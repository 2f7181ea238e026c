"""Languages that few rounds draw exactly, however long they are.

Setting. The exact denoiser. (a), (b) `affine`: bit strings with A x = b modulo 2. (c) `one_hot`: blocks of m bits of
which one is set.
Measured. (a) The total variation distance of p and q under the plan that opens the free positions and then those that
they determine (`Affine.two_rounds`), by enumeration. (b) D_0, the least mean number of rounds that is exact, by search.
(c) The distance under `stride` with m steps: the first positions of all blocks, then the second ones, and so on.
Guarantee. (a) It is 0: free bits are independent and fair. (b) At most 2, equal unless all bits are independent or all
determined. (c) It is 0: blocks are independent, and a round opens one position of each.
Constants. None.
Source. (a), (b) 2608.25505, proposition 4; (c) theorem 12 there, its upper side: the constant of its lower side is not
said. Parity, one row of ones, is the case that random order finds hardest; docs/theory.md 6.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.affine import Affine, preset
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.languages.presets import as_language
from mdmtheory.plans import GivenPlan
from mdmtheory.theory import twins
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin


def _affine(setting: Setting) -> Affine:
    if not isinstance(setting.language, Affine):
        raise HypothesisError(f"it is about affine, not {setting.language.spec}")
    return setting.language


def _requires_affine(setting: Setting) -> None:
    _affine(setting)


def _two_rounds(setting: Setting) -> Sides:
    plan = GivenPlan(tuple(_affine(setting).two_rounds(setting.length).tolist()))
    return Sides(distance_from_language(setting, plan), Estimate.exact(0.0), f"{max(plan.steps_of_positions)} rounds")


def _depth(setting: Setting) -> Sides:
    return Sides(serial_depth(setting.language, setting.length), Estimate.exact(2.0))


def _halfway(setting: Setting) -> bool:
    """Whether some bits that are not fixed are determined by others: else one round does."""
    language, length = _affine(setting), setting.length
    columns = language.columns(length).tolist()
    alone = [k for k, column in enumerate(columns) if _rank(columns[:k] + columns[k + 1 :]) < _rank(columns)]
    # Columns outside the span of the others belong to bits that are fixed.
    return _rank(columns) > len(alone)


def _rank(columns: list[int]) -> int:
    basis: list[int] = []
    for column in columns:
        for vector in basis:
            column = min(column, column ^ vector)
        if column:
            basis.append(column)
    return len(basis)


def block_of(setting: Setting) -> int:
    """The length of the blocks of `one_hot`; HypothesisError for another language."""
    language = setting.language
    found = len(language.initial) // 3 if isinstance(language, HMM) else 0
    if found < 2 or language != one_hot(block=found):
        raise HypothesisError(f"it is about one_hot, not {language.spec}")
    return found


def _requires_one_hot(setting: Setting) -> None:
    block_of(setting)


def _one_hot(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, "stride", block_of(setting)), Estimate.exact(0.0))


def small_codes() -> tuple[Affine, ...]:
    """Parity, a code that finds one error in seven bits, parities that are no zeros, and a random one."""
    hamming = [[1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 1]]
    return (
        Affine([[1]]),
        Affine(hamming),
        Affine([[1, 1, 0, 0], [0, 0, 1, 1]], [1, 0]),
        preset(checks=3, period=6, seed=1),
    )


def _affine_settings(statement: Statement) -> list[Setting]:
    return [statement.setting(code, length) for code in small_codes() for length in (4, 6)]


def _one_hot_settings() -> list[Setting]:
    blocks = [as_language(f"one_hot:block={block}") for block in (2, 3, 4)]
    return [ONE_HOT.setting(each, length) for each in blocks for length in (5, 8)]


def _opened(broken: str, plan_of: Callable[[Setting], np.ndarray], teaches: str) -> Twin:
    """Another plan than free positions first."""

    def sides(setting: Setting) -> Sides:
        plan = GivenPlan(tuple(plan_of(setting).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return twins.claiming(broken, sides, lambda it: it.setting(small_codes()[1], 6), teaches)


AFFINE: Statement = Statement(
    id="affine_two_rounds",
    number=27,
    says="TV(p, q) = 0 for affine, free positions first and then those that they determine",
    source="2608.25505, proposition 4; docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_two_rounds,
    settings=lambda: [*_affine_settings(AFFINE), AFFINE.setting(small_codes()[1], 7)],
    hypotheses="affine, exact denoiser; small enough to enumerate",
    requires=_requires_affine,
    twins=(
        _opened(
            "determined positions first",
            lambda setting: 3 - _affine(setting).two_rounds(setting.length),
            "which bits are free is a choice, but not any choice",
        ),
        _opened(
            "one round", lambda setting: np.ones(setting.length, dtype=int), "a check needs the bits that it checks"
        ),
        _opened(
            "every other position",
            lambda setting: 1 + np.arange(setting.length) % 2,
            "the checks decide, and not the places",
        ),
        _opened(
            "a check forgotten",
            lambda setting: Affine(_affine(setting).matrix[1:], _affine(setting).offset[1:]).two_rounds(setting.length),
            "each check takes one bit's freedom",
        ),
    ),
)

AFFINE_DEPTH: Statement = Statement(
    id="affine_depth",
    number=27,
    says="D_0 <= 2 for affine",
    source="2608.25505, proposition 4; docs/theory.md 6",
    sources=("wen2026",),
    direction="<=",
    known=lambda setting: (1.0, float(setting.length)),
    sides=_depth,
    settings=lambda: _affine_settings(AFFINE_DEPTH),
    hypotheses="affine; small enough to search",
    requires=_requires_affine,
    tight=_halfway,
    twins=(
        twins.scaled(0.5, lambda it: it.setting(Affine([[1]]), 4), "parity is not drawn in one round"),
        twins.equality(
            lambda it: it.setting(Affine([[1, 0, 0, 0]]), 4),
            "where all bits are independent or fixed one round is enough",
        ),
    ),
)

ONE_HOT: Statement = Statement(
    id="one_hot_rounds",
    number=27,
    says="TV(p, q) = 0 for one_hot in blocks of m opened by stride in m rounds",
    source="2608.25505, theorem 12 (the upper side); docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_one_hot,
    settings=lambda: [
        ONE_HOT.setting(as_language(f"one_hot:block={block}"), length) for block in (2, 3, 4) for length in (5, 8)
    ],
    hypotheses="one_hot, exact denoiser; small enough to enumerate",
    requires=_requires_one_hot,
    twins=(
        twins.claiming(
            "a round less",
            lambda setting: Sides(
                distance_from_language(setting, "stride", block_of(setting) - 1), Estimate.exact(0.0)
            ),
            lambda it: it.setting(one_hot(block=3), 3),
            "two positions of a block in one round may both be set",
        ),
    ),
)
