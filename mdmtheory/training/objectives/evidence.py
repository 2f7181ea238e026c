"""Exact posteriors of rows that are seen through different levels of a noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.protocols import Evidence
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.oracles.evidence import EvidenceBesideTokens
from mdmtheory.training.objectives.base import Noised


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Evidence of rows at levels of their own, for oracles that compute with likelihoods of any kind."""

    noise: ClassVar[str] = "gaussian"
    rows: Sequence[Evidence]

    @property
    def kept(self) -> float:
        """The least that is kept in any row."""
        return min(each.kept for each in self.rows)

    def log_likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """Those of the rows."""
        return np.concatenate([each.log_likelihood() for each in self.rows])


def beside_tokens(rows: Sequence[Evidence], where: np.ndarray, tokens: Tokens, mask: int) -> list[EvidenceBesideTokens]:
    """Evidence of each row at the positions `where`, beside that row of tokens, the mask where nothing is known."""
    return [EvidenceBesideTokens(each, where, tokens[[i]], mask) for i, each in enumerate(rows)]


def posteriors(
    oracle: Any, rows: Sequence[Evidence], noised: Noised, threads: int | None
) -> Float[np.ndarray, "rows length vocab_size"]:
    """The law of the clean token at every position given each row's evidence and what is shown beside it."""
    if noised.shown is not None:
        where, mask = noised.noised_positions(), oracle.vocab_size
        known = np.where(noised.shown, noised.clean, np.asarray(mask, dtype=token_dtype(mask)))
        rows = beside_tokens(rows, where, known, mask)
    return answered(oracle, rows, noised.clean.shape[1], threads)


def answered(
    oracle: Any, rows: Sequence[Evidence], length: int, threads: int | None
) -> Float[np.ndarray, "rows length vocab_size"]:
    """The law of the clean token at every position of each row, given that row's evidence.

    An oracle that takes likelihoods of any kind answers all rows at once, another one row by row.
    """
    together = [Likelihoods(rows)] if Likelihoods.noise in oracle.noises else rows
    found = []
    for seen in together:
        canvas = oracle.open(len(rows) // len(together), length, noise=seen.noise, threads=threads)
        found.append(np.asarray(canvas.posterior(seen)))
    return np.concatenate(found)
