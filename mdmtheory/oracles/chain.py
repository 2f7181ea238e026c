"""The exact oracle of a chain of hidden states."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.protocols import Canvas, PlanRun
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.chain import ChainTables
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.oracles.base import InLogs, OracleBase, run_kernel
from mdmtheory.oracles.chain_canvas import chain_canvas


@registered("oracle", "chain")
class ChainOracle(OracleBase):
    """Messages at revealed positions, powers of the transition matrix between; docs/theory.md, section 4 (ours)."""

    def __init__(self, language: HMM | NGram, trust: float = 1.0) -> None:
        super().__init__(language, trust)
        assert language.chain is not None, "an n-gram of too many contexts"
        self.chain = language.chain

    def tables(self, length: int) -> ChainTables:
        """The tables for sequences of this length; the last ones made are kept."""
        return self._kept("chain", length, lambda: self.chain.tables(length, self.trust))

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        return self.chain.smooth(tokens, trust, threads)

    def _posterior(
        self,
        logs: Float[np.ndarray, "count length vocab_size"],
        leave_out: bool,
        out: Float[np.ndarray, "count length vocab_size"],
        threads: int | None,
    ) -> None:
        from mdmtheory.kernels.evidence import smooth_evidence

        chain = self.chain
        by_token = np.ascontiguousarray(chain.emission.T)

        def quick(a: int, b: int, sure: Bool[np.ndarray, "rows"]) -> None:
            laws = (chain.initial, chain.transition, chain.transposed, chain.emission, by_token)
            smooth_evidence(*laws, logs[a:b], leave_out, out[a:b], sure)

        self._believed_or_in_logs(quick, logs, leave_out, out, threads)

    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        from mdmtheory.kernels.evidence import smooth_evidence_in_logs

        with np.errstate(divide="ignore"):
            laws = (self.chain.initial, self.chain.transition, self.chain.emission)
            initial, transition, emission = (np.log(each) for each in laws)
        return lambda logs, out: smooth_evidence_in_logs(initial, transition, emission, logs, leave_out, as_logs, out)

    def _canvas(self, count: int, length: int, prompt: Tokens | None, threads: int | None) -> Canvas:
        return chain_canvas(self, self.chain, count, length, prompt, threads)

    def _pairs(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length length"]:
        found, sure = self.chain.pairs(tokens, self.trust, threads)
        rows = np.flatnonzero(~sure)
        if self.trust == 1:
            # In impossible contexts nothing is left, and nothing was lost.
            rows = rows[self.chain.possible(tokens[rows], threads)]
        if len(rows):
            found[rows] = super()._pairs(tokens[rows], threads)
        return found

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.chain_plans import run_chain_plans

        tables = self.tables(plan.shape[1])
        return run_kernel(run_chain_plans, tables, plan, states, tokens, self.vocab_size, threads, recompute, epsilon)

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        return self.chain.possible(tokens)
