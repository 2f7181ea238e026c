"""Languages whose error rate is known in closed form.

Setting. The exact denoiser on ancestral plans with revealed fractions a_k and shares w_k = a_k - a_{k-1}, or on fixed
sizes; Parity, Repetition(m) and EqualPairs(m), c = sum_k w_k^2.
Measured. SER, and for EqualPairs the bits a token that TER exceeds its floor by, from the enumerated law.
Guarantee. Parity: SER = (1 - L sum_k w_k a_{k-1}^(L-1))/2, right for certain only when one position comes last alone;
with fixed sizes 1/2, or 0 if the last is one. Repetition: 1 - SER = m sum_k [(w_k/m + 1 - a_k)^L - (1 - a_k)^L],
everything of the first step that opens anything being drawn by itself. EqualPairs: SER = 1 - (1 - c(1-1/m))^(L/2),
log2 TER(p) - log2 TER(q) = -log2(1 - c(1-1/m))/2 with no L in it, for even L; an odd length leaves one token alone.
Constants. None.
Source. Ours, docs/theory.md 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import Law, entropy_nats, error_rate, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.repetition import Repetition
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules import Schedule
from mdmtheory.theory import twins
from mdmtheory.theory.searches import CLOSED_FORMS
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

Fractions = Float[np.ndarray, "edges"]

SCHEDULES = (("linear", 3), ("linear", 1), ("cosine", 4), ("polynomial:power=2", 3), ("geometric", 5))


def _laws(setting: Setting, sampler: str = "ancestral") -> tuple[Law, Law]:
    model = MaskedDiffusion(setting.language.oracle(), sampler=sampler, steps=setting.steps, schedule=setting.schedule)
    return law(model, setting.language, setting.length), joint(setting.language, setting.length)


def _requires_parity(setting: Setting) -> None:
    if not isinstance(setting.language, Parity):
        raise HypothesisError(f"it is about parity, not {setting.language.spec}")


def _requires_repetition(setting: Setting) -> None:
    if not isinstance(setting.language, Repetition):
        raise HypothesisError(f"it is about repetition, not {setting.language.spec}")


def _requires_pairs(setting: Setting) -> None:
    if not isinstance(setting.language, EqualPairs):
        raise HypothesisError(f"it is about equal_pairs, not {setting.language.spec}")


def _requires_whole_pairs(setting: Setting) -> None:
    _requires_pairs(setting)
    if setting.length % 2:
        raise HypothesisError(f"length is {setting.length}; it is about even ones")


def parity_error(fractions: Fractions, length: int) -> float:
    """(1 - L sum_k w_k a_{k-1}^(L-1)) / 2."""
    last_alone = length * np.diff(fractions) @ fractions[:-1] ** (length - 1)
    return (1 - float(last_alone)) / 2


def repetition_error(fractions: Fractions, length: int, vocab_size: int) -> float:
    """1 - m sum_k [(w_k/m + 1 - a_k)^L - (1 - a_k)^L]."""
    masked = 1 - fractions[1:]
    agree = (np.diff(fractions) / vocab_size + masked) ** length - masked**length
    return 1 - vocab_size * float(agree.sum())


def pair_error(fractions: Fractions, vocab_size: int) -> float:
    """c (1 - 1/m): two partners in one step that differ."""
    return float((np.diff(fractions) ** 2).sum()) * (1 - 1 / vocab_size)


def _error_sides(closed: Callable[[Setting, Fractions], float]) -> Callable[[Setting], Sides]:
    def sides(setting: Setting) -> Sides:
        fractions = setting.schedule.revealed_fractions(setting.steps)
        return Sides(Estimate.exact(error_rate(*_laws(setting))), Estimate.exact(closed(setting, fractions)))

    return sides


def _parity_sizes(setting: Setting) -> Sides:
    sizes = setting.schedule.sizes(setting.length, setting.steps)
    measured = error_rate(*_laws(setting, "fixed"))
    return Sides(Estimate.exact(measured), Estimate.exact(0.0 if sizes[-1] == 1 else 0.5))


def _bits(setting: Setting) -> Sides:
    p, q = _laws(setting)
    bits = (expected_nll(p, q) - entropy_nats(q)) / setting.length / math.log(2)
    fractions = setting.schedule.revealed_fractions(setting.steps)
    # One step and m tokens leave 1/m: never the logarithm of 0.
    expected = -0.5 * math.log2(1 - pair_error(fractions, setting.language.vocab_size))
    return Sides(Estimate.exact(bits), Estimate.exact(expected))


def _parity_settings() -> list[Setting]:
    return [PARITY.setting(Parity(), length, steps, name) for length in (1, 2, 5, 8) for name, steps in SCHEDULES]


def _parity_sizes_settings() -> list[Setting]:
    sizes = ([1, 4], [3, 2], [4, 1], [1, 3, 1], [5], [1, 1, 1, 1, 1])
    return [PARITY_SIZES.setting(Parity(), 5, None, Schedule.from_sizes(each)) for each in sizes]


def _repetition_settings() -> list[Setting]:
    sizes = ((2, 6), (3, 5), (5, 3), (1, 4))
    return [
        REPETITION.setting(Repetition(vocab_size=m), length, steps, name)
        for m, length in sizes
        for name, steps in SCHEDULES
    ]


def _pairs_settings() -> list[Setting]:
    sizes = ((2, 6), (2, 5), (3, 4), (5, 3))
    return [
        PAIRS.setting(EqualPairs(vocab_size=m), length, steps, name) for m, length in sizes for name, steps in SCHEDULES
    ]


def _bits_settings() -> list[Setting]:
    sizes = ((2, 2), (2, 6), (3, 4))
    return [
        PAIRS_BITS.setting(EqualPairs(vocab_size=m), length, steps, name)
        for m, length in sizes
        for name, steps in SCHEDULES
    ]


def _formula(broken: str, value: Callable[[Fractions, int, int], float], witness: twins.Witness, teaches: str) -> Twin:
    """`value(fractions, length, vocab_size)` in place of the closed form."""
    return twins.bounded(
        broken,
        lambda setting, bound: float(
            value(setting.schedule.revealed_fractions(setting.steps), setting.length, setting.language.vocab_size)
        ),
        witness,
        teaches,
    )


def _of_parity(it: Statement) -> Setting:
    return it.setting(Parity(), 4, 3)


def _of_copies(it: Statement) -> Setting:
    return it.setting(Repetition(vocab_size=2), 4, 3)


def _of_pairs(it: Statement) -> Setting:
    return it.setting(EqualPairs(vocab_size=2), 4, 3)


PARITY = Statement(
    id="parity",
    number=20,
    says="SER = (1 - L sum_k w_k a_{k-1}^(L-1))/2",
    source="ours; docs/theory.md 7",
    sources=(CLOSED_FORMS,),
    direction="=",
    sides=_error_sides(lambda setting, fractions: parity_error(fractions, setting.length)),
    settings=_parity_settings,
    hypotheses="parity, exact denoiser, ancestral plans; small enough to enumerate",
    requires=_requires_parity,
    twins=(
        _formula(
            "the fraction after the last position's step",
            lambda a, length, m: (1 - length * float(np.diff(a) @ a[1:] ** (length - 1))) / 2,
            _of_parity,
            "all others must be known before the last step",
        ),
        _formula(
            "a position more", lambda a, length, m: parity_error(a, length + 1), _of_parity, "L of them, not more"
        ),
    ),
)

PARITY_SIZES = Statement(
    id="parity_sizes",
    number=20,
    says="SER = 1/2, or 0 if the last step reveals one position",
    source="ours; docs/theory.md 7",
    sources=(CLOSED_FORMS,),
    direction="=",
    sides=_parity_sizes,
    settings=_parity_sizes_settings,
    hypotheses="parity, exact denoiser, fixed sizes; small enough to enumerate",
    requires=_requires_parity,
    twins=(
        twins.bounded(
            "right where the last step has two",
            lambda setting, bound: 0.0 if setting.schedule.sizes(setting.length, setting.steps)[-1] <= 2 else 0.5,
            lambda it: it.setting(Parity(), 4, 2),
            "of the last two bits neither is told by the others",
        ),
    ),
)

REPETITION = Statement(
    id="repetition",
    number=20,
    says="1 - SER = m sum_k [(w_k/m + 1 - a_k)^L - (1 - a_k)^L]",
    source="ours; docs/theory.md 7",
    sources=(CLOSED_FORMS,),
    direction="=",
    sides=_error_sides(
        lambda setting, fractions: repetition_error(fractions, setting.length, setting.language.vocab_size)
    ),
    settings=_repetition_settings,
    hypotheses="repetition, exact denoiser, ancestral plans; small enough to enumerate",
    requires=_requires_repetition,
    twins=(
        _formula(
            "what is masked before the step",
            lambda a, length, m: (
                1 - m * float((((np.diff(a) / m + 1 - a[:-1]) ** length) - (1 - a[:-1]) ** length).sum())
            ),
            _of_copies,
            "the rest is masked after it",
        ),
        _formula(
            "a token more", lambda a, length, m: repetition_error(a, length, m + 1), _of_copies, "m tokens, not more"
        ),
    ),
)

PAIRS = Statement(
    id="equal_pairs",
    number=20,
    says="SER = 1 - (1 - c(1-1/m))^floor(L/2)",
    source="ours; docs/theory.md 7",
    sources=(CLOSED_FORMS,),
    direction="=",
    sides=_error_sides(
        lambda setting, fractions: 1 - (1 - pair_error(fractions, setting.language.vocab_size)) ** (setting.length // 2)
    ),
    settings=_pairs_settings,
    hypotheses="equal_pairs, exact denoiser, ancestral plans; small enough to enumerate",
    requires=_requires_pairs,
    twins=(
        _formula(
            "L/2 pairs at odd lengths",
            lambda a, length, m: 1 - (1 - pair_error(a, m)) ** (length / 2),
            lambda it: it.setting(EqualPairs(vocab_size=2), 5, 3),
            "a token without a partner cannot be wrong",
        ),
        _formula(
            "no chance agreement",
            lambda a, length, m: 1 - (1 - float((np.diff(a) ** 2).sum())) ** (length // 2),
            _of_pairs,
            "two that are drawn apart agree once in m",
        ),
    ),
)

PAIRS_BITS = Statement(
    id="equal_pairs_bits",
    number=20,
    says="log2 TER(p) - log2 TER(q) = -log2(1 - c(1-1/m))/2",
    source="ours; docs/theory.md 7",
    sources=(CLOSED_FORMS,),
    direction="=",
    sides=_bits,
    settings=_bits_settings,
    hypotheses="equal_pairs at even lengths, exact denoiser, ancestral plans; small enough to enumerate",
    requires=_requires_whole_pairs,
    twins=(
        _formula(
            "of a whole sequence",
            lambda a, length, m: -length / 2 * np.log2(1 - pair_error(a, m)),
            _of_pairs,
            "it is per token",
        ),
        _formula("of a pair", lambda a, length, m: -np.log2(1 - pair_error(a, m)), _of_pairs, "a pair has two tokens"),
    ),
)
