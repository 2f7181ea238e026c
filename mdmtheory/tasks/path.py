"""Path: one crossing, two ways of one length, and a goal at the end of one of them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.drawing import Draws, Row

MOST_NODES = 250


@registered(
    "language",
    "path",
    version=1,
    place=21,
    family="task",
    said="path, distance {distance}",
    examples=("nodes=5,distance=1", "nodes=10,distance=3"),
    sources=("ye2024",),
)
class Path(Task):
    """Task: find the way to a goal on a graph of one crossing, `distance` edges before the goal; there is one way.

    A way leads from the start to the crossing, and two ways of `distance` edges from there, one of them to the goal.
    The prompt is the edges in random order, two nodes each, start and goal; the answer the nodes after the start. Who
    does not see `distance` edges ahead cannot know at the crossing which way is right: the planning distance of MGDM
    (2410.14157), at ten nodes. Names of nodes and orders of edges are uniform.

    >>> task = Path(nodes=4, distance=1)
    >>> task.show([2, 0, 3, 1, 3, 2, 1, 0, 3, 2, 0][:10])
    '2>0 3>1 3>2 from 1 to 0: 3 2'
    """

    kind = "path"
    version = 1
    numbers = ("nodes", "distance")
    source = "2410.14157"

    @whole_numbers(nodes=1, distance=1)
    def __init__(self, *, nodes: int = 10, distance: int = 3, spec: Spec | None = None) -> None:
        if not 3 <= nodes <= MOST_NODES:
            raise ValueError(f"nodes is {nodes}; pass from 3 to {MOST_NODES}")
        if 2 * distance > nodes - 1:
            raise ValueError(
                f"distance is {distance}: two ways of so many edges and their crossing have {2 * distance + 1} nodes; "
                f"pass at most {(nodes - 1) // 2} of {nodes} nodes"
            )
        self.nodes, self.distance = nodes, distance
        self.before = nodes - 1 - 2 * distance
        """Edges from the start to the crossing."""
        given = 2 * (nodes - 1) + 2
        self._settle(nodes, np.arange(given + self.before + distance) < given, spec)

    def _draw(self, draws: Draws) -> Row:
        names = draws.order(self.nodes)
        way, other = names[: self.before + 1 + self.distance], names[self.before + 1 + self.distance :]
        crossing = way[self.before : self.before + 1]
        edges = np.concatenate(
            [np.stack([each[:-1], each[1:]], axis=1) for each in (way, np.concatenate([crossing, other]))]
        )
        shuffled = edges[draws.order(len(edges))]
        return self.joined([*shuffled.reshape(-1), way[0], way[-1]], way[1:])

    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """The graph is one of the task, and each token of the answer is an edge further, to the goal."""
        return np.array([self._leads(row) for row in tokens.astype(np.int64)], dtype=np.bool_)

    def _leads(self, row: Row) -> bool:
        edges, start, goal = self._read(row[self.given])
        way = [start, *row[~self.given].tolist()]
        follows = all(after in edges.get(node, ()) for node, after in itertools.pairwise(way))
        return follows and way[-1] == goal and self._fits(edges, start, goal)

    def right_answers(self, prompt: Row) -> Tokens:
        """The way, from the goal back to the start."""
        edges, start, goal = self._read(prompt.astype(np.int64))
        if not self._fits(edges, start, goal):
            raise ValueError(
                f"what was given is no graph of {self.spec}: {self.before} edges to a crossing, and two ways of "
                f"{self.distance} from there, the goal at the end of one; see task.parse"
            )
        came_from = {after: node for node, ends in edges.items() for after in ends}
        way = [goal]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return np.array([way[-2::-1]])

    def _read(self, prompt: Row) -> tuple[Mapping[int, list[int]], int, int]:
        """Where edges lead to from each node, start and goal."""
        edges: dict[int, list[int]] = {}
        for node, after in prompt[:-2].reshape(-1, 2).tolist():
            edges.setdefault(node, []).append(after)
        return edges, int(prompt[-2]), int(prompt[-1])

    def _fits(self, edges: Mapping[int, list[int]], start: int, goal: int) -> bool:
        """Whether a graph is one of the task: all that is seen on the way is what should be there, each node once."""
        seen, node = [start], start
        for _ in range(self.before):
            if len(edges.get(node, ())) != 1:
                return False
            [node] = edges[node]
            seen.append(node)
        ends = list(edges.get(node, ()))
        if len(ends) != 2:
            return False
        for place in range(2):
            seen.append(ends[place])
            for _ in range(self.distance - 1):
                if len(edges.get(ends[place], ())) != 1:
                    return False
                [ends[place]] = edges[ends[place]]
                seen.append(ends[place])
        # As many edges as there are to be, all of them seen: nodes that are all different leave none over.
        return goal in ends and len(set(seen)) == self.nodes

    @property
    def _log_prompts(self) -> float:
        return math.lgamma(self.nodes + 1) + math.lgamma(self.nodes)

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of nodes! (nodes - 1)!, the names and the orders of edges, all alike."""
        fits = [self._fits(*self._read(each)) for each in prompts.astype(np.int64)]
        return np.where(fits, -self._log_prompts, -np.inf)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) in nats, exact: the answer follows from it."""
        self.validate_length(length)
        return Estimate.exact(self._log_prompts)

    def show(self, tokens: TokensLike) -> str:
        """`2>0 3>1 3>2 from 1 to 0: 3 2`; a mask is `_`."""
        words = ["_" if token == self.nodes else str(token) for token in self._whole(tokens)[0].tolist()]
        given = int(self.given.sum())
        edges = " ".join(f"{words[k]}>{words[k + 1]}" for k in range(0, given - 2, 2))
        return f"{edges} from {words[given - 2]} to {words[given - 1]}: {' '.join(words[given:])}"

    def parse(self, text: str) -> Row:
        """What `show` wrote."""
        words = re.findall(r"\d+|_", text)
        shape = re.sub(r"\d+|_", "n", " ".join(text.split()))
        known = [self.nodes if word == "_" else int(word) for word in words]
        right = f"{' '.join(['n>n'] * (self.nodes - 1))} from n to n: {' '.join(['n'] * (self.before + self.distance))}"
        if shape != right or any(word != "_" and int(word) >= self.nodes for word in words):
            raise ValueError(
                f"{text[:60]!r} is no sequence of {self.spec}; write {self.nodes - 1} edges, start, goal and "
                f"{self.before + self.distance} nodes, from 0 to {self.nodes - 1}, as 2>0 3>1 3>2 from 1 to 0: 3 2"
            )
        return self._whole(known)[0]
