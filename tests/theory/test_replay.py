"""Exact likelihood by replay, with twins whose sampler looks at draws, or is another than the one replayed."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.replay import DIVERGENCE, LIKELIHOOD, SAMPLERS
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, stands, twins_refuted


def instances(statement, samplers, **options):
    return enumerable(
        statement,
        languages=any_language(),
        most_length=4,
        most_sequences=30,
        sampler=st.sampled_from(samplers),
        **options,
    )


LIKELIHOODS = instances(
    LIKELIHOOD,
    [*SAMPLERS, "entropy:temperature=0.5", "confidence:temperature=2.0", "margin:temperature=0.0"],
    denoiser=st.sampled_from(["oracle", "perturbed:epsilon=0.1", "window:width=1"]),
)
DIVERGENCES = instances(DIVERGENCE, [f"{each}{',' if ':' in each else ':'}ties=lowest" for each in SAMPLERS])


def test_the_replayed_law_is_the_law_of_the_draws():
    stands(LIKELIHOOD, LIKELIHOODS)


def test_the_divergence_is_what_steps_lose_in_the_contexts_visited():
    stands(DIVERGENCE, DIVERGENCES)


def test_what_steps_lose_is_about_one_way_of_breaking_ties():
    with pytest.raises(HypothesisError, match="pass a sampler with ties=lowest"):
        DIVERGENCE.check(bigram3(), 3, 2, sampler="entropy")


@pytest.mark.parametrize("sampler", ["draw_confidence", "stride"])
def test_what_has_no_replay_is_excluded(sampler):
    with pytest.raises(HypothesisError, match="no replay|beforehand"):
        LIKELIHOOD.check(bigram3(), 3, 2, sampler=sampler)


def test_each_twin_is_refuted():
    twins_refuted(LIKELIHOOD, enumerable(LIKELIHOOD, most_length=4, most_sequences=81))
    twins_refuted(DIVERGENCE, DIVERGENCES)
