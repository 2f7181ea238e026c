"""The exact posterior of an observer who sees the edges near what is known of a way, and no others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.denoisers.observer import Observer, Part
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.tasks.drawing import Row

_SEARCH = Ours(
    "imperfect denoiser as exact posterior of an observer with limited sight: window of tokens, sudoku "
    "singles, unit propagation, masked diffusion",
    "2026-11-29",
)

Ends = tuple[tuple[int, ...], tuple[int, ...]]
"""Where the edges of a node lead to, and where they come from."""


@registered("denoiser", "hops", version=1, place=4, examples=("edges=1", "edges=2"), of=("path",), sources=(_SEARCH,))
class Hops(Observer):
    """The exact posterior of an observer of path who sees only the edges within so many of what is revealed.

    It knows the task (nodes, distance), the names of start and goal, and the revealed tokens of the answer with their
    places. It sees every edge, either way, on a walk of at most `edges` edges from the start or from a revealed node,
    with its direction, and that such a node has no other. The goal is a revealed node once it stands in the answer, and
    not before. Its law is the mean over all graphs of the task that show it the same and whose way has the revealed
    tokens: these place what it sees in one or two manners, two where it sees both ways after the crossing and cannot
    tell them apart, and all names that it does not see are alike (docs/theory.md, 14; ours).

    >>> import mdmtheory as mt
    >>> task = mt.as_language("path:nodes=5,distance=2")
    >>> row = task.parse("0>1 1>2 0>3 3>4 from 0 to 2: _ _")
    >>> Hops(task, edges=1).conditionals(row)[0, -2:].round(2).tolist()
    [[0.0, 0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]]
    """

    task = "path"

    @whole_numbers(edges=0)
    def __init__(self, language: LanguageLike, *, edges: int) -> None:
        self.edges = edges
        super().__init__(language, edges=self.edges)
        before, distance, nodes = self.language.before, self.language.distance, self.language.nodes
        self._end = before + distance
        # Places: 0 the start, then the way, its nodes numbered as the answer's positions are; then the other way.
        after = {place: (place + 1,) for place in range(nodes - 1)} | {self._end: (), nodes - 1: ()}
        self._places = _ends_of(nodes, after | {before: (before + 1, self._end + 1)})

    def _laws(
        self, prompts: Part, answers: Part
    ) -> tuple[Float[np.ndarray, "count answered vocab_size"], Bool[np.ndarray, "count"]]:
        laws = np.zeros((*answers.shape, self.vocab_size))
        rows, which = np.unique(np.hstack([prompts, answers]), axis=0, return_inverse=True)
        found = [self._law(row[: prompts.shape[1]], row[prompts.shape[1] :]) for row in rows.astype(np.int64)]
        for number, law in zip(range(len(rows)), found, strict=True):
            if law is not None:
                laws[which.reshape(-1) == number] = law
        return laws, np.array([law is not None for law in found], dtype=np.bool_)[which.reshape(-1)]

    def _law(self, prompt: Row, answer: Row) -> Float[np.ndarray, "answered vocab_size"] | None:
        """The law of one row; None where no graph shows what it sees and has the revealed tokens on its way."""
        goal = int(prompt[-1])
        after: dict[int, tuple[int, ...]] = {}
        for node, end in prompt[:-2].reshape(-1, 2).tolist():
            after[node] = (*after.get(node, ()), end)
        graph = _ends_of(self.language.nodes, after)
        known = {0: int(prompt[-2])} | {k + 1: v for k, v in enumerate(answer.tolist()) if v != self.vocab_size}
        placed = (self._placed(graph, known, turned) for turned in (False, True))
        ways = [each | {self._end: goal} for each in placed if each is not None and self._ends_at(each, goal)]
        if not ways:
            return None
        laws = np.zeros((len(answer), self.vocab_size))
        for names in ways:
            unseen = np.setdiff1d(np.arange(self.vocab_size), list(names.values()))
            for k, law in enumerate(laws):
                law[names.get(k + 1, unseen)] += 1 / (1 if k + 1 in names else len(unseen))
        return laws / len(ways)

    def _ends_at(self, names: Mapping[int, int], goal: int) -> bool:
        """Whether the goal, if it is seen, is at the end of the way, and nothing else is."""
        return names.get(self._end, goal) == goal and (self._end in names or goal not in names.values())

    def _placed(self, graph: tuple[Ends, ...], known: Mapping[int, int], turned: bool) -> dict[int, int] | None:
        """The name at each place that is seen, the two ways after the crossing taken as they come, or turned.

        None where what is seen does not lie like that.
        """
        names, places, edge = dict(known), {name: place for place, name in known.items()}, list(known)
        if len(places) < len(names):
            return None
        for _ in range(self.edges):
            further = []
            for place in edge:
                for mine, its in zip(self._places[place], graph[names[place]], strict=True):
                    if len(mine) != len(its):
                        return None
                    for there, name in zip(mine, its[::-1] if turned else its, strict=True):
                        if names.setdefault(there, name) != name or places.setdefault(name, there) != there:
                            return None
                        further.append(there)
            edge = list(dict.fromkeys(further))
        return names


def _ends_of(nodes: int, after: Mapping[int, tuple[int, ...]]) -> tuple[Ends, ...]:
    """The ends of the edges of every node, of where they lead to."""
    before: dict[int, tuple[int, ...]] = {}
    for node, ends in after.items():
        for end in ends:
            before[end] = (*before.get(end, ()), node)
    return tuple((after.get(node, ()), before.get(node, ())) for node in range(nodes))
