"""The exact oracle of a chain of hidden states."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.chain import ChainTables
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.oracles.base import InLogs, OracleBase, Quick
from mdmtheory.oracles.chain_canvas import chain_canvas


class ChainOracle(OracleBase):
    """Messages at revealed positions, powers of the transition matrix between; docs/theory.md, section 4 (ours)."""

    def __init__(self, language: HMM | NGram | PDFA, trust: float = 1.0) -> None:
        super().__init__(language, trust)
        assert language.chain is not None, "too many states for a chain"
        self.chain = language.chain

    def tables(self, length: int) -> ChainTables:
        """The tables for sequences of this length; the last ones made are kept."""
        return self._kept("chain", length, lambda: self.chain.tables(length, self.trust))

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        return self.chain.smooth(tokens, trust, threads)

    def _blocks(
        self, clean: Tokens, noisy: Tokens, block: int, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        return self.chain.smooth_blocks(clean, noisy, block, threads)

    def _quick(self, leave_out: bool) -> Quick:
        from mdmtheory.kernels.evidence import smooth_evidence

        laws = (self.chain.initial, self.chain.transition, self.chain.transposed, self.chain.emission)
        by_token = np.ascontiguousarray(self.chain.emission.T)
        return lambda logs, out, sure: smooth_evidence(*laws, by_token, logs, leave_out, out, sure)

    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        from mdmtheory.kernels.evidence import smooth_evidence_in_logs

        with np.errstate(divide="ignore"):
            laws = (self.chain.initial, self.chain.transition, self.chain.emission)
            initial, transition, emission = (np.log(each) for each in laws)
        return lambda logs, out: smooth_evidence_in_logs(initial, transition, emission, logs, leave_out, as_logs, out)

    def _canvas(self, count: int, length: int, prompt: Tokens | None, threads: int | None) -> MarginalsCanvas:
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

    def _plan_kernel(self, length: int, recompute: bool) -> tuple[Any, Any]:
        from mdmtheory.kernels.chain_plans import run_chain_plans

        return run_chain_plans, self.tables(length)

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        return self.chain.possible(tokens)
