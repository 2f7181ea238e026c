"""Whether counts may come from a law: the G-test, at a level that chance does not reach."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Integer

from mdmtheory.conformance.report import RefutedError
from mdmtheory.core.tokens import Tokens

LEAST_P = 1e-6
"""p-values below it refute. Seeds are fixed, so what passes once passes always."""

_LEAST_EXPECTED = 5.0


def g_test(counts: Integer[np.ndarray, "cells"], law: Float[np.ndarray, "cells"]) -> float:
    """The p-value of counts under a law, 0 where something impossible was counted.

    Cells of small expectation are pooled, the rarest first, until the pool expects 5.

    >>> g_test(np.array([50, 50, 0]), np.array([0.5, 0.5, 0.0]))
    1.0
    """
    from scipy.stats import chi2

    total = counts.sum()
    if total == 0 or counts[law <= 0].any():
        return float(total == 0)
    order = np.argsort(law, kind="stable")
    order = order[law[order] > 0]
    expected, seen = law[order] * total, counts[order].astype(np.float64)
    few = min(int(np.searchsorted(np.cumsum(expected), _LEAST_EXPECTED)) + 1, len(order))
    few = max(few, int((expected < _LEAST_EXPECTED).sum()))
    expected = np.append(expected[few:], expected[:few].sum())
    seen = np.append(seen[few:], seen[:few].sum())
    some = seen > 0
    statistic = 2 * (seen[some] * np.log(seen[some] / expected[some])).sum()
    # A law whose sum is off leaves a remainder that is no deviation of the counts.
    statistic += 2 * (expected.sum() - total)
    return float(chi2.sf(statistic, len(expected) - 1)) if len(expected) > 1 else 1.0


def follows(
    tokens: Tokens,
    law: Float[np.ndarray, "..."],
    impossible: Bool[np.ndarray, "count"] | None = None,
) -> str:
    """The p-value of sequences under a law of shape (V,)*L, in words; RefutedError where it is below 1e-6.

    What the law lacks to 1 is the probability of the sequences marked `impossible`.
    """
    cut = np.zeros(len(tokens), dtype=np.bool_) if impossible is None else impossible
    whole = tokens[~cut].astype(np.int64)
    if whole.size and whole.max() >= law.shape[0]:
        raise RefutedError(f"the token {whole.max()} was drawn; the vocabulary has {law.shape[0]}")
    places = law.shape[0] ** np.arange(law.ndim)[::-1]
    counts = np.append(np.bincount(whole @ places, minlength=law.size), cut.sum())
    lacking = 1 - float(law.sum())
    flat = np.append(law.reshape(-1), lacking if lacking > 1e-9 else 0.0)
    wrong = np.flatnonzero((counts > 0) & (flat <= 0))
    if len(wrong):
        drawn = "an impossible context" if wrong[0] == law.size else _sequence(int(wrong[0]), law.shape)
        raise RefutedError(f"{drawn} came {counts[wrong[0]]} times and has probability 0")
    p = g_test(counts, flat)
    if not p >= LEAST_P:
        off = int(np.argmax(np.abs(counts - flat * len(tokens)) / np.sqrt(np.maximum(flat * len(tokens), 1))))
        drawn = "an impossible context" if off == law.size else _sequence(off, law.shape)
        raise RefutedError(
            f"p = {p:.1e} in {len(tokens):,} draws; {drawn} came {counts[off]} times for {flat[off] * len(tokens):.1f}"
        )
    return f"p = {p:.2g} in {len(tokens):,} draws"


def _sequence(number: int, shape: tuple[int, ...]) -> str:
    return str([int(token) for token in np.unravel_index(number, shape)])
