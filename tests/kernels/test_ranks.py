"""Orders of positions by score and shuffle, against numpy's sort of both."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.samplers.drawing import ALIKE_DECIMALS
from mdmtheory.samplers.rule import first_of, ranking


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e9, 1e300])
def test_a_ranking_is_by_score_and_then_by_the_order(scale: float) -> None:
    generator = np.random.default_rng(0)
    scores = np.round(generator.normal(size=(5, 40)) * scale, 2)
    scores[:, ::7] = -np.inf
    order = np.argsort(generator.random(scores.shape), axis=1) - 3
    found = ranking(scores, order)
    assert found.tolist() == np.lexsort((order, -np.round(scores, ALIKE_DECIMALS)), axis=1).tolist()
    count = np.array([0, 1, 5, 39, 40])
    chosen = first_of(found, count)
    for row in range(5):
        assert np.flatnonzero(chosen[row]).tolist() == sorted(found[row, : count[row]].tolist())
