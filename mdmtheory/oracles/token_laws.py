"""From which law a token is drawn at a temperature, from a nucleus, above a share of the most probable one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.protocols import DrawOptions

Marginals = Float[np.ndarray, "n vocab_size"]

DECIMALS = 10
"""Scores and probabilities that agree to so many decimals are equal, so that rounding breaks no tie."""


def law_under(options: DrawOptions, marginals: Marginals) -> Marginals:
    """The marginals at the temperature; of these the nucleus, and of it what is not below `min_p`."""
    lowest = options.ties == "lowest"
    law = tempered(marginals, options.temperature, lowest=lowest)
    return without_unlikely(truncated(law, options.nucleus, lowest=lowest), law, options.min_p)


def tempered(marginals: Marginals, temperature: float, *, lowest: bool = False) -> Marginals:
    """p^(1/T), scaled to sum 1; at T = 0 its limit: all on the most probable tokens, the same on each.

    With `lowest` all on the first of those.

    >>> tempered(np.array([[0.2, 0.8]]), 0.5).round(4).tolist()
    [[0.0588, 0.9412]]
    >>> tempered(np.array([[0.2, 0.4, 0.4]]), 0).tolist()
    [[0.0, 0.5, 0.5]]
    """
    if temperature == 1:
        return marginals
    if temperature == 0:
        rounded = np.round(marginals, DECIMALS)
        if lowest:
            return np.eye(marginals.shape[1])[rounded.argmax(axis=1)]
        most = rounded == rounded.max(axis=1, keepdims=True)
        return most / most.sum(axis=1, keepdims=True)
    weights = (marginals / marginals.max(axis=1, keepdims=True)) ** (1 / temperature)
    return weights / weights.sum(axis=1, keepdims=True)


def truncated(marginals: Marginals, nucleus: float, *, lowest: bool = False) -> Marginals:
    """The fewest most probable tokens that have `nucleus` together, scaled to sum 1.

    Of m equal ones at its edge, of which j are needed, each has j/m of its probability: the law of a nucleus with a
    random j of them (ours; docs/theory.md, section 9). With `lowest` the first j are kept whole.

    >>> truncated(np.array([[0.1, 0.3, 0.6]]), 0.8).round(4).tolist()
    [[0.0, 0.3333, 0.6667]]
    >>> truncated(np.array([[0.5, 0.25, 0.25]]), 0.6).round(4).tolist()
    [[0.6667, 0.1667, 0.1667]]
    """
    if nucleus == 1:
        return marginals
    rounded = np.round(marginals, DECIMALS)
    order = np.argsort(-rounded, axis=1, kind="stable")
    ranked = np.take_along_axis(marginals, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    kept = np.zeros(marginals.shape, dtype=np.bool_)
    # Nothing is before the first: it stays, however little is asked for.
    np.put_along_axis(kept, order, (before == 0) | (before < nucleus - 10.0**-DECIMALS), axis=1)
    weights = np.where(kept, marginals, 0.0)
    if not lowest:
        edge = rounded == np.where(kept, rounded, np.inf).min(axis=1, keepdims=True)
        share = (edge & kept).sum(axis=1, keepdims=True) / edge.sum(axis=1, keepdims=True)
        weights = np.where(edge, marginals * share, weights)
    scaled: Marginals = weights / weights.sum(axis=1, keepdims=True)
    return scaled


def without_unlikely(kept: Marginals, law: Marginals, min_p: float) -> Marginals:
    """What is kept of a law, without tokens of less than `min_p` times its largest probability (2407.01082).

    Equal tokens are kept or cut together, so none of them has to be chosen.

    >>> law = np.array([[0.1, 0.3, 0.6]])
    >>> without_unlikely(law, law, 0.5).round(4).tolist()
    [[0.0, 0.3333, 0.6667]]
    """
    if min_p == 0:
        return kept
    likely = law >= min_p * law.max(axis=1, keepdims=True) - 10.0**-DECIMALS
    weights = np.where(likely, kept, 0.0)
    scaled: Marginals = weights / weights.sum(axis=1, keepdims=True)
    return scaled
