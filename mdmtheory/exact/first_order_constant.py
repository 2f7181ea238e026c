"""The first-order constant: what SER and KL both are, times the number of steps, when steps are many."""

from __future__ import annotations

import itertools
import math

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import LEAST_TERMS, is_carried_by_few, skewed_interval, unseen_share
from mdmtheory.core.protocols import Language
from mdmtheory.core.streams import stream_states
from mdmtheory.core.threads import within_its_threads
from mdmtheory.exact.bigrams import is_bigram
from mdmtheory.exact.clashes import clashes_in
from mdmtheory.exact.contexts import drawn_contexts
from mdmtheory.exact.enumeration import all_sequences, joint, power
from mdmtheory.exact.rates import Clashes, stationary_clashes
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.presets import LanguageLike, as_language

ENUMERATED_COST = 2e7
"""(2V)^L up to which the constant is enumerated: a second or two."""

_ALIKE = 1e-9
"""Values of contexts that differ by no more, or no more of their size, are equal."""

STRATUM = 8
"""With fewer contexts than so many for each number of masked positions, neighbouring numbers share a stratum."""


@whole_numbers(length=1, count=0, seed=0, threads=1)
@shows_progress
@within_its_threads
def first_order(
    language: LanguageLike,
    length: int,
    *,
    count: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    progress: bool | None = None,
) -> Estimate:
    """lim N·SER = lim N·KL(q||p) of ancestral sampling with the linear schedule (docs/theory.md, section 5; ours).

    The sum over pairs i < j and sets S of others, weighted by B(|S|+1, L-1-|S|), of the probability that tokens drawn
    by themselves at i and j, given x_S, cannot stand together. 0 for a language of full support, whose SER and KL fall
    faster than 1/N. Of a bigram, about length times `kappa(language)`, which knows other schedules too.

    Exact for order 1, for bigrams whose initial law is stationary within 1e-8 and whose chain forgets (`kappa`), for
    the uniform languages, and where (2V)^L is at most 2e7. Else an estimate from `count` contexts x_S, 50 at least,
    stratified by |S|, with all pairs priced in each. Of an n-gram with more than 600 contexts only the pairs of a few
    positions are, in about 0.03 s each at order 5, V = 8, L = 512. ValueError for languages other than these, HMMs and
    n-grams, and WithheldError where so few contexts carry the sum that no interval would hold.
    """
    language = as_language(language)
    language.validate_length(length)
    check_level(level)
    if length == 1 or (is_bigram(language) and language.order == 1):
        return Estimate.exact(0.0)
    if isinstance(language, ClosedLanguage):
        return Estimate.exact(float(length / 2 * language.pair_clashes(length).sum()))
    if power(2 * language.vocab_size, length) <= ENUMERATED_COST:
        return Estimate.exact(_enumerated(language, length))
    clashes = stationary_clashes(language)
    if clashes is not None:
        return Estimate.exact(_summed(clashes, length))
    return estimated_constant(language, length, count, seed, level, threads)


def _enumerated(language: Language, length: int) -> float:
    vocab_size = language.vocab_size
    q = joint(language, length)
    support = language.in_support(all_sequences(vocab_size, length)).reshape(q.shape)
    total = 0.0
    for size in range(2, length + 1):
        weight = math.exp(math.lgamma(size - 1) + math.lgamma(length - size + 1) - math.lgamma(length))
        for shown in itertools.combinations(range(length), size):
            hidden = tuple(set(range(length)) - set(shown))
            law, possible = np.asarray(q.sum(axis=hidden)), np.asarray(support.any(axis=hidden))
            total += weight * sum(
                _clash(np.moveaxis(law, pair, (-2, -1)), np.moveaxis(possible, pair, (-2, -1)))
                for pair in itertools.combinations(range(size), 2)
            )
    return total


def _clash(law: Float[np.ndarray, "*context V V"], possible: Bool[np.ndarray, "*context V V"]) -> float:
    """E[sum of q(y | x_S) q(z | x_S) over impossible pairs (y, z)], the pair on the last two axes."""
    given = law.sum(axis=(-2, -1), keepdims=True)
    apart = law.sum(axis=-1, keepdims=True) * law.sum(axis=-2, keepdims=True)
    return float((apart / np.where(given > 0, given, 1))[~possible].sum())


def _summed(clashes: Clashes, length: int) -> float:
    """The sum over all spans between revealed neighbours of a stationary bigram; an end of the sequence tells nothing.

    A span of width n between two neighbours has weight 2/(n(n-1)(n-2)), one that an end cuts off after r - 1 positions
    1/((r-1)(r-2)), the whole sequence 1/(L-1): integrals over the fraction revealed.
    """
    n = np.arange(3, length)
    inside = 2 * (length - n) / (n * (n - 1.0) * (n - 2)) * clashes.of_spans(n)
    # The sum of 1/((r-1)(r-2)) over all stretches with an end of the sequence on the other side.
    k = np.arange(2, length)
    beside = (1 / (k - 1) - 1 / (length - 1)) * clashes.of_edges(k)
    far = clashes.far[: length - 1]
    alone = (length - 1 - np.arange(len(far))) / (length - 1) * far
    return float(inside.sum() + beside.sum() + alone.sum())


def estimated_constant(
    language: Language, length: int, count: int, seed: int, level: float, threads: int | None
) -> Estimate:
    """Contexts with 2 to L masked positions, each number equally likely in the sum, and all masked pairs of each.

    Contexts with few masked positions vary most, the sum over their pairs being scaled up to all pairs of the sequence.
    """
    from mdmtheory.kernels.random import fill_uniforms

    if count < LEAST_TERMS:
        raise WithheldError(f"count is {count}; draw {LEAST_TERMS} contexts or more", count)
    numbers = np.arange(2, length + 1)
    strata = np.array_split(numbers, max(1, min(len(numbers), count // STRATUM)))
    # About the standard deviation: neighbouring pairs among r masked positions are rare events for r < √L.
    deviations = np.sqrt(length) / numbers + 3 / np.sqrt(length)
    shares = np.array([deviations[some - 2].sum() for some in strata])
    ends = np.rint((count - 2 * len(strata)) * np.cumsum(shares) / shares.sum()).astype(np.int64)
    drawn = 2 + np.diff(ends, prepend=0)
    stratum = np.repeat(np.arange(len(strata)), drawn)
    uniforms = np.empty((count, 2))
    fill_uniforms(stream_states(["first order sizes", language.digest, length, seed], 0, count), uniforms)
    first, width = np.array([some[0] for some in strata]), np.array([len(some) for some in strata])
    hidden = first[stratum] + (uniforms[:, 0] * width[stratum]).astype(np.int64)
    sums = np.empty(count)
    for contexts in drawn_contexts(language, length, hidden, "first order contexts", seed, threads):
        rows = slice(contexts.first, contexts.first + len(contexts.tokens))
        sums[rows] = clashes_in(language, contexts, uniforms[rows, 1], threads)
    sums *= length * (length - 1) / (hidden * (hidden - 1.0))
    return _stratified(sums, stratum, width / (length - 1), level).within(least=0.0)


def _stratified(
    values: Float[np.ndarray, "count"],
    stratum: Int[np.ndarray, "count"],
    weights: Float[np.ndarray, "strata"],
    level: float,
) -> Estimate:
    """The weighted sum of the means of strata, of 2 values or more each, and its interval.

    Degrees of freedom are those of Welch and Satterthwaite; the third moment of the sum is that of the strata's means.
    Where no stratum varies, a share of the contexts may be unlike and unseen, and is taken to weigh as much as tokens.
    """
    count, drawn = len(values), np.bincount(stratum)
    means = np.bincount(stratum, values) / drawn
    # The same clash in other contexts rounds in the eleventh digit.
    away = np.where(np.isclose(values, means[stratum], rtol=_ALIKE, atol=_ALIKE), 0.0, values - means[stratum])
    variances = weights**2 * np.bincount(stratum, away**2) / (drawn - 1) / drawn
    # Of two values there is no third moment; they count as not skew.
    cubes = np.bincount(stratum, away**3) / np.maximum((drawn - 1) * (drawn - 2), 1)
    value, variance = float(weights @ means), float(variances.sum())
    if variance == 0:
        half = unseen_share(count, level) * (len(weights) + 1)
        return Estimate(value, value - half, value + half, level, "estimate", count)
    skew = float((weights**3 * cubes / drawn).sum()) / variance**1.5
    if is_carried_by_few(skew):
        raise WithheldError(f"two or fewer of {count} contexts carry the sum, draw more", count)
    degrees = variance**2 / float((variances**2 / (drawn - 1)).sum())
    value, low, high = skewed_interval(value, math.sqrt(variance), skew, degrees, level)
    return Estimate(value, low, high, level, "estimate", count)
