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

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import entropy_nats, joint
from mdmtheory.exact.reveals import Costs, reveal_costs
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.parity import Parity
from mdmtheory.theory.instances import hardest, independent, rare_first, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement


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
)
