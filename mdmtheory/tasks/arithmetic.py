"""Arithmetic: operations on single digits and their result, given or drawn together, alone or with those between."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.tasks.automaton import Automaton
from mdmtheory.tasks.problems import CHAINS, CHOICES, WRITTEN_SEARCH, Problems, check_form, form_of, with_chain

MOST = 4
"""Operations of a problem: each makes about five times as many values, 4,405 of four operations."""

SIGNS = "0123456789+-*"
_PLUS, _MINUS = SIGNS.index("+"), SIGNS.index("-")


class Arithmetic(Problems):
    """Digits with a sign of `+ - *` between any two, worked out from left to right; all problems are as likely.

    From left to right, and so written with brackets: which rule and which digits the paper takes is not said. A result
    is its sign, `+` of zero, and as many digits as the largest has, zeros in front. `joint` is 1 where nothing is
    given, and `chained` says where the results on the way stand: CHAINS[chained].

    >>> task = named(operations=3, chain="after")
    >>> problem = [3, 11, 9, 12, 7, 10, 1]
    >>> task.show(task.joined(problem, task.answers(problem).tokens[0]))
    '((3 - 9) * 7) + 1 = -0041: -0006, -0042'
    """

    kind = "arithmetic"
    version = 1
    numbers = ("operations", "joint", "chained")
    choices = CHOICES
    source = "Latent Diffusion with LLMs for Reasoning (under review); how it is written, left to right: ours"

    @whole_numbers(operations=1, joint=0, chained=0)
    def __init__(self, *, operations: int, joint: int, chained: int, spec: Spec | None = None) -> None:
        if operations > MOST:
            raise ValueError(f"operations is {operations}; pass from 1 to {MOST}")
        check_form(joint, chained)
        if chained and operations == 1:
            raise ValueError(
                f"chain is {CHAINS[chained]} of one operation, which has no results on the way; pass chain=none, or "
                "operations=2 or more"
            )
        self.operations, self.joint, self.chained = operations, joint, chained
        self.places = len(str(9 ** (operations + 1)))
        """Digits of a result, beside its sign."""
        number = "#" * (1 + self.places)
        result, chain = f" = {number}", ": " + ", ".join([number] * (operations - 1))
        rest = with_chain(chained, result, chain)
        self._pose(
            SIGNS,
            [range(_PLUS, len(SIGNS)) if place % 2 else range(10) for place in range(2 * operations + 1)],
            "(" * (operations - 1) + "# # #" + ") # #" * (operations - 1) + rest,
            joint=bool(joint),
            spec=spec,
        )

    @property
    def _written(self) -> list[int]:
        """The numbers of the operations whose results are written, as they stand."""
        return with_chain(self.chained, [self.operations - 1], list(range(self.operations - 1)))

    def _digits(self, values: Int[np.ndarray, "*shape"]) -> Int[np.ndarray, "*shape width"]:
        """The sign and the digits of each value."""
        digits = np.abs(values)[..., None] // 10 ** np.arange(self.places - 1, -1, -1) % 10
        return np.concatenate([np.where(values < 0, _MINUS, _PLUS)[..., None], digits], axis=-1)

    def _solved(self, problems: Int[np.ndarray, "count asked"]) -> Int[np.ndarray, "count rest"]:
        value, results = problems[:, 0], []
        for sign, digit in zip(problems.T[1::2], problems.T[2::2], strict=True):
            value = np.choose(sign - _PLUS, _worked_out(value, digit))
            results.append(value)
        written = np.stack([results[operation] for operation in self._written], axis=1)
        return self._digits(written).reshape(len(problems), written.shape[1] * (1 + self.places))

    def _reader(self) -> Automaton:
        """Works out from left to right; a state is the value so far with the sign that waits for its digit.

        A result is read when its operation has been: what is written must be the value, so no state is added.
        """
        width, asked, lowest = 1 + self.places, 2 * self.operations + 1, -(9 ** (self.operations + 1))
        waits = len(SIGNS) - _PLUS + 1
        order = [0]
        for operation in range(self.operations):
            order += [2 * operation + 1, 2 * operation + 2]
            if operation in self._written:
                begin = asked + width * self._written.index(operation)
                order += range(begin, begin + width)

        def step(t: int, states: Int[np.ndarray, "states"]) -> Int[np.ndarray, "states vocab_size"]:
            values, waiting = states // waits + lowest, states % waits
            after = np.full((len(states), len(SIGNS)), -1)
            if order[t] >= asked:
                right = self._digits(values)[:, (order[t] - asked) % width]
                after[np.arange(len(states)), right] = states
            elif order[t] % 2:
                after[:, _PLUS:] = states[:, None] + np.arange(1, waits)
            else:
                after[:, :10] = np.choose(waiting[:, None] - 1, _worked_out(values[:, None], np.arange(10)))
                after[:, :10] = (after[:, :10] - lowest) * waits
            return after

        # The first digit is added to nothing.
        return Automaton.reading(np.array(order), -lowest * waits + 1, step)

    def _stratum(self, problem: Int[np.ndarray, "asked"]) -> str:
        """How many of the operations are multiplications."""
        return f"multiplications {(problem == SIGNS.index('*')).sum()}"


def _worked_out(value: Int[np.ndarray, "..."], digit: Int[np.ndarray, "..."]) -> list[Int[np.ndarray, "..."]]:
    """What each sign of `+ - *` makes of a value and a digit."""
    return [value + digit, value - digit, value * digit]


@registered(
    "language",
    "arithmetic",
    completable=True,
    version=1,
    place=24,
    family="task",
    said="arithmetic of {operations} operations",
    examples=("operations=2", "chain=after", "operations=1,given=joint", "operations=2,given=joint,chain=before"),
    sources=("latent", WRITTEN_SEARCH),
)
@whole_numbers(operations=1)
def named(*, operations: int = 3, given: str = "problem", chain: str = "none") -> Arithmetic:
    """Task: work out + - * of single digits from left to right; chain=after or before: with the results on the way."""
    joint, where = form_of("arithmetic", given, chain)
    spec = Spec.of("arithmetic", operations=operations, given=given, chain=chain)
    return Arithmetic(operations=operations, joint=joint, chained=where, spec=spec)
