"""What independent draws do wrong in a given context: pairs of tokens that cannot stand together, by sets of states."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Integer

from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import over_rows
from mdmtheory.exact.contexts import Contexts
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram

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
        pieces = zip(contexts.tokens, contexts.marginals, starts, strict=True)
        return np.array([_from_few_positions(language, *each) for each in pieces])
    raise ValueError(
        f"which pairs {language.spec} allows is known for HMMs, n-grams and the uniform languages only; "
        "for others use a length at which the constant is enumerated"
    )


def _from_few_positions(
    language: NGram,
    token: Integer[np.ndarray, "length"],
    marginals: Float[np.ndarray, "length vocab_size"],
    start: float,
) -> float:
    """The sum over pairs from a systematic sample of the masked positions, scaled up to all of them."""
    masked = np.flatnonzero(token == language.vocab_size)
    few = min(FEW_POSITIONS, len(masked))
    chosen = masked[((start + np.arange(few)) * len(masked) / few).astype(np.int64)]
    automaton = _Automaton(language, token)
    return sum(_clashes_from(automaton, marginals, int(i)) for i in chosen) * len(masked) / few


class _Automaton:
    """The contexts of an n-gram along one partly masked row, as sets.

    alive[i] is the set of contexts before position i, of min(i, n - 1) tokens, on some path that fits the whole row.
    """

    def __init__(self, language: NGram, token: Integer[np.ndarray, "length"]) -> None:
        laws, offsets = language.laws
        self.token, self.vocab_size, self.full = token, language.vocab_size, language.order - 1
        allowed = laws > 0
        self._allowed = [allowed[a:b] for a, b in pairwise([*offsets, len(allowed)])]
        forward = [np.ones(1, dtype=np.bool_)]
        for i in range(len(token)):
            forward.append(self.step(forward[-1], i, self.fitting(i)))
        behind = np.ones_like(forward[-1])
        self.alive = [behind & forward[-1]]
        for i in range(len(token) - 1, -1, -1):
            behind = self._back(behind, i)
            self.alive.insert(0, behind & forward[i])

    def fitting(self, i: int) -> Bool[np.ndarray, "vocab_size"]:
        """The tokens that the row admits at i."""
        tokens = np.arange(self.vocab_size)
        return (tokens == self.token[i]) | (self.token[i] == self.vocab_size)

    def step(
        self, states: Bool[np.ndarray, "*sets before"], i: int, tokens: Bool[np.ndarray, "*sets vocab_size"]
    ) -> Bool[np.ndarray, "*sets after"]:
        """The contexts before i + 1 that some token at i leads to from each set of contexts before i."""
        moves = self._moves(i)
        sets = states.shape[:-1]
        # (oldest token, the others): the oldest one leaves a full context.
        following = (states.reshape(*sets, *moves.shape[:2], 1) & moves).any(axis=-3) & tokens[..., None, :]
        return following.reshape(*sets, -1)

    def _back(self, behind: Bool[np.ndarray, "after"], i: int) -> Bool[np.ndarray, "before"]:
        moves = self._moves(i) & self.fitting(i)
        return (moves & behind.reshape(moves.shape[1:])).any(axis=-1).reshape(-1)

    def _moves(self, i: int) -> Bool[np.ndarray, "oldest newer vocab_size"]:
        allowed = self._allowed[min(i, self.full)]
        return allowed.reshape(self.vocab_size if i >= self.full else 1, -1, self.vocab_size)


def _clashes_from(automaton: _Automaton, marginals: Float[np.ndarray, "length vocab_size"], i: int) -> float:
    """The clashes of position i with all masked positions after it: sets run on until they are all that is alive."""
    vocab_size = automaton.vocab_size
    taken = np.flatnonzero(marginals[i] > 0)
    states = np.broadcast_to(automaton.alive[i], (len(taken), len(automaton.alive[i])))
    states = automaton.step(states, i, np.eye(vocab_size, dtype=np.bool_)[taken]) & automaton.alive[i + 1]
    total = 0.0
    for j in range(i + 1, len(marginals)):
        if (states == automaton.alive[j]).all():
            break
        fitting = np.broadcast_to(automaton.fitting(j), (len(taken), vocab_size))
        states = automaton.step(states, j, fitting) & automaton.alive[j + 1]
        if automaton.token[j] == vocab_size:
            # The newest token of a context is its last digit.
            reached = states.reshape(len(taken), -1, vocab_size).any(axis=1)
            total += float(marginals[i, taken] @ (~reached @ marginals[j]))
    return total
