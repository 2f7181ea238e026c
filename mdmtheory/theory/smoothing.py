"""What all other tokens tell, and what the tokens before tell.

Setting. Any language.
Measured. Two sums over positions of the entropy of a token as the exact denoiser sees it: given all other tokens
(smoothing), and given those before it (filtering).
Guarantee. The first is at most H(q), with equality exactly for independent tokens: what is missing is the dual total
correlation. The second is H(q) for every language, by the chain rule.
Constants. None.
Source. Han (1978), Verdú and Weissman (2008); docs/theory.md 7.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Language
from mdmtheory.exact.enumeration import entropy_nats, joint
from mdmtheory.exact.reveals import Costs, reveal_costs
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.parity import Parity
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, hardest, independent, rare_first, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement, Twin

Shown = Callable[[int, int], bool]
"""Whether a token sees another position."""


def _costs(setting: Setting) -> Costs:
    return reveal_costs(setting.language.oracle(), setting.language, setting.length)


def _against_entropy(setting: Setting, measured: float) -> Sides:
    entropy = entropy_nats(joint(setting.language, setting.length))
    return Sides(Estimate.exact(float(measured)), Estimate.exact(entropy))


def _smoothing(setting: Setting) -> Sides:
    positions = np.arange(setting.length)
    all_others = (1 << setting.length) - 1 - (1 << positions)
    return _against_entropy(setting, _costs(setting)[all_others, positions].sum())


def _filtering(setting: Setting) -> Sides:
    positions = np.arange(setting.length)
    all_before = (1 << positions) - 1
    return _against_entropy(setting, _costs(setting)[all_before, positions].sum())


def _independent(setting: Setting) -> bool:
    return setting.length == 1 or (isinstance(setting.language, NGram) and setting.language.order == 1)


def _smoothing_settings() -> list[Setting]:
    return [
        *(SMOOTHING.setting(language, 5) for language in (*small_languages(), Parity())),
        SMOOTHING.setting(independent(), 6),
        hardest(SMOOTHING.setting(rare_first(), 2)),
    ]


def _filtering_settings() -> list[Setting]:
    return [FILTERING.setting(language, 5) for language in (*small_languages(), Parity())]


def given(setting: Setting, shown: Shown) -> float:
    """The sum over i of H(X_i | the positions j for which shown(i, j))."""
    positions = np.arange(setting.length)
    sets = [sum(1 << j for j in positions.tolist() if j != i and shown(i, j)) for i in positions.tolist()]
    return float(_costs(setting)[sets, positions].sum())


def _given(broken: str, shown: Shown, language: Callable[[], Language], teaches: str) -> Twin:
    return twins.measuring(
        broken, lambda setting, measured: given(setting, shown), lambda it: it.setting(language(), 4), teaches
    )


SMOOTHING = Statement(
    id="smoothing",
    number=14,
    says="sum_i H(X_i | all others) <= H(q)",
    source="Han (1978), Verdú and Weissman (2008); docs/theory.md 7",
    sources=("han1978", "verdu2008"),
    direction="<=",
    sides=_smoothing,
    settings=_smoothing_settings,
    hypotheses="any language; small enough to enumerate",
    tight=_independent,
    twins=(
        _given(
            "the neighbours alone",
            lambda i, j: abs(i - j) == 1,
            Parity,
            "a token may depend on all others at once",
        ),
        _given(
            "all others but the first two",
            lambda i, j: j > 1,
            Parity,
            "the first two tokens are then given no past, and cost more than their past would leave",
        ),
        twins.turned(lambda it: it.setting(bigram3(), 4), "what comes after tells of a token too"),
        twins.scaled(0.99, lambda it: it.setting(independent(), 4), "of independent tokens others tell nothing"),
    ),
)

FILTERING = Statement(
    id="filtering",
    number=14,
    says="sum_i H(X_i | those before) = H(q)",
    source="the chain rule; docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction="=",
    sides=_filtering,
    settings=_filtering_settings,
    hypotheses="any language; small enough to enumerate",
    twins=(
        _given("those before but the nearest", lambda i, j: j < i - 1, bigram3, "the chain rule needs all of the past"),
    ),
)
