"""Samplers block by block: from left to right, each block as if it were the whole sequence, given those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.protocols import Answers
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.spec import Spec, Value
from mdmtheory.core.tokens import Tokens
from mdmtheory.plans import LeftToRight, PlanLawBase, Plans, States
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.planned import Planned
from mdmtheory.samplers.protocol import Drawn, Marginals, Outcomes, Positions, Said, State, of_some
from mdmtheory.schedules import Schedule


@whole_numbers(length=0, block=1)
def block_lengths(length: int, block: int) -> list[int]:
    """The lengths of the blocks of a sequence, the last one shorter where `block` does not divide `length`.

    >>> block_lengths(10, 4)
    [4, 4, 2]
    """
    full, rest = divmod(length, block)
    return [block] * full + [rest] * (rest > 0)


@whole_numbers(block=1)
def by_block(sampler: PlanLawBase | SamplerBase, block: int) -> PlanLawBase | SamplerBase:
    """The sampler run inside blocks of so many positions, one after the other; `steps` is then for each block."""
    block_lengths(1, block)
    if isinstance(sampler, Planned):
        return replace(sampler, plans=PlansByBlock(sampler.plans, block))
    return PlansByBlock(sampler, block) if sampler.oblivious else SamplerByBlock(sampler, block)


@dataclass(frozen=True, repr=False)
class PlansByBlock(PlanLawBase):
    """The plans of a law in each block, independently, after the steps of the blocks before it.

    Nothing is left to choose in blocks of one position: they are opened from left to right.
    """

    law: PlanLawBase
    block: int

    def __post_init__(self) -> None:
        self._as(LeftToRight() if self.block == 1 else self.law)

    def __repr__(self) -> str:
        return call("samplers.by_block", self.law, block=self.block)

    @property
    def spec(self) -> Spec:
        """The law's and the size of a block."""
        return Spec.of("by_block", size=self.block, sampler=str(self.law.spec))

    @property
    def identity(self) -> Any:
        """The law's and the size of a block."""
        return ["by_block", self.block, self.law.identity]

    @property
    def stream_identity(self) -> Any:
        """The law's and the size of a block."""
        return ["by_block", self.block, self.law.stream_identity]

    def draw(self, states: States, length: int, steps: int, schedule: Schedule) -> Plans:
        """Block after block from the same stream; ValueError where there are more steps than a plan can have."""
        self.steps_taken(length, steps)
        out = np.empty((len(states), length), dtype=np.int32)
        if self.block == 1:
            out[:] = np.arange(1, length + 1)
            return out
        begin = before = 0
        for size in block_lengths(length, self.block):
            out[:, begin : begin + size] = self.law.draw(states, size, steps, schedule) + before
            begin += size
            before += self.law.steps_taken(size, steps)
        return out

    def steps_taken(self, length: int, steps: int) -> int:
        """The sum over blocks."""
        total = 0
        lengths = block_lengths(length, self.block)
        for size in set(lengths):
            taken = self.law.steps_taken(size, steps)
            total += lengths.count(size) * (1 if self.block == 1 else taken)
        if total > LAST_STEP:
            raise ValueError(
                f"{len(lengths)} blocks of {self.block} in {steps} steps each take {total:,} steps, more than "
                f"{LAST_STEP:,}; use fewer steps or larger blocks"
            )
        return total


@dataclass(frozen=True)
class _Shared:
    """The mask, the size of a block, and the state in which a sampler begins a block, of this size and the last."""

    mask: int
    block: int
    length: int
    fresh: tuple[State, State]

    @property
    def width(self) -> int:
        """Numbers that the state of a block may take."""
        return max(state.memory[0].size for state in self.fresh)

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return len(block_lengths(self.length, self.block))

    def begun(self, which: int, count: int) -> State:
        """The state of `count` sequences at the beginning of a block, the last one (1) or another (0)."""
        return self.fresh[which].take(np.zeros(count, dtype=np.int64))

    def packed(self, memory: np.ndarray) -> Float[np.ndarray, "rows width"]:
        """A sampler's memory as floats, filled up with zeros; ProtocolError where floats cannot hold it."""
        flat = memory.reshape(len(memory), -1)
        out = np.zeros((len(memory), self.width))
        fits = flat.dtype.kind in "biuf" and flat.shape[1] <= self.width
        if fits:
            out[:, : flat.shape[1]] = flat
            fits = flat.dtype == np.float64 or bool((out[:, : flat.shape[1]].astype(flat.dtype) == flat).all())
        if not fits:
            raise ProtocolError(
                f"a sampler's memory of shape {memory.shape} and dtype {memory.dtype} cannot go block by block; "
                "keep one shape, and numbers that float64 holds"
            )
        return out

    def unpacked(self, which: int, packed: Float[np.ndarray, "rows width"]) -> np.ndarray:
        """The reverse."""
        like = self.fresh[which].memory
        return packed[:, : like[0].size].reshape(len(packed), *like.shape[1:]).astype(like.dtype)


@dataclass(frozen=True)
class _Part:
    """The sequences of a batch that stand in blocks of one length: what the sampler inside is shown of them."""

    which: int
    rows: Int[np.ndarray, "part"]
    columns: Int[np.ndarray, "part block"]
    state: State
    tokens: Tokens

    def of(self, values: np.ndarray) -> np.ndarray:
        """The block's part of what is given for whole sequences."""
        return values[self.rows[:, None], self.columns]

    def entries(self, wanted: Positions) -> Bool[np.ndarray, "n"]:
        """Which of the positions wanted, row by row, are here."""
        chosen = np.zeros(len(wanted), dtype=np.bool_)
        chosen[self.rows] = True
        return chosen[np.nonzero(wanted)[0]]


@dataclass(frozen=True, repr=False)
class SamplerByBlock(SamplerBase):
    """A sampler that looks, run in one block after the other: it is shown the block alone, and told its length.

    Memory is the number of the block, and what the sampler inside remembers of it.
    """

    inside: SamplerBase
    block: int

    def __post_init__(self) -> None:
        self._as(self.inside)

    def __repr__(self) -> str:
        return call("samplers.by_block", self.inside, block=self.block)

    @property
    def spec(self) -> Spec:
        return Spec.of("by_block", size=self.block, sampler=str(self.inside.spec))

    @property
    def identity(self) -> Any:
        return ["by_block", self.block, self.inside.identity]

    @property
    def stream_identity(self) -> Any:
        return ["by_block", self.block, self.inside.stream_identity]

    @property
    def precision(self) -> str:
        return self.inside.precision

    @property
    def changed(self) -> Mapping[str, Value]:
        return self.inside.changed

    @property
    def scored_as(self) -> SamplerBase | None:
        scored = self.inside.scored_as
        return self if scored is self.inside else scored and SamplerByBlock(scored, self.block)

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        lengths = block_lengths(length, self.block)
        first, last = (self.inside.init(1, each, vocab_size, steps, schedule) for each in (lengths[0], lengths[-1]))
        shared = _Shared(vocab_size, self.block, length, (first, last))
        which = int(shared.count == 1)
        memory = shared.packed(shared.begun(which, count).memory)
        return State(np.hstack([np.zeros((count, 1)), memory]), shared)

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        done = np.zeros(len(tokens), dtype=np.bool_)
        for part in self._parts(state, tokens):
            if part.which == 1:
                done[part.rows] = self.inside.finished(part.state, part.tokens)
        return done

    def wants(self, state: State, tokens: Tokens) -> Positions:
        wanted = np.zeros(tokens.shape, dtype=np.bool_)
        for part in self._parts(state, tokens):
            wanted[part.rows[:, None], part.columns] = self.inside.wants(part.state, part.tokens)
        return wanted

    def law(self, marginals: Marginals) -> Marginals:
        return self.inside.law(marginals)

    def answers(self, said: Said) -> Answers:
        return self.inside.answers(said)

    def chances(self, state: State, tokens: Tokens) -> Float[np.ndarray, "rows length"] | None:
        """Those of the block; no coin falls elsewhere."""
        chances = np.zeros(tokens.shape)
        for part in self._parts(state, tokens):
            inside = self.inside.chances(part.state, part.tokens)
            if inside is None:
                return None
            chances[part.rows[:, None], part.columns] = inside
        return chances

    def charges(self, state: State, tokens: Tokens) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]] | None:
        """What the sampler inside charges."""
        calls, rounds = np.zeros((2, len(tokens)), dtype=np.int64)
        for part in self._parts(state, tokens):
            inside = self.inside.charges(part.state, part.tokens)
            if inside is None:
                return None
            calls[part.rows], rounds[part.rows] = inside
        return calls, rounds

    def law_in(self, state: State, tokens: Tokens, wanted: Positions, marginals: Marginals) -> Outcomes:
        """The laws of the sampler inside, which may depend on its state."""
        found = np.empty((len(marginals), marginals.shape[1] + self.leaves_masked))
        for part in self._parts(state, tokens):
            here = part.entries(wanted)
            found[here] = self.inside.law_in(part.state, part.tokens, part.of(wanted), marginals[here])
        return found

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """A step inside each sequence's block; where that finishes it, the next block begins."""
        shared: _Shared = state.shared
        memory, after = state.memory.copy(), tokens.copy()
        for part in self._parts(state, tokens):
            here = part.entries(wanted)
            own, written = self.inside.step(part.state, part.tokens, part.of(wanted), of_some(said, here), drawn[here])
            after[part.rows[:, None], part.columns] = written
            memory[part.rows, 1:] = shared.packed(own.memory)
            if part.which == 0:
                done = part.rows[self.inside.finished(own, written)]
                memory[done, 0] += 1
                for which, rows in _last_or_not(shared, memory[done, 0]):
                    memory[done[rows], 1:] = shared.packed(shared.begun(which, len(rows)).memory)
        return state.after(memory), after

    def settled(self, state: State) -> int:
        """The blocks before the first in which a sequence stands."""
        return int(state.memory[:, 0].min()) * self.block

    def _parts(self, state: State, tokens: Tokens) -> list[_Part]:
        """The batch by the length of the block in which each sequence stands: the last one, or any other."""
        shared: _Shared = state.shared
        numbers = state.memory[:, 0]
        sizes = block_lengths(shared.length, shared.block)
        found = []
        for which, rows in _last_or_not(shared, numbers):
            begin = numbers[rows].astype(np.int64) * shared.block
            columns = begin[:, None] + np.arange(sizes[-1] if which else sizes[0])
            at, across = (rows[:, None], columns), (rows[:, None, None], columns[:, :, None], columns[:, None])
            inside = State(
                shared.unpacked(which, state.memory[rows, 1:]),
                shared.fresh[which].shared,
                None if state.coins is None else state.coins[at],
                None if state.pairs is None else state.pairs[across],
                None if state.order is None else state.order[at],
            )
            found.append(_Part(which, rows, columns, inside, tokens[at]))
        return found


def _last_or_not(shared: _Shared, numbers: Float[np.ndarray, "rows"]) -> list[tuple[int, Int[np.ndarray, "part"]]]:
    """Rows in the last block (1) and in others (0), without those that are empty."""
    last = numbers == shared.count - 1
    found = [(which, np.flatnonzero(last == bool(which))) for which in (0, 1)]
    return [(which, rows) for which, rows in found if len(rows)]
