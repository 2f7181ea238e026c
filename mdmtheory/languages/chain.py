"""A chain of hidden states, prepared for the kernels: what HMM and low-order NGram share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.threads import allowed_threads, over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.support import Support, bits

POWER_BYTES = 1 << 28
"""What the tables of transition powers may take; longer hops are put together from two powers beyond it."""

THREADED_OPERATIONS = 1e7
"""Messages of few sequences that take fewer are carried in one thread: starting others twice takes as long."""

NEVER = 1 << 62

ALIKE = 1e-9
"""Laws that agree so far, relative, are taken for one: what they tell apart is worth some 1e-18 nats."""


class ChainTables(NamedTuple):
    """The arrays that kernels/chain_plans.py runs on.

    The states low[v]..high[v] - 1 are those that may have been token v; `dense` says that these are most for most
    tokens, `tells` that a state emits one token alone, with probability `own`. Columns go on with zeros to a multiple
    of eight.
    """

    heads: Float[np.ndarray, "positions width"]
    limit: Float[np.ndarray, "width"]
    settled: int
    powers: Float[np.ndarray, "small states width"]
    giants: Float[np.ndarray, "large states width"]
    back_powers: Float[np.ndarray, "small states width"]
    back_giants: Float[np.ndarray, "large states width"]
    emission: Float[np.ndarray, "states vocab_in_eights"]
    own: Float[np.ndarray, "width"]
    likelihood: Float[np.ndarray, "evidence width"]
    low: Int[np.ndarray, "evidence"]
    high: Int[np.ndarray, "evidence"]
    dense: bool
    tells: bool


@dataclass(frozen=True, eq=False)
class Chain:
    """Initial law, transitions and emissions over reachable states, ordered so that a token's states lie together.

    Unreachable states are dropped: they would keep the powers of the transition matrix from settling.
    """

    initial: Float[np.ndarray, "states"]
    transition: Float[np.ndarray, "states states"]
    emission: Float[np.ndarray, "states vocab"]

    @classmethod
    def of(
        cls,
        initial: Float[np.ndarray, "states"],
        transition: Float[np.ndarray, "states states"],
        emission: Float[np.ndarray, "states vocab"],
    ) -> Chain:
        """Keep the reachable states, sorted by the tokens that they can emit."""
        kept = np.flatnonzero(reachable(initial > 0, transition > 0))
        possible = emission[kept] > 0
        first = possible.argmax(axis=1)
        last = possible.shape[1] - 1 - possible[:, ::-1].argmax(axis=1)
        kept = kept[np.lexsort((last, first))]
        return cls(initial[kept], np.ascontiguousarray(transition[np.ix_(kept, kept)]), emission[kept])

    @cached_property
    def transposed(self) -> Float[np.ndarray, "states states"]:
        return np.ascontiguousarray(self.transition.T)

    @cached_property
    def bit_sets(
        self,
    ) -> tuple[UInt64[np.ndarray, "words"], UInt64[np.ndarray, "states words"], UInt64[np.ndarray, "evidence words"]]:
        """Start states, successors of each state and emitters of each token (and of the mask) as bit sets."""
        emitters = np.vstack([self.emission.T > 0, np.ones(len(self.initial), dtype=bool)])
        return bits(self.initial[None] > 0)[0], bits(self.transition > 0), bits(emitters)

    @cached_property
    def support(self) -> Support:
        """What of sequences of any length is possible; it reads no position yet (`Support.reading`)."""
        return Support.of(self.initial > 0, self.transition > 0, self.emission > 0)

    def likelihood(self, trust: float) -> Float[np.ndarray, "evidence states"]:
        """Evidence of each token (last row: the mask) for each state; `trust` below 1 mixes in the uniform token."""
        vocab_size = self.emission.shape[1]
        evidence = trust * self.emission.T + (1 - trust) / vocab_size
        return np.ascontiguousarray(np.vstack([evidence, np.ones(len(self.initial))]))

    def faintest(self, trust: float) -> float:
        """At most any product of a positive initial or transition probability and one of a token or of its evidence."""
        moves = min(least_positive(self.initial), least_positive(self.transition))
        token = least_positive(self.emission)
        least = 0.0 if trust < 1 and (self.emission == 0).any() else token
        return moves * min(token, trust * least + (1 - trust) / self.emission.shape[1])

    def log_prob(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count"]:
        """log q(x) in nats by the forward filter, -inf outside the support.

        Rows of which something may be too small for float64 are done again in logarithms.
        """
        from mdmtheory.kernels.alone import FEW, filter_alone
        from mdmtheory.kernels.lanes import filter_log_probs, filter_log_probs_in_logs
        from mdmtheory.kernels.state_steps import widened

        out, sure = np.empty(len(tokens)), np.empty(len(tokens), dtype=np.bool_)
        likelihood = self.likelihood(1.0)
        laws, faintest = (self.initial, self.transition, likelihood), self.faintest(1.0)
        # Both come to the same bits.
        few = len(tokens) <= FEW * allowed_threads(threads)
        filtered: Any = filter_alone if few else filter_log_probs
        by = (self.initial, widened(self.transition), likelihood) if few else laws
        over_rows(lambda a, b: filtered(*by, tokens[a:b], faintest, out[a:b], sure[a:b]), len(out), threads)
        rows = np.flatnonzero(~sure)
        if len(rows):
            some, found = tokens[rows], np.empty(len(rows))
            with np.errstate(divide="ignore"):
                initial, transition, emission = (np.log(law) for law in laws)

            def work(a: int, b: int) -> None:
                filter_log_probs_in_logs(initial, transition, emission, some[a:b], found[a:b])

            over_rows(work, len(rows), threads)
            out[rows] = found
        return out

    def possible(self, tokens: Tokens, threads: int | None = None) -> Bool[np.ndarray, "count"]:
        """Whether some sequence of the support agrees with each partly masked row; by sets of states."""
        from mdmtheory.kernels.chain import possible_rows

        out = np.empty(len(tokens), dtype=np.bool_)
        sets = self.bit_sets
        over_rows(lambda a, b: possible_rows(*sets, tokens[a:b], out[a:b]), len(tokens), threads)
        return out

    def smooth(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab"], Bool[np.ndarray, "count"]]:
        """Weights of each token at each position given the other positions, unnormalised, and which rows are sure."""
        from mdmtheory.kernels.alone import FEW
        from mdmtheory.kernels.lanes import smooth

        if len(tokens) <= FEW * allowed_threads(threads):
            return self._smooth_alone(tokens, trust, threads)
        out, sure = np.empty((*tokens.shape, self.emission.shape[1])), np.empty(len(tokens), dtype=np.bool_)
        likelihood = self.likelihood(trust)
        laws = (self.initial, self.transition, self.transposed, likelihood, self.emission)
        faintest = self.faintest(trust)
        over_rows(lambda a, b: smooth(*laws, tokens[a:b], faintest, out[a:b], sure[a:b]), len(tokens), threads)
        return out, sure

    def _smooth_alone(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab"], Bool[np.ndarray, "count"]]:
        """`smooth`, to the last bit, with a thread for each way of a sequence, from its left and from its right.

        Messages are kept up to where they meet in the middle; from there on each meets what the other way has kept.
        """
        from mdmtheory.kernels.alone import messages_ahead, messages_behind, weigh_backwards, weigh_onwards
        from mdmtheory.kernels.doubt import LEAST_PRODUCT
        from mdmtheory.kernels.state_steps import widened

        (count, length), (size, vocab_size) = tokens.shape, self.emission.shape
        if float(count) * length * size * (2 * size + vocab_size) < THREADED_OPERATIONS:
            threads = 1
        moves, back, emission = (widened(each) for each in (self.transition, self.transposed, self.emission))
        likelihood, faintest, middle = self.likelihood(trust), self.faintest(trust), length // 2
        kept = np.empty((count, length + 1, moves.shape[1]))
        ahead, behind = kept[:, : middle + 1], kept[:, middle + 1 :]
        near, far = np.empty((2, count, length))
        out = np.empty((count, length, vocab_size))

        left, right = tokens[:, : middle + 1], tokens[:, middle:]

        def keep(row: int, backwards: int) -> None:
            if backwards:
                messages_behind(back, likelihood, right[row], behind[row], far[row, middle:])
            else:
                messages_ahead(self.initial, moves, likelihood, left[row], ahead[row], near[row, : middle + 1])

        def meet(row: int, backwards: int) -> None:
            known, here, there = (likelihood, emission), ahead[row], behind[row]
            if backwards:
                weigh_backwards(back, *known, left[row], there[0], here, out[row, :middle], far[row, :middle])
            else:
                weigh_onwards(moves, *known, right[row], here[middle], there, out[row, middle:], near[row, middle:])

        for carry in (keep, meet):

            def work(first: int, stop: int, carry: Any = carry) -> None:
                for way in range(first, stop):
                    carry(*divmod(way, 2))

            over_rows(work, 2 * count, threads)
        # One probability for each of the two ways in which the messages came here.
        least: Float[np.ndarray, "count"] = (near * faintest * far * faintest).min(axis=1)
        return out, least >= LEAST_PRODUCT

    def smooth_blocks(
        self, clean: Tokens, noisy: Tokens, block: int, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab"], Bool[np.ndarray, "count"]]:
        """Laws given clean blocks before and noisy tokens of the own block, and which rows are sure."""
        from mdmtheory.kernels.from_left import smooth_blocks

        out, sure = np.empty((*clean.shape, self.emission.shape[1])), np.empty(len(clean), dtype=np.bool_)
        likelihood = self.likelihood(1.0)
        laws, faintest = (self.initial, self.transition, self.transposed, likelihood, self.emission), self.faintest(1.0)

        def work(a: int, b: int) -> None:
            smooth_blocks(*laws, clean[a:b], noisy[a:b], block, faintest, out[a:b], sure[a:b])

        over_rows(work, len(clean), threads)
        return out, sure

    def pairs(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length length"], Bool[np.ndarray, "count"]]:
        """Mutual information in nats of every two masked tokens given the revealed ones, and which rows are sure."""
        from mdmtheory.kernels.pairs import pair_information
        from mdmtheory.kernels.state_steps import in_eights

        out, sure = np.empty((*tokens.shape, tokens.shape[1])), np.empty(len(tokens), dtype=np.bool_)
        transition, transposed = in_eights(self.transition), in_eights(self.transposed)
        likelihood, emission = in_eights(self.likelihood(trust)), in_eights(self.emission)
        laws = (self.initial, transition, transposed, likelihood, emission, self.emission.shape[1])
        over_rows(lambda a, b: pair_information(*laws, tokens[a:b], ALIKE, out[a:b], sure[a:b]), len(tokens), threads)
        return out, sure

    def window_weights(
        self,
        tokens: Tokens,
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        width: int,
        trust: float,
        threads: int | None = None,
    ) -> tuple[Float[np.ndarray, "n vocab"], Bool[np.ndarray, "n"]]:
        """Weights of each token at each (row, position) given the tokens within `width`, and which are sure."""
        from mdmtheory.kernels.chain import head_laws, window_weights

        heads = np.empty((tokens.shape[1], len(self.initial)))
        head_laws(self.initial, self.transition, heads)
        least_heads = np.minimum.accumulate(np.where(heads > 0, heads, 1.0).min(axis=1))
        out, sure = np.empty((len(rows), self.emission.shape[1])), np.empty(len(rows), dtype=np.bool_)
        evidence, faintest = self.likelihood(trust), self.faintest(trust)
        # Kernels are compiled for arrays that can be written to.
        rows, positions = (np.require(each, requirements=["C", "W"]) for each in (rows, positions))

        def work(a: int, b: int) -> None:
            window_weights(
                heads,
                least_heads,
                self.transition,
                self.transposed,
                evidence,
                self.emission,
                tokens,
                rows[a:b],
                positions[a:b],
                width,
                faintest,
                out[a:b],
                sure[a:b],
            )

        over_rows(work, len(rows), threads)
        return out, sure

    def tables(self, length: int, trust: float) -> ChainTables:
        """Powers of the transition matrix for hops up to `length` - 1, and where they settle; see ChainTables."""
        from mdmtheory.kernels.chain import head_laws, power_table
        from mdmtheory.kernels.state_steps import aligned, widened

        size = len(self.initial)
        most = max(1, length - 1)
        # As many powers as fit; at least so many that two of them make up any distance.
        small = min(most, max(int(np.ceil(np.sqrt(most))), POWER_BYTES // (16 * size * size)))
        powers = aligned((small, size, size))
        settled = power_table(self.transition, powers) or NEVER
        giants = np.empty((0 if settled < NEVER else most // small, size, size))
        if settled < NEVER:
            powers = powers[:settled].copy()
        elif small < most:
            reached = power_table(powers[-1].copy(), giants)
            if reached:
                settled, giants = reached * small, giants[:reached].copy()
        limit = np.zeros(size)
        if settled < NEVER:
            limit = np.array((powers if settled <= small else giants)[-1, 0])
        heads = np.empty((min(length, settled + 1), size))
        head_laws(self.initial, self.transition, heads)
        if settled < length:
            heads[settled] = limit
        likelihood = self.likelihood(trust)
        able = likelihood > 0
        low = np.where(able.any(axis=1), able.argmax(axis=1), 0)
        high = np.where(able.any(axis=1), size - able[:, ::-1].argmax(axis=1), 0)
        return ChainTables(
            widened(heads),
            widened(limit),
            settled,
            widened(powers),
            widened(giants),
            widened(powers.transpose(0, 2, 1)),
            widened(giants.transpose(0, 2, 1)),
            widened(self.emission),
            widened(self.emission.max(axis=1)),
            widened(likelihood),
            low,
            high,
            bool(2 * (high - low)[:-1].sum() > self.emission.size),
            bool(((self.emission > 0).sum(axis=1) <= 1).all()),
        )


def reachable(
    start: Bool[np.ndarray, "states"], allowed: Bool[np.ndarray, "states states"]
) -> Bool[np.ndarray, "states"]:
    """The states that some path from a start state visits."""
    seen = start.copy()
    while True:
        further = seen | allowed[seen].any(axis=0)
        if (further == seen).all():
            return seen
        seen = further


def least_positive(probabilities: Float[np.ndarray, "..."]) -> float:
    """The smallest probability above 0."""
    return float(probabilities.min(where=probabilities > 0, initial=1.0))
