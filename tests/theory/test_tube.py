"""Likelihood from below and from above, with twins: psi from the plans of p̂ itself, directions reversed, too much."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.tube import REFERENCES, TUBE, WEIGHTED
from tests.theory.property import any_language, enumerable, stands, twins_refuted


def instances(statement, **options):
    return enumerable(
        statement,
        languages=any_language(),
        most_length=3,
        most_sequences=30,
        sampler=st.sampled_from(["ancestral", "fixed", "first_hitting"]),
        denoiser=st.sampled_from(["oracle", "perturbed:epsilon=0.2", "window:width=1"]),
        **options,
    )


TUBES = instances(TUBE, reference=st.sampled_from(REFERENCES))
WEIGHTS = instances(WEIGHTED, plans=st.sampled_from([1, 2]))
STEPS = 40
"""Instances of a search: a pair of plans for each pair of them."""


def test_the_log_likelihood_is_at_most_the_tangent_at_other_plans():
    stands(TUBE, TUBES, max_examples=STEPS)


def test_the_mean_over_more_plans_is_a_tighter_lower_bound():
    stands(WEIGHTED, WEIGHTS, max_examples=STEPS)


@pytest.mark.parametrize(
    ("statement", "options", "reason"),
    [
        (TUBE, {"sampler": "entropy"}, "entropy looks at the sequence"),
        (TUBE, {"reference": "q"}, "reference is 'q'; it is about plan, pair, p"),
        (WEIGHTED, {"plans": 3}, "plans is 3; it is about 1 or 2"),
    ],
)
def test_what_it_is_not_about_is_excluded(statement, options, reason):
    with pytest.raises(HypothesisError, match=reason):
        statement.check(bigram3(), 3, 2, **options)


def test_each_twin_is_refuted():
    twins_refuted(TUBE, TUBES)
    twins_refuted(WEIGHTED, WEIGHTS)
