"""Exact likelihood by replay, with twins whose sampler looks at draws, or is another than the one replayed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.replay import DIVERGENCE, LIKELIHOOD, SAMPLERS
from mdmtheory.theory.statement import HypothesisError, Sides
from tests.theory.property import any_language, enumerable, refuted, scaled_twin, stands

ZERO = Estimate.exact(0.0)


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


def distance(setting, replayed_by, drawn_by):
    """Between the replay of one sampler and the draws of another."""
    language, length = setting.language, setting.length
    models = [
        MaskedDiffusion(language.oracle(), sampler=each, steps=setting.steps, schedule=setting.schedule)
        for each in (replayed_by, drawn_by)
    ]
    replayed, drawn = law(models[0], language, length), law_by_draws(models[1], length)
    return Sides(Estimate.exact(float(np.abs(replayed - drawn).sum()) / 2), ZERO)


@pytest.mark.parametrize(
    ("replayed_by", "drawn_by"),
    [
        ("confidence", "draw_confidence"),
        ("entropy", "threshold:tau=0.6"),
        ("margin", "margin:temperature=0.5"),
    ],
)
def test_the_replay_of_another_rule_is_refuted(replayed_by, drawn_by):
    """The first: as if a sampler that looks at its draws could be replayed by its twin that does not."""
    broken = replace(LIKELIHOOD, sides=lambda setting: distance(setting, replayed_by, drawn_by))
    refuted(broken, enumerable(LIKELIHOOD, most_length=4, most_sequences=81))


def test_a_sum_of_steps_that_is_too_small_is_refuted():
    refuted(scaled_twin(DIVERGENCE, 0.999), DIVERGENCES)


def test_what_steps_lose_is_about_one_way_of_breaking_ties():
    with pytest.raises(HypothesisError, match="pass a sampler with ties=lowest"):
        DIVERGENCE.check(bigram3(), 3, 2, sampler="entropy")


@pytest.mark.parametrize("sampler", ["draw_confidence", "stride"])
def test_what_has_no_replay_is_excluded(sampler):
    with pytest.raises(HypothesisError, match="no replay|beforehand"):
        LIKELIHOOD.check(bigram3(), 3, 2, sampler=sampler)
