"""Countdown: reach a target from some numbers, each used once, by + - * /."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row

_SEARCH = Ours(
    "countdown task language model every right solution equally likely, bounded intermediate results, exact posterior "
    "over equations",
    "2026-11-30",
)

FEWEST, MOST = 2, 5
"""Numbers: with six of them a prompt has more answers than can be listed."""

SIGNS = "+-*/"
_TEXT = "0123456789" + SIGNS + "=,"
_PAD = len(_TEXT)
_WIDTH, _RESULT_WIDTH = 2, 4
Fault = Literal["form", "arithmetic", "planning"]
"""What can be wrong with an answer."""
_EQUATION = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")


class Step(NamedTuple):
    """One equation."""

    larger: int
    sign: str
    smaller: int
    result: int

    @property
    def right(self) -> bool:
        """Whether it is true, with the larger operand first and a positive whole result of four digits at most."""
        one, other = self.larger, self.smaller
        true = {"+": one + other, "-": one - other, "*": one * other, "/": one / max(other, 1)}[self.sign]
        return one >= other >= 1 and true == self.result and 1 <= self.result < 10**_RESULT_WIDTH

    @property
    def true(self) -> bool:
        """Whether it holds as arithmetic, whatever the task allows."""
        one, other, result = self.larger, self.smaller, self.result
        if self.sign == "/":
            return other > 0 and other * result == one
        return {"+": one + other, "-": one - other, "*": one * other}[self.sign] == result

    def __str__(self) -> str:
        return f"{self.larger}{self.sign}{self.smaller}={self.result}"


@registered(
    "language",
    "countdown",
    version=1,
    place=18,
    family="task",
    said="countdown of {numbers}",
    examples=("numbers=2,largest=9",),
    sources=("ye2024", "gandhi2024", _SEARCH),
)
class Countdown(Task):
    """Task: reach a target from some numbers, each used once, by + - * /; every right string of equations is as likely.

    The prompt is the numbers, from 1 to `largest` (99 at most), and the target, two digits each; the answer is one
    equation for each step, as `86+28=114,31-13=18,114-18=96`, written digit by digit and padded. Of an equation the
    larger operand comes first, results are whole, from 1 to 9999: so an answer is a choice of numbers and signs, in an
    order of its steps. Numbers are drawn uniformly, then equations by uniform pairs and signs, until they end
    at a target of at most two digits; how likely a prompt is is not known. After 2410.14157 and 2404.03683; their
    prompts have numbers and targets of two digits too, what bounds the results there is not said.

    >>> task = Countdown(numbers=3)
    >>> task.show(task.parse("86,28,31 -> 83: 86+28=114,114-31=83"))
    '86,28,31 -> 83: 86+28=114,114-31=83'
    """

    kind = "countdown"
    version = 1
    numbers = ("numbers", "largest")
    source = "2410.14157, after 2404.03683; which results are allowed: ours"
    pad = _PAD

    @whole_numbers(numbers=1, largest=1)
    def __init__(self, *, numbers: int = 4, largest: int = 99, spec: Spec | None = None) -> None:
        if not FEWEST <= numbers <= MOST:
            raise ValueError(f"numbers is {numbers}; pass from {FEWEST} to {MOST}")
        if not largest < 10**_WIDTH:
            raise ValueError(f"largest is {largest}; pass from 1 to {10**_WIDTH - 1}")
        self.operands, self.largest = numbers, largest
        given = _WIDTH * (numbers + 1)
        # Each number is an operand once, each result but the last an operand too; then signs and commas.
        answered = _WIDTH * (numbers + 1) + 2 * _RESULT_WIDTH * (numbers - 2) + 3 * (numbers - 1) - 1
        self._settle(_PAD + 1, np.arange(given + answered) < given, spec)

    def parameters(self) -> dict[str, int]:
        """How many numbers, and the largest of them."""
        return {"numbers": self.operands, "largest": self.largest}

    def _draw(self, draws: Draws) -> Row:
        while True:
            chosen = 1 + draws.below(self.largest, self.operands)
            target = _drawn_result(chosen.tolist(), draws)
            if target is not None and target < 10**_WIDTH:
                prompt = _digits([*chosen.tolist(), target])
                return self.joined(prompt, self.drawn_answer(prompt, draws))

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Each equation true and of numbers that are there, the last of all that is left, and equal to the target."""
        # An equation has one sign of equality: most of what is no answer is told by counting them.
        equations = (tokens[:, ~self.given] == _TEXT.index("=")).sum(axis=1)
        found: Bool[np.ndarray, "count"] = np.asarray(equations == self.operands - 1)
        found[found] = [self._reaches(row) for row in tokens[found]]
        return found

    def _reaches(self, row: Row) -> bool:
        try:
            *left, target = self._numbers_of(row[self.given])
        except ValueError:
            return False
        steps = _steps_of(row[~self.given])
        if steps is None or len(steps) != self.operands - 1:
            return False
        for step in steps:
            for used in (step.larger, step.smaller):
                if used not in left:
                    return False
                left.remove(used)
            if not step.right:
                return False
            left.append(step.result)
        return left == [target]

    def faults(self, tokens: TokensLike) -> list[Fault | None]:
        """What is wrong with each answer, None where nothing is; after the error analysis of 2410.14157.

        `form`: it is no string of equations. `arithmetic`: an equation is false. `planning`: all are true, but the
        target is not reached, or numbers are used that are not there, or an equation breaks another rule of the task.
        """
        rows = self._whole(tokens)
        return [None if right else self._fault(row) for right, row in zip(self.follows_rule(rows), rows, strict=True)]

    def _fault(self, row: Row) -> Fault:
        steps = _steps_of(row[~self.given])
        if steps is None:
            return "form"
        return "planning" if all(step.true for step in steps) else "arithmetic"

    def right_answers(self, prompt: Row) -> Tokens:
        """All right strings of equations, by a depth-first search."""
        from mdmtheory.kernels.countdown import reach_target

        *chosen, target = self._numbers_of(prompt)
        count = self.operands
        room = (np.empty((count, count), dtype=np.int64), np.empty(count, dtype=np.int64))
        found = np.empty((MOST_ANSWERS + 1, count - 1, 4), dtype=np.int64)
        steps = np.empty((count, 4), dtype=np.int64)
        many = reach_target(np.array(chosen), target, 10**_RESULT_WIDTH - 1, *room, steps, found)
        answers = np.full((many, int((~self.given).sum())), _PAD, dtype=np.uint8)
        for answer, equations in zip(answers, found[:many].tolist(), strict=True):
            text = ",".join(str(Step(one, SIGNS[sign], other, result)) for one, sign, other, result in equations)
            answer[: len(text)] = [_TEXT.index(letter) for letter in text]
        return np.unique(answers, axis=0)

    def _numbers_of(self, prompt: Row) -> list[int]:
        """The numbers and the target of a prompt; ValueError for what is none."""
        if (prompt > 9).any():
            raise ValueError(f"a prompt of {self.spec} is digits, and {prompt.max()} is none; see task.parse")
        found: list[int] = (prompt.reshape(-1, _WIDTH).astype(np.int64) @ (10, 1)).tolist()
        wrong = [each for each in found[:-1] if not 1 <= each <= self.largest]
        if wrong or not found[-1]:
            raise ValueError(
                f"a prompt of {self.spec} has the number {(wrong or found[-1:])[0]}; numbers are from 1 to "
                f"{self.largest}, and the target is from 1"
            )
        return found

    def show(self, tokens: TokensLike) -> str:
        """`86,28,13 -> 96: 86+28=114,...`, without the padding at the end; a mask is `_`."""
        row = self._whole(tokens)[0]
        signs = [*_TEXT, ".", "_"]
        digits = ["".join(signs[digit] for digit in pair) for pair in row[self.given].reshape(-1, _WIDTH)]
        *chosen, target = (each.removeprefix("0") for each in digits)
        return f"{','.join(chosen)} -> {target}: {''.join(signs[token] for token in row[~self.given]).rstrip('.')}"

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces are free, padding is a dot, or left out at the end."""
        found = re.fullmatch(r"([\d_,]+)->([\d_]+):([-+*/=,.\d_]*)", "".join(text.split()))
        digits = [] if found is None else [each.rjust(_WIDTH, "0") for each in (*found[1].split(","), found[2])]
        answered = int((~self.given).sum())
        if (
            found is None
            or [len(each) for each in digits] != [_WIDTH] * (self.operands + 1)
            or len(found[3]) > answered
        ):
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write {self.operands} numbers, the target, and at most "
                f"{answered} signs of equations, as 3,4 -> 7: 4+3=7"
            )
        signs = {**{sign: number for number, sign in enumerate(_TEXT)}, ".": _PAD, "_": self.vocab_size}
        return self.joined(
            [signs[each] for each in "".join(digits)], [signs[each] for each in found[3].ljust(answered, ".")]
        )


def _drawn_result(left: Sequence[int], draws: Draws) -> int | None:
    """Where uniform pairs and signs lead from these numbers; None where one of them leads nowhere."""
    numbers = list(left)
    while len(numbers) > 1:
        first, second = draws.order(len(numbers))[:2].tolist()
        larger, smaller = max(numbers[first], numbers[second]), min(numbers[first], numbers[second])
        sign = SIGNS[draws.below(4)[0]]
        result = {"+": larger + smaller, "-": larger - smaller, "*": larger * smaller, "/": larger // smaller}[sign]
        if not Step(larger, sign, smaller, result).right:
            return None
        numbers = [each for place, each in enumerate(numbers) if place not in (first, second)] + [result]
    return numbers[0]


def _digits(numbers: Sequence[int]) -> Row:
    """Two digits for each number."""
    return np.array([digit for number in numbers for digit in divmod(number, 10)], dtype=np.uint8)


def _steps_of(answer: Row) -> list[Step] | None:
    """The equations of an answer; None where it is no string of them, with padding at its end alone."""
    text = "".join([*_TEXT, "."][token] for token in answer).rstrip(".")
    found = [_EQUATION.fullmatch(each) for each in text.split(",")]
    if any(each is None or any(number[0] == "0" != number for number in each.group(1, 3, 4)) for each in found):
        return None
    return [Step(int(each[1]), each[2], int(each[3]), int(each[4])) for each in found if each is not None]
