"""What independent draws do wrong in a given context: pairs of tokens that cannot stand together, by sets of states."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import over_rows
from mdmtheory.exact.contexts import Contexts
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.support import bits

FEW_POSITIONS = 8
"""An n-gram too large to run as a chain has the pairs of so many masked positions priced, and they stand for all."""


def clashes_in(
    language: Language, contexts: Contexts, starts: Float[np.ndarray, "count"], threads: int | None
) -> Float[np.ndarray, "count"]:
    """The probability, summed over all masked pairs of each context, that independent draws cannot stand together.

    Where an n-gram has more than 600 contexts, an unbiased estimate from a few positions of each row, chosen by its
    uniform in `starts`. ValueError for languages whose support is no automaton's.
    """
    chain = language.chain if isinstance(language, HMM | NGram) else None
    if chain is not None:
        from mdmtheory.kernels.clashes import context_clashes

        out = np.empty(len(contexts.tokens))
        sets, (tokens, marginals) = chain.bit_sets, (contexts.tokens, contexts.marginals)
        over_rows(lambda a, b: context_clashes(*sets, tokens[a:b], marginals[a:b], out[a:b]), len(out), threads)
        return out
    if isinstance(language, NGram):
        return _from_few_positions(language, contexts, starts, threads)
    raise ValueError(
        f"which pairs {language.spec} allows is known for HMMs, n-grams and the uniform languages only; "
        "for others use a length at which the constant is enumerated"
    )


def _from_few_positions(
    language: NGram, contexts: Contexts, starts: Float[np.ndarray, "count"], threads: int | None
) -> Float[np.ndarray, "count"]:
    """The sum over pairs from a systematic sample of the masked positions of each row, scaled up to all of them."""
    from mdmtheory.kernels.context_sets import clashes_from

    tokens, marginals = contexts.tokens, contexts.marginals
    masked = tokens == language.vocab_size
    numbers = masked.sum(axis=1)
    few = np.minimum(FEW_POSITIONS, numbers)
    chosen = np.full((len(tokens), FEW_POSITIONS), -1)
    for row, (start, number, own) in enumerate(zip(starts, numbers, few, strict=True)):
        places = ((start + np.arange(own)) * number / own).astype(np.int64)
        chosen[row, :own] = np.flatnonzero(masked[row])[places]
    laws, offsets = language.laws
    sets = bits(laws > 0), np.array(offsets, dtype=np.int64)
    out = np.empty(len(tokens))
    over_rows(lambda a, b: clashes_from(*sets, tokens[a:b], marginals[a:b], chosen[a:b], out[a:b]), len(out), threads)
    return out * numbers / few
