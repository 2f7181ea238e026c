"""The exact oracle of an n-gram."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.protocols import MarginalsCanvas, PlanRun
from mdmtheory.core.register import registered
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.chain import POWER_BYTES, least_positive
from mdmtheory.languages.ngram import NGram
from mdmtheory.oracles.base import InLogs, OracleBase, Quick
from mdmtheory.oracles.chain import ChainOracle
from mdmtheory.oracles.chain_canvas import chain_canvas

KEPT_STATES = 128
"""Contexts up to which a canvas keeps messages of the whole chain: they are dense, and cost the square of this."""

MESSAGE_BYTES = 1 << 25
"""What the messages of a sequence may take in a thread of the smoother; beyond it making them twice is faster too."""


class ShiftTables(NamedTuple):
    """The arrays that kernels/shift.py runs on."""

    laws: Float[np.ndarray, "rows vocab"]
    offsets: Int[np.ndarray, "order"]
    size: int
    order: int
    blocks: Float[np.ndarray, "newer vocab vocab"]
    turned: Float[np.ndarray, "newer vocab vocab"]
    by_token: Float[np.ndarray, "vocab contexts"]
    evidence: Float[np.ndarray, "evidence vocab"]
    hard: bool
    full: bool
    faint: float
    quick: bool
    forward: Float[np.ndarray, "places contexts"]


class BigramTables(NamedTuple):
    """The arrays that kernels/bigram_plans.py runs on; the last power stands for all higher ones.

    Columns go on with zeros to a multiple of eight.
    """

    heads: Float[np.ndarray, "positions width"]
    powers: Float[np.ndarray, "distances vocab width"]
    back_powers: Float[np.ndarray, "distances vocab width"]


@registered("oracle", "ngram")
class NGramOracle(OracleBase):
    """Messages on contexts; small n-grams run plans as chains, where a bigram needs its two neighbours only."""

    language: NGram

    @cached_property
    def chain_oracle(self) -> ChainOracle | None:
        """The same oracle on the chain of contexts, where that is small."""
        return None if self.language.chain is None else ChainOracle(self.language, self.trust)

    @property
    def _steps_cost_less(self) -> bool:
        """A hop of a chain between known tokens takes V^(2n - 4) products, and a step of contexts V^n."""
        return self.language.order > 3 and self.language.contexts > KEPT_STATES

    def tables(self, length: int) -> ShiftTables:
        """The tables for sequences of this length."""
        return self._kept("shift", length, lambda: self._shift_tables(length))

    def _shift_tables(self, length: int) -> ShiftTables:
        from mdmtheory.kernels.shift_smoothing import masked_messages

        tables = self._laws()._replace(forward=np.zeros((length + 1, self.language.contexts)))
        masked_messages(tables, tables.forward)
        return tables._replace(quick=tables.hard and least_positive(tables.forward) >= tables.faint)

    def _laws(self) -> ShiftTables:
        """The tables without messages: what does not depend on the length."""
        return self._kept("laws", 0, self._laws_alone)

    def _laws_alone(self) -> ShiftTables:
        from mdmtheory.kernels.doubt import LEAST_PRODUCT

        laws, offsets = self.language.laws
        blocks = laws[offsets[-1] :].reshape(self.vocab_size, -1, self.vocab_size).swapaxes(0, 1)
        return ShiftTables(
            laws,
            np.array(offsets, dtype=np.int64),
            self.language.contexts,
            self.language.order,
            np.ascontiguousarray(blocks),
            np.ascontiguousarray(blocks.swapaxes(1, 2)),
            np.ascontiguousarray(laws[offsets[-1] :].T),
            self._token_evidence(self.trust),
            self.trust == 1,
            bool((laws > 0).all()),
            LEAST_PRODUCT**0.5 / least_positive(laws),
            False,
            np.zeros((1, self.language.contexts)),
        )

    def _token_evidence(self, trust: float) -> Float[np.ndarray, "evidence vocab"]:
        """What each token says about each, and the mask, in the last row, about none."""
        soft = trust * np.eye(self.vocab_size) + (1 - trust) / self.vocab_size
        return np.vstack([soft, np.ones(self.vocab_size)])

    def bigram_tables(self, length: int) -> BigramTables | None:
        """Powers of a bigram's transition matrix up to where they settle; None where another kernel must serve.

        That is for other orders, for soft evidence, and where the powers would take more than POWER_BYTES.
        """
        most = max(1, length - 1)
        if self.language.order != 2 or self.trust < 1 or 16 * most * self.vocab_size**2 > POWER_BYTES:
            return None
        return self._kept("bigram", length, lambda: self._bigram_tables(length, most))

    def _bigram_tables(self, length: int, most: int) -> BigramTables:
        from mdmtheory.kernels.chain import head_laws, power_table
        from mdmtheory.kernels.state_steps import widened

        # Kernels are compiled for arrays that can be written to.
        initial, transition = (
            np.require(each, requirements=["C", "W"]) for each in (self.language.initial, self.language.conditional)
        )
        powers = np.empty((most, self.vocab_size, self.vocab_size))
        settled = power_table(transition, powers)
        if settled:
            powers = powers[:settled].copy()
        heads = np.empty((min(length, len(powers) + 1), self.vocab_size))
        head_laws(initial, transition, heads)
        return BigramTables(*(widened(each) for each in (heads, powers, powers.transpose(0, 2, 1))))

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.shift_smoothing import smooth_shift

        out, sure = np.empty((*tokens.shape, self.vocab_size)), np.empty(len(tokens), dtype=np.bool_)
        length = tokens.shape[1]
        tables = self._laws()
        if trust != self.trust:
            tables = tables._replace(evidence=self._token_evidence(trust), hard=trust == 1)
        faintest = least_positive(tables.laws) * least_positive(tables.evidence)
        block = length
        if 8 * length * self.language.contexts > MESSAGE_BYTES:
            block = math.isqrt(length - 1) + 1

        def work(a: int, b: int) -> None:
            smooth_shift(tables, tokens[a:b], faintest, block, out[a:b], sure[a:b])

        over_rows(work, len(tokens), threads)
        return out, sure

    def _blocks(
        self, clean: Tokens, noisy: Tokens, block: int, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]] | None:
        # Of longer contexts a chain has more states than dense messages are worth.
        if self.language.order > 2 or self.language.chain is None:
            return None
        return self.language.chain.smooth_blocks(clean, noisy, block, threads)

    def _next(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length vocab_size"]:
        from mdmtheory.kernels.from_left import next_by_context

        out = np.empty((*tokens.shape, self.vocab_size))
        laws, following = self.language.laws[0], np.ascontiguousarray(self.language._following)
        over_rows(lambda a, b: next_by_context(laws, following, tokens[a:b], out[a:b]), len(tokens), threads)
        return out

    def _canvas(self, count: int, length: int, prompt: Tokens | None, threads: int | None) -> MarginalsCanvas:
        chain = self.language.chain
        if chain is None or len(chain.initial) > KEPT_STATES:
            return super()._canvas(count, length, prompt, threads)
        # At order 2 a chain's smoother is the faster one too.
        denoiser = self.chain_oracle if self.chain_oracle is not None and self.language.order == 2 else self
        return chain_canvas(denoiser, chain, count, length, prompt, threads)

    def _pairs(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length length"]:
        if self.chain_oracle is None:
            return super()._pairs(tokens, threads)
        return self.chain_oracle._pairs(tokens, threads)

    def _quick(self, leave_out: bool) -> Quick:
        from mdmtheory.kernels.evidence import smooth_contexts

        laws, following = self.language.laws[0], np.ascontiguousarray(self.language._following[:, 0])
        return lambda logs, out, sure: smooth_contexts(laws, following, logs, leave_out, out, sure)

    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        from mdmtheory.kernels.evidence import smooth_contexts_in_logs

        with np.errstate(divide="ignore"):
            laws = np.log(self.language.laws[0])
        following = np.ascontiguousarray(self.language._following[:, 0])
        return lambda logs, out: smooth_contexts_in_logs(laws, following, logs, leave_out, as_logs, out)

    def _plan_kernel(self, length: int, recompute: bool) -> tuple[Any, Any]:
        from mdmtheory.kernels.bigram_plans import run_bigram_plans
        from mdmtheory.kernels.shift_plans import run_shift_plans
        from mdmtheory.kernels.shift_renewal import renew_shift_plans

        bigram = None if recompute else self.bigram_tables(length)
        if bigram is not None:
            return run_bigram_plans, bigram
        if self.chain_oracle is not None and not (recompute or self._steps_cost_less):
            return self.chain_oracle._plan_kernel(length, recompute)
        tables = self.tables(length)
        if recompute:
            # The plain pass: evidence multiplied in, no context left out for disagreeing with a token.
            return renew_shift_plans, tables._replace(hard=False)
        return run_shift_plans if tables.quick else renew_shift_plans, tables

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        """As of the base; rows with faint messages once more, all renewed, of which it takes less to be sure."""
        from mdmtheory.kernels.shift_plans import run_shift_plans
        from mdmtheory.kernels.shift_renewal import renew_shift_plans

        kernel, tables = self._plan_kernel(plan.shape[1], recompute)
        begun = None if states is None or kernel is not run_shift_plans else states.copy()
        run, unsure = self._run_by(kernel, tables, plan, states, tokens, threads, recompute, epsilon)
        rows = np.flatnonzero(unsure)
        if kernel is not run_shift_plans or not len(rows):
            return run, unsure
        some, given = None if begun is None else begun[rows], None if tokens is None else tokens[rows]
        again, unsure[rows] = self._run_by(renew_shift_plans, tables, plan[rows], some, given, threads, False, epsilon)
        run.put(rows, again, tokens=tokens is None)
        if states is not None:
            states[rows] = some
        return run, unsure

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        if self.language.chain is not None:
            return self.language.chain.possible(tokens)
        from mdmtheory.kernels.shift_smoothing import possible_contexts

        out = np.empty(len(tokens), dtype=np.bool_)
        possible_contexts(self.language.laws[0] > 0, self.language._following, tokens, out)
        return out
