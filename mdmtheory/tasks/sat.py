"""3-SAT: clauses, and every assignment that satisfies them all."""

from __future__ import annotations

import math
import re

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.counted import Counted
from mdmtheory.tasks.drawing import Draws, Row

THRESHOLD = 4.267
"""Clauses a variable beyond which a large random formula is almost surely unsatisfiable (cond-mat/0207194)."""

FEWEST, MOST = 3, 24
"""Variables: a clause has three of them, and 2^24 bits, all assignments of 24, are counted in some 10 ms."""

_LITERAL = re.compile(r"(!?)x(\d+)")


@registered(
    "language",
    "sat",
    version=1,
    place=17,
    family="task",
    said="3-SAT of {variables} variables",
    examples=("variables=4,clauses=8",),
    sources=("ye2024", "jia2007"),
)
class Sat(Counted):
    """Task: satisfy 3-SAT clauses, by default as many as at the threshold; every satisfying assignment is as likely.

    The prompt is the clauses, three literals each, with variables rising (2v is x_v and 2v + 1 its negation, v from
    1); the answer the truth value, 0 or 1, of each variable. An assignment is drawn first, uniformly, and then each
    clause uniformly and independently from the 7 C(n, 3) that it satisfies: so all pairs of a formula and an assignment
    are alike, and a formula is the likelier the more assignments it has ("planted"). They are counted as a set of bits,
    so that the oracle is exact also where there are too many to list.

    >>> task = Sat(variables=5)
    >>> task.length, task.show(task.prompts(1, seed=0))[:24]
    (68, 'x1|!x3|!x4 & x1|!x2|x3 &')
    """

    kind = "sat"
    version = 1
    numbers = ("variables", "clauses")
    source = "2410.14157 (5, 7 and 9 variables); the planted law: Jia, Moore and Strain (2007)"

    @whole_numbers(variables=1, clauses=1)
    def __init__(self, *, variables: int = 9, clauses: int | None = None, spec: Spec | None = None) -> None:
        if not FEWEST <= variables <= MOST:
            raise ValueError(f"variables is {variables}; pass from {FEWEST} to {MOST}")
        self.variables = variables
        self.clauses = round(THRESHOLD * variables) if clauses is None else clauses
        self._settle(2 + 2 * variables, np.arange(3 * self.clauses + variables) < 3 * self.clauses, spec)

    def _draw(self, draws: Draws) -> Row:
        answer = draws.below(2, self.variables)
        prompt = np.empty((self.clauses, 3), dtype=np.int64)
        for clause in prompt:
            chosen = draws.some(3, self.variables)
            # Of the eight ways to negate, the one that the answer fails is left out.
            signs = (draws.below(7)[0] + 1) >> np.arange(3) & 1
            clause[:] = 2 + 2 * chosen + (signs ^ answer[chosen])
        return self.joined(prompt.reshape(-1), answer)

    def _formulas(self, prompts: Tokens) -> np.ndarray:
        return prompts.astype(np.int64).reshape(len(prompts), self.clauses, 3)

    def are_prompts(self, prompts: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether all literals are some, of rising variables in each clause."""
        formulas = self._formulas(prompts)
        rising = (np.diff(formulas // 2, axis=2) > 0).all(axis=(1, 2))
        return np.asarray(rising & ((formulas >= 2) & (formulas < self.vocab_size)).all(axis=(1, 2)))

    @property
    def rule_of_prompts(self) -> str:
        """Three variables a clause."""
        return (
            f"formula: each of its {self.clauses} clauses is of three variables, rising, as literals from 2 to "
            f"{self.vocab_size - 1}"
        )

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Clauses of three different variables, rising, of each of which one literal at least is true."""
        formulas, answers = self._formulas(tokens[:, self.given]), tokens[:, ~self.given].astype(np.int64)
        found = self.are_prompts(tokens[:, self.given]) & (answers < 2).all(axis=1)
        literals = np.maximum(formulas - 2, 0).reshape(len(tokens), 3 * self.clauses)
        values = np.take_along_axis(answers, literals // 2, axis=1)
        satisfied = ((values ^ (literals % 2)) == 1).reshape(formulas.shape)
        return found & satisfied.any(axis=2).all(axis=1)

    def right_answers(self, prompt: Row) -> Tokens:
        """All satisfying assignments, the first variable changing first; of more than MOST_ANSWERS one more."""
        from mdmtheory.kernels.satisfying import LOW, satisfying_words

        self.check_prompts(prompt[None])
        scratch = self._scratch()
        found = satisfying_words(self._clauses(prompt[None])[0], self.variables, np.ones((self.variables, 2)), *scratch)
        rest, words = (each[:found] for each in scratch)
        # No more words than have as many assignments as can be listed, and one.
        enough = int(np.searchsorted(np.cumsum(np.bitwise_count(words), dtype=np.int64), MOST_ANSWERS + 1)) + 1
        which, places = np.nonzero(words[:enough, None] >> np.arange(1 << LOW, dtype=np.uint64) & np.uint64(1))
        assignments = ((rest[which] << LOW) + places)[: MOST_ANSWERS + 1]
        return (assignments[:, None] >> np.arange(self.variables) & 1).astype(np.uint8)

    def counted(self, prompts: Tokens) -> list[int]:
        """How many assignments satisfy each formula."""
        found = self._counts(prompts, np.ones((len(prompts), self.variables, 2)))
        return [int(count) for count in found[:, 0].sum(axis=1)]

    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each truth value by all evidence but its own, from the set of satisfying assignments.

        Where all evidence is certain these are whole numbers, and tokens that their own excludes have 0.
        """
        laws, said = np.zeros_like(evidence), np.ascontiguousarray(evidence[:, :, :2])
        if ((said == 0) | (said == 1)).all():
            laws[:, :, :2] = self._counts(prompts, said)
        else:
            laws[:, :, :2] = self._weighed(prompts, np.log(said))
        return laws

    def _counts(
        self, prompts: Tokens, may: Float[np.ndarray, "count variables values"]
    ) -> Float[np.ndarray, "count variables values"]:
        from mdmtheory.kernels.satisfying import count_satisfying

        found = np.empty_like(may)
        count_satisfying(self._clauses(prompts), may, *self._scratch(), found)
        return found

    def _weighed(
        self, prompts: Tokens, said: Float[np.ndarray, "count variables values"]
    ) -> Float[np.ndarray, "count variables values"]:
        from mdmtheory.kernels.satisfying import LOW, weigh_satisfying

        found = np.empty_like(said)
        weigh_satisfying(self._clauses(prompts), said, *self._scratch(), np.empty(1 << LOW), found)
        with np.errstate(divide="ignore"):
            logs = np.log(found) - said
        return np.exp(logs - logs.max(axis=2, keepdims=True))

    def _scratch(self) -> tuple[Int[np.ndarray, "words"], UInt64[np.ndarray, "words"]]:
        """Room for the largest set, by the assignments of all variables but those within a word."""
        from mdmtheory.kernels.satisfying import LOW

        size = 1 << max(0, self.variables - LOW)
        return np.empty(size, dtype=np.int64), np.empty(size, dtype=np.uint64)

    def _clauses(self, prompts: Tokens) -> Int[np.ndarray, "count clauses literals"]:
        """The clauses of formulas by their last variable, literals from 0."""
        formulas = self._formulas(prompts)
        order = np.argsort(formulas[:, :, 2] // 2, axis=1, kind="stable")
        return np.take_along_axis(formulas, order[:, :, None], axis=1) - 2

    @property
    def log_pairs(self) -> float:
        """n log 2 + m log(7 C(n, 3))."""
        return self.variables * math.log(2) + self.clauses * math.log(7 * math.comb(self.variables, 3))

    def show(self, tokens: TokensLike) -> str:
        """The clauses, and the answer as a bit for each variable: `x1|!x2|x4 & ... : 0110`; a mask is `_`."""
        row = self._whole(tokens)[0]
        clauses = " & ".join(
            "|".join(self._literal(literal) for literal in clause) for clause in row[self.given].reshape(-1, 3).tolist()
        )
        return f"{clauses} : {''.join('_' if value > 1 else str(value) for value in row[~self.given].tolist())}"

    def _literal(self, literal: int) -> str:
        if not 2 <= literal < self.vocab_size:
            return "_"
        return f"{'!' * (literal % 2)}x{literal // 2}"

    def parse(self, text: str) -> Row:
        """What `show` wrote; ! is not, | or, & and."""
        before, colon, answer = "".join(text.split()).partition(":")
        literals = [_LITERAL.fullmatch(each) for each in re.split(r"[|&]", before)]
        fine = colon and len(literals) == 3 * self.clauses and re.fullmatch(f"[01_]{{{self.variables}}}", answer)
        if not fine or any(each is None or not 1 <= int(each[2]) <= self.variables for each in literals):
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write {self.clauses} clauses and {self.variables} bits, "
                f"as x1|!x2|x3 & ... : {'01' * (self.variables // 2)}"
            )
        prompt = [2 * int(each[2]) + len(each[1]) for each in literals if each]
        bits = [self.vocab_size if bit == "_" else int(bit) for bit in answer]
        return self.joined(prompt, bits)
