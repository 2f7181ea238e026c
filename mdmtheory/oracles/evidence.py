"""What a noise leaves to be seen of a sequence: evidence about the token at every position.

A masked token is missing evidence, a uniformly noised one soft evidence, a noised embedding a likelihood of each token.
A denoiser that computes with likelihoods needs no more than `log_likelihood`; a trained one reads the noisy values and
how much of the signal is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.protocols import Evidence
from mdmtheory.core.tokens import Tokens


@dataclass(frozen=True, eq=False)
class UniformEvidence:
    """Tokens of which each was kept with probability `kept`, below 1, and else drawn anew from all `vocab_size`."""

    noise: ClassVar[str] = "uniform"
    tokens: Tokens
    kept: float
    vocab_size: WholeNumber

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab_size", whole_number(self.vocab_size, "vocab_size", 1))
        _check_kept(self.kept)

    def likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """kept*1[v = token] + (1 - kept)/V."""
        found = np.full((*self.tokens.shape, self.vocab_size), (1 - self.kept) / self.vocab_size)
        own = self.tokens[:, :, None].astype(np.int64)
        np.put_along_axis(found, own, self.kept + (1 - self.kept) / self.vocab_size, axis=2)
        return found

    def log_likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """log(kept*1[v = token] + (1 - kept)/V) in nats."""
        return np.log(self.likelihood())


@dataclass(frozen=True, eq=False)
class GaussianEvidence:
    """Values N(√kept e(v), (1 - kept) I) at each position, e(v) being row v of `embedding` and `kept` below 1."""

    noise: ClassVar[str] = "gaussian"
    values: Float[np.ndarray, "count length dim"]
    kept: float
    embedding: Float[np.ndarray, "vocab dim"]

    def __post_init__(self) -> None:
        _check_kept(self.kept)

    def log_likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """(√kept x·e(v) - kept |e(v)|²/2) / (1 - kept): the log density in nats without what no token changes."""
        from mdmtheory.kernels.noised import gaussian_log_likelihood

        count, length, _ = self.values.shape
        found = np.empty((count, length, len(self.embedding)))
        # Kernels are compiled for arrays that can be written to.
        values, embedding = (np.require(each, requirements=["C", "W"]) for each in (self.values, self.embedding))
        gaussian_log_likelihood(values, embedding, self.kept, found)
        return found


@dataclass(frozen=True, eq=False)
class EvidenceBesideTokens:
    """What a noise left at the positions `where` of whole sequences, whose other positions are known, or not seen.

    `tokens` (count, length) are what is known, the mask `vocab_size` elsewhere.
    """

    noised: Evidence
    where: Int[np.ndarray, "noised"]
    tokens: Tokens
    vocab_size: WholeNumber

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab_size", whole_number(self.vocab_size, "vocab_size", 1))

    @property
    def noise(self) -> str:
        """That of what is noised."""
        return self.noised.noise

    @property
    def kept(self) -> float:
        """The share of the signal that is left where it is noised."""
        return self.noised.kept

    def log_likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """In nats: what the noise left, 0 for known tokens and -inf for all others there, 0 where nothing is seen."""
        certain = np.full((self.vocab_size + 1, self.vocab_size), -np.inf)
        np.fill_diagonal(certain, 0.0)
        certain[self.vocab_size] = 0.0
        found: Float[np.ndarray, "count length vocab"] = certain[self.tokens]
        found[:, self.where] = self.noised.log_likelihood()
        return found


def _check_kept(kept: float) -> None:
    if not 0 <= kept < 1:
        raise ValueError(f"kept is {kept}; pass 0 or more and less than 1: with nothing lost there is nothing to infer")
