"""3-SAT: clauses, and every assignment that satisfies them all."""

from __future__ import annotations

import math
import re

import numpy as np
from jaxtyping import Bool, Float, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row

THRESHOLD = 4.267
"""Clauses a variable beyond which a large random formula is almost surely unsatisfiable (cond-mat/0207194)."""

FEWEST, MOST = 3, 24
"""Variables: a clause has three of them, and 2^24 assignments are two megabytes of bits."""

_LITERAL = re.compile(r"(!?)x(\d+)")
_WORD_BITS = 6
"""A word has the assignments of the first 6 variables."""


@registered(
    "language",
    "sat",
    version=1,
    place=23,
    family="task",
    said="3-SAT of {variables} variables",
    examples=("variables=4,clauses=8",),
    sources=("ye2024", SOFTWARE),
)
class Sat(Task):
    """Task: satisfy 3-SAT clauses, by default as many as at the threshold; every satisfying assignment is as likely.

    The prompt is the clauses, three literals each, with variables rising (2v is x_v and 2v + 1 its negation, v from
    1); the answer the truth value, 0 or 1, of each variable. An assignment is drawn first, uniformly, and then each
    clause uniformly and independently from the 7 C(n, 3) that it satisfies: so all pairs of a formula and an assignment
    are alike, and a formula is the likelier the more assignments it has ("planted").

    >>> task = Sat(variables=5)
    >>> task.length, task.show(task.prompts(1, seed=0))[:24]
    (68, 'x1|!x3|!x4 & x1|!x2|x3 &')
    """

    kind = "sat"
    version = 1
    numbers = ("variables", "clauses")
    source = "2410.14157 (5, 7 and 9 variables); the planted law: ours"

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

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Clauses of three different variables, rising, of each of which one literal at least is true."""
        formulas, answers = self._formulas(tokens[:, self.given]), tokens[:, ~self.given].astype(np.int64)
        found = _are_clauses(formulas) & (answers < 2).all(axis=1)
        literals = np.maximum(formulas - 2, 0).reshape(len(tokens), 3 * self.clauses)
        values = np.take_along_axis(answers, literals // 2, axis=1)
        satisfied = ((values ^ (literals % 2)) == 1).reshape(formulas.shape)
        return found & satisfied.any(axis=2).all(axis=1)

    def right_answers(self, prompt: Row) -> Tokens:
        """All satisfying assignments, from a set of bits of all 2^n: each clause leaves those that it allows."""
        formula = self._formulas(prompt[None])
        if not _are_clauses(formula)[0]:
            raise ValueError(
                f"what was given is no formula of {self.spec}: each of its {self.clauses} clauses is of three "
                f"variables, rising, as literals from 2 to {self.vocab_size - 1}; see task.parse"
            )
        allowed = np.full(1 << max(0, self.variables - _WORD_BITS), ~np.uint64(0))
        if self.variables < _WORD_BITS:
            allowed[0] = np.uint64((1 << (1 << self.variables)) - 1)
        for clause in formula[0] - 2:
            some = np.zeros_like(allowed)
            for literal in clause.tolist():
                true = _where_true(literal // 2, len(allowed))
                some |= ~true if literal % 2 else true
            allowed &= some
        words = np.flatnonzero(allowed)
        # No more of them than can be listed, and one.
        words = words[
            : int(np.searchsorted(np.cumsum(np.bitwise_count(allowed[words]), dtype=np.int64), MOST_ANSWERS)) + 1
        ]
        bits = allowed[words, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
        which, places = np.nonzero(bits)
        assignments = ((words[which] << _WORD_BITS) + places)[: MOST_ANSWERS + 1]
        return (assignments[:, None] >> np.arange(self.variables) & 1).astype(np.uint8)

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """log of assignments / (2^n (7 C(n, 3))^m)."""
        formulas = _are_clauses(self._formulas(prompts))
        counts = [len(self.right_answers(each)) if one else 0 for each, one in zip(prompts, formulas, strict=True)]
        with np.errstate(divide="ignore"):
            return np.log(counts) - self._log_count

    @property
    def _log_count(self) -> float:
        """The logarithm of how many pairs of a formula and an assignment there are, all alike."""
        return self.variables * math.log(2) + self.clauses * math.log(7 * math.comb(self.variables, 3))

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of pairs in nats, -inf outside the support."""
        return np.where(self.in_support(as_tokens(tokens, self.vocab_size)), -self._log_count, -np.inf)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) + H(answer | prompt) in nats, exact."""
        self.validate_length(length)
        return Estimate.exact(self._log_count)

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

    def _formulas(self, prompts: Tokens) -> np.ndarray:
        return prompts.astype(np.int64).reshape(len(prompts), self.clauses, 3)


def _are_clauses(formulas: np.ndarray) -> Bool[np.ndarray, "count"]:
    """Whether all literals are some, of rising variables in each clause."""
    rising = np.diff(formulas // 2, axis=2) > 0
    return np.asarray((formulas >= 2).all(axis=(1, 2))) & np.asarray(rising.all(axis=(1, 2)))


def _where_true(variable: int, words: int) -> UInt64[np.ndarray, "words"]:
    """The set of the assignments in which a variable is true; assignment a is bit a % 64 of word a // 64."""
    if variable >= _WORD_BITS:
        return np.where(np.arange(words) >> (variable - _WORD_BITS) & 1, ~np.uint64(0), np.uint64(0))
    pattern = sum(1 << bit for bit in range(64) if bit >> variable & 1)
    return np.full(words, pattern, dtype=np.uint64)
