"""Any list of right answers, with weights, to any prompts: the task that is its own table."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.evaluable import MOST_SHOWN, call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.languages.laws import MOST_OFF, as_floats
from mdmtheory.languages.support import Support
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row
from mdmtheory.tasks.listing import Listing


class Finite(Task):
    """Some sequences, and how likely each is: what stands at the `given` positions is its prompt, the rest its answer.

    `sequences` (n, length) are tokens, each row once; `weights` (n,), positive, are divided by their sum, and all alike
    where there are none; `given` is truth values, one a position. Its prompts may be masked too: the list is all of it.

    >>> task = Finite([[0, 0, 0], [1, 0, 1], [1, 1, 0]], given=[True, False, False])
    >>> task.answers([1]).tokens.tolist()
    [[0, 1], [1, 0]]
    """

    kind = "finite"
    version = 1
    arrays = ("sequences", "weights", "given_positions")
    numbers = ("vocab_size",)
    source = "whoever wrote the list"

    @whole_numbers(vocab_size=1)
    def __init__(
        self,
        sequences: TokensLike,
        weights: Any = None,
        *,
        given: Any,
        vocab_size: int | None = None,
        spec: Spec | None = None,
    ) -> None:
        rows = _tokens(sequences)
        self._rows = as_tokens(rows, int(rows.max()) + 1 if vocab_size is None else vocab_size)
        self._rows.setflags(write=False)
        count, length = self._rows.shape
        found = np.ones(count) if weights is None else as_floats(weights, "weights")
        if found.shape != (count,) or not (found > 0).all() or not np.isfinite(found).all():
            raise ValueError(f"weights have shape {found.shape}; pass {count} positive numbers, one for each sequence")
        if len(np.unique(self._rows, axis=0)) < count:
            raise ValueError("a sequence stands in the list twice; pass each once, with the sum of its weights")
        positions = np.asarray(given)
        if positions.shape != (length,) or not np.isin(positions, (0, 1)).all() or positions.all():
            raise ValueError(
                f"given positions have shape {positions.shape}; pass {length} truth values, not all of them true"
            )
        total = found.sum()
        self._law: Float[np.ndarray, "n"] = found if abs(total - 1) <= MOST_OFF else found / total
        self._law.setflags(write=False)
        self._settle(int(rows.max()) + 1 if vocab_size is None else vocab_size, positions.astype(np.bool_), spec)

    def __repr__(self) -> str:
        if self._made is not None:
            return self._made
        if self._rows.size > MOST_SHOWN:
            return f"<Finite {self.spec}, {len(self._rows)} sequences of {self.length} tokens>"
        own = {} if self.spec == Spec.of(self.kind, digest=self.digest[:12]) else {"spec": self.spec}
        return call("Finite", self._rows, self._law, given=self.given, vocab_size=self.vocab_size, **own)

    def parameters(self) -> dict[str, Any]:
        """The list, as a file holds it."""
        return {
            "sequences": self._rows.astype(np.float64),
            "weights": self._law,
            "given_positions": self.given.astype(np.float64),
            "vocab_size": self.vocab_size,
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any], spec: Spec | None = None) -> Self:
        """The task that `parameters()` describes."""
        rows, weights, given, vocab_size = (parameters[name] for name in (*cls.arrays, *cls.numbers))
        return cls(rows, weights, given=given, vocab_size=vocab_size, spec=spec)

    def whole_law(self) -> Listing:
        """All sequences with their probabilities."""
        return Listing(self._rows, self._law)

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {row.tobytes(): number for number, row in enumerate(self._rows)}

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """The list; ValueError where prefixes of it differ in too many ways."""
        self.validate_length(length)
        return self._support

    @cached_property
    def _support(self) -> Support:
        return Support.of_list(self._rows.astype(np.int64), self.vocab_size)

    def _draw(self, draws: Draws) -> Row:
        row: Row = self._rows[draws.one_of(self._law)]
        return row

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether they stand in the list."""
        return np.array([row.tobytes() in self._numbers for row in tokens], dtype=np.bool_)

    def _with_prompt(self, prompt: Row) -> Bool[np.ndarray, "n"]:
        with_it: Bool[np.ndarray, "n"] = (self._rows[:, self.given] == prompt).all(axis=1)
        return with_it

    def right_answers(self, prompt: Row) -> Tokens:
        """Those of the sequences that have this prompt."""
        return np.ascontiguousarray(self._rows[self._with_prompt(prompt)][:, ~self.given])

    def answer_weights(self, prompt: Row, answers: Tokens) -> Float[np.ndarray, "answers"] | None:
        """Theirs."""
        weights = self._law[self._with_prompt(prompt)]
        return None if (weights == weights[:1]).all() else weights

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """log P(prompt): the sum over its sequences."""
        with np.errstate(divide="ignore"):
            return np.log(np.array([self._law[self._with_prompt(each)].sum() for each in prompts]))

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H in nats, exact."""
        self.validate_length(length)
        return Estimate.exact(float(-(self._law * np.log(self._law)).sum()))

    def show(self, tokens: TokensLike) -> str:
        """The tokens as numbers, the prompt in brackets."""
        row = self._whole(tokens)[0]
        words = ["_" if token == self.vocab_size else str(token) for token in row.tolist()]
        return " ".join(f"[{word}]" if given else word for word, given in zip(words, self.given, strict=True))

    def parse(self, text: str) -> Row:
        """The sequence that was shown; brackets may be left out."""
        words = text.replace("[", " ").replace("]", " ").split()
        if len(words) != self.length or not all(word == "_" or word.isdecimal() for word in words):
            raise ValueError(f"{text[:60]!r} is no sequence of {self.spec}; write {self.length} numbers, _ for a mask")
        return as_tokens(
            [self.vocab_size if word == "_" else int(word) for word in words], self.vocab_size, masks=True
        )[0]


def _tokens(sequences: Any) -> Any:
    """A list of sequences as whole numbers, also where a file has them as floats."""
    rows = np.asarray(sequences)
    if rows.ndim != 2 or not rows.size or rows.dtype.kind not in "iuf" or not (rows == np.floor(rows)).all():
        raise ValueError(f"sequences have shape {rows.shape} and dtype {rows.dtype}; pass tokens (n, length), n from 1")
    if not (rows.min() >= 0 and rows.max() < 1 << 31):
        raise ValueError(f"sequences hold {rows.min():g} to {rows.max():g}; tokens are whole numbers from 0")
    return rows.astype(np.int64)


@registered(
    "language",
    "finite",
    completable=True,
    version=1,
    place=15,
    family="task",
    examples=("", "most=2"),
    sources=(SOFTWARE,),
)
@whole_numbers(most=1)
def sums(*, most: int = 4) -> Finite:
    """Task: any list of right answers with weights; here two numbers up to `most`, to their sum as the prompt."""
    rows = [(one + other, one, other) for one, other in itertools.product(range(most + 1), repeat=2)]
    return Finite(rows, given=[True, False, False])
