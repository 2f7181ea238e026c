"""Exact posteriors of languages of which one pass over a sequence answers any evidence: the oracle around that pass."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Evidence
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.oracles.evidence import UniformEvidence
from mdmtheory.oracles.pairs import pairs_by_conditionals
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.oracles.under_noise import Laws, UnderNoise

MESSAGE_ENTRIES = 1 << 22
"""Numbers of messages that a pass holds at a time: some 32 megabytes."""


class OracleByEvidence(UnderNoise):
    """The exact posterior marginals of a language; a subclass says `_left_out` and, of masks alone, may know better.

    `trust` below 1 takes a revealed token v as soft evidence, trust*1[v = x] + (1 - trust)/V: no context is impossible
    then, and the rows of revealed positions are leave-one-out laws.
    """

    exact_for = Posterior.exact_for

    @whole_numbers(threads=1)
    def conditionals(self, tokens: TokensLike, *, threads: int | None = None) -> Laws:
        """q(x_i = v | revealed tokens) at every position of partly masked rows; the mask is vocab_size.

        Rows of revealed tokens are one-hot when trust is 1. In an impossible context the rows of masked positions are
        zeros.
        """
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.language.validate_length(tokens.shape[1])
        if self.trust == 1:
            found = self._given_masks(tokens, threads)
            rows, positions = np.nonzero(tokens < self.vocab_size)
            found[rows, positions] = np.eye(self.vocab_size)[tokens[rows, positions]]
            return found
        soft = self.trust * np.eye(self.vocab_size) + (1 - self.trust) / self.vocab_size
        return normalised(self._by_rows(np.log(np.vstack([soft, np.ones(self.vocab_size)]))[tokens], threads))

    @whole_numbers(threads=1)
    def pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        """I(x_i; x_j | revealed tokens) in nats for every two masked positions of partly masked rows; 0 elsewhere."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        return pairs_by_conditionals(
            lambda rows: self.conditionals(rows, threads=threads), tokens, self.vocab_size, self.trust
        )

    @whole_numbers(threads=1)
    def posterior(self, evidence: Evidence | Laws, *, leave_one_out: bool = False, threads: int | None = None) -> Laws:
        """q(x_i = v | evidence at every position), exactly; of one's own position left out with `leave_one_out`.

        Evidence is what a noise left, or an array of log likelihoods in nats, each position's up to a constant; -inf
        excludes a token. Rows of sequences that the evidence excludes are zeros. ValueError with the reason where the
        language has no such posterior.
        """
        self._check_noise("uniform" if isinstance(evidence, UniformEvidence) else "gaussian")
        logs = self._log_likelihoods(evidence)
        logs = logs - _finite(logs.max(axis=2, keepdims=True))
        found = self._by_rows(logs, threads)
        return normalised(found if leave_one_out else found + logs)

    def _given_masks(self, tokens: Tokens, threads: int | None) -> Laws:
        """The laws of masked positions where what is revealed is certain; zeros in impossible contexts."""
        with np.errstate(divide="ignore"):
            certain = np.log(np.vstack([np.eye(self.vocab_size), np.ones(self.vocab_size)]))
        return normalised(self._by_rows(certain[tokens], threads))

    def _by_rows(self, logs: Laws, threads: int | None) -> Laws:
        out = np.empty(logs.shape)

        def work(a: int, b: int) -> None:
            out[a:b] = self._left_out(logs[a:b])

        over_rows(work, len(logs), threads)
        return out

    @abstractmethod
    def _left_out(self, logs: Laws) -> Laws:
        """log of the law of each token by the likelihoods at all positions but its own, each up to a constant.

        `logs` are logarithms of likelihoods with a largest one of 0 at each position, and so is what comes out, in
        which nothing may be lost that is too small for a float. A row of which no sequence of the language has a
        positive likelihood is -inf throughout.
        """


def normalised(logs: Laws) -> Laws:
    """The laws that have these logarithms, up to a constant each; zeros where all are -inf."""
    laws = np.exp(logs - _finite(logs.max(axis=2, keepdims=True)))
    totals = laws.sum(axis=2, keepdims=True)
    return np.divide(laws, totals, out=np.zeros_like(laws), where=totals > 0)


def _finite(most: Laws) -> Laws:
    """What is to be taken away from logarithms of which this is the largest."""
    return np.where(most > -np.inf, most, 0.0)
