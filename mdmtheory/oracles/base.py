"""What the exact oracles of all languages share: checking, normalising, opening a canvas."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Evidence, Language, PlanRun
from mdmtheory.core.reveal_plans import as_plans
from mdmtheory.core.streams import check_states
from mdmtheory.core.threads import over_rows, within
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.oracles.evidence import UniformEvidence
from mdmtheory.oracles.from_left import FromLeft
from mdmtheory.oracles.pairs import pairs_by_conditionals
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.oracles.under_noise import UnderNoise

Table = TypeVar("Table")

InLogs = Callable[[Float[np.ndarray, "rows length vocab_size"], Float[np.ndarray, "rows length vocab_size"]], None]
"""Fills its second argument with posteriors under the evidence of its first, or with their logarithms."""

Quick = Callable[[Any, Any, Any], None]
"""Fills its second argument like InLogs, faster, and its third with whether nothing of a row was lost."""

LOG_ENTRIES = 1 << 22
"""Log likelihoods of tokens that are held at a time where rows are done again in logarithms."""


class OracleBase(FromLeft, UnderNoise):
    """The exact posterior marginals of a language, given the revealed tokens.

    `trust` below 1 takes a revealed token v as soft evidence, trust*1[v = x] + (1 - trust)/V: no context is impossible
    then, and the rows of revealed positions are leave-one-out laws.
    """

    fused = True
    exact_for = Posterior.exact_for

    def __init__(self, language: Language, trust: float = 1.0) -> None:
        super().__init__(language, trust)
        self._tables: dict[str, tuple[tuple[int, float], Any]] = {}

    @whole_numbers(threads=1)
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
        marginals = self._certain_weights(tokens, self.trust, threads)
        impossible = np.empty(len(tokens), dtype=np.bool_)
        hard = self.trust == 1

        def work(a: int, b: int) -> None:
            normalise_marginals(tokens[a:b], hard, marginals[a:b], impossible[a:b])

        over_rows(work, len(tokens), threads)
        return marginals

    @whole_numbers(threads=1)
    def pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        """I(x_i; x_j | revealed tokens) in nats for every two masked positions of partly masked rows; 0 elsewhere.

        Exact. 0 in impossible contexts. docs/theory.md, section 9 (ours).
        """
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.language.validate_length(tokens.shape[1])
        return self._pairs(tokens, threads)

    @whole_numbers(threads=1)
    def posterior(
        self,
        evidence: Evidence | Float[np.ndarray, "count length vocab_size"],
        *,
        leave_one_out: bool = False,
        threads: int | None = None,
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """q(x_i = v | evidence at every position), exactly, whatever the evidence.

        Evidence is what a noise left, or an array of log likelihoods in nats, each position's up to a constant; -inf
        excludes a token. With `leave_one_out` a row leaves out the evidence of its own position. Rows of sequences
        that the evidence excludes are zeros. ValueError with the reason where the language has no such posterior.
        docs/theory.md, section 8 (ours).
        """
        if isinstance(evidence, UniformEvidence):
            self._check_noise("uniform")
            return self._uniform_posterior(evidence, leave_one_out, threads)
        self._check_noise("gaussian")
        logs = self._log_likelihoods(evidence)
        out = np.empty_like(logs)
        self._posterior(logs, leave_one_out, out, threads)
        return out

    def _uniform_posterior(
        self, evidence: UniformEvidence, leave_one_out: bool, threads: int | None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Tokens kept with a probability are tokens trusted with it, so the conditionals' kernels serve."""
        tokens = as_tokens(evidence.tokens, self.vocab_size)
        self.language.validate_length(tokens.shape[1])
        if evidence.kept == 0:
            seen, trust = np.full_like(tokens, self.vocab_size), 1.0
        else:
            seen, trust = tokens, evidence.kept
        found = self._certain_weights(seen, trust, threads)
        rows = self._weigh_uniform(evidence, leave_one_out, found, threads)
        if len(rows):
            in_logs = np.empty((len(rows), *found.shape[1:]))
            likelihood = UniformEvidence(evidence.tokens[rows], evidence.kept, self.vocab_size).log_likelihood()
            self._posterior(likelihood, leave_one_out, in_logs, threads)
            found[rows] = in_logs / in_logs.sum(axis=2, keepdims=True)
        return found

    def _weigh_uniform(
        self,
        evidence: UniformEvidence,
        leave_out: bool,
        laws: Float[np.ndarray, "count length vocab_size"],
        threads: int | None,
    ) -> Int[np.ndarray, "rows"]:
        """Make posteriors of laws that leave their own evidence out; returns the rows that cannot be believed."""
        from mdmtheory.kernels.evidence import MOST_LOST
        from mdmtheory.kernels.marginals import MOST_SUMMED
        from mdmtheory.kernels.noised import weigh_uniform

        likely = evidence.kept + (1 - evidence.kept) / self.vocab_size
        if self.vocab_size <= MOST_SUMMED:
            unsure = np.empty(len(laws), dtype=np.bool_)
            how = evidence.kept, leave_out, MOST_LOST * likely
            tokens = as_tokens(evidence.tokens, self.vocab_size)
            over_rows(lambda a, b: weigh_uniform(tokens[a:b], laws[a:b], *how, unsure[a:b]), len(laws), threads)
        else:
            weights = laws * evidence.likelihood()
            unsure = (weights.sum(axis=2) < MOST_LOST * likely).any(axis=1)
            found = laws if leave_out else weights
            np.divide(found, found.sum(axis=2, keepdims=True), out=laws)
        return np.flatnonzero(unsure)

    @whole_numbers(threads=1)
    def run_plan(
        self,
        plan: Any,
        states: Any = None,
        tokens: Any = None,
        *,
        threads: int | None = None,
        recompute: bool = False,
        epsilon: float = 0.0,
    ) -> PlanRun:
        """Run reveal plans: draw tokens from the streams `states` (which move on), or score the tokens given.

        `recompute` renews everything at every step that reveals, with the same tokens. `epsilon` > 0 mixes each
        marginal with the uniform law until it is that many nats away (Perturbed). Rows of which float64 may have lost
        something are run again in logarithms; FloatingPointError with the first row where that cannot be done.
        """
        plan = as_plans(plan)
        self.language.validate_length(plan.shape[1])
        given = None if tokens is None else as_tokens(tokens, self.vocab_size)
        if given is not None and given.shape != plan.shape:
            raise ValueError(
                f"tokens have shape {given.shape} and the plan {plan.shape}; pass one plan row for each sequence"
            )
        if states is not None:
            check_states(states, len(plan))
        begun = None if states is None else states.copy()
        run, unsure = self._run(plan, states, given, threads, recompute, epsilon)
        with within(threads):
            for row in np.flatnonzero(unsure | self._lost(plan, run, drawn=given is None)):
                self._run_again(int(row), plan[row], begun if given is None else None, states, run, epsilon)
        return run

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        """Run plans by this language's kernel, in threads; also which rows float64 may have lost something of."""
        kernel, tables = self._plan_kernel(plan.shape[1], recompute)
        return self._run_by(kernel, tables, plan, states, tokens, threads, recompute, epsilon)

    def _run_by(
        self,
        kernel: Any,
        tables: Any,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        """As `_run`, by a kernel of one's choice."""
        count, length = plan.shape
        drawing = tokens is None
        if tokens is None:
            if states is None:
                raise ValueError("run_plan was given neither tokens nor streams; pass tokens to score or states")
            tokens = np.full((count, length), self.vocab_size, dtype=token_dtype(self.vocab_size))
        if states is None:
            states = np.zeros((count, 4), dtype=np.uint64)
        log_probs = np.full((count, length), np.nan)
        calls = np.zeros(count, dtype=np.int64)
        impossible, unsure = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)

        def work(a: int, b: int) -> None:
            flags, filled = (drawing, recompute, float(epsilon)), (log_probs, calls, impossible, unsure)
            kernel(tables, plan[a:b], tokens[a:b], states[a:b], *flags, *(each[a:b] for each in filled))

        over_rows(work, count, threads)
        return PlanRun(tokens, log_probs, calls, calls.copy(), impossible), unsure

    def _kept(self, name: str, length: int, build: Callable[[], Table]) -> Table:
        """The tables of a kernel for one length and trust; the last ones made are kept.

        All of it is stored and read together: threads may ask for different lengths at once.
        """
        kept = self._tables.get(name)
        if kept is None or kept[0] != (length, self.trust):
            kept = ((length, self.trust), build())
            self._tables[name] = kept
        tables: Table = kept[1]
        return tables

    def _certain_weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The conditionals at any trust, unnormalised; a zero means an impossible token, not one too small for float64.

        A row that float64 may have lost something of is done again in logarithms.
        """
        weights, sure = self._weights(tokens, trust, threads)
        rows = np.flatnonzero(~sure)
        if len(rows):
            weights[rows] = self._laws_in_logs(tokens[rows], trust, threads, as_logs=False)
        return weights

    def _laws_in_logs(
        self, tokens: Tokens, trust: float, threads: int | None, *, as_logs: bool
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The conditionals at any trust, each row leaving out its own evidence, by kernels that lose nothing."""
        soft = np.vstack([trust * np.eye(self.vocab_size) + (1 - trust) / self.vocab_size, np.ones(self.vocab_size)])
        with np.errstate(divide="ignore"):
            evidence = np.log(soft)
        fill = self._in_logs(True, as_logs)
        out = np.empty((*tokens.shape, self.vocab_size))
        piece = max(1, LOG_ENTRIES // (tokens.shape[1] * self.vocab_size))
        for first in range(0, len(tokens), piece):
            logs, here = evidence[tokens[first : first + piece]], out[first : first + piece]

            def work(a: int, b: int, logs: np.ndarray = logs, here: np.ndarray = here) -> None:
                fill(logs[a:b], here[a:b])

            over_rows(work, len(logs), threads)
        return out

    def _lost(self, plan: Int[np.ndarray, "count length"], run: PlanRun, *, drawn: bool) -> Bool[np.ndarray, "count"]:
        """Where a probability of exactly 0 means one too small for float64: what it is of is possible.

        Drawn rows stop in an impossible context; given tokens may be impossible one by one as well, where a step of
        independent draws makes them.
        """
        lost = np.zeros(len(plan), dtype=np.bool_)
        if drawn:
            rows = np.flatnonzero(run.impossible)
            # Nothing contradicts tokens that are trusted in part.
            lost[rows] = self._possible(run.tokens[rows]) if self.trust == 1 else True
            return lost
        for row in np.flatnonzero(~(run.log_probs.min(axis=1) > -np.inf)):
            token, zero = run.tokens[row], ~(run.log_probs[row] > -np.inf)
            step = plan[row][zero].min()
            context = np.full_like(token, self.vocab_size)
            if self.trust == 1:
                context[plan[row] < step] = token[plan[row] < step]
            positions = np.flatnonzero(zero & (plan[row] == step))
            with_token = np.repeat(context[None], len(positions), axis=0)
            with_token[np.arange(len(positions)), positions] = token[positions]
            lost[row] = self._possible(with_token).any()
        return lost

    def _run_again(
        self,
        row: int,
        steps: Int[np.ndarray, "length"],
        begun: UInt64[np.ndarray, "count 4"] | None,
        states: UInt64[np.ndarray, "count 4"] | None,
        run: PlanRun,
        epsilon: float,
    ) -> None:
        """Run one row of a plan in logarithms, from where its stream had `begun` if its tokens are drawn."""
        from mdmtheory.kernels.marginals import settle_in_logs

        token, log_prob = run.tokens[row], run.log_probs[row]
        drawing = begun is not None
        state = np.zeros(4, dtype=np.uint64) if begun is None else begun[row]
        if drawing:
            token[:] = self.vocab_size
        shown = np.full((1, len(steps)), self.vocab_size, dtype=token.dtype)
        log_prob[:], run.calls[row], run.impossible[row] = np.nan, 0, False
        for step in np.unique(steps):
            positions = np.flatnonzero(steps == step)
            run.calls[row] += 1
            try:
                laws = self._laws_in_logs(shown, self.trust, 1, as_logs=True)[0, positions]
            except ValueError as error:
                raise FloatingPointError(
                    f"row {row} needs probabilities of {self.language.spec} below the smallest float64: {error}"
                ) from error
            if (laws.max(axis=1) == -np.inf).any():
                run.impossible[row] = True
                if not drawing:
                    log_prob[steps >= step] = -np.inf
                break
            settle_in_logs(laws, positions, float(epsilon), drawing, token, state, log_prob)
            shown[0, positions] = token[positions]
        run.rounds[row] = run.calls[row]
        if states is not None and drawing:
            states[row] = state

    def _posterior(
        self,
        logs: Float[np.ndarray, "count length vocab_size"],
        leave_out: bool,
        out: Float[np.ndarray, "count length vocab_size"],
        threads: int | None,
    ) -> None:
        """Fill `out` with the posteriors under any evidence; rows that are impossible with zeros.

        In logarithms where there is no quick way, and rows of which that is not sure.
        """
        sure, quick = np.zeros(len(logs), dtype=np.bool_), self._quick(leave_out)
        if quick is not None:
            over_rows(lambda a, b: quick(logs[a:b], out[a:b], sure[a:b]), len(logs), threads)
        rows = np.flatnonzero(~sure)
        if len(rows):
            fill = self._in_logs(leave_out, False)
            some, found = logs[rows], np.empty((len(rows), *logs.shape[1:]))
            over_rows(lambda a, b: fill(some[a:b], found[a:b]), len(rows), threads)
            out[rows] = found

    def _pairs(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length length"]:
        """From the conditionals; a language that can do better does."""

        def conditionals(rows: Tokens) -> Float[np.ndarray, "rows length vocab_size"]:
            return self.conditionals(rows, threads=threads)

        return pairs_by_conditionals(conditionals, tokens, self.vocab_size, self.trust)

    @abstractmethod
    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        """The conditionals at any trust, unnormalised; each row leaves out the evidence of its own position.

        Also in which rows nothing can have been too small for float64.
        """

    def _quick(self, leave_out: bool) -> Quick | None:
        """Posteriors under any evidence by a kernel that may lose something; None where one in logs alone is there."""
        return None

    @abstractmethod
    def _plan_kernel(self, length: int, recompute: bool) -> tuple[Any, Any]:
        """The kernel that runs plans of a length, and its tables."""

    @abstractmethod
    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        """Posteriors under any evidence by a kernel that loses nothing, whatever it takes."""

    @abstractmethod
    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether each partly masked row agrees with some sequence of the support."""
