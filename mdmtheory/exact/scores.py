"""log p(x) of ancestral sampling with the perfect denoiser, exact for the mixture over all plans."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import over_rows, within_its_threads
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.exact.bigrams import SIGHT, BigramHops, initial_and_transition, is_bigram
from mdmtheory.exact.gaps import MOST_OPERATIONS, ScheduleLike, ancestral_law
from mdmtheory.languages.presets import as_language
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.schedules import as_schedule


@whole_numbers(steps=1, block=1, threads=1)
@within_its_threads
def log_prob(
    language: Language,
    tokens: TokensLike,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    *,
    block: int | None = None,
    threads: int | None = None,
) -> Float[np.ndarray, "count"]:
    """log p(x) in nats of ancestral sampling with the perfect denoiser, exact for the mixture over plans.

    Bigrams (order 1 counts) with any initial law by recursion over gaps (docs/theory.md, section 3; ours), in O(N L^3)
    a sequence where the chain forgets, O(N L^4) where it does not; other languages by enumeration. Outside the support,
    where a bigram takes N/2 times as long, the mass that p puts there: -inf only if some token cannot occur at its
    position. With `block`, of block diffusion: blocks of so many tokens from left to right, each in `steps` steps.
    ValueError with the cost where that is not feasible; FloatingPointError where a probability on the way is too small
    for float64.
    """
    language = as_language(language)
    tokens = as_tokens(tokens, language.vocab_size)
    count, length = tokens.shape
    language.validate_length(length)
    lengths = block_lengths(length, length if block is None else block)
    fractions = as_schedule(schedule).revealed_fractions(steps)
    if not is_bigram(language):
        law = ancestral_law(language, length, fractions, threads, block)
        with np.errstate(divide="ignore"):
            return np.log(law[tuple(tokens.T.astype(np.int64))])
    steps = len(fractions) - 1
    operations = count * steps * sum(size**3 for size in lengths) / 3
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"{count} sequences of length {length} in {steps} steps take {operations:.1e} operations"
            f" or more, and at most {MOST_OPERATIONS:.0e} are allowed; pass fewer or shorter sequences, or fewer steps"
        )
    initial, transition, numbers = initial_and_transition(language)
    # A block's last token is one further from the block before than from the block's first.
    laws = BigramHops.of(initial, transition, lengths[0] + (len(lengths) > 1))
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
            scores[rows] += _score(laws.heads, laws.hops, here[rows], fractions, threads)
        else:
            # To what comes after it, a token is the beginning of a chain that starts with its moves.
            for before in np.unique(states[rows, begin - 1]):
                own = rows[states[rows, begin - 1] == before]
                heads = np.ascontiguousarray(laws.hops[:, before])
                scores[own] += _score(heads, laws.hops, here[own], fractions, threads)
        begin += size
    if np.isnan(scores).any():
        raise FloatingPointError(
            f"sequence {int(np.flatnonzero(np.isnan(scores))[0])} needs probabilities of {language.spec} below the "
            "smallest float64; use shorter sequences, or raise the smallest positive probabilities of the language"
        )
    return scores


def _score(
    heads: Float[np.ndarray, "places states"],
    hops: Float[np.ndarray, "distances states states"],
    states: Int[np.ndarray, "rows length"],
    fractions: Float[np.ndarray, "edges"],
    threads: int | None,
) -> Float[np.ndarray, "rows"]:
    """log p of sequences whose positions have the laws `heads` while nothing is revealed."""
    from mdmtheory.kernels.gap_scores import score_ancestral

    states, out = np.ascontiguousarray(states), np.empty(len(states))
    weights = np.diff(fractions)
    reveal, stay = weights / (1 - fractions[:-1]), (1 - fractions[1:]) / (1 - fractions[:-1])

    def work(a: int, b: int) -> None:
        chances = (reveal, stay, float((weights**2).sum()))
        score_ancestral(heads, hops, states[a:b], *chances, SIGHT, out[a:b])

    over_rows(work, len(states), threads)
    return out
