"""A known tree needs a round for each halving of its nodes.

Setting. `Forest`: each token depends on its parent; the exact denoiser. The plan opens the centroid of every tree, then
that of every part that is left, and so on (`Forest.by_centroids`).
Measured. (a) The total variation distance of p and q, by enumeration. (b) The rounds.
Guarantee. (a) It is 0: known nodes separate the parts between them. (b) At most floor(log2 n) + 1, n nodes being the
largest tree: a centroid leaves no part of more than half of the nodes. Equal for chains.
Constants. None.
Source. 2609.37841, on hidden forests, where the forest is known: O(log n) rounds. The constant
is ours. What an unknown forest costs is a rate there, of calls that include probing, and no statement here;
docs/theory.md 6.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.languages.forest import Forest
from mdmtheory.languages.presets import as_language
from mdmtheory.plans import GivenPlan
from mdmtheory.theory import twins
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

_SEARCH = Ours(
    "masked diffusion exact sampling of tree or forest in log n rounds by centroid decomposition", "2026-11-29"
)


def forest(setting: Setting) -> Forest:
    """The forest; HypothesisError for other languages."""
    if not isinstance(setting.language, Forest):
        raise HypothesisError(f"it is about forests, not {setting.language.spec}")
    return setting.language


def _requires(setting: Setting) -> None:
    forest(setting)


def opened(setting: Setting, plan: np.ndarray) -> Sides:
    """The distance under another plan."""
    return Sides(distance_from_language(setting, GivenPlan(tuple(plan.tolist()))), Estimate.exact(0.0))


def _exact(setting: Setting) -> Sides:
    return opened(setting, forest(setting).by_centroids(setting.length))


def tree_sizes(setting: Setting) -> np.ndarray:
    """How many nodes each tree has."""
    parents = forest(setting).shape(setting.length).parents
    root = np.arange(setting.length)
    for node in np.flatnonzero(parents >= 0).tolist():
        root[node] = root[parents[node]]
    return np.unique(root, return_counts=True)[1]


def _rounds(setting: Setting) -> Sides:
    largest = int(tree_sizes(setting).max())
    rounds = forest(setting).by_centroids(setting.length).max()
    return Sides(Estimate.exact(float(rounds)), Estimate.exact(float(largest.bit_length())), f"{largest} nodes")


def _chain(setting: Setting) -> bool:
    parents = forest(setting).shape(setting.length).parents
    return bool((parents == np.arange(setting.length) - 1).all())


def branched() -> Forest:
    """Seven nodes: a path of three with a path of two and two leaves at its ends."""
    rows = [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]]
    return Forest([0.5, 0.3, 0.2], rows, [-1, 0, 1, 1, 0, 4, 4])


def _settings() -> list[Setting]:
    several = [branched(), as_language("tree:nodes=7,vocab_size=3"), as_language("tree:nodes=3,vocab_size=3")]
    return [*(CENTROIDS.setting(each, 7) for each in several), CENTROIDS.setting(branched(), 5)]


def _rounds_settings() -> list[Setting]:
    sizes = (("tree:nodes=512", 512), ("tree:arity=1,nodes=512", 512), ("tree:arity=8,nodes=512", 512), ("tree", 512))
    return [CENTROID_ROUNDS.setting(as_language(name), length) for name, length in sizes]


def depths(setting: Setting) -> np.ndarray:
    """How far each node is from its root."""
    found = np.zeros(setting.length, dtype=int)
    for depth, nodes in enumerate(forest(setting).shape(setting.length).levels):
        found[nodes] = depth
    return found


def _opened(broken: str, plan_of: Callable[[Setting], np.ndarray], teaches: str) -> Twin:
    return twins.claiming(
        broken,
        lambda setting: opened(setting, plan_of(setting)),
        lambda it: it.setting(branched(), 5),
        teaches,
    )


CENTROIDS: Statement = Statement(
    id="forest_centroids",
    number=29,
    says="TV(p, q) = 0 for a forest opened by centroids",
    source="2609.37841, for a known forest; docs/theory.md 6",
    sources=("kawata2026",),
    direction="=",
    sides=_exact,
    settings=_settings,
    hypotheses="forests, exact denoiser; small enough to enumerate",
    requires=_requires,
    twins=(
        _opened(
            "leaves first",
            lambda setting: depths(setting).max() - depths(setting) + 1,
            "nodes that are known from below do not part their parents' children",
        ),
        _opened(
            "the first two rounds in one",
            lambda setting: np.maximum(forest(setting).by_centroids(setting.length) - 1, 1),
            "no round may be spared",
        ),
        _opened("two levels at once", lambda setting: depths(setting) // 2 + 1, "a child must see its parent"),
    ),
)

CENTROID_ROUNDS: Statement = Statement(
    id="forest_centroid_rounds",
    number=29,
    says="centroids take at most floor(log2 n) + 1 rounds, n nodes the largest tree",
    source="2609.37841, the constant ours; docs/theory.md 6",
    sources=("kawata2026", _SEARCH),
    direction="<=",
    sides=_rounds,
    settings=_rounds_settings,
    hypotheses="forests",
    requires=_requires,
    tight=_chain,
    twins=(
        twins.scaled(0.99, lambda it: it.setting(as_language("tree:arity=1,nodes=8"), 8), "chains take all of them"),
        twins.bounded(
            "ceil(log2 n) rounds",
            lambda setting, bound: float((int(tree_sizes(setting).max()) - 1).bit_length()),
            lambda it: it.setting(as_language("tree:arity=1,nodes=8"), 8),
            "of eight nodes the centroid leaves four on one side, not three",
        ),
    ),
)
