"""Trees: each token depends on one that came before it, wherever that stands."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.laws import checked_law, row_entropies
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.support import Support


class Shape(NamedTuple):
    """A forest at a length: the parent of each position, -1 of roots, and the positions of each depth."""

    parents: Int[np.ndarray, "length"]
    levels: tuple[Int[np.ndarray, "nodes"], ...]


class Forest(LanguageBase):
    """Token i ~ conditional[token at parents[i]], or ~ initial where parents[i] is -1; parents come before children.

    Beyond its `nodes`, as many as `parents` has, the same forest begins anew, by itself; a shorter length has the first
    of them. Its posterior is exact, by messages along the edges (docs/theory.md, section 6). `by_centroids` is a plan
    that draws it exactly in floor(log2 n) + 1 rounds, n nodes being the largest tree.

    >>> Forest([0.5, 0.5], [[0.9, 0.1], [0.0, 1.0]], [-1, 0, 0]).in_support([[1, 1, 1], [1, 1, 0], [0, 1, 0]]).tolist()
    [True, False, True]
    """

    kind = "forest"
    version = 1
    oracle_name = "forest"
    arrays = ("initial", "conditional", "parents")

    def __init__(self, initial: Any, conditional: Any, parents: Any, *, spec: Spec | None = None) -> None:
        self.conditional = checked_law(conditional, "conditional")
        self.initial = checked_law(initial, "initial", remedy="initial / initial.sum()")
        self.vocab_size = self.initial.shape[-1]
        if self.initial.ndim != 1 or self.conditional.shape != (self.vocab_size, self.vocab_size):
            raise ValueError(
                f"initial has shape {self.initial.shape} and conditional {self.conditional.shape}; pass (V,) and (V, V)"
            )
        token_dtype(self.vocab_size)
        given = np.array(parents, dtype=np.float64)
        fits = given.ndim == 1 and given.size and ((given == given.round()) & (given >= -1)).all()
        if not fits or (given >= np.arange(given.size)).any():
            raise ValueError("parents must be the position of each token's parent, before its own, or -1 for a root")
        check_limit(given.size, MOST_LENGTH, "MOST_LENGTH", f"parents has {given.size:,} positions", "use fewer")
        given.setflags(write=False)
        self.parents = given
        self._named(spec)

    def parameters(self) -> dict[str, Any]:
        """The two laws and the parents."""
        return {"initial": self.initial, "conditional": self.conditional, "parents": self.parents}

    @whole_numbers(length=1)
    def shape(self, length: int) -> Shape:
        """The forest at a length."""
        self.validate_length(length)
        return _shape(self, length)

    @whole_numbers(length=1)
    def by_centroids(self, length: int) -> Int[np.ndarray, "length"]:
        """The round of each position where the middle of every tree comes first, then that of every part, and so on.

        A middle, or centroid, leaves no part with more than half of the nodes. Known, it separates the parts.
        """
        parents = self.shape(length).parents
        neighbours: list[list[int]] = [[] for _ in range(length)]
        for node, parent in enumerate(parents.tolist()):
            if parent >= 0:
                neighbours[node].append(parent)
                neighbours[parent].append(node)
        rounds = np.zeros(length, dtype=np.int64)
        parts = [(root, 1) for root in np.flatnonzero(parents < 0).tolist()]
        while parts:
            node, turn = parts.pop()
            middle = _centroid(node, neighbours, rounds)
            rounds[middle] = turn
            parts += [(each, turn + 1) for each in neighbours[middle] if not rounds[each]]
        return rounds

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """Reads tree after tree, of each node the largest part below first, then itself and the others.

        A state is the tokens that neighbours of theirs are still to be held against, at most log2(n) + 1 of them in a
        tree of n nodes. ValueError where their combinations are too many.
        """
        self.validate_length(length)
        return _support(self, length)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty((count, length))
        fill_uniforms(self._streams(count, length, seed, first), uniforms)
        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        rows, start = _cumulative(self.conditional), _cumulative(self.initial[None])
        parents, levels = self.shape(length)
        for depth, nodes in enumerate(levels):
            laws = (
                rows[out[:, parents[nodes]]] if depth else np.broadcast_to(start, (count, len(nodes), start.shape[1]))
            )
            out[:, nodes] = (laws > uniforms[:, nodes, None]).argmax(axis=2)
        return out

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """log q(x) in nats, -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        parents, levels = self.shape(tokens.shape[1])
        with np.errstate(divide="ignore"):
            initial, conditional = np.log(self.initial), np.log(self.conditional)
        out = initial[tokens[:, levels[0]]].sum(axis=1)
        for nodes in levels[1:]:
            out += conditional[tokens[:, parents[nodes]], tokens[:, nodes]].sum(axis=1)
        return np.asarray(out)

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether q(x) > 0; False for a row that holds a mask."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.validate_length(tokens.shape[1])
        found: Bool[np.ndarray, "count"] = np.asarray((tokens < self.vocab_size).all(axis=1))
        found[found] = self.log_prob(tokens[found]) > -np.inf
        return found

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: of each token given its parent."""
        rows, law = row_entropies(self.conditional), self.initial
        levels = self.shape(length).levels
        total = len(levels[0]) * float(row_entropies(law[None])[0])
        for nodes in levels[1:]:
            total, law = total + len(nodes) * float(law @ rows), law @ self.conditional
        return Estimate.exact(total)

    def entropy_rate(self) -> Estimate:
        """H of one copy of the forest over its nodes, in nats, exact: copies know nothing of one another."""
        nodes = len(self.parents)
        return Estimate.exact(self.entropy(nodes).value / nodes)


@registered(
    "language",
    completable=True,
    place=13,
    aliases=("forest",),
    said="tree, {arity} children each",
    examples=("", "arity=2,nodes=6,vocab_size=3"),
    sources=("kawata2026",),
)
@whole_numbers(arity=1, nodes=1, vocab_size=1, seed=0)
def tree(*, arity: int = 2, nodes: int = 127, vocab_size: int = 4, seed: int = 0, prune: float = 1.0) -> Forest:
    """A tree of tokens, each with so many children below it, level by level; the random rows of an ngram of order 2.

    Entries below prune/vocab_size are zero. Longer sequences are several trees. With one child each it is a chain.
    """
    check_limit(nodes, MOST_LENGTH, "MOST_LENGTH", f"nodes is {nodes:,}", "use a smaller tree")
    chain = NGram.random(order=2, vocab_size=vocab_size, seed=seed, prune=prune)
    return Forest(chain.initial, chain.conditional, np.append(-1, (np.arange(1, nodes) - 1) // arity))


@lru_cache(maxsize=64)
def _shape(language: Forest, length: int) -> Shape:
    nodes = len(language.parents)
    place = np.arange(length)
    own = language.parents.astype(np.int64)[place % nodes]
    parents = np.where(own < 0, -1, own + place - place % nodes)
    depth = np.zeros(length, dtype=np.int64)
    for node in np.flatnonzero(parents >= 0).tolist():
        depth[node] = depth[parents[node]] + 1
    return Shape(parents, tuple(np.flatnonzero(depth == each) for each in range(int(depth.max()) + 1)))


@lru_cache(maxsize=16)
def _support(language: Forest, length: int) -> Support:
    parents, vocab_size = _shape(language, length).parents, language.vocab_size
    order = _light_last(parents)
    time = np.empty(length, dtype=np.int64)
    time[order] = np.arange(length)
    # When the last neighbour of each node has been read.
    until = time.copy()
    for node in np.flatnonzero(parents >= 0).tolist():
        parent = parents[node]
        until[node], until[parent] = max(until[node], time[parent]), max(until[parent], time[node])
    open_at: list[list[int]] = [[]]
    for t, node in enumerate(order.tolist()):
        open_at.append([each for each in [*open_at[-1], node] if until[each] > t])
    if vocab_size ** max(map(len, open_at)) > 2.0**62:
        raise ValueError(f"{language.spec} keeps more tokens in mind at length {length} than numbers tell apart")
    allowed, begins = language.conditional > 0, language.initial > 0

    def step(t: int, states: Int[np.ndarray, "states"]) -> Int[np.ndarray, "states vocab_size"]:
        node, before = int(order[t]), open_at[t]
        held = {each: states // vocab_size**place % vocab_size for place, each in enumerate(before)}
        fits = np.ones((len(states), vocab_size), dtype=np.bool_)
        if parents[node] < 0:
            fits &= begins
        for each, tokens in held.items():
            if parents[node] == each:
                fits &= allowed[tokens]
            if parents[each] == node:
                fits &= allowed.T[tokens]
        own = np.arange(vocab_size)[None]
        then = np.zeros((len(states), vocab_size), dtype=np.int64)
        for place, each in enumerate(open_at[t + 1]):
            then += (own if each == node else held[each][:, None]) * vocab_size**place
        return np.where(fits, then, -1)

    return Support.of_reader(order, 0, step)


def _light_last(parents: Int[np.ndarray, "length"]) -> Int[np.ndarray, "length"]:
    """Nodes so ordered that few have unread neighbours at a time: first the largest part below a node, then itself."""
    length = len(parents)
    sizes = np.ones(length, dtype=np.int64)
    below: list[list[int]] = [[] for _ in range(length)]
    for node in range(length - 1, -1, -1):
        if parents[node] >= 0:
            sizes[parents[node]] += sizes[node]
            below[parents[node]].append(node)
    order: list[int] = []
    # (node, whether what is below it with the most nodes has been read)
    waiting = [(int(root), False) for root in np.flatnonzero(parents < 0)[::-1]]
    while waiting:
        node, ready = waiting.pop()
        rest = sorted(below[node], key=lambda each: (-sizes[each], each))
        if not ready and rest:
            waiting += [(node, True), (rest[0], False)]
            continue
        order.append(node)
        waiting += [(each, False) for each in reversed(rest[1:])]
    return np.array(order, dtype=np.int64)


def _centroid(start: int, neighbours: list[list[int]], rounds: Int[np.ndarray, "length"]) -> int:
    """The node of the part around `start`, of those without a round, whose largest part beside it is smallest."""
    order, came = [start], {start: -1}
    for node in order:
        for other in neighbours[node]:
            if other not in came and not rounds[other]:
                came[other] = node
                order.append(other)
    sizes, largest = dict.fromkeys(order, 1), dict.fromkeys(order, 0)
    for node in reversed(order):
        largest[node] = max(largest[node], len(order) - sizes[node])
        if came[node] >= 0:
            sizes[came[node]] += sizes[node]
            largest[came[node]] = max(largest[came[node]], sizes[node])
    return min(order, key=lambda node: (largest[node], node))


def _cumulative(laws: Float[np.ndarray, "rows vocab"]) -> Float[np.ndarray, "rows vocab"]:
    """Sums of the laws from the left, exactly 1 from the last possible token on."""
    sums = np.cumsum(laws, axis=1)
    found: Float[np.ndarray, "rows vocab"] = sums / sums[:, -1:]
    return found
