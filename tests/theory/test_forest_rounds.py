"""Forests by centroids, with twins that begin at the leaves, open a parent with its child, or count a round less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mdmtheory.core.estimate import Estimate
from mdmtheory.plans import GivenPlan
from mdmtheory.theory.forest_rounds import CENTROID_ROUNDS, CENTROIDS, branched, forest
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Sides
from tests.languages.test_forest import forests
from tests.theory.property import enumerable, refuted, scaled_twin, stands

INSTANCES = enumerable(CENTROIDS, languages=forests(), most_length=5, stepped=False)


def opened(plan_of):
    def sides(setting):
        plan = GivenPlan(tuple(np.asarray(plan_of(setting)).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return replace(CENTROIDS, sides=sides)


def depths(setting):
    levels = forest(setting).shape(setting.length).levels
    found = np.zeros(setting.length, dtype=int)
    for depth, nodes in enumerate(levels):
        found[nodes] = depth
    return found


def test_centroids_are_exact():
    stands(CENTROIDS, INSTANCES)


def test_so_is_level_by_level():
    """Also exact, in as many rounds as the tree is deep."""
    stands(opened(lambda setting: depths(setting) + 1), INSTANCES)


@pytest.mark.parametrize(
    "plan_of",
    [
        lambda setting: depths(setting).max() - depths(setting) + 1,
        lambda setting: np.maximum(forest(setting).by_centroids(setting.length) - 1, 1),
        lambda setting: depths(setting) // 2 + 1,
    ],
    ids=["leaves first", "a round less", "two levels at once"],
)
def test_other_plans_are_refuted(plan_of):
    refuted(opened(plan_of), INSTANCES)


def test_what_leaves_first_cost():
    setting = CENTROIDS.setting(branched(), 7)
    check = opened(lambda each: depths(each).max() - depths(each) + 1).check_setting(setting)
    assert check.verdict == "no"
    assert CENTROIDS.check_setting(setting).verdict == "yes"


def test_rounds_of_centroids():
    instances = enumerable(CENTROID_ROUNDS, languages=forests(most_nodes=40, most_tokens=2), stepped=False)
    long = instances.map(lambda setting: replace(setting, length=len(setting.language.parents)))
    stands(CENTROID_ROUNDS, long)
    refuted(scaled_twin(CENTROID_ROUNDS, 0.99), long)


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about forests"):
        CENTROIDS.check(bigram3(), 4)
