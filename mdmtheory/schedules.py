"""How much is revealed after each step: families of schedules, explicit ones, and whole tokens from fractions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.spec import Registry, Spec
from mdmtheory.core.streams import digest

SCHEDULES = Registry(
    "schedule",
    {
        "linear": "mdmtheory.schedules:linear",
        "cosine": "mdmtheory.schedules:cosine",
        "polynomial": "mdmtheory.schedules:polynomial",
        "geometric": "mdmtheory.schedules:geometric",
        "file": "mdmtheory.schedules:from_file",
    },
    # MDLM's name for the same masking law.
    aliases={"loglinear": "linear"},
)

Grid = Float[np.ndarray, "edges"]
Numbers = Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class Schedule:
    """The fraction a_k of tokens revealed after step k, a_0 = 0 < a_1 < ... < a_N = 1.

    A family (`curve`: the revealed fraction at times k/N) serves any number of steps; an explicit schedule
    (`fractions`, or the `reveal_sizes` of one length) has its own. Equal specs must mean equal curves.

    >>> as_schedule("polynomial:power=2").revealed_fractions(2)
    array([0.  , 0.75, 1.  ])
    >>> Schedule.from_sizes([1, 2, 4])
    Schedule.from_sizes([1, 2, 4])
    """

    spec: Spec
    curve: Callable[[Grid], Grid] | None = field(default=None, compare=False)
    fractions: tuple[float, ...] | None = None
    reveal_sizes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.curve, self.fractions, self.reveal_sizes) if each is not None]
        if len(given) != 1:
            raise ValueError(f"schedule {self.spec} has {len(given)} of curve, fractions, reveal_sizes; pass one")
        if self.fractions is not None:
            _check_fractions(np.array(self.fractions), "revealed fractions")
        for step, size in enumerate(self.reveal_sizes or (), start=1):
            if size < 1:
                raise ValueError(f"step {step} reveals {size} tokens; sizes must be integers, 1 or more")

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
        values = np.asarray(sizes)
        if values.ndim != 1 or len(values) == 0:
            raise ValueError(f"reveal sizes have shape {values.shape}; pass a list with one size for each step")
        for step, size in enumerate(values.tolist(), start=1):
            if isinstance(size, bool) or not isinstance(size, int):
                raise ValueError(f"step {step} reveals {size} tokens; sizes must be integers, 1 or more")
        explicit = tuple(values.tolist())
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
        """What its numbers depend on, as a JSON value; an explicit schedule by its content, not its file's name."""
        if self.reveal_sizes is not None:
            return ["sizes", list(self.reveal_sizes)]
        if self.fractions is not None:
            return ["fractions", list(self.fractions)]
        return [self.spec.name, dict(self.spec.options)]

    def __repr__(self) -> str:
        if self.reveal_sizes is not None:
            return f"Schedule.from_sizes({list(self.reveal_sizes)})"
        if self.fractions is not None:
            return f"Schedule.from_fractions({list(self.fractions)})"
        return f"as_schedule({str(self.spec)!r})"

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

    def sizes(self, length: int, steps: int | None = None) -> Int[np.ndarray, "n"]:
        """Tokens revealed by each of at most `steps` steps that reveal any: positive, and they sum to `length`.

        Largest remainder: each step gets its share of `length` rounded down, and those with the largest remainders
        one more; of equal remainders, the earlier steps.
        """
        if length < 1:
            raise ValueError(f"length is {length}; pass 1 or more")
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
        if steps < 1:
            raise ValueError(f"steps is {steps}; pass 1 or more")
        if own is not None and own != steps:
            raise ValueError(f"schedule {self.spec} has {own} steps, not {steps}; leave steps out or pass {own}")
        return steps


def as_schedule(schedule: str | Spec | Schedule | Numbers) -> Schedule:
    """The schedule that a name, a spec or an array of revealed fractions stands for.

    >>> as_schedule([0, 0.25, 1]).steps
    2
    """
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str | Spec):
        built: Schedule = SCHEDULES.build(schedule)
        return built
    return Schedule.from_fractions(schedule)


def linear() -> Schedule:
    """The same expected number at every step: a(u) = u."""
    return Schedule(Spec.of("linear"), np.array)


def cosine() -> Schedule:
    """Few first, many last: a(u) = 1 - cos(pi u / 2)."""
    return Schedule(Spec.of("cosine"), _cosine)


def polynomial(*, power: float | int) -> Schedule:
    """Many first for power above 1, few first below it: a(u) = 1 - (1 - u)^power."""
    if not 0 < power < np.inf:
        raise ValueError(f"power is {power}; pass a positive number")
    return Schedule(Spec.of("polynomial", power=_plain(power)), partial(_polynomial, power=power))


def geometric(*, min: float | int = 1e-3, max: float | int = 20) -> Schedule:
    """Noise falling geometrically from max to min: a(u) ~ exp(-min^u max^(1-u)), rescaled to 0..1."""
    if not 0 < min < max < np.inf:
        raise ValueError(f"min is {min} and max is {max}; pass 0 < min < max")
    return Schedule(Spec.of("geometric", min=_plain(min), max=_plain(max)), partial(_geometric, least=min, most=max))


def from_file(*, path: str) -> Schedule:
    """Sizes or revealed fractions from a file."""
    return Schedule.from_file(path)


def _plain(value: float | int) -> float | int:
    """2.0 and 2 are one option and must have one name."""
    return int(value) if value == int(value) else float(value)


def _cosine(times: Grid) -> Grid:
    # 1 - cos x = 2 sin^2(x / 2) keeps the first steps accurate.
    return 2 * np.sin(np.pi * times / 4) ** 2


def _polynomial(times: Grid, power: float | int) -> Grid:
    # log1p and expm1 keep both ends accurate; log1p(-1) = -inf is the right limit.
    with np.errstate(divide="ignore"):
        return -np.expm1(power * np.log1p(-times))


def _geometric(times: Grid, least: float | int, most: float | int) -> Grid:
    # (e^-noise - e^-most) / (e^-least - e^-most), with both differences free of cancellation.
    noise = least**times * most ** (1 - times)
    return np.exp(least - noise) * np.expm1(noise - most) / np.expm1(least - most)


def _check_fractions(values: Grid, what: str) -> None:
    for place, end, verb in ((0, 0.0, "start"), (-1, 1.0, "end")):
        if values[place] != end:
            raise ValueError(f"{what} {verb} at {values[place]:g}; they must {verb} at {end:g}")
    falls = np.flatnonzero(~(np.diff(values) > 0))
    if len(falls):
        step = int(falls[0]) + 1
        before, after = values[step - 1 : step + 1].tolist()
        raise ValueError(f"{what} must rise at every step, but step {step} goes from {before:.17g} to {after:.17g}")


def read_numbers(path: str | PathLike[str]) -> list[Any]:
    """The numbers of a text, CSV or JSON file in a row, integers as int; ValueError says what cannot be read.

    Outside JSON they stand between white space, commas or semicolons, and # starts a comment.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ValueError(f"cannot read {path}: {reason}; pass a text, CSV or JSON file of numbers") from error
    if text.lstrip().startswith(("[", "{")):
        try:
            pieces = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} is not valid JSON: {error}; write a list of numbers") from error
        if not isinstance(pieces, list):
            raise ValueError(f"{path} holds a JSON object; write a list of numbers")
    else:
        lines = (line.partition("#")[0] for line in text.splitlines())
        pieces = [piece for line in lines for piece in line.replace(",", " ").replace(";", " ").split()]
    if not pieces:
        raise ValueError(f"{path} holds no numbers; write a list of numbers")
    return [_number(piece, path) for piece in pieces]


def _number(piece: Any, path: str | PathLike[str]) -> int | float:
    if isinstance(piece, str):
        for convert in (int, float):
            try:
                piece = convert(piece)
                break
            except ValueError:
                continue
    # The comparison refuses NaN too.
    if isinstance(piece, bool) or not isinstance(piece, int | float) or not abs(piece) < 2**63:
        raise ValueError(f"{path} holds {piece!r}, which is no number; write a list of numbers")
    return piece
