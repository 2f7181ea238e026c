"""λ(N): by what factor each further token lowers the probability that a long sequence is right."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.exact.bigrams import initial_and_transition, is_bigram
from mdmtheory.exact.forgetting import period_of
from mdmtheory.exact.spans import ScheduleLike, open_values, span_tables
from mdmtheory.languages.laws import closed_classes
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.schedules import as_schedule

Transition = Float[np.ndarray, "states states"]

SETTLED = 1e-11
"""How little the factors of the last quarter of all lengths may differ."""

FORGOTTEN = 1e-12
"""What may be left of the start of a chain at the lengths from which its growth is read off."""

SHORTEST = 32


@whole_numbers(steps=1)
@shows_progress
def growth_rate(
    language: LanguageLike, *, steps: int | None = None, schedule: ScheduleLike = "linear", progress: bool | None = None
) -> Estimate:
    """λ(N) = lim (1 - SER(L))^(1/L) of ancestral sampling with the perfect denoiser on a bigram; exact to 1e-9.

    From the probabilities of right sequences at growing lengths, until their ratios no longer change (docs/theory.md,
    section 3; ours): for the chains that forget 1 - SER(L) -> C λ^L. A chain of period d, and one with several closed
    classes, is taken apart: what is revealed first must agree on the class and on the place in its cycle, so each of
    these has a λ of its own, and the largest counts. Tokens that are left for good do not matter.

    ValueError for other languages, and for chains that mix so slowly that it would take minutes (with the cost).
    """
    fractions = as_schedule(schedule).revealed_fractions(steps)
    language = as_language(language)
    if not is_bigram(language):
        raise ValueError(
            f"{language.spec} is no bigram; the growth law is known for n-grams of order 1 and 2 only "
            "(exact.ser enumerates other languages while they are small)"
        )
    initial, transition, _ = initial_and_transition(language)
    rates = [_class_rate(*part, fractions, str(language.spec)) for part in _parts(initial, transition)]
    return Estimate.exact(max(rates))


def _parts(
    initial: Float[np.ndarray, "states"], transition: Transition
) -> Iterator[tuple[Transition, Float[np.ndarray, "inside"], int, float]]:
    """Every closed class: its transitions, law at the start, period, and the probability of that start.

    Of the places in the cycle that a class may start from only the likeliest counts: λ increases with its probability.
    """
    classes = closed_classes(transition > 0)
    periods = [period_of(transition[np.ix_(inside, inside)] > 0) for inside in classes]
    power = np.linalg.matrix_power(transition, math.lcm(*periods))
    # Squares of stochastic matrices: sixty reach further than any float64 can tell a rate from 1.
    for _ in range(60):
        power = power @ power
        power /= power.sum(axis=1, keepdims=True)
    law = initial @ power
    for inside, period in zip(classes, periods, strict=True):
        moves = transition[np.ix_(inside, inside)]
        places = _places(moves > 0, period)
        shares = np.bincount(places, law[inside], minlength=period)
        start = np.where(places == shares.argmax(), law[inside], 0.0)
        yield moves, start / start.sum(), period, float(min(shares.max(), 1.0))


def _places(allowed: Bool[np.ndarray, "states states"], period: int) -> Int[np.ndarray, "states"]:
    """The place of every state in the cycle of an irreducible chain."""
    places = np.full(len(allowed), -1)
    places[0] = 0
    frontier = places == 0
    step = 0
    while (places < 0).any():
        step += 1
        frontier = allowed[frontier].any(axis=0) & (places < 0)
        places[frontier] = step % period
    return places


def _class_rate(
    transition: Transition,
    start: Float[np.ndarray, "states"],
    period: int,
    share: float,
    fractions: Float[np.ndarray, "edges"],
    name: str,
) -> float:
    """λ of an irreducible chain that starts at one place of its cycle, and does so with probability `share`."""
    if (transition > 0).all() and share == 1.0:
        return 1.0
    sizes = np.sort(np.abs(np.linalg.eigvals(transition)))[::-1]
    slowest = float(sizes[period]) if len(sizes) > period else 0.0
    needed = math.log(FORGOTTEN) / math.log(slowest) if 0 < slowest < 1 else (0.0 if slowest == 0 else math.inf)
    length = max(SHORTEST, 8 * period)
    while True:
        length = max(length, min(math.ceil(needed) + 2 * period, 1 << 40))
        widths = np.full(len(fractions) - 1, length)
        try:
            spans, doubtful = span_tables(start, transition, length, widths, errors=False)
        except ValueError as error:
            raise ValueError(
                f"the chain of {name} mixes too slowly: its growth is read off at length {length:,}, where {error}"
            ) from error
        if doubtful.any():
            raise FloatingPointError(
                f"some stretches of {name} are possible, but less probable than float64 can tell from 0; "
                "raise its smallest positive probabilities"
            )
        right = open_values(spans, fractions, widths, weight=share)
        rates = (right[period:] / right[:-period]) ** (1 / period)
        quarter = len(rates) // 4
        earlier, later = np.ptp(rates[-2 * quarter : -quarter]), np.ptp(rates[-quarter:])
        # A ratio that barely moves, but keeps moving, is on its way elsewhere.
        if later <= SETTLED and (later <= earlier / 2 or earlier <= SETTLED / 10):
            return float(rates[-1])
        length *= 2
