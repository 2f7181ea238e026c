"""What the exact oracles of all languages share: checking, normalising, opening a canvas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.protocols import Canvas, Language, Parallel, PlanRun
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens

Table = TypeVar("Table")


class OracleBase(ABC):
    """The exact posterior marginals of a language, given the revealed tokens.

    `trust` below 1 takes a revealed token v as soft evidence, trust*1[v = x] + (1 - trust)/V: no context is impossible
    then, and the rows of revealed positions are leave-one-out laws.
    """

    noises = frozenset({"masked"})
    parallel: Parallel = "threads"
    fused = True

    def __init__(self, language: Language, trust: float = 1.0) -> None:
        if not 0 < trust <= 1:
            raise ValueError(f"trust is {trust}; pass a number above 0 and at most 1")
        self.language = language
        self.trust = float(trust)
        self._tables: dict[str, tuple[int, Any]] = {}
        self.vocab_size = language.vocab_size
        self.spec = Spec.of("oracle") if trust == 1 else Spec.of("oracle", trust=trust)

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["oracle", self.trust, self.language.digest]

    def __repr__(self) -> str:
        return f"Oracle({self.language!r}, trust={self.trust})"

    def conditionals(
        self, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """q(x_i = v | revealed tokens) at every position of partly masked rows; the mask is vocab_size.

        Rows of revealed tokens are one-hot when trust is 1. In an impossible context the rows of masked positions are
        zeros.
        """
        from mdmtheory.kernels.marginals import normalise_marginals

        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.language.validate_length(tokens.shape[1])
        marginals = self._weights(tokens, threads)
        impossible = np.empty(len(tokens), dtype=np.bool_)
        hard = self.trust == 1

        def work(a: int, b: int) -> None:
            normalise_marginals(tokens[a:b], hard, marginals[a:b], impossible[a:b])

        over_rows(work, len(tokens), threads)
        self._check_underflow(tokens, impossible)
        return marginals

    def pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        """I(x_i; x_j | revealed tokens) in nats for every two masked positions of partly masked rows; 0 elsewhere.

        Exact. 0 in impossible contexts. docs/theory.md, section 9 (ours).
        """
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.language.validate_length(tokens.shape[1])
        return self._pairs(tokens, threads)

    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Canvas:
        """A canvas of `count` masked sequences, with the prompt's tokens revealed."""
        from mdmtheory.languages.canvas import ConditionalsCanvas

        if noise not in self.noises:
            raise ValueError(
                f"the oracle of {self.language.spec} takes no {noise!r} noise; known: {', '.join(self.noises)}"
            )
        return ConditionalsCanvas(self, count, length, prompt, threads)

    def run_plan(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None = None,
        tokens: TokensLike | None = None,
        *,
        threads: int | None = None,
        recompute: bool = False,
        epsilon: float = 0.0,
    ) -> PlanRun:
        """Run reveal plans: draw tokens from the streams `states` (which move on), or score the tokens given.

        `recompute` renews everything at every step that reveals, with the same tokens. `epsilon` > 0 mixes each
        marginal with the uniform law until it is that many nats away (Perturbed).
        """
        plan = np.ascontiguousarray(plan, dtype=np.int32)
        if plan.ndim != 2 or (plan.size and plan.min() < 1):
            raise ValueError(f"plan has shape {plan.shape}; pass (count, length) of step numbers from 1")
        self.language.validate_length(plan.shape[1])
        given = None if tokens is None else as_tokens(tokens, self.vocab_size)
        if given is not None and given.shape != plan.shape:
            raise ValueError(
                f"tokens have shape {given.shape} and the plan {plan.shape}; pass one plan row for each sequence"
            )
        run = self._run(plan, states, given, threads, recompute, epsilon)
        self._check_underflow(run.tokens, run.impossible)
        return run

    def _kept(self, name: str, length: int, build: Callable[[], Table]) -> Table:
        """The tables of a kernel for one length; the last ones made are kept.

        Length and tables are stored and read together: threads may ask for different lengths at once.
        """
        kept = self._tables.get(name)
        if kept is None or kept[0] != length:
            kept = (length, build())
            self._tables[name] = kept
        tables: Table = kept[1]
        return tables

    def _check_underflow(self, tokens: Tokens, impossible: Bool[np.ndarray, "count"]) -> None:
        """A probability of exactly 0 must mean an impossible context, not one too small for float64."""
        rows = np.flatnonzero(impossible)
        if len(rows) and self._possible(tokens[rows]).any():
            raise FloatingPointError(
                f"a context of {self.language.spec} is possible but its probability is below the smallest float64; "
                "raise the smallest positive probabilities of the language"
            )

    def _pairs(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length length"]:
        """From the conditionals; a language that can do better does."""
        from mdmtheory.languages.pairs import pairs_by_conditionals

        def conditionals(rows: Tokens) -> Float[np.ndarray, "rows length vocab_size"]:
            return self.conditionals(rows, threads=threads)

        return pairs_by_conditionals(conditionals, tokens, self.vocab_size, self.trust)

    @abstractmethod
    def _weights(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length vocab_size"]:
        """The conditionals, unnormalised; each row leaves out the evidence of its own position."""

    @abstractmethod
    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> PlanRun:
        """Run the plans with this language's kernel."""

    @abstractmethod
    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether each partly masked row agrees with some sequence of the support."""


def run_kernel(
    kernel: Any,
    tables: Any,
    plan: Int[np.ndarray, "count length"],
    states: UInt64[np.ndarray, "count 4"] | None,
    tokens: Tokens | None,
    vocab_size: int,
    threads: int | None,
    recompute: bool,
    epsilon: float,
) -> PlanRun:
    """Run a plan kernel over all rows, in threads."""
    from mdmtheory.core.tokens import token_dtype

    count, length = plan.shape
    drawing = tokens is None
    if tokens is None:
        if states is None:
            raise ValueError("run_plan was given neither tokens nor streams; pass tokens to score or states to draw")
        tokens = np.full((count, length), vocab_size, dtype=token_dtype(vocab_size))
    if states is None:
        states = np.zeros((count, 4), dtype=np.uint64)
    log_probs = np.full((count, length), np.nan)
    calls = np.zeros(count, dtype=np.int64)
    impossible = np.zeros(count, dtype=np.bool_)

    def work(a: int, b: int) -> None:
        flags = (drawing, recompute, float(epsilon))
        kernel(tables, plan[a:b], tokens[a:b], states[a:b], *flags, log_probs[a:b], calls[a:b], impossible[a:b])

    over_rows(work, count, threads)
    return PlanRun(tokens, log_probs, calls, calls.copy(), impossible)
