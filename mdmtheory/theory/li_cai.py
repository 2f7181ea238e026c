"""The average over plans of KL(q || p_plan) is bounded by the largest step and the information between tokens.

Setting. Masked diffusion with the exact denoiser, whose steps reveal uniformly random sets: fixed sizes of which
s_max is the largest, or ancestral plans, whose s_max is random.
Measured. E_plan KL(q || p_plan), from the information curve (statement plan_average).
Guarantee. At most E[2^ceil(log2 s_max) - 1]/L sum_i I(X_i; X_-i) (Li and Cai), and at most E[s_max - 1]/L of the same
sum (ours), never looser. The second is tight where all information comes with one token, just after the first of a
largest step: Repetition with a largest step first, Parity with a largest step of two last, Repetition in one step.
The first is tight there too where s_max is a power of two.
Constants. 2^ceil(log2 s_max) - 1 from notes on 2505.21400; s_max - 1 ours.
Source. 2505.21400; ours, docs/theory.md 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.curve import s_information
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.repetition import Repetition
from mdmtheory.schedules import Schedule
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve, random_order_gap, require_random_subsets
from mdmtheory.theory.instances import bigram3, early_choice, growth_chain, hardest, independent, small_languages
from mdmtheory.theory.searches import FEW_STEPS
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement


def largest_step_law(setting: Setting) -> Float[np.ndarray, "sizes"]:
    """P(s_max = s) at [s], s = 0..L, of the setting's plans.

    Ancestral plans have multinomial sizes: P(s_max <= s) is L! times the coefficient of z^L in
    prod_k sum_{j <= s} (w_k z)^j / j!.
    """
    length = setting.length
    if setting.options["sampler"] == "fixed":
        law = np.zeros(length + 1)
        law[setting.schedule.sizes(length, setting.steps).max()] = 1.0
        return law
    from scipy.stats import binom

    fractions = setting.schedule.revealed_fractions(setting.steps)
    at_most = np.zeros(length + 1)
    for most in range(1, length + 1):
        # P(steps so far have revealed m, none more than `most`), step by step.
        revealed = np.zeros(length + 1)
        revealed[0] = 1.0
        for before, after in pairwise(fractions):
            rate = (after - before) / (1 - before)
            moved = np.zeros(length + 1)
            for m in np.flatnonzero(revealed).tolist():
                sizes = np.arange(min(most, length - m) + 1)
                moved[m + sizes] += revealed[m] * binom.pmf(sizes, length - m, rate)
            revealed = moved
        at_most[most] = revealed[length]
    return np.diff(at_most, prepend=0.0)


def _requires(setting: Setting) -> None:
    require_random_subsets(setting)
    if setting.options["sampler"] == "ancestral" and setting.length > 64:
        raise HypothesisError(f"length {setting.length} is above 64, up to which the law of s_max is computed")


def _sides(setting: Setting, factor: Callable[[int], float]) -> Sides:
    curve = exact_curve(setting)
    gap = random_order_gap(setting, curve)
    law = largest_step_law(setting)
    mean = sum(law[size] * factor(size) for size in range(1, setting.length + 1))
    return Sides(Estimate.exact(gap), Estimate.exact(float(mean * s_information(curve) / setting.length)))


def doubling(size: int) -> float:
    """2^ceil(log2 size) - 1."""
    return float((1 << (size - 1).bit_length()) - 1)


def one_less(size: int) -> float:
    """size - 1."""
    return size - 1.0


def _tight(setting: Setting) -> bool:
    if isinstance(setting.language, NGram) and setting.language.order == 1:
        return True
    if setting.options["sampler"] == "ancestral":
        return setting.steps == 1 and isinstance(setting.language, Repetition)
    sizes = setting.schedule.sizes(setting.length, setting.steps)
    first, last, largest = int(sizes[0]), int(sizes[-1]), int(sizes.max())
    return (
        largest == 1
        or (isinstance(setting.language, Repetition) and first == largest)
        or (isinstance(setting.language, Parity) and last == largest == 2)
    )


def _tight_if_doubling(setting: Setting) -> bool:
    """As the sharper bound, where s_max is a power of two, or where both sides are 0."""
    if isinstance(setting.language, NGram) and setting.language.order == 1:
        return True
    sizes = np.flatnonzero(largest_step_law(setting))
    return _tight(setting) and all(doubling(size) == size - 1 for size in sizes.tolist())


def _settings(statement: Statement) -> list[Setting]:
    both = [
        statement.setting(language, 5, 3, "linear", sampler=sampler)
        for language in small_languages()
        for sampler in ("fixed", "ancestral")
    ]
    return [
        *both,
        statement.setting(growth_chain(), 512, 64, "linear", sampler="fixed"),
        statement.setting(growth_chain(), 512, 96, "cosine", sampler="fixed"),
        statement.setting(Repetition(vocab_size=3), 16, 4, "linear", sampler="fixed"),
        statement.setting(Repetition(vocab_size=3), 15, 3, "linear", sampler="fixed"),
        statement.setting(Parity(), 16, 8, "linear", sampler="fixed"),
        statement.setting(independent(), 16, 4, "linear", sampler="ancestral"),
        hardest(statement.setting(early_choice(), 6, 2 if statement is LARGEST_STEP else 3, "linear", sampler="fixed")),
    ]


def _repeated(size: int) -> twins.Witness:
    """Copies of one token in steps of that size: the hardest language, as a first step of several tells nothing."""
    return lambda it: it.setting(Repetition(vocab_size=3), 4 * size, 4)


def _mean_step(setting: Setting, bound: float) -> float:
    sizes = setting.schedule.sizes(setting.length, setting.steps)
    largest, mean = int(sizes.max()), float(sizes.mean())
    return bound * (mean - 1) / (largest - 1) if largest > 1 else 0.0


LI_CAI: Statement = Statement(
    id="li_cai",
    number=6,
    says="E_plan KL <= E[2^ceil(log2 s_max) - 1]/L sum_i I(X_i; X_-i)",
    source="2505.21400",
    sources=("li2025",),
    direction="<=",
    sides=lambda setting: _sides(setting, doubling),
    settings=lambda: _settings(LI_CAI),
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans or fixed sizes",
    requires=_requires,
    tight=_tight_if_doubling,
    constants=(Constant("base of the power", 2.0, "notes"),),
    options={"sampler": "fixed"},
    twins=(
        twins.scaled(0.99, _repeated(4), "four copies in the first step: three of them are drawn apart, and no less"),
        twins.turned(lambda it: it.setting(bigram3(), 5, 3), "most of the information does not come with one token"),
        twins.claiming(
            "2^floor(log2 s_max) in place of 2^ceil(log2 s_max)",
            lambda setting: _sides(setting, lambda size: float((1 << size.bit_length() >> 1) - 1)),
            _repeated(3),
            "three copies count as two do: sizes between powers of two must be rounded up",
        ),
    ),
)

LARGEST_STEP: Statement = Statement(
    id="largest_step",
    number=6,
    says="E_plan KL <= E[s_max - 1]/L sum_i I(X_i; X_-i)",
    source="ours, sharper than 2505.21400; docs/theory.md 2.3",
    sources=("li2025", FEW_STEPS),
    direction="<=",
    sides=lambda setting: _sides(setting, one_less),
    settings=lambda: _settings(LARGEST_STEP),
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans or fixed sizes",
    requires=_requires,
    tight=_tight,
    options={"sampler": "fixed"},
    twins=(
        twins.scaled(0.99, _repeated(4), "four copies in the first step: three of them are drawn apart, and no less"),
        twins.turned(lambda it: it.setting(bigram3(), 5, 3), "most of the information does not come with one token"),
        twins.bounded(
            "the mean step in place of the largest",
            _mean_step,
            lambda it: it.setting(Repetition(vocab_size=3), 8, None, Schedule.from_sizes([4, 2, 2])),
            "all information may come with the first token, and then the first step decides alone",
        ),
    ),
)
