"""The exact oracle of a chain of hidden states."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.protocols import Language, PlanRun
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.chain import Chain, ChainTables
from mdmtheory.languages.oracle_base import OracleBase, run_kernel


class ChainOracle(OracleBase):
    """Messages at revealed positions, powers of the transition matrix between; docs/theory.md, section 4 (ours)."""

    def __init__(self, language: Language, chain: Chain, trust: float) -> None:
        super().__init__(language, trust)
        self.chain = chain

    def tables(self, length: int) -> ChainTables:
        """The tables for sequences of this length; the last ones made are kept."""
        return self._kept("chain", length, lambda: self.chain.tables(length, self.trust))

    def _weights(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length vocab_size"]:
        return self.chain.smooth(tokens, self.trust, threads)

    def _pairs(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length length"]:
        return self.chain.pairs(tokens, self.trust, threads)

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> PlanRun:
        from mdmtheory.kernels.chain_plans import run_chain_plans

        tables = self.tables(plan.shape[1])
        return run_kernel(run_chain_plans, tables, plan, states, tokens, self.vocab_size, threads, recompute, epsilon)

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        return self.chain.possible(tokens)
