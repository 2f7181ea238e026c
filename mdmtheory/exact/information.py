"""The information curve of any language: in closed form, by enumeration, or from drawn contexts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Ends, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import bounded_mean, check_level
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.exact.bigrams import is_bigram
from mdmtheory.exact.contexts import drawn_contexts
from mdmtheory.exact.curve import Curve
from mdmtheory.exact.enumeration import enumerated_information_curve, joint, power
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.laws import row_entropies, rows_agree
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.presets import LanguageLike, as_language

ENUMERATED_COST = 1e8
"""(2V)^L up to which a curve is enumerated: about a second."""

LEAST_CONTEXTS = 64
"""Every estimated point stands on at least so many drawn contexts: its interval needs their spread."""


@whole_numbers(length=1, count=0, seed=0, threads=1)
@shows_progress
@within_its_threads
def information_curve(
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    progress: bool | None = None,
) -> Curve:
    """H̄(m), m = 0..L-1: the entropy of a token given m others, averaged over positions and sets of others, in nats.

    Exact for n-grams of order 1 and 2 with any initial law (closed form), for the uniform languages (closed form),
    and where (2V)^L is at most 1e8 (enumeration). Else an estimate: every point averages the posterior entropies of
    all masked positions in contexts drawn for it alone, so many contexts that `count` or more entropies stand behind
    it, at least 64; m = 0 has one context and is exact. The interval is for each point by itself (core/means.py).
    docs/theory.md, section 2 (ours).
    """
    language = as_language(language)
    language.validate_length(length)
    if is_bigram(language):
        return Curve.exact(_bigram_curve(language, length))
    if isinstance(language, ClosedLanguage):
        return Curve.exact(language.information_curve(length))
    if power(2 * language.vocab_size, length) <= ENUMERATED_COST:
        return Curve.exact(enumerated_information_curve(joint(language, length)))
    return estimated_curve(language, length, count, seed, level, threads)


def _bigram_curve(language: NGram, length: int) -> Float[np.ndarray, "length"]:
    """Docs/theory.md, section 2 (ours), for any initial law; O(L^2 V).

    Given its revealed neighbours at distances a and b, a token at i has entropy
    H(X_i | X_{i-a}) + H(X_{i+b} | X_i) - H(X_{i+b} | X_{i-a}), each a law of X at a position times a column of
    entropies of powers. All spans of one width have one weight, so sums of the laws over positions are all it takes.
    """
    if language.order == 1:
        return np.full(length, float(row_entropies(language.conditional[None])[0]))
    hop, laws = _hop_entropies(language, length)
    alone = row_entropies(laws)
    curve = np.empty(length)
    curve[0] = alone.mean()
    summed_laws = np.vstack([np.zeros(language.vocab_size), np.cumsum(laws, axis=0)])
    summed_hops = np.cumsum(hop, axis=0)
    shown = np.arange(1.0, length)
    total = np.zeros(length - 1)
    # C(L-1-width, m-2) / C(L-1, m) for all m at once, a product of factors that ends at exactly 0: no overflow.
    weight = shown * (shown - 1) / ((length - 1) * max(length - 2, 1))
    for width in range(2, length):
        first = summed_laws[length - width]
        inside = summed_laws[length - width + 1 : length] - summed_laws[1:width]
        spans = first @ (summed_hops[width - 1] - (width - 1) * hop[width]) + (inside * hop[width - 1 : 0 : -1]).sum()
        total += weight * spans
        weight *= (length + 1 - width - shown) / (length - 1 - width) if width < length - 1 else 0.0
    # C(beyond, m-1) / C(L-1, m), `beyond` being the number of positions on the far side of an outermost revealed one.
    weight = shown / (length - 1)
    for beyond in range(length - 2, -1, -1):
        inner = length - 1 - beyond
        before = (laws[:inner] * hop[inner:0:-1]).sum() + (alone[:inner] - alone[inner]).sum()
        total += weight * (before + laws[beyond] @ summed_hops[inner])
        weight *= (beyond + 1 - shown) / max(beyond, 1)
    curve[1:] = total / length
    return curve


def _hop_entropies(
    language: NGram, length: int
) -> tuple[Float[np.ndarray, "length vocab"], Float[np.ndarray, "length vocab"]]:
    """H(X_{i+d} | X_i = s) in nats at [d, s], and the law of X_i at [i]."""
    transition, law = language.conditional, language.initial
    hop, laws = np.zeros((length, len(law))), np.empty((length, len(law)))
    moved, settled = np.eye(len(law)), False
    for place in range(length):
        laws[place] = law
        law = law @ transition
        law = law / law.sum()
        if place and not settled:
            moved = transition @ moved
            moved /= moved.sum(axis=1, keepdims=True)
            settled = rows_agree(moved)
            hop[place] = row_entropies(moved)
        elif place:
            hop[place] = hop[place - 1]
    return hop, laws


def estimated_curve(language: Language, length: int, count: int, seed: int, level: float, threads: int | None) -> Curve:
    """Every point from contexts of its own: x ~ q and a uniformly random set of m positions."""
    check_level(level)
    if count < 1:
        raise ValueError(f"count is {count}; pass how many posterior entropies each point averages, 1 or more")
    masked = length - np.arange(length)
    contexts = np.maximum(-(-count // masked), LEAST_CONTEXTS)
    contexts[0] = 1
    sizes = np.repeat(masked, contexts)
    means = np.empty(len(sizes))
    for drawn in drawn_contexts(language, length, sizes, "information curve", seed, threads):
        hidden = drawn.tokens == language.vocab_size
        here = slice(drawn.first, drawn.first + len(hidden))
        ends = np.cumsum(sizes[here])
        means[here] = np.add.reduceat(row_entropies(drawn.marginals[hidden]), ends - sizes[here]) / sizes[here]
    most = float(np.log(language.vocab_size))
    points = [_point(each, level, most) for each in np.split(means, np.cumsum(contexts)[:-1])]
    values, low, high = np.array(points).T
    return Curve(values, low, high, level=level, kind="estimate", count=int(contexts.sum()))


def _point(entropies: Float[np.ndarray, "contexts"], level: float, most: float) -> Ends:
    """The mean entropy of some contexts with its interval; of one context, the only one there is, it is exact.

    No entropy is above log V, which bounds what was not seen where all are equal, and by Bernstein's inequality holds
    where so few carry the mean that nothing else does.
    """
    if len(entropies) == 1:
        return (float(entropies[0]),) * 3
    try:
        return mean_interval(Moments.of(entropies), level, unseen=most)
    except WithheldError:
        # Entropies round too.
        return bounded_mean(len(entropies), float(entropies.sum()), float((entropies**2).sum()), level, most)
