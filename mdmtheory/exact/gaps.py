"""SER of ancestral sampling with the perfect denoiser, without sampling: what becomes of the gaps of a bigram."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows
from mdmtheory.denoisers.oracle import Oracle
from mdmtheory.exact.bigrams import SIGHT, BigramHops, initial_and_transition, is_bigram
from mdmtheory.exact.enumeration import Law, error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules import Numbers, Schedule, as_schedule

ScheduleLike = str | Spec | Schedule | Numbers

MOST_OPERATIONS = 2e12
"""Multiplications beyond which a recursion is refused: five to ten minutes' work on two cores."""

THREADED_OPERATIONS = 1e6
"""A step with fewer runs in one thread: starting others takes as long."""

TINY_SHARE = 1e-12
"""Gaps too improbable for float64 may move an error rate by so much; if more, it is refused."""


def ser(
    language: Language,
    length: int,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    *,
    threads: int | None = None,
) -> Estimate:
    """SER of ancestral sampling with the perfect denoiser, exact: `ser_curve` at one length."""
    language.validate_length(length)
    if is_bigram(language):
        return Estimate.exact(float(ser_curve(language, length, steps, schedule, threads=threads)[-1]))
    fractions = as_schedule(schedule).revealed_fractions(steps)
    return Estimate.exact(error_rate(ancestral_law(language, length, fractions, threads), joint(language, length)))


def ser_curve(
    language: Language,
    length: int,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    *,
    threads: int | None = None,
) -> Float[np.ndarray, "length"]:
    """SER of ancestral sampling with the perfect denoiser at every length 1..`length`, exact.

    Bigrams (order 1 counts) with any initial law by recursion over gaps (docs/theory.md, section 3; ours), in
    O(N (L^2 V^3 + n^3 V^4)) for chains that forget in n tokens and O(N L^3 V^4) for others, with relative
    precision, so that small error rates keep their digits. Other languages by enumeration. An explicit schedule
    counts by its revealed fractions, whatever the length. ValueError with the cost where that is not feasible;
    FloatingPointError where a possible stretch is too improbable for float64 and would matter.
    """
    language.validate_length(length)
    fractions = as_schedule(schedule).revealed_fractions(steps)
    if not is_bigram(language):
        # The longest first: where it is refused, nothing was computed in vain.
        lengths = range(length, 0, -1)
        rates = [
            error_rate(ancestral_law(language, each, fractions, threads), joint(language, each)) for each in lengths
        ]
        return np.array(rates[::-1])
    initial, transition, _ = initial_and_transition(language)
    gaps, doubtful = gap_tables(initial, transition, length, len(fractions) - 1)
    rates = open_values(gaps, fractions, errors=True, threads=threads)[1:]
    if doubtful.any():
        # Gaps too improbable for float64 count as wrong above; see whether it matters.
        gaps.dead[doubtful] = 0.0
        shift = float(np.abs(rates - open_values(gaps, fractions, errors=True, threads=threads)[1:]).max())
        if not shift <= TINY_SHARE:
            raise FloatingPointError(
                f"stretches of {language.spec} that are possible, but less probable than float64 can tell from 0, are worth "
                f"{shift:.1e} of the error rate at length {length}; raise its smallest positive probabilities"
            )
    return rates


def ancestral_law(language: Language, length: int, fractions: Float[np.ndarray, "edges"], threads: int | None) -> Law:
    """The law of ancestral sampling with the perfect denoiser, by enumeration; ValueError where that is not feasible."""
    model = MaskedDiffusion(Oracle(language), "ancestral", schedule=fractions)
    try:
        return law(model, language, length, threads=threads)
    except ValueError as error:
        raise ValueError(f"{language.spec} is no bigram, so that its law is enumerated: {error}") from error


class GapTables(NamedTuple):
    """What kernels/gaps.py runs on; shapes and meanings there."""

    powers: Float[np.ndarray, "states edges starts"]
    inverse: Float[np.ndarray, "states edges starts"]
    dead: Float[np.ndarray, "states edges starts"]
    tails: Int[np.ndarray, "states"]
    narrow: Int[np.ndarray, "states"]
    laws: Float[np.ndarray, "states edges states"]


def gap_tables(
    initial: Float[np.ndarray, "states"], transition: Float[np.ndarray, "states states"], length: int, steps: int
) -> tuple[GapTables, Bool[np.ndarray, "states edges starts"]]:
    """The tables of a chain, with impossible gaps counted as errors, and which gaps are possible but below float64.

    ValueError with the cost where `steps` steps would take too long.
    """
    from mdmtheory.kernels.gaps import find_sight

    size = len(initial)
    _check_operations(steps * _open_operations(size, length), size, length, steps)
    laws = BigramHops.of(initial, transition, length + 1)
    powers = np.zeros((size, length + 1, size + 1))
    distances = np.minimum(np.arange(length), len(laws.hops) - 1)
    powers[:, 1:, :size] = laws.hops[distances].transpose(2, 0, 1)
    powers[:, 1:, size] = laws.heads[np.minimum(np.arange(length), len(laws.heads) - 1)].T
    doubtful = np.isnan(powers)
    powers[doubtful] = 0.0
    inverse = np.divide(1.0, powers, out=np.zeros_like(powers), where=powers > 0)
    tails, narrow = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    near = np.zeros((size, length + 1, size))
    find_sight(powers, inverse, SIGHT, tails, narrow, near)
    gaps = GapTables(powers, inverse, np.ones_like(powers), tails, narrow, near)
    _check_operations(steps * _operations(gaps), size, length, steps)
    return gaps, doubtful


def open_values(
    gaps: GapTables,
    fractions: Float[np.ndarray, "edges"],
    *,
    errors: bool,
    threads: int | None = None,
    weight: float = 1.0,
) -> Float[np.ndarray, "lengths"]:
    """The probability that all steps together fill 0, 1, ..., L positions wrongly (`errors`), or rightly.

    The first token that a sequence's open end reveals is weighed by `weight`, for the part of a language that
    begins with that probability.
    """
    from mdmtheory.kernels.gaps import fill_closed, fill_open

    states, edges, starts = gaps.powers.shape
    widths = np.arange(edges + 1) - 1.0
    wrong = 1.0 if errors else 0.0
    # After the last step only gaps of width 1 can be met: nothing is left in them.
    value, value_open = np.full(gaps.powers.shape, wrong), np.full((starts, edges + 1), wrong)
    value[:, 1] = np.where(gaps.inverse[:, 1] > 0, 1 - wrong, gaps.dead[:, 1])
    value_open[:, 1] = 1 - wrong
    weights, lost = np.empty((starts, edges, states)), np.empty((starts, edges))
    if _operations(gaps) < THREADED_OPERATIONS:
        threads = 1
    for step in range(len(fractions) - 1, 0, -1):
        before, after = fractions[step - 1 : step + 1]
        reveal, stay = (after - before) / (1 - before), (1 - after) / (1 - before)
        nothing = np.concatenate([[0.0], stay ** widths[1:]])
        kept, kept_open = value * nothing[:edges, None], value_open * nothing
        spread = np.ascontiguousarray(kept.transpose(0, 2, 1))

        def open_ends(
            a: int,
            b: int,
            spread: np.ndarray = spread,
            kept: np.ndarray = kept_open,
            r: float = reveal,
            u: float = stay,
        ) -> None:
            fill_open(gaps, spread, kept, r, u, errors, a, b, weights, lost, value_open)

        def closed_ends(
            a: int,
            b: int,
            kept: np.ndarray = kept,
            spread: np.ndarray = spread,
            r: float = reveal,
            u: float = stay,
        ) -> None:
            fill_closed(gaps, kept, spread, r, u, errors, weights, lost, a, b, value)

        over_rows(open_ends, starts, threads)
        if step > 1:
            over_rows(closed_ends, states, threads)
        if weight != 1.0:
            scratch = weights.copy(), lost.copy()
            fill_open(gaps, spread, kept_open, weight * reveal, stay, errors, states, starts, *scratch, value_open)
    return value_open[-1, 1:]


def _open_operations(size: int, length: int) -> float:
    return 0.5 * length**2 * size**2 * (size + 1)


def _operations(gaps: GapTables) -> float:
    """Multiplications of one step."""
    states, edges, starts = gaps.powers.shape
    length = edges - 1
    closed = gaps.narrow.astype(np.float64) ** 3 / 6 * states**2 * starts
    wide = np.where(gaps.narrow < length, (gaps.tails + length / 2.0) * length * states * starts, 0.0)
    return _open_operations(states, length) + float((closed + wide).sum())


def _check_operations(operations: float, size: int, length: int, steps: int) -> None:
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"the recursion for {size} tokens, length {length} and {steps} steps takes {operations:.1e} operations, and at "
            f"most {MOST_OPERATIONS:.0e} are allowed; use a shorter length, fewer steps, fewer tokens or a faster mixing chain"
        )
