"""log p(x) of ancestral sampling with the perfect denoiser, exact for the mixture over all plans."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import over_rows, within_its_threads
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.exact.bigrams import (
    LEAST_POWER,
    SIGHT,
    BigramHops,
    hops_in_logs,
    initial_and_transition,
    is_bigram,
)
from mdmtheory.exact.prompts import given_the_prompt
from mdmtheory.exact.spans import MOST_OPERATIONS, ScheduleLike, ancestral_law
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.prompts.registry import OWN, given_positions
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.schedules import as_schedule

MOST_LOGARITHMS = 1e10
"""Sums of logarithms beyond which sequences are not done again: some minutes' work."""

FAINT = 1e-50
"""Where a smaller law stands between two tokens of a sequence, products of a few of them may leave float64."""


@whole_numbers(steps=1, block=1, threads=1)
@shows_progress
@within_its_threads
def log_prob(
    language: LanguageLike,
    tokens: TokensLike,
    *,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    block: int | None = None,
    prompt: Any = OWN,
    threads: int | None = None,
    progress: bool | None = None,
) -> Float[np.ndarray, "count"]:
    """log p(x) in nats of ancestral sampling with the perfect denoiser, exact for the mixture over plans.

    Bigrams (order 1 counts) with any initial law by recursion over spans (docs/theory.md, section 3; ours), in O(N L^3)
    a sequence where the chain forgets, O(N L^4) where it does not; other languages by enumeration. Outside the support,
    where a bigram takes N/2 times as long, the mass that p puts there: -inf only if some token cannot occur at its
    position. With `block`, of block diffusion: blocks of so many tokens from left to right, each in `steps` steps.
    Sequences that need probabilities too small for float64 are done again in logarithms, in O(N L^4). ValueError with
    the cost where that is not feasible; FloatingPointError with the first sequence where it is in float64 alone.
    With a `prompt` (which positions are given, as for `ser`) log p(answer | prompt), by enumeration.
    """
    language = as_language(language)
    tokens = as_tokens(tokens, language.vocab_size)
    count, length = tokens.shape
    language.validate_length(length)
    lengths = block_lengths(length, length if block is None else block)
    fractions = as_schedule(schedule).revealed_fractions(steps)
    given = given_positions(prompt, language, length)
    if given is not None:
        law = ancestral_law(language, length, fractions, threads, block, given)
        with np.errstate(divide="ignore"):
            found = np.log(law[tuple(tokens.T.astype(np.int64))])
        return given_the_prompt(found, language, tokens, given, threads=threads)
    if not is_bigram(language):
        law = ancestral_law(language, length, fractions, threads, block)
        found = law[tuple(tokens.T.astype(np.int64))]
        _check_possible(language, tokens, found, lengths)
        with np.errstate(divide="ignore"):
            return np.log(found)
    steps = len(fractions) - 1
    operations = count * steps * sum(size**3 for size in lengths) / 3
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"{count} sequences of length {length} in {steps} steps take {operations:.1e} operations"
            f" or more, and at most {MOST_OPERATIONS:.0e} are allowed; pass fewer or shorter sequences, or fewer steps"
        )
    initial, transition, numbers = initial_and_transition(language)
    # A block's last token is one further from the block before than from the block's first.
    reach = lengths[0] + (len(lengths) > 1)
    laws, in_logs = BigramHops.of(initial, transition, reach), cache(partial(hops_in_logs, initial, transition, reach))
    states = numbers[tokens]
    reached = (states >= 0).all(axis=1)
    scores, begin = np.where(reached, 0.0, -np.inf), 0
    for size in lengths:
        here, last = states[:, begin : begin + size], begin + size == length
        rows = np.flatnonzero(np.isfinite(scores))
        if not last:
            # Whoever leaves the support meets an impossible context in the next block.
            inside = (transition[here[rows, :-1], here[rows, 1:]] > 0).all(axis=1)
            scores[rows[~inside]] = -np.inf
            rows = rows[inside]
        if begin == 0:
            scores[rows] += _score(laws.heads, laws.hops, here[rows], fractions, threads, in_logs, None)
        else:
            # To what comes after it, a token is the beginning of a chain that starts with its moves.
            for before in np.unique(states[rows, begin - 1]):
                own = rows[states[rows, begin - 1] == before]
                heads = np.ascontiguousarray(laws.hops[:, before])
                scores[own] += _score(heads, laws.hops, here[own], fractions, threads, in_logs, int(before))
        begin += size
    if np.isnan(scores).any():
        raise FloatingPointError(
            f"sequence {int(np.flatnonzero(np.isnan(scores))[0])} needs probabilities of {language.spec} below the "
            "smallest float64; use shorter sequences, or raise the smallest positive probabilities of the language"
        )
    return scores


def _score_in_logs(
    heads: Float[np.ndarray, "places states"],
    hops: Float[np.ndarray, "distances states states"],
    states: Int[np.ndarray, "rows length"],
    fractions: Float[np.ndarray, "edges"],
    threads: int | None,
) -> Float[np.ndarray, "rows"]:
    """As `_score`, the laws being logarithms."""
    from mdmtheory.kernels.span_scores_in_logs import score_ancestral_in_logs

    states, out = np.ascontiguousarray(states), np.empty(len(states))
    with np.errstate(divide="ignore"):
        reveal, stay = (np.log(each) for each in _chances(fractions))
    over_rows(lambda a, b: score_ancestral_in_logs(heads, hops, states[a:b], reveal, stay, out[a:b]), len(out), threads)
    return out


def _chances(fractions: Float[np.ndarray, "edges"]) -> tuple[Float[np.ndarray, "steps"], Float[np.ndarray, "steps"]]:
    """The probabilities that a step reveals a masked position, and that it lets it stay."""
    return np.diff(fractions) / (1 - fractions[:-1]), (1 - fractions[1:]) / (1 - fractions[:-1])


def _check_possible(language: Language, tokens: Tokens, found: Float[np.ndarray, "count"], lengths: list[int]) -> None:
    """FloatingPointError where a probability from an enumeration is 0, or nearly, and only for want of precision.

    Every token of a block may be drawn with all others of the block masked; where that is possible, so is the sequence.
    """
    rows = np.flatnonzero(found < LEAST_POWER)
    possible, begin = np.ones(len(rows), dtype=np.bool_), 0
    oracle: Any = language.oracle()
    for size in lengths:
        shown = tokens[rows].copy()
        shown[:, begin:] = language.vocab_size
        own = tokens[rows, begin : begin + size].astype(np.int64)
        marginals = oracle.conditionals(shown)[:, begin : begin + size]
        possible &= (np.take_along_axis(marginals, own[:, :, None], axis=2) > 0).all(axis=(1, 2))
        begin += size
    if possible.any():
        raise FloatingPointError(
            f"sequence {int(rows[possible][0])} has a probability below the smallest float64, and that of "
            f"{language.spec} comes from an enumeration; use shorter sequences, or raise its smallest probabilities"
        )


def _score(
    heads: Float[np.ndarray, "places states"],
    hops: Float[np.ndarray, "distances states states"],
    states: Int[np.ndarray, "rows length"],
    fractions: Float[np.ndarray, "edges"],
    threads: int | None,
    in_logs: Callable[[], BigramHops],
    before: int | None,
) -> Float[np.ndarray, "rows"]:
    """log p of sequences whose positions have the laws `heads` while nothing is revealed; NaN where that is too faint.

    `in_logs` gives the laws' logarithms, `before` is the token that the sequences come after, if any.
    """
    from mdmtheory.kernels.span_scores import score_ancestral

    states, out = np.ascontiguousarray(states), np.empty(len(states))
    reveal, stay = _chances(fractions)
    collision = float((np.diff(fractions) ** 2).sum())

    def work(a: int, b: int) -> None:
        chances = (reveal, stay, collision)
        score_ancestral(heads, hops, states[a:b], *chances, SIGHT, out[a:b])

    over_rows(work, len(states), threads)
    rows = np.flatnonzero(np.isnan(out) | _faint(heads, hops, states))
    out[rows] = np.nan
    if 0 < len(rows) * len(reveal) * float(states.shape[1]) ** 4 / 24 <= MOST_LOGARITHMS:
        logs = in_logs()
        begin = logs.heads if before is None else np.ascontiguousarray(logs.hops[:, before])
        out[rows] = _score_in_logs(begin, logs.hops, states[rows], fractions, threads)
    return out


def _faint(
    heads: Float[np.ndarray, "places states"],
    hops: Float[np.ndarray, "distances states states"],
    states: Int[np.ndarray, "rows length"],
) -> Bool[np.ndarray, "rows"]:
    """Whether a law between two tokens of a sequence, or of one at its place, is possible and smaller than FAINT."""
    length = states.shape[1]
    places = np.minimum(np.arange(length), len(heads) - 1)
    found = np.zeros(len(states), dtype=np.bool_)
    found |= _smaller(heads[places, states]).any(axis=1)
    if _smaller(hops).any():
        for distance in range(1, length):
            law = hops[min(distance, len(hops)) - 1]
            found |= _smaller(law[states[:, :-distance], states[:, distance:]]).any(axis=1)
    return found


def _smaller(law: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    smaller: Bool[np.ndarray, "..."] = np.isnan(law) | ((law > 0) & (law < FAINT))
    return smaller
