"""Forests by centroids, with twins that begin at the leaves, open a parent with its child, or count a round less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mdmtheory.theory.forest_rounds import CENTROID_ROUNDS, CENTROIDS, depths, opened
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from tests.languages.test_forest import forests
from tests.theory.property import enumerable, stands, twins_refuted

INSTANCES = enumerable(CENTROIDS, languages=forests(), most_length=5, stepped=False)


def test_centroids_are_exact():
    stands(CENTROIDS, INSTANCES)


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about forests"):
        CENTROIDS.check(bigram3(), 4)


def test_so_is_level_by_level():
    """Also exact, in as many rounds as the tree is deep."""
    stands(replace(CENTROIDS, sides=lambda setting: opened(setting, depths(setting) + 1)), INSTANCES)


def test_rounds_of_centroids():
    instances = enumerable(CENTROID_ROUNDS, languages=forests(most_nodes=40, most_tokens=2), stepped=False)
    long = instances.map(lambda setting: replace(setting, length=len(setting.language.parents)))
    stands(CENTROID_ROUNDS, long)
    twins_refuted(CENTROID_ROUNDS, long)


def test_each_twin_is_refuted():
    twins_refuted(CENTROIDS, INSTANCES)
