"""Problems of which every one has one right answer: given, or drawn together with it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.languages.support import Support
from mdmtheory.tasks.automaton import Automaton
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row
from mdmtheory.tasks.listing import Listing
from mdmtheory.tasks.messages import MessageOracle

WRITTEN_SEARCH = Ours(
    "masked diffusion synthetic task turns clockwise counterclockwise quarter turns direction state tracking, addition "
    "and arithmetic written with partial sums in order, automaton exact posterior",
    "2026-11-30",
)
"""Of how problems and the steps on the way to their results are written."""

GIVEN = ("problem", "joint")
"""What is given: the problem, or nothing, so that problem and answer are drawn together."""
CHAINS = ("none", "after", "before")
"""Where the steps on the way to a result are written: not at all, after the result, which is first, or before it."""
CHOICES: Mapping[str, tuple[str, Sequence[str]]] = MappingProxyType(
    {"joint": ("given", GIVEN), "chained": ("chain", CHAINS)}
)
"""How the numbers of both are typed."""

Written = TypeVar("Written", str, list[int])
"""How results are written, or which of them are, by number."""


def number_of(option: str, value: str, known: Sequence[str], task: str) -> int:
    """The number by which files know a choice; ValueError for what is none."""
    if value not in known:
        raise ValueError(f"unknown {option} {value!r} of {task}; pass {', '.join(known[:-1])} or {known[-1]}")
    return known.index(value)


def form_of(task: str, given: str, chain: str) -> tuple[int, int]:
    """The numbers of a choice of GIVEN and of one of CHAINS; ValueError for what is none."""
    return number_of("given", given, GIVEN, task), number_of("chain", chain, CHAINS, task)


def with_chain(chained: int, last: Written, between: Written) -> Written:
    """What is written of the last result and those between, as CHAINS[chained] has it.

    >>> with_chain(CHAINS.index("after"), [2], [0, 1])
    [2, 0, 1]
    """
    return {"none": last, "after": last + between, "before": between + last}[CHAINS[chained]]


def check_form(joint: int, chained: int) -> None:
    """ValueError unless they are numbers of GIVEN and of CHAINS."""
    if joint >= len(GIVEN) or chained >= len(CHAINS):
        raise ValueError(f"joint is {joint} and chained is {chained}; pass 0 or 1, and from 0 to {len(CHAINS) - 1}")


class Problems(Task):
    """Uniform problems, each with one right answer after it (docs/theory.md, section 14).

    A class says `_solved` and `_stratum`; its constructor calls `_pose`. With `joint` nothing is given, and the oracle
    is of the automaton, `_reader`, of problems with their answers, which is exact where no list is short enough.
    """

    def _pose(
        self, signs: str, allowed: Sequence[Sequence[int]], shape: str, *, joint: bool = False, spec: Spec | None
    ) -> None:
        """Problems have the tokens `allowed`; token v is written signs[v], a sequence as `shape`, # for each token."""
        self._signs, self._shape = signs, shape
        self._allowed = [np.asarray(each) for each in allowed]
        self._joint = joint
        given = 0 if joint else len(allowed)
        self._settle(len(signs), np.arange(shape.count("#")) < given, spec)

    @abstractmethod
    def _solved(self, problems: Int[np.ndarray, "count asked"]) -> Int[np.ndarray, "count rest"]:
        """The right answer to each problem."""

    @abstractmethod
    def _stratum(self, problem: Int[np.ndarray, "asked"]) -> str:
        """How hard a problem is, in words."""

    @abstractmethod
    def _reader(self) -> Automaton:
        """Reads problems with their answers, and nothing else."""

    @cached_property
    def _automaton(self) -> Automaton:
        """The reader, made when first asked for."""
        return self._reader()

    def _whole_of(self, problems: Int[np.ndarray, "count asked"]) -> Int[np.ndarray, "count length"]:
        return np.concatenate([problems, self._solved(problems)], axis=1)

    def _poses(self, problems: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether they are problems."""
        found = [np.isin(column, each) for column, each in zip(problems.T, self._allowed, strict=True)]
        return np.asarray(np.all(found, axis=0))

    def _draw(self, draws: Draws) -> Row:
        uniforms = draws.uniforms(len(self._allowed))
        picked = [each[int(uniform * len(each))] for each, uniform in zip(self._allowed, uniforms, strict=True)]
        row: Row = self._whole_of(np.array([picked], dtype=np.int64))[0]
        return row

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """A problem, and what comes of it."""
        problems = tokens[:, : len(self._allowed)].astype(np.int64)
        right = self._poses(problems)
        right[right] = (self._whole_of(problems[right]) == tokens[right]).all(axis=1)
        return right

    def whole_law(self) -> Listing:
        """ValueError: problems are listed nowhere; the form that draws them has an automaton in the place of a list."""
        raise ValueError(
            f"{self.spec} gives its problem, of which something was masked; give it whole (prompt own), or take "
            f"given=joint, with which {self.kind} draws problem and answer together"
        )

    def right_answers(self, prompt: Row) -> Tokens:
        """The answer to the problem; where nothing is given, problems in their order with their answers."""
        if self._joint:
            sizes = [len(each) for each in self._allowed]
            numbers = np.arange(min(math.prod(sizes), MOST_ANSWERS + 1))
            problems = np.empty((len(numbers), len(sizes)), dtype=np.int64)
            for place in range(len(sizes) - 1, -1, -1):
                numbers, picked = np.divmod(numbers, sizes[place])
                problems[:, place] = self._allowed[place][picked]
            return self._whole_of(problems)
        problem = prompt[None].astype(np.int64)
        if not self._poses(problem)[0]:
            raise ValueError(f"what was given is no prompt of {self.spec}; write one as in {self._example}")
        return self._solved(problem)

    @property
    def _example(self) -> str:
        return self.show(self._whole_of(np.array([[each[-1] for each in self._allowed]]))[0])

    @property
    def _log_problems(self) -> float:
        return sum(math.log(len(each)) for each in self._allowed)

    def counts(self, prompts: Tokens) -> list[int]:
        """One; where nothing is given, as many as there are problems."""
        if self._joint:
            return [math.prod(len(each) for each in self._allowed)] * len(prompts)
        return super().counts(prompts)

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of problems, all alike; 0 where nothing is given."""
        if self._joint:
            return np.zeros(len(prompts))
        return np.where(self._poses(prompts), -self._log_problems, -np.inf)

    def answer_log_prob(self, tokens: TokensLike) -> Float[np.ndarray, "count"]:
        """log P(answer | prompt) in nats: 0 for what is right, -log(problems) where nothing is given."""
        return np.where(self.in_support(tokens), -self._log_problems if self._joint else 0.0, -np.inf)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """The logarithm of the number of problems in nats, exact: the answer follows."""
        self.validate_length(length)
        return Estimate.exact(self._log_problems)

    def strata(self, tokens: TokensLike) -> list[str]:
        """How hard each problem is, in words; `masked` where it is not shown."""
        problems = self._whole(tokens)[:, : len(self._allowed)].astype(np.int64)
        return ["masked" if (each == self.vocab_size).any() else self._stratum(each) for each in problems]

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """What the reader of problems with their answers reads."""
        self.validate_length(length)
        return self._automaton.support

    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each token by all evidence but its own, nothing being given (mdmtheory.tasks.messages)."""
        return self._automaton.laws(evidence)

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior: forward-backward where nothing is given, else the one right answer."""
        return MessageOracle(self, trust) if self._joint else super().oracle(trust)

    def show(self, tokens: TokensLike) -> str:
        """One sequence as a person would write it; a mask is `_`."""
        written = iter([(self._signs + "_")[token] for token in self._whole(tokens)[0]])
        return "".join(next(written) if sign == "#" else sign for sign in self._shape)

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces are free."""
        signs, shape = ("".join(each.split()) for each in (text, self._shape))
        known: dict[str, Any] = {sign: token for token, sign in enumerate(self._signs + "_")}
        if len(signs) != len(shape) or not all(
            sign in known if place == "#" else sign == place for sign, place in zip(signs, shape, strict=True)
        ):
            raise ValueError(f"{text[:60]!r} is no sequence of {self.spec}; write it as {self._example}, _ for a mask")
        row: Row = self._whole([known[sign] for sign, place in zip(signs, shape, strict=True) if place == "#"])[0]
        return row
