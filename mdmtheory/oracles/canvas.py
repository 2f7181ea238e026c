"""A canvas for any denoiser that gives the conditionals of whole sequences."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import Evidence
from mdmtheory.core.tokens import Tokens, as_tokens, token_dtype


@runtime_checkable
class GivesConditionals(Protocol):
    """What the canvas asks of a denoiser."""

    vocab_size: int

    def conditionals(
        self, tokens: Tokens, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Marginals at every position of partly masked rows; zeros at masked positions of impossible contexts."""


class ConditionalsCanvas:
    """Partly revealed sequences; marginals are computed afresh for every row asked about (core.protocols.Canvas)."""

    def __init__(
        self,
        denoiser: GivesConditionals,
        count: int,
        length: int,
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> None:
        self.denoiser = denoiser
        self.threads = threads
        self.tokens = np.full((count, length), denoiser.vocab_size, dtype=token_dtype(denoiser.vocab_size))
        if prompt is not None:
            given = as_tokens(prompt, denoiser.vocab_size, masks=True)
            if given.shape != self.tokens.shape:
                raise ValueError(
                    f"the prompt has shape {given.shape}; pass {self.tokens.shape}, the mask where nothing is given"
                )
            self.tokens[:] = given
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        self.tokens[rows, positions] = tokens

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior at each (row, position); every row named is charged one call and one round."""
        asked, index = np.unique(rows, return_inverse=True)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        found = self.denoiser.conditionals(self.tokens[asked], threads=self.threads)
        marginals: Float[np.ndarray, "n vocab_size"] = found[index, positions]
        self.impossible[rows[marginals.sum(axis=1) <= 0]] = True
        return marginals


@runtime_checkable
class GivesPosteriors(Protocol):
    """What the canvas of noisy sequences asks of a denoiser."""

    def posterior(
        self, evidence: Evidence, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The law of the token at every position given the evidence at all of them."""


class EvidenceCanvas:
    """Sequences seen through a noise, computed afresh at every call (core.protocols.NoisyCanvas)."""

    def __init__(self, denoiser: GivesPosteriors, count: int, threads: int | None = None) -> None:
        self.denoiser = denoiser
        self.threads = threads
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def posterior(self, evidence: Evidence) -> Float[np.ndarray, "count length vocab_size"]:
        """The law of the token at every position; each row is charged one call and one round."""
        self.calls += 1
        self.rounds += 1
        return self.denoiser.posterior(evidence, threads=self.threads)
