"""log p(x) of ancestral sampling with the perfect denoiser, exact for the mixture over all plans."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.exact.bigrams import SIGHT, BigramHops, initial_and_transition, is_bigram
from mdmtheory.exact.gaps import MOST_OPERATIONS, ScheduleLike, ancestral_law
from mdmtheory.schedules import as_schedule


def log_prob(
    language: Language,
    tokens: TokensLike,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    *,
    threads: int | None = None,
) -> Float[np.ndarray, "count"]:
    """log p(x) in nats of ancestral sampling with the perfect denoiser, exact for the mixture over plans.

    Bigrams (order 1 counts) with any initial law by recursion over gaps (docs/theory.md, section 3; ours), in O(N L^3)
    a sequence where the chain forgets, O(N L^4) where it does not; other languages by enumeration. Outside the support,
    where a bigram takes N/2 times as long, the mass that p puts there: -inf only if some token cannot occur at its
    position. ValueError with the cost where that is not feasible; FloatingPointError where a probability on
    the way is too small for float64.
    """
    tokens = as_tokens(tokens, language.vocab_size)
    length = tokens.shape[1]
    language.validate_length(length)
    fractions = as_schedule(schedule).revealed_fractions(steps)
    if not is_bigram(language):
        law = ancestral_law(language, length, fractions, threads)
        with np.errstate(divide="ignore"):
            return np.log(law[tuple(tokens.T.astype(np.int64))])
    from mdmtheory.kernels.gap_scores import score_ancestral

    operations = len(tokens) * (len(fractions) - 1) * length**3 / 3
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"{len(tokens)} sequences of length {length} in {len(fractions) - 1} steps take {operations:.1e} operations"
            f" or more, and at most {MOST_OPERATIONS:.0e} are allowed; pass fewer or shorter sequences, or fewer steps"
        )
    initial, transition, numbers = initial_and_transition(language)
    laws = BigramHops.of(initial, transition, length)
    out = np.full(len(tokens), -np.inf)
    rows = np.flatnonzero((numbers[tokens] >= 0).all(axis=1))
    states = np.ascontiguousarray(numbers[tokens[rows]])
    scores = np.empty(len(rows))
    weights = np.diff(fractions)
    reveal, stay = weights / (1 - fractions[:-1]), (1 - fractions[1:]) / (1 - fractions[:-1])

    def work(a: int, b: int) -> None:
        chances = (reveal, stay, float((weights**2).sum()))
        score_ancestral(laws.heads, laws.hops, states[a:b], *chances, SIGHT, scores[a:b])

    over_rows(work, len(rows), threads)
    if np.isnan(scores).any():
        raise FloatingPointError(
            f"sequence {int(rows[np.isnan(scores)][0])} needs probabilities of {language.spec} below the smallest "
            "float64; use shorter sequences, or raise the smallest positive probabilities of the language"
        )
    out[rows] = scores
    return out
