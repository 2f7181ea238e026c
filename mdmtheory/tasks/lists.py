"""Lists: copy, reverse or shuffle one, or replace one of its items: the smallest tasks that tell samplers apart."""

from __future__ import annotations

import itertools
import math
import string
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row

KINDS = ("copy", "reverse", "replace", "shuffle")
MOST_ITEMS = 8
"""Items of a list: its 8! orders can be listed."""


class Lists(Task):
    """A list of different letters, and what it becomes under the rule KINDS[which].

    The prompt is the list, and for `replace` the letter that comes in, in the place of any one item. Copy and reverse
    have one right answer, replace one for each item, and shuffle every order, the old one too. Prompts are uniform, and
    so are right answers.

    >>> task = named(kind="replace", items=3)
    >>> [task.show(task.joined([0, 1, 2, 9], each)) for each in task.answers([0, 1, 2, 9]).tokens]
    ['a b c < j: j b c', 'a b c < j: a j c', 'a b c < j: a b j']
    """

    kind = "lists"
    version = 1
    numbers = ("which", "items", "letters")
    choices = MappingProxyType({"which": ("kind", KINDS)})
    source = "2510.04767"

    @whole_numbers(which=0, items=1, letters=1)
    def __init__(self, *, which: int, items: int, letters: int, spec: Spec | None = None) -> None:
        if not which < len(KINDS):
            raise ValueError(f"which is {which}; pass from 0 to {len(KINDS) - 1}: {', '.join(KINDS)}")
        self.which, self.items, self.letters = which, items, letters
        self.rule = KINDS[which]
        if items > MOST_ITEMS:
            raise ValueError(f"items is {items}; pass from 1 to {MOST_ITEMS}, of which all orders can be listed")
        self._prompted = items + (self.rule == "replace")
        if not self._prompted <= letters <= len(string.ascii_lowercase):
            raise ValueError(
                f"letters is {letters}; a prompt has {self._prompted} different ones: pass from that to "
                f"{len(string.ascii_lowercase)}"
            )
        self._settle(letters, np.arange(self._prompted + items) < self._prompted, spec)

    def _draw(self, draws: Draws) -> Row:
        prompt = draws.order(self.letters)[: self._prompted]
        return self.joined(prompt, self.drawn_answer(prompt, draws))

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Different letters, and what the rule makes of them."""
        prompts, answers = tokens[:, : self._prompted], tokens[:, self._prompted :]
        before = prompts[:, : self.items]
        found = (np.diff(np.sort(prompts, axis=1), axis=1) > 0).all(axis=1)
        if self.rule == "shuffle":
            return np.asarray(found & (np.sort(answers, axis=1) == np.sort(before, axis=1)).all(axis=1))
        if self.rule == "replace":
            new = (answers == prompts[:, -1:]) & (answers != before)
            return np.asarray(found & (new.sum(axis=1) == 1) & (new | (answers == before)).all(axis=1))
        return np.asarray(found & (answers == (before if self.rule == "copy" else before[:, ::-1])).all(axis=1))

    def right_answers(self, prompt: Row) -> Tokens:
        """All of them, in the order of the place that changes, or of the places that they take."""
        if len(set(prompt.tolist())) < len(prompt):
            raise ValueError(f"a prompt of {self.spec} is different letters, and one is given twice; see task.parse")
        before = prompt[: self.items]
        if self.rule == "shuffle":
            return before[np.array(list(itertools.permutations(range(self.items))))]
        if self.rule == "replace":
            return np.where(np.eye(self.items, dtype=np.bool_), prompt[-1], before)
        return before[None, :: 1 if self.rule == "copy" else -1]

    @property
    def _log_prompts(self) -> float:
        return math.log(math.perm(self.letters, self._prompted))

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of prompts, all alike."""
        different = (np.diff(np.sort(prompts, axis=1), axis=1) > 0).all(axis=1)
        return np.where(different, -self._log_prompts, -np.inf)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) + H(answer | prompt) in nats, exact."""
        self.validate_length(length)
        answers = {"shuffle": math.factorial(self.items), "replace": self.items}.get(self.rule, 1)
        return Estimate.exact(self._log_prompts + math.log(answers))

    def show(self, tokens: TokensLike) -> str:
        """`a b c: c b a`, and for replace `a b c < d: a d c`; a mask is `_`."""
        signs = [*string.ascii_lowercase[: self.letters], "_"]
        words = [signs[token] for token in self._whole(tokens)[0]]
        new = f" < {words[self.items]}" if self.rule == "replace" else ""
        return f"{' '.join(words[: self.items])}{new}: {' '.join(words[self._prompted :])}"

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces are free."""
        before, colon, after = "".join(text.split()).partition(":")
        letters = before.replace("<", "") + after
        known = {
            **{letter: number for number, letter in enumerate(string.ascii_lowercase[: self.letters])},
            "_": self.letters,
        }
        if not colon or len(after) != self.items or len(letters) != self.length or set(letters) - known.keys():
            prompt = " ".join(string.ascii_lowercase[: self.items]) + (" < z" if self.rule == "replace" else "")
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write letters from a to "
                f"{string.ascii_lowercase[self.letters - 1]}, as {prompt}: and {self.items} letters"
            )
        return self._whole([known[letter] for letter in letters])[0]


@registered(
    "language",
    "lists",
    version=1,
    place=19,
    family="task",
    said="{kind} of {items} items",
    examples=("kind=copy,items=3", "kind=reverse,items=3", "kind=replace,items=3,letters=5", "kind=shuffle,items=4"),
    sources=("kang2025",),
)
@whole_numbers(items=1, letters=1)
def named(*, kind: str = "shuffle", items: int = 6, letters: int = 10) -> Lists:
    """Task: copy, reverse or shuffle a list of different letters, or replace any one of them by another."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r} of lists; known: {', '.join(KINDS)}")
    spec = Spec.of("lists", kind=kind, items=items, letters=letters)
    return Lists(which=KINDS.index(kind), items=items, letters=letters, spec=spec)
