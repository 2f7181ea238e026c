"""Every sequence of a small language, and what follows from the whole law."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.prompts.registry import given_positions

Law = Float[np.ndarray, "..."]

MOST_COST = 1e10
"""Operations beyond which an enumeration is refused: about a minute's work."""

MOST_BYTES = 1 << 31
"""Memory beyond which an enumeration is refused."""


@whole_numbers(vocab_size=1, length=1)
def all_sequences(vocab_size: int, length: int) -> Tokens:
    """All V^L sequences, (V^L, L), in the order in which a law of shape (V,)*L flattens."""
    entries = length * power(vocab_size, length)
    check_feasible(entries, 8 * entries, f"{vocab_size}^{length} sequences")
    grid = np.indices((vocab_size,) * length, dtype=token_dtype(vocab_size))
    return np.ascontiguousarray(grid.reshape(length, -1).T)


@whole_numbers(length=1)
@shows_progress
def joint(
    language: LanguageLike, length: int, *, prompt: TokensLike | None = None, progress: bool | None = None
) -> Law:
    """q(x) of every sequence, shape (V,)*length; sums to 1.

    With a `prompt`, tokens (length,) with the mask where nothing is given, q(x | prompt); ValueError where no sequence
    of the language has it.

    >>> import mdmtheory as mt
    >>> joint(mt.Parity(), 2, prompt=[1, 2])
    array([[0., 0.],
           [0., 1.]])
    """
    language = as_language(language)
    language.validate_length(length)
    vocab_size = language.vocab_size
    sequences = all_sequences(vocab_size, length)
    law = np.exp(language.log_prob(sequences))
    if prompt is not None:
        row, _ = asked(np.asarray(prompt), language, length)
        law *= ((row == vocab_size) | (row == sequences)).all(axis=1)
        if not law.any():
            raise ValueError(f"no sequence of {language.spec} has the prompt {row[0].tolist()}")
        law /= law.sum()
    return law.reshape((vocab_size,) * length)


def asked(prompt: Any, language: Language, length: int) -> tuple[Tokens, Given | None]:
    """What is asked of an exact law: the one prompt, (1, length), or no row; and which positions are given, if any are.

    `prompt` is tokens with masks, or what `given_positions` takes. ValueError for what is neither.
    """
    none = np.empty((0, length), dtype=token_dtype(language.vocab_size))
    if prompt is None or isinstance(prompt, str) or np.asarray(prompt).dtype.kind not in "iu":
        return none, given_positions(prompt, language, length)
    row = as_tokens(prompt, language.vocab_size, masks=True)
    if row.shape != (1, length):
        raise ValueError(f"the prompt has shape {np.shape(prompt)}; pass one, ({length},), with masks")
    return row, Given.of(row[0] != language.vocab_size, length)


def entropy_nats(q: Law) -> float:
    """H(q) = -sum q log q in nats."""
    return expected_nll(q, q)


def subset_entropies(q: Law) -> Float[np.ndarray, "sets"]:
    """H(X_S) in nats of every set of positions, bit j of the number telling whether position j is in it."""
    entropies = np.zeros(1 << q.ndim)
    for chosen in range(1, 1 << q.ndim):
        rest = tuple(j for j in range(q.ndim) if not chosen >> j & 1)
        entropies[chosen] = entropy_nats(q.sum(axis=rest))
    return entropies


def factorisation_gap(q: Law, plan: Sequence[int]) -> float:
    """sum_k TC(X_U | X of earlier steps) in nats, U being the positions of step k in a plan.

    It is KL(q || p_plan) of the exact denoiser (2608.25505, theorem 1; docs/theory.md, section 2).
    """
    entropies = subset_entropies(q)
    known, gap = 0, 0.0
    for step in sorted(set(plan)):
        opened = [1 << j for j, its in enumerate(plan) if its == step]
        gap += sum(entropies[known | each] - entropies[known] for each in opened)
        gap -= entropies[known | sum(opened)] - entropies[known]
        known |= sum(opened)
    return float(gap)


def expected_nll(p: Law, q: Law) -> float:
    """E_{x~q}[-log p(x)] in nats; infinite where p misses a sequence of q. TER is exp of it over the length."""
    inside = q > 0
    with np.errstate(divide="ignore"):
        return float(-(q[inside] * np.log(p[inside])).sum())


def error_rate(p: Law, q: Law) -> float:
    """SER(p) = 1 - sum of p over the support of q; mass that p lost to impossible contexts counts as wrong."""
    return float(1 - p[q > 0].sum())


def enumerated_information_curve(q: Law) -> Float[np.ndarray, "length"]:
    """H(X_i | X_S) in nats averaged over all S with |S| = m and i outside S, for m = 0..L-1.

    By the chain rule it is the mean entropy of m + 1 positions minus that of m (2511.04647; docs/theory.md, section 2).
    """
    length = q.ndim
    means = np.zeros(length + 1)
    for size in range(1, length + 1):
        hidden = itertools.combinations(range(length), length - size)
        means[size] = np.mean([entropy_nats(q.sum(axis=axes)) for axes in hidden])
    return np.diff(means)


def power(base: int, exponent: int) -> float:
    """base^exponent as a float, infinite where it is too large for one."""
    return float(base**exponent) if exponent * math.log2(base) < 1000 else math.inf


def check_feasible(cost: float, size: float, what: str) -> None:
    """ValueError with the cost when an enumeration would take too long (operations) or too much memory (bytes)."""
    if cost > MOST_COST or size > MOST_BYTES:
        raise ValueError(
            f"enumerating {what} takes {cost:.1e} operations and {size:.1e} bytes, and at most "
            f"{MOST_COST:.0e} and {MOST_BYTES:.0e} are allowed; use a shorter length or a smaller vocabulary"
        )
