"""The fraction of tokens revealed after each step, and whole tokens from fractions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import digest
from mdmtheory.schedules.numbers import read_numbers

SCHEDULES = Register("schedule")

_PROBED = 1024
"""Steps at which a curve of one's own is looked at where nobody says how many are taken."""

Grid = Float[np.ndarray, "edges"]
Numbers = Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class Schedule:
    """The fraction a_k of tokens revealed after step k, a_0 = 0 < a_1 < ... < a_N = 1.

    A family (`curve`: the revealed fraction at times k/N) serves any number of steps; an explicit schedule
    (`fractions`, or the `reveal_sizes` of one length) has its own. Schedules are equal whose name and content are.

    >>> as_schedule("polynomial:power=2").revealed_fractions(2)
    array([0.  , 0.75, 1.  ])
    >>> Schedule.from_sizes([1, 2, 4])
    Schedule.from_sizes([1, 2, 4])
    """

    spec: Spec
    curve: Callable[[Grid], Grid] | None = field(default=None, hash=False)
    _: KW_ONLY
    fractions: tuple[float, ...] | None = None
    reveal_sizes: tuple[WholeNumber, ...] | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.curve, self.fractions, self.reveal_sizes) if each is not None]
        if len(given) != 1:
            raise ValueError(f"schedule {self.spec} has {len(given)} of curve, fractions, reveal_sizes; pass one")
        if self.fractions is not None:
            _check_fractions(np.array(self.fractions), "revealed fractions")
        if self.reveal_sizes is not None:
            sizes = tuple(whole_number(size, f"the size of step {k}", 1) for k, size in enumerate(self.reveal_sizes, 1))
            object.__setattr__(self, "reveal_sizes", sizes)

    @classmethod
    def from_fractions(cls, fractions: Numbers, *, spec: Spec | None = None) -> Schedule:
        """The revealed fractions themselves; ValueError unless they rise strictly from 0 to 1 (ends within 1e-9)."""
        values = np.array(fractions, dtype=np.float64)
        if values.ndim != 1 or len(values) < 2:
            raise ValueError(f"revealed fractions have shape {values.shape}; pass a list of 2 or more, from 0 to 1")
        for place, end in ((0, 0.0), (-1, 1.0)):
            if abs(values[place] - end) <= 1e-9:
                values[place] = end
        explicit = tuple(values.tolist())
        return cls(spec or Spec.of("fractions", digest=digest(values.tobytes().hex())[:12]), fractions=explicit)

    @classmethod
    def from_sizes(cls, sizes: Numbers, *, spec: Spec | None = None) -> Schedule:
        """How many tokens each step reveals; ValueError unless all are positive integers."""
        if len(sizes) == 0:
            raise ValueError("there are no reveal sizes; pass a list with one for each step")
        explicit = tuple(whole_number(size, f"the size of step {k}", 1) for k, size in enumerate(sizes, 1))
        return cls(spec or Spec.of("sizes", digest=digest(explicit)[:12]), reveal_sizes=explicit)

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Schedule:
        """Read sizes or revealed fractions from text, CSV or JSON; a list that starts with 0 holds fractions."""
        numbers = read_numbers(path)
        spec = Spec.of("file", path=str(path))
        try:
            if numbers[0] == 0:
                return cls.from_fractions(numbers, spec=spec)
            return cls.from_sizes(numbers, spec=spec)
        except ValueError as error:
            note = "a list that starts with 0 holds revealed fractions, any other one sizes"
            raise ValueError(f"{path}: {error} ({note})") from error

    @property
    def steps(self) -> int | None:
        """The number of steps that an explicit schedule has; None for a family."""
        if self.reveal_sizes is not None:
            return len(self.reveal_sizes)
        return None if self.fractions is None else len(self.fractions) - 1

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value: content, for which a name stands that is built in here."""
        if self.reveal_sizes is not None:
            return ["sizes", list(self.reveal_sizes)]
        if self.fractions is not None:
            return ["fractions", list(self.fractions)]
        return self._identity(np.arange(_PROBED + 1) / _PROBED)

    def identity_at(self, steps: int) -> Any:
        """`identity` where so many steps are taken: of a curve of one's own, what it is at these."""
        if type(self) is not Schedule:
            return [self.identity, _content(self.revealed_fractions(steps))]
        return self._identity(np.arange(steps + 1) / steps) if self.steps is None else self.identity

    def _identity(self, times: Grid) -> Any:
        assert self.curve is not None
        named = [self.spec.name, dict(self.spec.options)]
        return named if self._is_built_in() else [*named, _content(np.asarray(self.curve(times), dtype=np.float64))]

    def _is_built_in(self) -> bool:
        """Whether the name stands for this very curve."""
        if type(self) is not Schedule or self.spec.name not in SCHEDULES.built_in:
            return False
        try:
            return bool(SCHEDULES.build(self.spec) == self)
        except ValueError:
            return False

    def __repr__(self) -> str:
        if self.reveal_sizes is not None:
            return self._explicit(Schedule.from_sizes(self.reveal_sizes), list(self.reveal_sizes))
        if self.fractions is not None:
            return self._explicit(Schedule.from_fractions(self.fractions), list(self.fractions))
        if self._is_built_in():
            return call("schedules.as_schedule", str(self.spec))
        return f"<{type(self).__name__} {self.spec}, a curve of its own>"

    def _explicit(self, plain: Schedule, numbers: list[Any]) -> str:
        """The call that makes it from numbers, with its name where that is not the one that they have."""
        way = "from_sizes" if self.fractions is None else "from_fractions"
        return call(f"Schedule.{way}", numbers, **({} if plain == self else {"spec": self.spec}))

    @whole_numbers(steps=1)
    def revealed_fractions(self, steps: int | None = None) -> Grid:
        """a_0 = 0 < a_1 < ... < a_N = 1; `steps` = N may be left out where the schedule fixes it."""
        steps = self._steps(steps)
        if self.reveal_sizes is not None:
            return np.cumsum([0, *self.reveal_sizes]) / sum(self.reveal_sizes)
        if self.fractions is not None:
            return np.array(self.fractions)
        assert self.curve is not None
        values = self.curve(np.arange(steps + 1) / steps)
        values[0], values[-1] = 0.0, 1.0
        _check_fractions(values, f"the revealed fractions of {self.spec} at {steps} steps (as float64)")
        return values

    @whole_numbers(steps=1)
    def revealed_shares(self, steps: int | None = None) -> Grid:
        """(a_k - a_{k-1}) / (1 - a_{k-1}): how likely a position that is masked before step k is revealed in it.

        >>> as_schedule("linear").revealed_shares(4).round(4).tolist()
        [0.25, 0.3333, 0.5, 1.0]
        """
        fractions = self.revealed_fractions(steps)
        return np.diff(fractions) / (1 - fractions[:-1])

    @whole_numbers(length=1, steps=1)
    def sizes(self, length: int, steps: int | None = None) -> Int[np.ndarray, "n"]:
        """Tokens revealed by each of at most `steps` steps that reveal any: positive, and they sum to `length`.

        Largest remainder: each step gets its share of `length` rounded down, and those with the largest remainders
        one more; of equal remainders, the earlier steps.
        """
        steps = self._steps(steps)
        if self.reveal_sizes is not None:
            if sum(self.reveal_sizes) != length:
                total = sum(self.reveal_sizes)
                raise ValueError(f"the sizes of {self.spec} sum to {total}, not to {length}; use length {total}")
            return np.array(self.reveal_sizes, dtype=np.int64)
        shares = length * np.diff(self.revealed_fractions(steps))
        # Shares equal but for rounding must tie, and whole ones stay whole.
        shares = np.round(shares, 9)
        sizes = np.floor(shares).astype(np.int64)
        first = np.argsort(sizes - shares, kind="stable")
        sizes[first[: length - sizes.sum()]] += 1
        return sizes[sizes > 0]

    def _steps(self, steps: int | None) -> int:
        own = self.steps
        if steps is None:
            if own is None:
                raise ValueError(f"schedule {self.spec} serves any number of steps; pass steps")
            return own
        if own is not None and own != steps:
            raise ValueError(f"schedule {self.spec} has {own} steps, not {steps}; leave steps out or pass {own}")
        return steps


def as_schedule(schedule: str | Spec | Schedule | Numbers) -> Schedule:
    """The schedule that a name, a spec or an array of revealed fractions stands for.

    >>> as_schedule([0, 0.25, 1]).steps
    2
    """
    if not isinstance(schedule, str | Spec | Schedule):
        return Schedule.from_fractions(schedule)
    built: Any = schedule if isinstance(schedule, Schedule) else SCHEDULES.build(schedule)
    if not isinstance(built, Schedule):
        raise ValueError(f"schedule {schedule} is a {type(built).__name__}; make a mdmtheory.Schedule")
    if not isinstance(built.spec, Spec):
        raise ValueError(f"the spec of a schedule is {built.spec!r}; give a mdmtheory.Spec, as Spec.of('mine')")
    return built


def _content(values: Grid) -> str:
    """A digest of numbers, which processors may compute differently in their last digits."""
    return digest([f"{value:.12g}" for value in values.tolist()])


def _check_fractions(values: Grid, what: str) -> None:
    for place, end, verb in ((0, 0.0, "start"), (-1, 1.0, "end")):
        if values[place] != end:
            raise ValueError(f"{what} {verb} at {values[place]:g}; they must {verb} at {end:g}")
    falls = np.flatnonzero(~(np.diff(values) > 0))
    if len(falls):
        step = int(falls[0]) + 1
        before, after = values[step - 1 : step + 1].tolist()
        raise ValueError(f"{what} must rise at every step, but step {step} goes from {before:.17g} to {after:.17g}")
