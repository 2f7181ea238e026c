"""Addition: numbers and their sum, given or drawn together, alone or with the chain of partial sums."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.tasks.automaton import Automaton
from mdmtheory.tasks.problems import CHAINS, CHOICES, GIVEN, WRITTEN_SEARCH, Problems, check_form, form_of, with_chain

MOST = 9
"""Digits of a number, and numbers of a sum."""


class Addition(Problems):
    """Numbers of so many digits, zeros in front, and their sum; all problems are as likely.

    `joint` is 1 where nothing is given, and `chained` says where the partial sums stand: CHAINS[chained].

    >>> task = named(digits=2, addends=3, chain="after")
    >>> task.show(task.joined([2, 7, 0, 5, 9, 8], task.answers([2, 7, 0, 5, 9, 8]).tokens[0]))
    '27 + 05 + 98 = 130: 032'
    """

    kind = "addition"
    version = 1
    numbers = ("digits", "addends", "joint", "chained")
    choices = CHOICES
    source = "Latent Diffusion with LLMs for Reasoning (under review); how it is written: ours"

    @whole_numbers(digits=1, addends=1, joint=0, chained=0)
    def __init__(self, *, digits: int, addends: int, joint: int, chained: int, spec: Spec | None = None) -> None:
        if digits > MOST:
            raise ValueError(f"digits is {digits}; pass from 1 to {MOST}")
        if not 2 <= addends <= MOST:
            raise ValueError(f"addends is {addends}; pass from 2 to {MOST}")
        check_form(joint, chained)
        if chained and (joint or addends == 2):
            raise ValueError(
                f"chain is {CHAINS[chained]} of {addends} addends, given={GIVEN[joint]}; a chain is of partial sums of "
                "3 addends or more, to a problem that is given: pass chain=none, or more addends and given=problem"
            )
        self.digits, self.addends, self.joint, self.chained = digits, addends, joint, chained
        self.places = len(str(addends * (10**digits - 1)))
        """Digits of a sum."""
        result, partial = " = " + "#" * self.places, ": " + ", ".join(["#" * self.places] * (addends - 2))
        rest = with_chain(chained, result, partial)
        self._pose(
            "0123456789",
            [range(10)] * (digits * addends),
            " + ".join(["#" * digits] * addends) + rest,
            joint=bool(joint),
            spec=spec,
        )

    def _reader(self) -> Automaton:
        """Adds up column by column from the right; a state is what the column has come to, with what was carried."""
        states, length = 10 * self.addends, self.digits * self.addends + self.places
        order = []
        for column in range(self.places):
            if column < self.digits:
                order += [(addend + 1) * self.digits - 1 - column for addend in range(self.addends)]
            order.append(length - 1 - column)
        after = np.full((length, states, 10), -1)
        for t, position in enumerate(order):
            for state, digit in itertools.product(range(states), range(10)):
                if position < self.digits * self.addends:
                    after[t, state, digit] = state + digit if state + digit < states else -1
                elif state % 10 == digit:
                    after[t, state, digit] = state // 10
        return Automaton(after, np.array(order), (np.arange(states) == 0).astype(np.float64))

    def _solved(self, problems: Int[np.ndarray, "count asked"]) -> Int[np.ndarray, "count rest"]:
        powers = 10 ** np.arange(self.places - 1, -1, -1)
        sums = (problems.reshape(-1, self.addends, self.digits) @ powers[-self.digits :]).cumsum(axis=1)
        written = sums[:, with_chain(self.chained, [self.addends - 1], list(range(1, self.addends - 1)))]
        return (written[:, :, None] // powers % 10).reshape(len(problems), self.length - problems.shape[1])

    def _stratum(self, problem: Int[np.ndarray, "asked"]) -> str:
        """The longest run of columns that carry."""
        carried, run, longest = 0, 0, 0
        for column in problem.reshape(self.addends, self.digits).sum(axis=0)[::-1].tolist():
            carried = (carried + column) // 10
            run = run + 1 if carried else 0
            longest = max(longest, run)
        return f"longest carry {longest}"


@registered(
    "language",
    "addition",
    completable=True,
    version=1,
    place=23,
    family="task",
    said="addition of {addends} numbers",
    examples=("digits=2,addends=2", "digits=1,addends=3,chain=after", "digits=1,addends=2,given=joint"),
    sources=("latent", WRITTEN_SEARCH),
)
@whole_numbers(digits=1, addends=1)
def named(*, digits: int = 2, addends: int = 3, given: str = "problem", chain: str = "none") -> Addition:
    """Task: add numbers, given or drawn with their sum (given=joint); chain=after or before: with partial sums."""
    joint, where = form_of("addition", given, chain)
    spec = Spec.of("addition", digits=digits, addends=addends, given=given, chain=chain)
    return Addition(digits=digits, addends=addends, joint=joint, chained=where, spec=spec)
