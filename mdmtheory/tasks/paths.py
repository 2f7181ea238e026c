"""Paths: a graph in layers, and every way through it from a start to a goal."""

from __future__ import annotations

import math
import re

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.counted import Counted
from mdmtheory.tasks.drawing import Draws, Row

_SEARCH = Ours(
    "layered graph every path from start to goal equally likely, exact posterior of masked diffusion planning task "
    "with many right paths",
    "2026-11-29",
)

MOST = 64
"""Layers, and nodes of a layer: so many paths, 64^62 at most, are a number in float64."""


@registered(
    "language",
    "paths",
    version=1,
    place=22,
    family="task",
    said="paths through {layers} layers of {width}",
    examples=("layers=4,width=3", "layers=3,width=4,degree=3"),
    sources=("ye2024", _SEARCH),
)
class Paths(Counted):
    """Task: find a shortest path to a goal through `layers` of `width` nodes, of which each has `degree` ends.

    Edges lead from each node of a layer to different nodes of the next, so that all ways to a node of the last layer
    are as long, and every path from the start, in the first, to the goal is a shortest one and right. The prompt is the
    ends of every node, rising, layer by layer, then start and goal; the answer the nodes after the start. A path is
    drawn first, uniformly, and then ends for every node, uniformly, with the path's among them ("planted"): so all
    pairs of a graph and a path are alike, and a graph is the likelier the more paths it has. Paths are counted, forward
    and back, so that the oracle is exact also where there are too many to list.

    >>> task = Paths(layers=3, width=3)
    >>> row = task.parse("0>0,1 1>1,2 2>0,2 | 0>0,1 1>0,2 2>1,2 from 0 to 0: 0 0")
    >>> task.answers(row).tokens.tolist()
    [[0, 0], [1, 0]]
    """

    kind = "paths"
    version = 1
    numbers = ("layers", "width", "degree")
    source = "ours, after the graphs of 2410.14157, which have one path"

    @whole_numbers(layers=1, width=1, degree=1)
    def __init__(self, *, layers: int = 6, width: int = 4, degree: int = 2, spec: Spec | None = None) -> None:
        self.layers = whole_number(layers, "layers", 3, MOST)
        whole_number(width, "width", 2, MOST)
        if degree > width:
            raise ValueError(f"degree is {degree}; a node has different ends, pass from 1 to {width}, the width")
        self.degree = degree
        self.edges = layers - 1
        """Edges of a path."""
        given = self.edges * width * degree + 2
        self._settle(width, np.arange(given + self.edges) < given, spec)

    @property
    def width(self) -> int:
        """Nodes of a layer, which are all tokens that there are."""
        return self.vocab_size

    def _draw(self, draws: Draws) -> Row:
        path = draws.below(self.width, self.layers)
        order = draws.uniforms(self.edges * self.width**2).reshape(self.edges, self.width, self.width)
        # The path's own end comes first, and the others are a uniform set of the rest.
        order[np.arange(self.edges), path[:-1], path[1:]] = -1.0
        ends = np.sort(np.argsort(order, axis=2)[:, :, : self.degree], axis=2)
        return self.joined([*ends.reshape(-1), path[0], path[-1]], path[1:])

    def _read(
        self, prompts: Tokens
    ) -> tuple[Int[np.ndarray, "count edges width degree"], Int[np.ndarray, "count"], Int[np.ndarray, "count"]]:
        """The ends of each node, the starts and the goals."""
        read = prompts.astype(np.int64)
        after = np.ascontiguousarray(read[:, :-2]).reshape(-1, self.edges, self.width, self.degree)
        return after, read[:, -2].copy(), read[:, -1].copy()

    def are_prompts(self, prompts: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether the ends of every node are different, rising."""
        after, _, _ = self._read(prompts)
        nodes = np.asarray((prompts < self.width).all(axis=1))
        return nodes & np.asarray((np.diff(after, axis=3) > 0).all(axis=(1, 2, 3)))

    @property
    def rule_of_prompts(self) -> str:
        """Different ends."""
        return f"graph: each node has {self.degree} different ends, rising, from 0 to {self.width - 1}"

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Each node has different ends, rising, and each token of the answer is an edge further, to the goal."""
        prompts, answers = tokens[:, self.given], tokens[:, ~self.given].astype(np.int64)
        after, nodes, goals = self._read(prompts)
        found = self.are_prompts(prompts) & (answers[:, -1] == goals)
        for k in range(self.edges):
            found &= (after[np.arange(len(tokens)), k, nodes] == answers[:, k, None]).any(axis=1)
            nodes = answers[:, k]
        return found

    def _ways(self, prompts: Tokens) -> list[Shaped[np.ndarray, "count width"]]:
        """How many paths lead from each node of each layer to the goal, as whole numbers of any size."""
        after, _, goals = self._read(prompts)
        few = self.degree**self.edges < 1 << 63
        ways = [(np.arange(self.width) == goals[:, None]).astype(np.int64 if few else object)]
        rows = np.arange(len(prompts))[:, None, None]
        for k in range(self.edges - 1, -1, -1):
            ways.append(ways[-1][rows, after[:, k]].sum(axis=2))
        return ways[::-1]

    def counted(self, prompts: Tokens) -> list[int]:
        """How many paths lead from each start to its goal."""
        _, starts, _ = self._read(prompts)
        return [int(count) for count in self._ways(prompts)[0][np.arange(len(prompts)), starts]]

    def right_answers(self, prompt: Row) -> Tokens:
        """All paths in the order of their nodes; of more than MOST_ANSWERS one more."""
        self.check_prompts(prompt[None])
        after, starts, _ = self._read(prompt[None])
        ways = self._ways(prompt[None])
        paths = starts[:, None][: min(1, int(ways[0][0, starts[0]]))]
        for k in range(self.edges):
            which, ends = np.nonzero(ways[k + 1][0, after[0, k, paths[:, -1]]])
            paths = np.hstack([paths[which], after[0, k, paths[which, -1], ends][:, None]])[: MOST_ANSWERS + 1]
        return paths[:, 1:]

    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each node by all evidence but its own: paths to it times paths from it.

        Where all evidence is certain these are whole numbers; else they are summed in logarithms, so that no path is
        lost that agrees with little of what is seen.
        """
        from mdmtheory.kernels.paths import path_laws

        soft = not ((evidence == 0) | (evidence == 1)).all()
        said = np.log(evidence) if soft else np.ascontiguousarray(evidence)
        ahead, behind = np.empty((self.layers, self.width)), np.empty((self.layers, self.width))
        laws = np.empty_like(said)
        path_laws(*self._read(prompts), said, soft, ahead, behind, laws)
        return np.exp(laws - laws.max(axis=2, keepdims=True)) if soft else laws

    @property
    def log_pairs(self) -> float:
        """Start and path, the other ends of the nodes on it, and the ends of all other nodes."""
        with_path, without = math.comb(self.width - 1, self.degree - 1), math.comb(self.width, self.degree)
        others = self.edges * (self.width - 1)
        return self.layers * math.log(self.width) + self.edges * math.log(with_path) + others * math.log(without)

    def show(self, tokens: TokensLike) -> str:
        """`0>0,1 1>1,2 2>0,2 | ... from 0 to 2: 1 2`; a mask is `_`."""
        words = ["_" if token == self.width else str(token) for token in self._whole(tokens)[0].tolist()]
        *ends, start, goal = words[: len(words) - self.edges]
        nodes = [",".join(ends[k : k + self.degree]) for k in range(0, len(ends), self.degree)]
        return _written(nodes, self.width, start, goal, words[len(words) - self.edges :])

    def parse(self, text: str) -> Row:
        """What `show` wrote."""
        words = re.findall(r"\d+|_", re.sub(r"\d+>", "", text))
        shape = re.sub(r"(\d+|_)(?!>|\d)", "n", " ".join(text.split()))
        nodes = [",".join("n" * self.degree)] * (self.edges * self.width)
        if shape != _written(nodes, self.width, "n", "n", ["n"] * self.edges) or any(
            word != "_" and int(word) >= self.width for word in words
        ):
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write {self.edges} layers of {self.width} nodes with "
                f"{self.degree} ends each, start, goal and {self.edges} nodes, from 0 to {self.width - 1}, as "
                f"{_written(nodes[: 2 * self.width], self.width, 'n', 'n', ['n', 'n'])}"
            )
        return self._whole([self.width if word == "_" else int(word) for word in words])[0]


def _written(nodes: list[str], width: int, start: str, goal: str, answer: list[str]) -> str:
    """The ends of each node after its number, layer by layer, and from where to where, and how."""
    layers = (
        " ".join(f"{node}>{ends}" for node, ends in enumerate(nodes[k : k + width]))
        for k in range(0, len(nodes), width)
    )
    return f"{' | '.join(layers)} from {start} to {goal}: {' '.join(answer)}"
