"""The laws over reveal plans that can be named, and the plan that is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt64

from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.limits import MOST_LENGTH
from mdmtheory.core.register import registered
from mdmtheory.core.reveal_plans import LAST_STEP, in_single_steps
from mdmtheory.core.sources import SOFTWARE, Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import digest
from mdmtheory.plans.base import PlanLawBase, Plans, States, SubsetLaw
from mdmtheory.plans.shared_steps import SharedSteps
from mdmtheory.schedules import Schedule, read_numbers
from mdmtheory.schedules.schedule import Numbers

_SEARCH = Ours(
    "bit-reversal or van der Corput order of positions for parallel unmasking in masked diffusion language models",
    "2026-11-29",
)


@registered(
    "plan law",
    version=1,
    family="random order",
    place=1,
    examples=("", "temperature=0.7", "constrained=true"),
    sources=("sahoo2024", "feng2025"),
)
@dataclass(frozen=True, repr=False)
class Ancestral(PlanLawBase):
    """Positions independent, P(K = k) = w_k: the masked diffusion sampler of 2502.09622 without its idle steps."""

    name = "ancestral"
    uses_schedule = True

    @whole_numbers(length=1, steps=1)
    def draw(self, states: States, length: int, steps: int, schedule: Schedule) -> Plans:
        """One alias draw a position."""
        from mdmtheory.kernels.plans import draw_steps

        _check_streams(states)
        out = np.empty((len(states), length), dtype=np.int32)
        table, bits = _step_table(schedule.revealed_fractions(steps).tobytes())
        draw_steps(table, bits, states, out)
        return out

    @whole_numbers(length=1, steps=1)
    def steps_taken(self, length: int, steps: int) -> int:
        """All of them."""
        return steps

    @whole_numbers(length=1, steps=1)
    def subset_law(self, length: int, steps: int, schedule: Schedule) -> SubsetLaw:
        """P(step k + 1 reveals just this set of s masked positions | m revealed before) at [k, m, s]."""
        rate = schedule.revealed_shares(steps)[:, None, None]
        revealed, size = np.arange(length + 1)[:, None], np.arange(length + 1)[None, :]
        kept = np.maximum(length - revealed - size, 0)
        return np.where(revealed + size <= length, rate**size * (1 - rate) ** kept, 0.0)

    @whole_numbers(length=1, steps=1)
    def shared_steps(self, length: int, steps: int, schedule: Schedule) -> SharedSteps:
        """The same plans, drawn with a step that two positions share. ValueError for a single position."""
        return SharedSteps.of(np.diff(schedule.revealed_fractions(steps)), length)


class _UniformSubsets(PlanLawBase):
    """Uniformly random subsets of given sizes, one after the other."""

    def _sizes(self, length: int, steps: int, schedule: Schedule) -> Any:
        raise NotImplementedError

    @whole_numbers(length=1, steps=1)
    def draw(self, states: States, length: int, steps: int, schedule: Schedule) -> Plans:
        """Shuffle the list in which step k stands as often as it reveals positions."""
        from mdmtheory.kernels.plans import shuffle_rows

        _check_streams(states)
        out = np.empty((len(states), length), dtype=np.int32)
        sizes = self._sizes(length, steps, schedule)
        shuffle_rows(np.repeat(np.arange(1, len(sizes) + 1, dtype=np.int32), sizes), states, out)
        return out

    @whole_numbers(length=1, steps=1)
    def subset_law(self, length: int, steps: int, schedule: Schedule) -> SubsetLaw:
        """P(step k + 1 reveals just this set of s masked positions | m revealed before) at [k, m, s]."""
        from scipy.special import comb

        sizes = self._sizes(length, steps, schedule)
        law = np.zeros((len(sizes), length + 1, length + 1))
        before = np.cumsum(sizes) - sizes
        law[np.arange(len(sizes)), before, sizes] = 1 / comb(length - before, sizes)
        return law


@registered("plan law", version=1, family="random order", place=2, said="fixed sizes", sources=("nie2025",))
@dataclass(frozen=True, repr=False)
class FixedSizes(_UniformSubsets):
    """Uniformly random subsets; sizes from the schedule by largest remainder (`Schedule.sizes`)."""

    name = "fixed"
    uses_schedule = True

    def _sizes(self, length: int, steps: int, schedule: Schedule) -> Any:
        return schedule.sizes(length, steps)

    @whole_numbers(length=1, steps=1)
    def steps_taken(self, length: int, steps: int) -> int:
        """Steps that would reveal nothing are left out."""
        return min(length, steps)


@registered("plan law", version=1, family="random order", place=3, sources=("zheng2025",))
@dataclass(frozen=True, repr=False)
class FirstHitting(_UniformSubsets):
    """A uniformly random order, one position a step: in law the first-hitting sampler, whatever the schedule."""

    name = "first_hitting"
    uses_steps = False
    one_at_a_time = True

    def _sizes(self, length: int, steps: int, schedule: Schedule) -> Any:
        return np.ones(length, dtype=np.int64)

    @whole_numbers(length=1, steps=1)
    def steps_taken(self, length: int, steps: int) -> int:
        """One for each position."""
        return length


class OnePlan(PlanLawBase):
    """The same plan for every sequence."""

    fixed = True

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int) -> Int32[np.ndarray, "length"]:
        """The step of each position."""
        raise NotImplementedError

    @whole_numbers(length=1, steps=1)
    def draw(self, states: States, length: int, steps: int, schedule: Schedule | None) -> Plans:
        """The plan, once for each stream; the streams stay as they are."""
        out = np.empty((len(states), length), dtype=np.int32)
        out[:] = self.plan(length, steps)
        return out

    @whole_numbers(length=1, steps=1)
    def steps_taken(self, length: int, steps: int) -> int:
        """The plan's last step."""
        return int(self.plan(length, steps).max())


@registered("plan law", version=1, family="chosen order", place=6, sources=(SOFTWARE,))
@dataclass(frozen=True, repr=False)
class LeftToRight(OnePlan):
    """Position i at step i + 1."""

    name = "left_to_right"
    uses_steps = False
    one_at_a_time = True

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int = 1) -> Int32[np.ndarray, "length"]:
        """1, 2, ..., length."""
        return np.arange(1, length + 1, dtype=np.int32)


@registered("plan law", version=1, family="chosen order", place=7, sources=("wen2026",))
@dataclass(frozen=True, repr=False)
class Blocks(OnePlan):
    """N contiguous blocks from left to right: position i at step 1 + floor(i N / length)."""

    name = "blocks"

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int) -> Int32[np.ndarray, "length"]:
        """1 + floor(i N / length)."""
        return (1 + np.arange(length, dtype=np.int64) * steps // length).astype(np.int32)


@registered(
    "plan law",
    version=1,
    family="chosen order",
    place=4,
    examples=("", "nucleus=0.9", "constrained=true,temperature=0,ties=lowest"),
    sources=("luxembourg2025",),
)
@dataclass(frozen=True, repr=False)
class Stride(OnePlan):
    """Every N-th position together: position i at step 1 + (i mod N)."""

    name = "stride"

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int) -> Int32[np.ndarray, "length"]:
        """1 + (i mod N)."""
        return (1 + np.arange(length) % steps).astype(np.int32)


@registered(
    "plan law",
    version=1,
    family="chosen order",
    place=5,
    examples=("", "block=2"),
    sources=("bansal2026", "wen2026"),
)
@dataclass(frozen=True, repr=False)
class Bisection(OnePlan):
    """The lower middle of every span, span by span in parallel: ceil(log2(length + 1)) rounds; of blocks, `block` each.

    Exact on n-grams whose next token depends on `block` tokens before it (docs/theory.md, section 6). The positions are
    cut into blocks from the left, the last one may be shorter; those of a middle block come one by one, as they depend
    on each other. 2608.25505, theorem 2.

    >>> Bisection(block=2).plan(6).tolist()
    [3, 4, 1, 2, 3, 4]
    """

    block: WholeNumber = field(default=1, kw_only=True)

    name = "bisection"
    uses_steps = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "block", whole_number(self.block, "block", 1, MOST_LENGTH))

    def __repr__(self) -> str:
        return call("plans.Bisection", **self._options)

    @property
    def _options(self) -> dict[str, int]:
        return {} if self.block == 1 else {"block": self.block}

    @property
    def spec(self) -> Spec:
        """The name, and the block where it is not of one position."""
        return Spec.of(self.name, **self._options)

    @property
    def identity(self) -> Any:
        """The name, and the block where it is not of one position."""
        return [self.name, *self._options.values()]

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int = 1) -> Int32[np.ndarray, "length"]:
        """The round in which each position's block is the lower middle of its span, and its turn in there."""
        rounds = _middles(-(-length // self.block))
        position = np.arange(length)
        return (self.block * (rounds[position // self.block] - 1) + position % self.block + 1).astype(np.int32)


def _middles(count: int) -> Int32[np.ndarray, "count"]:
    """The round in which each of so many is the lower middle of its span."""
    out = np.empty(count, dtype=np.int32)
    first, last = np.array([0]), np.array([count - 1])
    turn = 1
    while len(first):
        middle = (first + last) // 2
        out[middle] = turn
        first, last = np.concatenate([first, middle + 1]), np.concatenate([middle - 1, last])
        first, last = first[first <= last], last[first <= last]
        turn += 1
    return out


@registered("plan law", version=1, family="chosen order", place=8, said="bit-reversed", sources=(_SEARCH,))
@dataclass(frozen=True, repr=False)
class BitReversed(OnePlan):
    """Stride with the residues that occur, 0..min(N, length)-1, ranked by their reversed bits.

    Residue r goes to step 1 + its rank, its bits reversed in a word just wide enough for the largest residue. For N a
    power of two the rank is the reversed residue itself; otherwise the ranks that are missing close up, so that no step
    is empty and each still falls about as far as possible from those before it.
    """

    name = "bit_reversed"

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int) -> Int32[np.ndarray, "length"]:
        """1 + the rank of the reversed bits of i mod N."""
        residues = np.arange(min(length, steps))
        reversed_bits = np.zeros_like(residues)
        for bit in range(int(residues[-1]).bit_length()):
            reversed_bits = 2 * reversed_bits + (residues >> bit) % 2
        return in_single_steps(reversed_bits)[np.arange(length) % len(residues)]


@dataclass(frozen=True, repr=False)
class GivenPlan(OnePlan):
    """A plan for one length, as given: a positive step number for each position.

    >>> GivenPlan((1, 2, 1)).one_at_a_time
    False
    """

    steps_of_positions: Numbers
    given_spec: Spec | None = field(default=None, compare=False, kw_only=True)

    name = "plan"
    uses_steps = False

    def __post_init__(self) -> None:
        if not len(self.steps_of_positions):
            raise ValueError("the plan is empty; give the step of each position, counted from 1")
        given = enumerate(self.steps_of_positions)
        steps = tuple(whole_number(step, f"the plan's step at position {position}") for position, step in given)
        for position, step in enumerate(steps):
            if not 1 <= step <= LAST_STEP:
                raise ValueError(f"the plan has step {step} at position {position}; number steps from 1 to {LAST_STEP}")
        object.__setattr__(self, "steps_of_positions", steps)
        object.__setattr__(self, "one_at_a_time", len(set(steps)) == len(steps))

    def __repr__(self) -> str:
        named = {} if self.given_spec is None else {"given_spec": self.given_spec}
        return call("plans.GivenPlan", self.steps_of_positions, **named)

    @property
    def spec(self) -> Spec:
        """The file that it came from, else a digest."""
        return self.given_spec or Spec.of(self.name, digest=digest(self.identity)[:12])

    @property
    def identity(self) -> Any:
        """The plan itself, whatever its file is called."""
        return [self.name, list(self.steps_of_positions)]

    @whole_numbers(length=1, steps=1)
    def plan(self, length: int, steps: int = 1) -> Int32[np.ndarray, "length"]:
        """The plan; ValueError for any length but its own."""
        if length != len(self.steps_of_positions):
            own = len(self.steps_of_positions)
            raise ValueError(f"the plan {self.spec} has {own} positions and the length is {length}; use length {own}")
        return np.array(self.steps_of_positions, dtype=np.int32)


@registered(
    "plan law",
    "plan",
    version=1,
    family="chosen order",
    place=9,
    examples=(GivenPlan((2, 1, 3, 1), given_spec=Spec.of("plan")),),
    sources=(SOFTWARE,),
)
def plan_from_file(*, file: str) -> GivenPlan:
    """A plan from a text, CSV or JSON file with the step of each position."""
    steps = read_numbers(file)
    for position, step in enumerate(steps):
        if not isinstance(step, int):
            raise ValueError(f"{file} has step {step} at position {position}; steps must be integers, counted from 1")
    try:
        return GivenPlan(tuple(steps), given_spec=Spec.of("plan", file=file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _check_streams(states: States) -> None:
    if not states.any(axis=1).all():
        raise ValueError("a stream state is all zeros, from which the generator never moves; use stream_states")


@lru_cache(maxsize=64)
def _step_table(fractions: bytes) -> tuple[UInt64[np.ndarray, "columns 2"], int]:
    """The alias table of P(K = k) = w_k, and log2 of its columns, kept by the revealed fractions themselves."""
    from mdmtheory.languages.tables import alias_rows

    weights = np.diff(np.frombuffer(fractions))
    steps = len(weights)
    bits = (steps - 1).bit_length()
    return alias_rows([weights], np.arange(1, steps + 1), 1, bits), bits
