"""What share of its length a permutation takes in rounds, at every length, for an error that is small enough.

Setting. `permutation` of L items at length L; the exact denoiser; sizes (`permutation_rounds`).
Measured. D, the fewest steps of which the best sizes have KL(q || p) <= eps, in nats.
Guarantee. L - (L+1)(1 - exp(-2 eps))/2 <= D <= ceil(L (1 + exp(-2 eps))/2), where
eps < log((L+1)/(L - 2 floor(L/3) + 1))/2, which rises to log(3)/2: a span of less than two steps, and D/L tends to
(1 + exp(-2 eps))/2. Both from `permutation_pairs` with
log((x+1)/(x-1))/2 <= -log(1 - 1/x) <= log(x/(x-2))/2 at x = L - 2 j, whose sums telescope. Equal at eps = 0.
Constants. None.
Source. 2608.25505, theorem 9, has the limit, in bits (1 + 2^(-2 eps))/2; the two sides ours, docs/theory.md 6.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.languages.permutation import Permutation
from mdmtheory.theory import twins
from mdmtheory.theory.balanced_rounds import fewest_steps
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement

_SEARCH = Ours(
    "random permutation parallel unmasking rounds as a share of length for KL at most epsilon, finite length two sided",
    "2026-11-30",
)


def most_error(length: int) -> float:
    """Below it pairs are enough."""
    return math.log((length + 1) / (length - 2 * (length // 3) + 1)) / 2


def _permutation(setting: Setting) -> Permutation:
    language = setting.language
    if not isinstance(language, Permutation) or language.items != setting.length:
        raise HypothesisError(
            f"it is about permutation of as many items as positions, not {language.spec} at length {setting.length}"
        )
    return language


def _requires(setting: Setting) -> None:
    _permutation(setting)
    error = setting.options["eps"]
    if not (error == 0 or 0 < error < most_error(setting.length)):
        raise HypothesisError(f"eps is {error}; it is about errors from 0 to below {most_error(setting.length):.6g}")


def _steps(setting: Setting) -> Estimate:
    return Estimate.exact(
        float(fewest_steps(_permutation(setting).information_curve(setting.length), setting.options["eps"]))
    )


def _note(setting: Setting) -> str:
    return f"L (1 + exp(-2 eps))/2 = {setting.length * (1 + math.exp(-2 * setting.options['eps'])) / 2:.6g}"


def fewest_below(length: int, error: float) -> float:
    """L - (L+1)(1 - exp(-2 eps))/2."""
    return length + (length + 1) * math.expm1(-2 * error) / 2


def fewest_above(length: int, error: float) -> float:
    """ceil(L (1 + exp(-2 eps))/2)."""
    # What rounding adds to a whole number is no step.
    return float(math.ceil(length * (1 + math.exp(-2 * error)) / 2 - 1e-9))


def _below(setting: Setting) -> Sides:
    bound = fewest_below(setting.length, setting.options["eps"])
    return Sides(_steps(setting), Estimate.exact(bound), _note(setting))


def _above(setting: Setting) -> Sides:
    bound = fewest_above(setting.length, setting.options["eps"])
    return Sides(_steps(setting), Estimate.exact(bound), _note(setting))


def _settings(statement: Statement) -> list[Setting]:
    lengths, errors = (1, 9, 60, 512), (0.0, 0.01, 0.1, 0.3)
    return [
        statement.setting(Permutation(items=length), length, eps=error)
        for length in lengths
        for error in errors
        if error == 0 or error < most_error(length)
    ]


def _no_error(setting: Setting) -> bool:
    return bool(setting.options["eps"] == 0)


BELOW: Statement = Statement(
    id="permutation_share_below",
    number=28,
    says="fewest steps with KL(q||p) <= eps at least L - (L+1)(1 - exp(-2 eps))/2, eps below log(3)/2 or nearly",
    source="ours, after 2608.25505, theorem 9; docs/theory.md 6",
    sources=("wen2026", _SEARCH),
    direction=">=",
    known=lambda setting: (1.0, float(setting.length)),
    sides=_below,
    settings=lambda: _settings(BELOW),
    hypotheses="permutation of as many items as positions, exact denoiser, fixed sizes, pairs enough",
    requires=_requires,
    tight=_no_error,
    options={"eps": 0.1},
    twins=(
        twins.bounded(
            "a step more",
            lambda setting, bound: bound + 1,
            lambda it: it.setting(Permutation(items=60), 60, eps=0.1),
            "the two sides are less than two steps apart",
        ),
        twins.bounded(
            "the error in bits",
            lambda setting, bound: fewest_below(setting.length, setting.options["eps"] * math.log(2)),
            lambda it: it.setting(Permutation(items=60), 60, eps=0.3),
            "the paper counts bits",
        ),
        twins.beyond(
            "errors of any size",
            twins.anywhere,
            lambda it: it.setting(Permutation(items=60), 60, eps=1.5),
            "beyond log(3)/2 larger steps are better than pairs",
        ),
    ),
)

ABOVE: Statement = replace(
    BELOW,
    id="permutation_share_above",
    says="fewest steps with KL(q||p) <= eps at most ceil(L (1 + exp(-2 eps))/2), eps below log(3)/2 or nearly",
    direction="<=",
    sides=_above,
    settings=lambda: _settings(ABOVE),
    twins=(
        twins.bounded(
            "a step less",
            lambda setting, bound: bound - 1,
            lambda it: it.setting(Permutation(items=60), 60, eps=0.1),
            "the two sides are less than two steps apart",
        ),
    ),
)
