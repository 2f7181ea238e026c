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

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.affine import Affine, preset
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.languages.presets import as_language
from mdmtheory.plans import GivenPlan
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement


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


def _block(setting: Setting) -> int:
    language = setting.language
    found = len(language.initial) // 3 if isinstance(language, HMM) else 0
    if found < 2 or language != one_hot(block=found):
        raise HypothesisError(f"it is about one_hot, not {language.spec}")
    return found


def _requires_one_hot(setting: Setting) -> None:
    _block(setting)


def _one_hot(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, "stride", _block(setting)), Estimate.exact(0.0))


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
)
