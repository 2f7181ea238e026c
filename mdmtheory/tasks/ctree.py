"""Sentences of a random hierarchy grammar: a class becomes symbols, each of them symbols again, down to the leaves."""

from __future__ import annotations

import math
import string
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.protocols import Denoiser, MarginalsCanvas
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.languages.support import Support
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.tasks.counted import Counted
from mdmtheory.tasks.drawing import Draws, Row
from mdmtheory.tasks.grammar import Grammar
from mdmtheory.tasks.messages import MessageCanvas, MessageOracle
from mdmtheory.tasks.problems import number_of

GIVEN = ("none", "root")
"""What is given: nothing, or the class that a sentence is of."""


class CTree(Counted):
    """Sentences of a grammar of `depth` levels: a symbol becomes one of its `synonyms` tuples of `branching` symbols.

    The Random Hierarchy Model (2307.02129): on each level the tuples are drawn from `seed`, uniformly among sets of
    different ones, so that a tuple is of one symbol and a sentence has one derivation. The class at the root is
    uniform, and so is each choice of a tuple. `rooted` is 1 where the class is written, and given, before the sentence.

    >>> task = CTree(depth=2, branching=2, vocab_size=4, synonyms=2, rooted=1, seed=0)
    >>> task.length, len(task.answers([3])), task.show(task.joined([3], task.answers([3]).tokens[0]))
    (5, 8, 'd: da ca')
    """

    kind = "ctree"
    version = 1
    numbers = ("depth", "branching", "vocab_size", "synonyms", "rooted", "seed")
    choices = MappingProxyType({"rooted": ("given", GIVEN)})
    source = "2307.02129; inside-outside on its tree: 2402.16991"

    @whole_numbers(depth=1, branching=1, vocab_size=1, synonyms=1, rooted=0, seed=0)
    def __init__(
        self,
        *,
        depth: int,
        branching: int,
        vocab_size: int,
        synonyms: int,
        rooted: int,
        seed: int,
        spec: Spec | None = None,
    ) -> None:
        letters = len(string.ascii_lowercase)
        if not 2 <= vocab_size <= letters:
            raise ValueError(f"vocab_size is {vocab_size}; pass from 2 to {letters}, letters")
        if rooted >= len(GIVEN):
            raise ValueError(f"rooted is {rooted}; pass 0 or 1")
        self.grammar = Grammar.random(
            depth=depth, branching=branching, vocab_size=vocab_size, synonyms=synonyms, seed=seed
        )
        self.depth, self.branching, self.synonyms = depth, branching, synonyms
        self.rooted, self.seed = rooted, seed
        self._settle(vocab_size, np.arange(rooted + self.grammar.leaves) < rooted, spec)

    @property
    def has_every_sequence(self) -> bool:
        """Whether every tuple is of a symbol, and no class is given that a sentence could miss."""
        return not self.rooted and self.synonyms == self.vocab_size ** (self.branching - 1)

    def _draw(self, draws: Draws) -> Row:
        roots = draws.below(self.vocab_size)
        row: Row = self.grammar.sentences(roots, draws.below(self.synonyms, self.grammar.nodes)[None])[0]
        return self.joined(roots[: self.rooted], row) if self.rooted else row

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """A sentence of the grammar, of the class that is given."""
        found = self.grammar.classes(tokens[:, self.rooted :])
        return np.asarray(found == tokens[:, 0] if self.rooted else found >= 0)

    def right_answers(self, prompt: Row) -> Tokens:
        """All sentences, of the class that is given, in the order of the choices that lead to them."""
        classes = prompt.astype(np.int64) if self.rooted else np.arange(self.vocab_size)
        numbers = np.arange(min(len(classes) * self.synonyms**self.grammar.nodes, MOST_ANSWERS + 1))
        choices = np.empty((len(numbers), self.grammar.nodes), dtype=np.int64)
        for node in range(self.grammar.nodes - 1, -1, -1):
            numbers, choices[:, node] = np.divmod(numbers, self.synonyms)
        return self.grammar.sentences(classes[numbers], choices)

    def are_prompts(self, prompts: Tokens) -> Bool[np.ndarray, "count"]:
        """Any class is one."""
        return np.asarray((prompts < self.vocab_size).all(axis=1))

    @property
    def rule_of_prompts(self) -> str:
        """The class."""
        return f"class: pass from 0 to {self.vocab_size - 1}"

    def counted(self, prompts: Tokens) -> list[int]:
        """A choice of a tuple at each node, and of the class where it is not given."""
        return [int(self.synonyms**self.grammar.nodes * (1 if self.rooted else self.vocab_size))] * len(prompts)

    @property
    def log_pairs(self) -> float:
        """log vocab_size + nodes log synonyms: a sentence has one derivation."""
        return math.log(self.vocab_size) + self.grammar.nodes * math.log(self.synonyms)

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """Reads the leaves from the left, after the class; a state is what of each level's tuple has been read."""
        self.validate_length(length)
        return self._support

    @cached_property
    def _support(self) -> Support:
        def step(t: int, states: Int[np.ndarray, "states"]) -> Int[np.ndarray, "states vocab_size"]:
            tokens = np.arange(self.vocab_size)
            if self.rooted and t == 0:
                return np.broadcast_to(tokens, (len(states), self.vocab_size))
            return self.grammar.reads(t - self.rooted, states, rooted=bool(self.rooted))

        return Support.of_reader(np.arange(self.length), 0, step)

    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each token of the sentence by all evidence but its own."""
        roots = np.eye(self.vocab_size)[prompts[:, 0]] if self.rooted else np.ones((len(evidence), self.vocab_size))
        return self.passed(roots, evidence)[1]

    def passed(
        self, roots: Float[np.ndarray, "count vocab_size"], leaves: Float[np.ndarray, "count leaves vocab_size"]
    ) -> tuple[Float[np.ndarray, "count vocab_size"], Float[np.ndarray, "count leaves vocab_size"]]:
        """The laws of the class and of each leaf by all evidence but their own, inside and outside (theory.md, 14).

        Evidence that is all 0 or 1 is counted, so that no tie is broken; other evidence is summed in logarithms.
        """
        from mdmtheory.kernels.tree import tree_laws

        logs = not (((roots == 0) | (roots == 1)).all() and ((leaves == 0) | (leaves == 1)).all())
        with np.errstate(divide="ignore"):
            root, leaf = (np.ascontiguousarray(np.log(each) if logs else each) for each in (roots, leaves))
        scratch = np.empty((2, self.grammar.nodes + self.grammar.leaves, self.vocab_size))
        of_root, of_leaves = np.empty_like(roots), np.empty_like(leaves)
        rules = np.require(self.grammar.rules, np.int64, ["C", "W"])
        tree_laws(rules, root, leaf, logs, scratch[0], scratch[1], of_root, of_leaves)
        return (_laws(of_root), _laws(of_leaves)) if logs else (of_root, of_leaves)

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior, of the class too where it is masked."""
        return TreeOracle(self, trust)

    def show(self, tokens: TokensLike) -> str:
        """`d: ab ca`: the class where it is given, and the leaves by tuples; a mask is `_`."""
        signs = string.ascii_lowercase[: self.vocab_size] + "_"
        text = "".join(signs[token] for token in self._whole(tokens)[0])
        leaves = text[self.rooted :]
        tuples = [leaves[k : k + self.branching] for k in range(0, self.grammar.leaves, self.branching)]
        return (f"{text[0]}: " if self.rooted else "") + " ".join(tuples)

    def parse(self, text: str) -> Row:
        """What `show` wrote; spaces are free."""
        signs = {sign: token for token, sign in enumerate(string.ascii_lowercase[: self.vocab_size] + "_")}
        signed = "".join(text.split())
        root, colon, leaves = signed.partition(":") if self.rooted else ("", "", signed)
        sizes = (len(root), len(colon), len(leaves))
        if sizes != (self.rooted, self.rooted, self.grammar.leaves) or set(root + leaves) - signs.keys():
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write {'a class, a colon and ' * self.rooted}"
                f"{self.grammar.leaves} letters from a to {string.ascii_lowercase[self.vocab_size - 1]}, _ for a mask"
            )
        return self._whole([signs[sign] for sign in root + leaves])[0]


def _laws(logs: Float[np.ndarray, "*shape vocab_size"]) -> Float[np.ndarray, "*shape vocab_size"]:
    """Laws up to a factor from their logarithms; zeros where all are minus infinity."""
    best = logs.max(axis=-1, keepdims=True)
    return np.exp(logs - np.where(best > -np.inf, best, 0.0))


class TreeOracle(MessageOracle):
    """The exact posterior of a sentence by messages over its tree, also where the class is masked in some rows."""

    exact_for = Posterior.exact_for

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas:
        """A canvas of `count` sequences that begin as `prompt`; a class that it shows is certain at any trust."""
        shown = self._shown(count, length, noise, prompt)
        task: Any = self.language
        if (shown[:, task.given] == self.vocab_size).any():
            return MessageCanvas(_Whole(task), shown, self.trust)
        return super().open(count, length, noise=noise, prompt=prompt, threads=threads)


class _Whole:
    """A task with a class as one of which nothing is given: the class is the first token."""

    def __init__(self, task: CTree) -> None:
        self._task, self.vocab_size = task, task.vocab_size
        self.given = np.zeros(task.length, dtype=np.bool_)

    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each token by all evidence but its own, that of a class that is shown being certain."""
        roots = (evidence[:, 0] == evidence[:, 0].max(axis=1, keepdims=True)).astype(np.float64)
        of_root, of_leaves = self._task.passed(roots, evidence[:, 1:])
        return np.concatenate([of_root[:, None], of_leaves], axis=1)


@registered(
    "language",
    "ctree",
    completable=True,
    version=1,
    place=26,
    family="task",
    said="ctree of depth {depth}",
    examples=(
        "depth=2,vocab_size=3",
        "depth=2,given=none",
        "depth=1,branching=3,vocab_size=3,synonyms=4",
        "",
    ),
    sources=("cagnetta2024", "sclocchi2025"),
)
@whole_numbers(depth=1, branching=1, vocab_size=1, synonyms=1, seed=0)
def named(
    *, depth: int = 3, branching: int = 2, vocab_size: int = 4, synonyms: int = 2, given: str = "root", seed: int = 0
) -> CTree:
    """Task: write a sentence of a random hierarchy grammar, of a class that is given, or of any (given=none)."""
    rooted = number_of("given", given, GIVEN, "ctree")
    options = {"depth": depth, "branching": branching, "vocab_size": vocab_size, "synonyms": synonyms, "seed": seed}
    return CTree(**options, rooted=rooted, spec=Spec.of("ctree", **options, given=given))
